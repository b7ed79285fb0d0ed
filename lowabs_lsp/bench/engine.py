"""How fast a model bundle runs here, and beside it what people would use instead: the figures of `bench engine`."""

import argparse
import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from lowabs_lsp.bench.contender import Edit, Task
from lowabs_lsp.bench.machine import describe_machine, forget_cached, multiply_add_rate, read_bandwidth
from lowabs_lsp.bench.race import Asked, Entry, Result, ask_once, race, start_time, summary
from lowabs_lsp.engine.bundle import OpenBundle, open_bundle
from lowabs_lsp.engine.installed import find_model
from lowabs_lsp.engine.local import open_tokenizer
from lowabs_lsp.engine.threads import choose_threads
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BenchError
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Context, Layout, Sentinel

PREFILLS = (128, 512, 1024)
BEHIND = 512
"""How many tokens stand before those that are decoded or verified."""
VERIFIED = (4, 8, 16)
BATCHES = (2, 4, 8)
PROMPT_TOKENS = 1000
EDITS, EDIT_TOKENS = 8, 12
LINE_TOKENS = 32
STEPS_IN_TURN = 32
"""Of a decoding step, half as many of those that verify or batch: a processor that has slept is slow for the first few."""

Figures = dict[str, Any]
"""JSON-able; `bench engine --json` writes it, docs/engine.md says what each key is."""

PEERS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "llama.cpp": ("llama_cpp", tuple((kind, bits) for kind in ("llama.cpp", "llama-server") for bits in ("q8_0", "q4_0"))),
    "genai": ("onnxruntime_genai", (("genai", "int8"), ("genai", "int4"))),
    "transformers": ("transformers", (("transformers", "fp32"), ("transformers", "bf16"))),
}
"""By the name on the command line: the module that must be there, and the contenders, each with its arithmetic."""


@frozen
class EngineBench:
    """What is to be measured."""

    model: str = ""
    """Folder of the bundle; the default one when empty."""
    beside: tuple[str, ...] = ()
    """Further bundles of ours in the same run."""
    peers: tuple[str, ...] = ()
    checkpoint: Path | None = None
    """The Hugging Face directory with the bundle's weights, for the peers."""
    folder: Path = Path("peers")
    """Where the peers' own files of these weights are made and kept."""
    llama_server: str = ""
    device: str = "cpu"
    threads: int = 0
    rounds: int = 15
    cancels: int = 100
    idle_seconds: int = 60


def measure_engine(bench: EngineBench) -> Figures:
    """Measure. What the model's context is too short for is left out. Raises BenchError and BundleError."""
    bundles = [open_bundle(find_model(model)) for model in (bench.model, *bench.beside)]
    bundle, threads = bundles[0], choose_threads(bench.threads)
    task = make_task(bundle, threads)
    ours = [own_entry(bench.device, each) for each in bundles]
    peers, left_out = peer_entries(bench)
    results = race([*ours, *peers], steps_to_ask(task), task, bench.rounds)
    if results[0].fault:
        raise BenchError(results[0].fault)
    left_out += [f"{result.name} is left out: {result.fault}" for result in results if result.fault]
    return {
        "model": bundle.manifest.name,
        "machine": describe_machine(),
        "threads": threads,
        "behind": task.behind,
        "edit_prompt_tokens": len(task.edits[0].tokens),
        "left_out": left_out,
        "contenders": {result.name: figures_of(result) for result in results if not result.fault},
        "cold_start_ms": {entry.name: cold_start(entry, each.folder, task) for entry, each in zip(ours, bundles, strict=True)},
        "cancel_ms": cancel_figures(ask_once(ours[0], task, Asked("cancel", "cancel", bench.cancels))),
        "idle": {
            "seconds": bench.idle_seconds,
            "cpu_seconds": ask_once(ours[0], task, Asked("idle", "idle", bench.idle_seconds)),
        },
        "profile_ms": ask_once(ours[0], task, Asked("profile", "profile", 200)),
        "roofline": roofline(bundle, threads, results[0], task),
    }


def own_entry(device: str, bundle: OpenBundle) -> Entry:
    """Our engine, under the model's name and the arithmetic of its weights."""
    name = f"lowabs {bundle.manifest.name} {bundle.manifest.graphs[device].variant}"
    return Entry(name, (sys.executable, "-m", "lowabs_lsp.bench.own", device, str(bundle.folder)))


