"""From a Hugging Face directory to a bundle: read, write the graph layer by layer, compare, put in place."""

import logging
import shutil
import tempfile
from pathlib import Path

from attrs import evolve, frozen

from lowabs_lsp.bench.machine import free_memory
from lowabs_lsp.engine.bundle import (
    ATTENTION,
    MANIFEST,
    SCHEMA,
    TOKENIZER,
    Bundle,
    Graph,
    Parity,
    record_file,
    write_manifest,
)
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_model.export import GRAPH, open_checkpoint_tokenizer, swap, write_attention_graph, write_graph
from lowabs_model.huggingface.config import read_foreign_config
from lowabs_model.huggingface.families import find_family, find_licence, make_layout, open_raw_tokenizer
from lowabs_model.huggingface.reference import is_installed, reference_logits
from lowabs_model.huggingface.weights import read_weights
from lowabs_model.parity import check_graph, compare, cut_windows, graph_model, largest_difference, standard_library
from lowabs_model.tensors import DecoderConfig, Tensors, tensor_shapes

log = logging.getLogger(__name__)

QUANTIZATIONS = ("int4", "int8", "rowq", "fp16", "bf16", "fp32")
"""`int4` and `int8` in blocks, `rowq` 8 bits with the fastest prefill, the others as they are called."""

COMPARED_TOKENS = 1024
FEW_LAYERS = 2
"""Where the whole model does not fit twice: they prove the computation, not what quantisation costs."""

_BYTES = {"int4": 0.6, "int8": 1.1, "rowq": 1.1, "fp16": 4.0, "bf16": 4.0, "fp32": 4.0}
"""Of a weight in memory on the CPU, which computes in fp32 where it is not told integers."""


@frozen
class Source:
    """An opened Hugging Face directory."""

    folder: Path
    model_type: str
    config: DecoderConfig
    tensors: Tensors


def open_source(folder: Path, context: int | None = None) -> Source:
    """Read and check everything but the numbers. Raises BundleError."""
    config, model_type = read_foreign_config(folder, context)
    return Source(folder, model_type, config, read_weights(folder, config, model_type))


def import_model(
    folder: Path, output: Path, *, name: str, quantize: str, context: int | None = None, origin: str | None = None
) -> Bundle:
    """Write the bundle of the model in `folder`; `output` changes whole or not at all. Raises BundleError.

    `origin` is where the folder came from, to be remembered. Where transformers is installed the graph is compared with
    what it computes, and not kept when it differs.
    """
    source = open_source(folder, context)
    family = find_family(source.model_type, open_raw_tokenizer(folder).get_vocab())
    layout = make_layout(family, folder)
    tokenizer = open_checkpoint_tokenizer(folder, layout, source.config)
    log.info(
        "%s: %s, %s layers, context %d", folder, family.name, source.config.architecture.layers, source.config.context_length
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as temporary:
        partial = Path(temporary, "bundle")
        graph = write_graph(partial, GRAPH, source.config, source.tensors, quantize)
        graphs = {**_graphs(graph), ATTENTION: write_attention_graph(partial, graph)}
        shutil.copyfile(folder / TOKENIZER, partial / TOKENIZER)
        parity = compare_whole(source, partial / GRAPH, quantize, tokenizer, Path(temporary, "fp32"))
        manifest = Bundle(
            schema=SCHEMA,
            name=name,
            licence=find_licence(family, folder),
            context_length=source.config.context_length,
            tokenizer_size=tokenizer.size,
            architecture=source.config.architecture,
            layout=layout,
            graphs=graphs,
            files={file.name: record_file(file) for file in sorted(partial.iterdir())},
            parity=parity,
            training={"family": family.name, "model_type": source.model_type, "imported_from": origin or folder.name},
        )
        write_manifest(partial / MANIFEST, manifest)
        swap(partial, output, Path(temporary, "former"))
    return manifest


def _graphs(graph: Graph) -> dict[str, Graph]:
    """A half-precision graph is CUDA's as well."""
    return {"cpu": graph, "cuda": graph} if graph.variant == "fp16" else {"cpu": graph}


def compare_whole(source: Source, shipped: Path, quantize: str, tokenizer: Tokenizer, folder: Path) -> Parity | None:
    """Compare with transformers: everything where it fits in memory, the first layers of the same graph elsewhere."""
    if not is_installed():
        log.warning("transformers is not installed, so the graph is not compared with it: pip install torch transformers")
        return None
    windows = cut_windows(standard_library(), tokenizer, source.config.context_length, COMPARED_TOKENS)
    layers = layers_that_fit(source.config, quantize)
    if not layers:
        log.warning("too little memory to compare even %d layers with transformers", FEW_LAYERS)
        return None
    log.info("comparing %d of %d layers with transformers", layers, source.config.architecture.layers)
    config = evolve(source.config, architecture=evolve(source.config.architecture, layers=layers))
    write_graph(folder, GRAPH, config, source.tensors, "fp32")
    reference, fp32 = reference_logits(source.folder, layers), graph_model(folder / GRAPH, config)
    if layers == source.config.architecture.layers:
        return compare(reference, fp32, graph_model(shipped, config), windows, standard_library().name, source.folder)
    check_graph(max(largest_difference(reference(ids), fp32(ids)) for ids in windows[:1]), source.folder)
    log.warning("too little memory to run the whole model beside transformers: the first %d layers agree", layers)
    return None


def layers_that_fit(config: DecoderConfig, quantize: str) -> int:
    """All layers when the fp32 model fits twice beside the quantised one, else a few, else none."""
    available = free_memory()
    for layers in dict.fromkeys((config.architecture.layers, min(FEW_LAYERS, config.architecture.layers))):
        short = evolve(config, architecture=evolve(config.architecture, layers=layers))
        bytes_each = 2 * 4.0 + (_BYTES[quantize] if layers == config.architecture.layers else 0.0)
        if 1.1 * bytes_each * count_parameters(short) < available:
            return layers
    return 0


def count_parameters(config: DecoderConfig) -> int:
    """Numbers in all tensors."""
    total = 0
    for shape in tensor_shapes(config).values():
        total += shape[0] * (shape[1] if len(shape) > 1 else 1)
    return total
