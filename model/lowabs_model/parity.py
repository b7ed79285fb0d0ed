"""Whether a graph computes what PyTorch computes, and what quantisation costs. PyTorch is imported where it is run."""

import importlib.util
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_lsp.engine.bundle import Parity
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.sampling import log_softmax
from lowabs_lsp.engine.session import Session
from lowabs_lsp.engine.threads import choose_threads
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray
from lowabs_model.tensors import DecoderConfig

GRAPH_TOLERANCE = 1e-2
"""Most that a logit of the fp32 graph may differ from PyTorch's: sums in another order, never another computation."""

SAMPLE_TOKENS = 8192
WINDOW = 512

Logits = Callable[[list[int]], FloatArray]
"""From ids [T] to logits [T,V]."""


@frozen
class Sample:
    """Texts on which two forms of a model are compared."""

    name: str
    texts: Sequence[str]


SAMPLED_FILES = 12


def held_out(corpus: Path) -> Sample:
    """Some files of the corpus' held-out repositories, drawn evenly. Raises CorpusError when there are none."""
    from lowabs_model.corpus.shards import read_shards

    texts = [file.text for file in read_shards(corpus, "held-out")]
    return Sample(f"held-out files of {corpus.name}", texts[:: -(-len(texts) // SAMPLED_FILES)])


SAMPLED_MODULES = ("textwrap", "shlex", "bisect", "heapq", "queue", "string")


def standard_library(names: Sequence[str] = SAMPLED_MODULES) -> Sample:
    """Modules of this Python's standard library, for a checkpoint that comes without held-out text."""
    specs = [importlib.util.find_spec(name) for name in names]
    texts = [Path(spec.origin).read_text("utf-8") for spec in specs if spec and spec.origin]
    return Sample(f"{', '.join(names)} of the standard library of Python {platform.python_version()}", texts)


def cut_windows(sample: Sample, tokenizer: Tokenizer, context_length: int, tokens: int = SAMPLE_TOKENS) -> list[list[int]]:
    """Token ids of the sample in pieces of at most a window, some `tokens` together."""
    window = min(WINDOW, context_length)
    pieces = []
    for text in sample.texts:
        ids = list(tokenizer.encode(text))
        pieces += [ids[start : start + window] for start in range(0, len(ids), window)]
    windows = [ids for ids in pieces if len(ids) > 1][: max(1, tokens // window)]
    if not windows:
        raise BundleError("the held-out sample is empty; give at least one text of a few words")
    return windows


def measure_parity(
    checkpoint: Path, fp32: Path, shipped: Path, config: DecoderConfig, tokenizer: Tokenizer, sample: Sample
) -> Parity:
    """Compare the graphs in the files `fp32` and `shipped` with PyTorch. Raises BundleError when the first differs."""
    windows = cut_windows(sample, tokenizer, config.context_length)
    fp32_logits, shipped_logits = graph_model(fp32, config), graph_model(shipped, config)
    return compare(torch_model(checkpoint), fp32_logits, shipped_logits, windows, sample.name, checkpoint)


def compare(
    reference: Logits, fp32: Logits, shipped: Logits, windows: Sequence[list[int]], sample: str, checkpoint: Path
) -> Parity:
    """What the shipped graph loses on `windows`, and the fp32 graph. Raises BundleError when the latter differs."""
    graph_difference = difference = before = after = 0.0
    agreed = scored = count = 0
    for ids in windows:
        expected, ours = reference(ids), shipped(ids)
        graph_difference = max(graph_difference, largest_difference(expected, fp32(ids)))
        difference = max(difference, largest_difference(expected, ours))
        agreed += int((expected.argmax(-1) == ours.argmax(-1)).sum())
        before, after = before + loss(expected, ids), after + loss(ours, ids)
        count, scored = count + len(ids), scored + len(ids) - 1
    check_graph(graph_difference, checkpoint)
    return Parity(sample, count, graph_difference, difference, agreed / count, before / scored, after / scored)


def check_graph(difference: float, checkpoint: Path) -> None:
    """Raise BundleError unless the largest difference of a logit comes from rounding."""
    if not difference <= GRAPH_TOLERANCE:  # also when it is not a number
        raise BundleError(
            f"{checkpoint}: the graph's logits differ from PyTorch's by {difference:.3g} (more than "
            f"{GRAPH_TOLERANCE}); the checkpoint is not the plain decoder that the graph computes"
        )


def torch_model(checkpoint: Path) -> Logits:
    """The decoder of training, in float32."""
    import torch

    from lowabs_model.checkpoint import load_checkpoint

    decoder = load_checkpoint(checkpoint).eval()

    @torch.inference_mode()
    def run(ids: list[int]) -> FloatArray:
        logits: FloatArray = decoder(torch.tensor([ids]))[0].float().numpy()
        return logits

    return run


def graph_model(path: Path, config: DecoderConfig) -> Logits:
    """A graph on this machine's CPU."""
    session = Session(path, config.architecture, config.context_length, CPU, choose_threads(0))
    memory = session.create_memory()
    return lambda ids: session.run(memory, ids, 0, len(ids))


def largest_difference(a: FloatArray, b: FloatArray) -> float:
    """Of any logit."""
    return float(np.abs(a - b).max())


def loss(logits: FloatArray, ids: list[int]) -> float:
    """Nats of all tokens but the first, together."""
    targets: NDArray[np.int64] = np.asarray(ids[1:])
    return -sum(float(log_softmax(row)[target]) for row, target in zip(logits[:-1], targets, strict=True))
