"""What fine-tuning brings, by family: held-out tasks under several checkpoints, side by side."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from attrs import asdict, frozen
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lowabs_lsp.prompt.fim import SPM, file_segments, fim_segments
from lowabs_lsp.values import Sentinel
from lowabs_model.checkpoint import load_checkpoint, load_checkpoint_tokenizer
from lowabs_model.corpus.fim import SENTINEL_IDS, Encode
from lowabs_model.corpus.shards import HELD_OUT, read_shards
from lowabs_model.corpus.tasks.build import choose_tasks
from lowabs_model.corpus.tasks.families import FAMILIES, Task, tasks_of
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.train import encoder
from lowabs_model.transformer import Decoder

SUFFIX = "\0"
"""Stands for the text below until it is tokenized."""


@frozen
class FamilyScore:
    """One family under one checkpoint."""

    bits_per_byte: float
    """Of the text that belongs in the holes, each behind the prompt that serving writes."""
    right: float
    """Share of its tokens that were the likeliest."""
    items: int


def evaluate_tasks(checkpoint: Path, tasks: Sequence[Task]) -> dict[str, FamilyScore]:
    """By family, in the families' order; those without tasks are left out."""
    model, encode = load_checkpoint(checkpoint).eval(), encoder(load_checkpoint_tokenizer(checkpoint))
    scores = {}
    for family in FAMILIES:
        chosen = [task for task in tasks if task.family == family]
        figures = [figure for task in chosen if (figure := _predict(model, encode, task))]
        if figures:
            nats, right, tokens, size = (sum(column) for column in zip(*figures, strict=True))
            scores[family] = FamilyScore(nats / math.log(2) / size, right / tokens, len(figures))
    return scores


@torch.inference_mode()
def _predict(model: Decoder, encode: Encode, task: Task) -> tuple[float, int, int, int] | None:
    """Nats, tokens that were likeliest, tokens, bytes; None for a middle that would fill half the context."""
    middle, room = encode([task.middle])[0], model.config.max_position_embeddings
    if not 0 < len(middle) <= room // 2:
        return None
    before = _prompt(encode, task, room - len(middle))
    logits = model(torch.tensor([[*before, *middle]]))[0, len(before) - 1 : -1].float()
    targets = torch.tensor(middle)
    nats = torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
    return nats, int((logits.argmax(-1) == targets).sum()), len(middle), len(task.middle.encode())


def _prompt(encode: Encode, task: Task, room: int) -> list[int]:
    """The prompt in at most `room` tokens: a quarter for what is below, the rest for the end of what is above."""
    text = task.file.text
    below = encode([text[task.end :]])[0][: room // 4]
    segments = (*file_segments(task.file.path), *fim_segments(SPM, text[: task.start], SUFFIX))
    parts = [[SENTINEL_IDS[s]] if isinstance(s, Sentinel) else below if s == SUFFIX else encode([s])[0] for s in segments]
    head = [token for part in parts[:-1] for token in part]
    above = parts[-1]
    return [*head, *above[max(0, len(above) - max(0, room - len(head))) :]]


def held_out_tasks(corpus: Path, limit: int) -> list[Task]:
    """Up to `limit` tasks of each family from the held-out files. Raises BenchmarkError where there is none."""
    tasks = choose_tasks((task for file in read_shards(corpus, HELD_OUT) for task in tasks_of(file)), limit)
    if not tasks:
        raise BenchmarkError(f"the held-out files of {corpus} have no task in them; hold a repository with functions out")
    return tasks


def show_tasks(checkpoints: Sequence[Path], corpus: Path, *, limit: int, output: Path | None) -> None:
    """Print one table for all checkpoints, and write its figures as JSON if asked."""
    tasks = held_out_tasks(corpus, limit)
    steps = track(checkpoints, description="tasks", console=Console(stderr=True), transient=True)
    scores = {str(checkpoint): evaluate_tasks(checkpoint, tasks) for checkpoint in steps}
    Console(width=140).print(_table(scores))
    if output is not None:
        figures = {name: {family: asdict(score) for family, score in each.items()} for name, each in scores.items()}
        output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _table(scores: dict[str, dict[str, FamilyScore]]) -> Table:
    names: Iterable[str] = [Path(name).name for name in scores]
    table = Table("family", "items", *names, title="Held-out tasks: bits per byte, and next tokens right")
    for family in FAMILIES:
        cells = [each[family] for each in scores.values() if family in each]
        if cells:
            table.add_row(family, str(cells[0].items), *(f"{cell.bits_per_byte:.3f}  {cell.right:.1%}" for cell in cells))
    return table
