"""Bits per byte of a checkpoint on held-out files, for each language."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

from attrs import asdict, frozen
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lowabs_model.checkpoint import load_checkpoint, load_checkpoint_tokenizer
from lowabs_model.corpus.shards import HELD_OUT, SourceFile, read_shards
from lowabs_model.train import encoder, held_out_documents, held_out_loss

ALL = "all"


@frozen
class LanguageLoss:
    """One row of the table."""

    language: str
    bits_per_byte: float
    nats_per_token: float
    bytes_per_token: float
    bytes: int
    files: int


def evaluate_loss(checkpoint: Path, files: Sequence[SourceFile], *, bytes_per_language: int) -> list[LanguageLoss]:
    """Rows by language, most text first, and one for all of it. Every piece of a file stands alone behind its path."""
    model, tokenizer = load_checkpoint(checkpoint).eval(), load_checkpoint_tokenizer(checkpoint)
    by_language: dict[str, list[SourceFile]] = {}
    for file in files:
        by_language.setdefault(file.language, []).append(file)
    rows, nats = [], 0.0
    for language in track(sorted(by_language), description="held-out loss", console=Console(stderr=True), transient=True):
        sample = Random(0).sample(by_language[language], len(by_language[language]))  # not one repository's files first
        documents = held_out_documents(sample, encoder(tokenizer), model.config.max_position_embeddings, bytes_per_language)
        loss = held_out_loss(model, documents)
        nats += loss.nats
        rows.append(_row(language, loss.nats, loss.bytes, loss.tokens, len(by_language[language])))
    rows.sort(key=lambda row: -row.bytes)
    tokens = sum(round(row.bytes / row.bytes_per_token) for row in rows)
    return [*rows, _row(ALL, nats, sum(row.bytes for row in rows), tokens, len(files))]


def _row(language: str, nats: float, size: int, tokens: int, files: int) -> LanguageLoss:
    return LanguageLoss(
        language=language,
        bits_per_byte=nats / math.log(2) / max(1, size),
        nats_per_token=nats / max(1, tokens),
        bytes_per_token=size / max(1, tokens),
        bytes=size,
        files=files,
    )


def show_loss(checkpoint: Path, corpus: Path, *, bytes_per_language: int, output: Path | None) -> None:
    """Print the table, and write its rows as JSON if asked."""
    rows = evaluate_loss(checkpoint, list(read_shards(corpus, HELD_OUT)), bytes_per_language=bytes_per_language)
    table = Table("language", "bits/byte", "nats/token", "bytes/token", "bytes", "files", title="Held-out loss")
    for row in rows:
        figures = (row.bits_per_byte, row.nats_per_token, row.bytes_per_token)
        table.add_row(row.language, *(f"{figure:.3f}" for figure in figures), str(row.bytes), str(row.files))
    Console().print(table)
    if output is not None:
        report = {"checkpoint": str(checkpoint), "loss": [asdict(row) for row in rows]}
        output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