def steps_to_ask(task: Task) -> list[Asked]:
    """In an order in which a longer prefill is the last before what stands behind it."""
    prefills = [Asked(f"prefill {count}", "prefill", count) for count in PREFILLS if count <= len(task.tokens)]
    room = len(task.tokens) - task.behind
    verify = [Asked(f"verify {count}", "verify", count, times=STEPS_IN_TURN // 2) for count in VERIFIED if count <= room]
    batches = [Asked(f"batch {count}", "batch", count, times=STEPS_IN_TURN // 2) for count in BATCHES if count <= room]
    edits = [Asked(f"edit {number}", "edit", number) for number in range(len(task.edits))]
    return [
        *prefills,
        Asked("decode", "verify", 1, times=STEPS_IN_TURN),
        *verify,
        *batches,
        *edits,
        Asked("memory", "memory", 0),
    ]


def make_task(bundle: OpenBundle, threads: int) -> Task:
    """Source code that every Python has, as tokens and as a file that somebody types in."""
    tokenizer, layout = open_tokenizer(bundle), bundle.manifest.layout
    room = bundle.manifest.context_length
    tokens = list(tokenizer.encode(sample_text()))[:room]
    return Task(
        threads=threads,
        tokens=tokens,
        behind=min(BEHIND, len(tokens) // 2),
        edits=make_edits(tokenizer, layout, room),
        line_tokens=LINE_TOKENS,
        line_ends=[i for i, spelled in enumerate(tokenizer.bytes_of) if b"\n" in spelled],
    )


def make_edits(tokenizer: Tokenizer, layout: Layout, room: int) -> list[Edit]:
    """A cursor that moves on by a dozen tokens each time; a quarter of the prompt stands behind it."""
    count = min(4, (room - LINE_TOKENS - 16) // (4 * EDIT_TOKENS)) if room < PROMPT_TOKENS else EDITS
    typed = count * EDIT_TOKENS
    whole = min(PROMPT_TOKENS, room - LINE_TOKENS - 16) - typed
    ids = tokenizer.encode(sample_text())
    before, behind = whole * 3 // 4, whole // 4
    cut = before + typed + EDIT_TOKENS
    suffix = tokenizer.decode_bytes(ids[cut : cut + behind]).decode(errors="ignore")
    edits = []
    for end in range(before, before + typed, EDIT_TOKENS):
        prefix = tokenizer.decode_bytes(ids[:end]).decode(errors="ignore")
        edits.append(Edit("argparse.py", prefix, suffix, written(tokenizer, layout, prefix, suffix)))
    return edits


def written(tokenizer: Tokenizer, layout: Layout, prefix: str, suffix: str) -> list[int]:
    """The ids of a prompt, for those who take nothing else."""
    tokens: list[int] = []
    for segment in render(Context("argparse.py", "python", prefix, suffix), layout).segments:
        if isinstance(segment, Sentinel):
            tokens.append(tokenizer.special[layout.spelling[segment]])
        else:
            tokens += tokenizer.encode(segment)
    return tokens


def sample_text() -> str:
    """Source code that every Python has."""
    return Path(argparse.__file__).read_text("utf-8")


def peer_entries(bench: EngineBench) -> tuple[list[Entry], list[str]]:
    """The peers that are here, their files made; and a line for each that is left out. Raises BenchError."""
    entries, left_out = list[Entry](), list[str]()
    for peer in bench.peers:
        if peer not in PEERS:
            raise BenchError(f"--peers {peer}: unknown; known are {', '.join(PEERS)}")
        module, contenders = PEERS[peer]
        if bench.checkpoint is None:
            raise BenchError("--peers want the same weights: give --checkpoint DIR, the Hugging Face directory of the bundle")
        if importlib.util.find_spec(module) is None:
            left_out.append(f"{peer} is left out: {module} is not installed")
            continue
        for kind, arithmetic in contenders:
            entry = peer_entry(kind, arithmetic, bench)
            command = [*entry.command, "--prepare", str(bench.checkpoint)]
            made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            if made.returncode:
                last = " ".join(made.stdout.strip().splitlines()[-1:])
                left_out.append(f"{entry.name} is left out, it cannot take these weights: {last}")
            else:
                entries.append(entry)
    return entries, left_out


def peer_entry(kind: str, arithmetic: str, bench: EngineBench) -> Entry:
    """How a peer is started."""
    extra = ("--program", bench.llama_server) if kind == "llama-server" and bench.llama_server else ()
    command = (sys.executable, "-m", "lowabs_model.peers", kind, arithmetic, str(bench.folder), *extra)
    return Entry(f"{kind} {arithmetic}", command)


def figures_of(result: Result) -> Figures:
    """One contender's part; an edit is the mean of its places, a round at a time."""
    edits = [name for name in result.timings if name.startswith("edit ")]
    timings = {name: summary(times) for name, times in result.timings.items() if name not in (*edits, "memory")}
    figures: Figures = {"start_ms": result.start_ms, "peak_resident_mb": result.peak_resident_mb, "timings": timings}
    if "memory" in result.found:
        figures["peak_resident_mb"] = result.found["memory"][-1]
    if edits:
        rounds = list(zip(*(result.timings[name] for name in edits), strict=True))
        timings["edit"] = summary([statistics.mean(each) for each in rounds])
        found = [result.found[name][-1] for name in edits]
        figures["edit"] = {key: statistics.mean(each.get(key, 0) for each in found) for key in found[0]}
    return figures


def cold_start(entry: Entry, folder: Path, task: Task) -> float:
    """Milliseconds from the start of a process to its first completion, the model's files read from the disk."""
    forget_cached(folder)
    return start_time(entry, task, Asked("first", "first", 200))


def cancel_figures(times: Sequence[float]) -> Figures:
    """How long it took to be idle again; nothing where no cancel came in time."""
    if not times:
        return {"times": 0}
    ordered = sorted(times)
    late = ordered[max(0, int(0.99 * len(ordered)) - 1)]
    return {"times": len(ordered), "median": statistics.median(ordered), "of_100_the_99th": late}


def roofline(bundle: OpenBundle, threads: int, ours: Result, task: Task) -> Figures:
    """What the machine can do, and which share of it our first bundle reaches in decoding and in prefill."""
    bandwidth = read_bandwidth(threads)
    size, data = bundle.manifest.architecture, bundle.manifest.graphs["cpu"].file + ".data"
    cache = 2 * 4 * size.layers * size.kv_heads * size.head_dim * task.behind
    decode = min(ours.timings["decode"]) / 1e3
    read = bundle.manifest.files[data].bytes + cache if data in bundle.manifest.files else 0
    prefill = [name for name in ours.timings if name.startswith("prefill")][-1]
    count = int(prefill.split()[1])
    rates = arithmetic_rates(task)
    computed = multiply_adds(bundle, count) / (min(ours.timings[prefill]) / 1e3)
    return {
        "bandwidth_gb_s": bandwidth / 1e9,
        "multiply_adds_g_s": {name: rate / 1e9 for name, rate in rates.items()},
        "decode": {"bytes": read, "gb_s": read / decode / 1e9, "share": read / decode / bandwidth},
        "prefill": {
            "tokens": count,
            "multiply_adds_g_s": computed / 1e9,
            "share": {name: computed / rate for name, rate in rates.items()},
        },
    }


def arithmetic_rates(task: Task) -> dict[str, float]:
    """Multiply-adds a second by kind of number: numpy's, and those of ONNX Runtime's kernels where `onnx` is installed."""
    rates = {"numpy fp32": multiply_add_rate()}
    if importlib.util.find_spec("onnx") is not None:
        entry = Entry("arithmetic", (sys.executable, "-m", "lowabs_model.peers", "arithmetic", "all", "."))
        steps = [Asked(kind, kind, 512, times=3) for kind in ("int8", "fp32")]
        for result in race([entry], steps, task, rounds=3):
            for kind, times in result.timings.items():
                rates[f"onnxruntime {kind}"] = result.found[kind][0] / (min(times) / 1e3)
    return rates


def multiply_adds(bundle: OpenBundle, count: int) -> float:
    """Of a prefill of `count` tokens: the matrices for each, attention to what stands before, and the head once."""
    size = bundle.manifest.architecture
    attention = size.width * size.head_dim * (2 * size.heads + 2 * size.kv_heads)
    matrices = size.layers * (attention + 3 * size.width * size.feed_forward)
    scores = size.layers * 2 * size.heads * size.head_dim * (count + 1) / 2
    return count * (matrices + scores) + size.vocabulary * size.width
