"""`python -m lowabs_model.peers.cuda SHAPE FOLDER`: a model of drawn weights on CUDA, beside PyTorch, by one command.

Milliseconds of prefill and of a token against the bytes that a token reads, over the bandwidth that the device has; beside
transformers, and PyTorch compiled with a static cache, on the same weights. SHAPE tiny with `--device cpu` rehearses it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lowabs_lsp.bench.contender import Task
from lowabs_lsp.bench.engine import make_task
from lowabs_lsp.bench.engine_report import as_table
from lowabs_lsp.bench.machine import describe_machine
from lowabs_lsp.bench.race import Asked, Entry, Result, race, summary
from lowabs_lsp.engine.bundle import (
    MANIFEST,
    SCHEMA,
    TOKENIZER,
    Bundle,
    OpenBundle,
    default_folder,
    open_bundle,
    record_file,
    write_manifest,
)
from lowabs_lsp.errors import BenchError
from lowabs_lsp.prompt.fim import SPM
from lowabs_model.export import GRAPH, open_checkpoint_tokenizer, write_graph
from lowabs_model.shapes import SHAPES, write_random
from lowabs_model.tensors import read_config, read_tensors

Figures = dict[str, Any]


def main() -> None:
    """Make the model where it is not yet made, measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("folder", type=Path, help="where checkpoint, bundle and figures go")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tokenizer", type=Path, default=default_folder() / TOKENIZER, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=10, metavar="N")
    parser.add_argument("--compiled", action=argparse.BooleanOptionalAction, default=True, help="PyTorch compiled, too")
    options = parser.parse_args()
    checkpoint = options.folder / "checkpoint"
    if not checkpoint.exists():
        write_random(options.shape, checkpoint, options.tokenizer)
    figures = measure(prepare(checkpoint, options.folder / "bundle"), checkpoint, options)
    (options.folder / "cuda.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    table = as_markdown(figures)
    (options.folder / "cuda.md").write_text(table + "\n", "utf-8")
    sys.stdout.write(table + "\n")


def prepare(checkpoint: Path, folder: Path) -> OpenBundle:
    """A bundle with one fp16 graph for both devices; without proof of parity, which drawn weights do not need."""
    if not (folder / MANIFEST).exists():
        config = read_config(checkpoint)
        tokenizer = open_checkpoint_tokenizer(checkpoint, SPM, config)
        graph = write_graph(folder, GRAPH, config, read_tensors(checkpoint), "fp16")
        (folder / TOKENIZER).write_bytes((checkpoint / TOKENIZER).read_bytes())
        manifest = Bundle(
            schema=SCHEMA,
            name=checkpoint.parent.name,
            licence="none",
            context_length=config.context_length,
            tokenizer_size=tokenizer.size,
            architecture=config.architecture,
            layout=SPM,
            graphs={"cpu": graph, "cuda": graph},
            files={file.name: record_file(file) for file in sorted(folder.iterdir())},
        )
        write_manifest(folder / MANIFEST, manifest)
    return open_bundle(folder)


def measure(bundle: OpenBundle, checkpoint: Path, options: argparse.Namespace) -> Figures:
    """Run all contenders in turn."""
    task, device = make_task(bundle, threads=2), options.device
    peers = [("transformers", "bf16"), ("transformers", "fp16"), *([("compiled", "bf16")] if options.compiled else [])]
    (options.folder / "peers").mkdir(exist_ok=True)
    (options.folder / "peers" / "checkpoint").write_text(str(checkpoint.resolve()), "utf-8")
    entries = [Entry("lowabs fp16", (sys.executable, "-m", "lowabs_lsp.bench.own", device, str(bundle.folder)))]
    entries += [peer(*each, options.folder / "peers", device) for each in peers]
    results = race(entries, steps_to_ask(task, device), task, options.rounds)
    if results[0].fault:
        raise BenchError(results[0].fault)
    read = bundle.manifest.files[f"{GRAPH}.data"].bytes
    moved = [(result.found["copy"][-1], min(result.timings["copy"])) for result in results if "copy" in result.found]
    bandwidth = max(count / (ms / 1e3) for count, ms in moved)
    return {
        "shape": options.shape,
        "machine": describe_machine(),
        "ours_is": results[0].found["describe"][-1],
        "weight_bytes": read,
        "bandwidth_gb_s": bandwidth / 1e9,
        "least_ms_for_a_token": 1e3 * read / bandwidth,
        "contenders": {each.name: {"timings": timings_of(each)} for each in results if not each.fault},
        "left_out": [f"{each.name} is left out: {each.fault}" for each in results if each.fault],
    }


def peer(kind: str, arithmetic: str, folder: Path, device: str) -> Entry:
    """PyTorch in one of its ways."""
    command = (sys.executable, "-m", "lowabs_model.peers", kind, arithmetic, str(folder), "--device", device)
    return Entry(f"{kind} {arithmetic}", command)


def steps_to_ask(task: Task, device: str) -> list[Asked]:
    """Prefill, a token, and a verification; and how fast memory is copied."""
    counts = [count for count in (512, 1024) if count <= len(task.tokens)]
    return [
        *(Asked(f"prefill {count}", "prefill", count) for count in counts),
        Asked("decode", "verify", 1, times=16),
        Asked("verify 8", "verify", 8, times=4),
        Asked("copy", "copy", 1024 if device == "cuda" else 64, times=3),
        Asked("describe", "describe", 0),
    ]


def timings_of(result: Result) -> Figures:
    """Of the model's steps."""
    return {name: summary(times) for name, times in result.timings.items() if name not in ("copy", "describe")}


def as_markdown(figures: Figures) -> str:
    """One table and what it is to be held against."""
    lines = [
        f"{figures['shape']}; ours is {figures['ours_is']}; {figures['machine']}.",
        "",
        *as_table("minimum, ms", figures["contenders"], "minimum_ms"),
        *as_table("median, ms", figures["contenders"], "median_ms"),
        f"Weights of {figures['weight_bytes'] / 1e6:.1f} MB over {figures['bandwidth_gb_s']:.1f} GB/s: a token takes "
        f"{figures['least_ms_for_a_token']:.2f} ms at least.",
        *(f"{line}." for line in figures["left_out"]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
