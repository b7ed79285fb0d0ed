"""Bits per byte of a bundle on held-out repositories, by language: the graph that ships, with its quantized weights."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from lowabs_lsp.engine.bundle import TOKENIZER, OpenBundle, open_bundle
from lowabs_lsp.engine.sampling import log_softmax
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_model.corpus.shards import SourceFile
from lowabs_model.evaluate.repositories import TreeFile, by_language, read_trees
from lowabs_model.parity import Logits, graph_model
from lowabs_model.tensors import DecoderConfig
from lowabs_model.train import held_out_documents


@frozen
class BitsRow:
    """One language, or all of them."""

    language: str
    bits_per_byte: float
    bytes_per_token: float
    bytes: int


def evaluate_bits(
    folder: Path, roots: Sequence[Path], *, bytes_per_language: int, tick: Callable[[], None] = lambda: None
) -> list[BitsRow]:
    """Left to right, every piece of a file alone behind its path. Raises BenchmarkError and BundleError."""
    bundle = open_bundle(folder)
    tokenizer = Tokenizer(bundle.path(TOKENIZER), reserved=set(bundle.manifest.layout.spelling.values()))
    logits = _logits(bundle)
    sums = []
    for language, files in by_language(read_trees(roots)).items():
        sums.append((language, *_measure(files, logits, tokenizer, bundle.manifest.context_length, bytes_per_language)))
        tick()
    sums.append(("all", *(sum(column) for column in list(zip(*sums, strict=True))[1:])))
    return [BitsRow(name, nats / math.log(2) / size, size / tokens, round(size)) for name, nats, size, tokens in sums]


def _measure(
    files: Sequence[TreeFile], logits: Logits, tokenizer: Tokenizer, length: int, most: int
) -> tuple[float, float, float]:
    """Nats, bytes and tokens of up to `most` bytes."""
    sources = [SourceFile(file.root.name, file.path, file.language, "", "", file.text) for file in files]
    documents = held_out_documents(sources, lambda texts: [list(tokenizer.encode_anew(t)) for t in texts], length, most)
    nats, tokens = 0.0, 0
    for ids, path, _ in documents:
        rows = logits(ids)[path - 1 : -1]
        nats -= sum(float(log_softmax(row)[token]) for row, token in zip(rows, ids[path:], strict=True))
        tokens += len(ids) - path
    return nats, float(sum(size for _, _, size in documents)), float(tokens)


def _logits(bundle: OpenBundle) -> Logits:
    manifest = bundle.manifest
    run = graph_model(bundle.path(manifest.graphs["cpu"].file), DecoderConfig(manifest.architecture, manifest.context_length))
    return lambda ids: run(ids).astype(np.float32)
