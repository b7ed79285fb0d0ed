"""From a checkpoint to a bundle: build the graphs, prove that they compute what PyTorch does, write the folder."""

import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import onnx

from lowabs_lsp.engine.bundle import (
    ATTENTION,
    MANIFEST,
    SCHEMA,
    TOKENIZER,
    Bundle,
    Graph,
    read_manifest,
    record_file,
    write_manifest,
)
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.fim import SPM
from lowabs_lsp.values import Layout
from lowabs_model.cache_scales import measure_scales
from lowabs_model.calibration import calibration_windows
from lowabs_model.graph import VARIANTS, CacheScales, build_graph, with_attention
from lowabs_model.parity import Sample, measure_parity, standard_library
from lowabs_model.quantization import BLOCKS
from lowabs_model.smoothing import measure_peaks, smooth
from lowabs_model.tensors import DecoderConfig, NamedTensors, read_config, read_tensors

log = logging.getLogger(__name__)

GRAPH = "model.onnx"


def export_bundle(
    checkpoint: Path,
    output: Path,
    *,
    name: str | None = None,
    variant: str = "w8a8",
    cuda_variant: str | None = None,
    block: int = BLOCKS[0],
    cache: str = "float",
    layout: Layout = SPM,
    licence: str = "MIT",
    held_out: Sample | None = None,
    training: dict[str, Any] | None = None,
) -> Bundle:
    """Write the bundle of a Hugging Face Qwen3 directory; the folder changes whole or not at all.

    `variant` is the arithmetic of the CPU's graph, with `block` weights to a scale in `int8` and `int4`; `cuda_variant` that
    of a second one for CUDA (`fp16`). With the `cache` `int8` the CPU's graph keeps keys and values in 8 bits. Files in
    `output` that are not a bundle's stay. Raises BundleError for a checkpoint that cannot be exported, or whose graph would
    compute something else than PyTorch.
    """
    config, tensors = read_config(checkpoint), read_tensors(checkpoint)
    tokenizer = open_checkpoint_tokenizer(checkpoint, layout, config)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as temporary:
        fp32, partial = Path(temporary, "fp32"), Path(temporary, "bundle")
        write_graph(fp32, GRAPH, config, tensors, "fp32")
        fitting: NamedTensors = tensors
        scales, plain = None, fp32 / GRAPH
        if variant == "w8a8" or cache == "int8":
            windows = calibration_windows(tokenizer, layout, config.context_length)
        if variant == "w8a8":
            fitting = smooth(tensors, config, measure_peaks(plain, config, windows))
        if cache == "int8":  # a smoothed model's values have other ranges
            write_graph(fp32, "fitting.onnx", config, fitting, "fp32")
            scales = measure_scales(fp32 / "fitting.onnx", config, windows)
        graphs = {"cpu": write_graph(partial, GRAPH, config, fitting, variant, scales, block)}
        if cuda_variant:
            graphs["cuda"] = write_graph(partial, f"cuda-{GRAPH}", config, tensors, cuda_variant, grouped=True)
        graphs[ATTENTION] = write_attention_graph(partial, graphs["cpu"])
        shutil.copyfile(checkpoint / TOKENIZER, partial / TOKENIZER)
        sample = held_out or standard_library()
        manifest = Bundle(
            schema=SCHEMA,
            name=name or checkpoint.resolve().name,
            licence=licence,
            context_length=config.context_length,
            tokenizer_size=tokenizer.size,
            architecture=config.architecture,
            layout=layout,
            graphs=graphs,
            files={file.name: record_file(file) for file in sorted(partial.iterdir())},
            parity=measure_parity(checkpoint, plain, partial / GRAPH, config, tokenizer, sample),
            training=read_training(checkpoint) if training is None else training,
        )
        write_manifest(partial / MANIFEST, manifest)
        swap(partial, output, Path(temporary, "former"))
    log.info("exported %s: %s", output, manifest.parity)
    return manifest


def open_checkpoint_tokenizer(checkpoint: Path, layout: Layout, config: DecoderConfig) -> Tokenizer:
    """The checkpoint's tokenizer, with every token that `layout` names. Raises BundleError."""
    tokenizer = Tokenizer(checkpoint / TOKENIZER, reserved=layout.special_tokens)
    if tokenizer.size > config.architecture.vocabulary:
        raise BundleError(
            f"{checkpoint / TOKENIZER}: has {tokenizer.size} tokens where the model has "
            f"{config.architecture.vocabulary}; take the tokenizer that the model was trained with"
        )
    return tokenizer


def write_graph(
    folder: Path,
    file: str,
    config: DecoderConfig,
    tensors: NamedTensors,
    variant: str,
    cache_scales: CacheScales | None = None,
    block: int = BLOCKS[0],
    *,
    grouped: bool = False,
) -> Graph:
    """Write a graph and, beside it, its weights. Raises BundleError for an unknown variant."""
    if variant not in VARIANTS:
        raise BundleError(f"there is no variant {variant!r}; choose one of {', '.join(VARIANTS)}")
    folder.mkdir(exist_ok=True)
    with (folder / f"{file}.data").open("wb") as data:
        graph = build_graph(config, tensors, variant, data, f"{file}.data", cache_scales, block, grouped=grouped)
    (folder / file).write_bytes(graph.SerializeToString())
    return Graph(file, variant)


def write_attention_graph(folder: Path, graph: Graph) -> Graph:
    """Write the graph that also gives its attention weights out, for `explain`; it shares the weights of `graph` there."""
    name = f"attention-{graph.file}"
    whole = with_attention(onnx.load(folder / graph.file, load_external_data=False))
    (folder / name).write_bytes(whole.SerializeToString())
    return Graph(name, graph.variant)


def read_training(checkpoint: Path) -> dict[str, Any]:
    """What the checkpoint says of its training: its training.json whole, or how far its trainer.json had come."""
    if (checkpoint / "training.json").is_file():
        whole: dict[str, Any] = json.loads((checkpoint / "training.json").read_text("utf-8"))
        return whole
    if (checkpoint / "trainer.json").is_file():
        raw = json.loads((checkpoint / "trainer.json").read_text("utf-8"))
        return {key: raw[key] for key in ("step", "tokens") if key in raw}
    return {}


def swap(partial: Path, output: Path, former: Path) -> None:
    """Put `partial` where `output` is, with what lies there beside a bundle; the folder that was there becomes `former`."""
    if output.exists():
        for entry in kept_entries(output):
            if not (partial / entry.name).exists():
                copy = shutil.copytree if entry.is_dir() else shutil.copy2
                copy(entry, partial / entry.name)
        output.rename(former)
    try:
        partial.rename(output)
    except OSError:
        former.rename(output)
        raise


def kept_entries(output: Path) -> list[Path]:
    """What lies in a folder and is not part of the bundle there."""
    try:
        replaced = {MANIFEST, *read_manifest(output / MANIFEST).files}
    except BundleError:
        replaced = {MANIFEST}
    return [entry for entry in output.iterdir() if entry.name not in replaced]
