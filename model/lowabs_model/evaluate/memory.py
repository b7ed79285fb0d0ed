"""The workspace memory on repositories that no training saw: fit its gates, and show what it brings."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.memory.gates import load_gates
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_model.checkpoint import load_checkpoint, load_checkpoint_tokenizer
from lowabs_model.evaluate.memory_bits import BitsRow, measure_bits
from lowabs_model.evaluate.memory_cases import Case, commit_cases, file_cases, workspace_files
from lowabs_model.evaluate.memory_fit import fit, join, lessons, write_gates
from lowabs_model.evaluate.memory_lines import Alone, LineRow, NoDraft, complete_lines, line_places
from lowabs_model.evaluate.memory_places import Encode, all_places
from lowabs_model.transformer import Decoder

FILES, COMMITS, LINES_PER_FILE = 12, 14, 34
MOST_PLACES = 8_000
"""Tokens of each repository and kind of case that gates are fitted on."""


@frozen
class Report:
    """Of one repository."""

    repository: str
    files: BitsRow
    """Whole files from their start, all others being the workspace."""
    commits: BitsRow
    """What commits added."""
    lines: dict[str, LineRow]


def fit_memory(checkpoint: Path, repositories: Sequence[Path], output: Path) -> None:
    """Fit the gates on repositories that the checkpoint has not seen, and write them as .npz."""
    model, encode = open_checkpoint(checkpoint)
    beside, alone = [], []
    for path in repositories:
        for cases in cases_of(path):
            places = list(islice(all_places(cases, model, encode), MOST_PLACES))
            beside.append(lessons(places, beside_model=True))
            alone.append(lessons(places, beside_model=False))
    write_gates(output, {"mix": fit(join(beside)).gates(), "alone": fit(join(alone)).gates()})


def show_memory(checkpoint: Path, bundle: Path | None, repositories: Sequence[Path], output: Path | None) -> None:
    """Measure on repositories that neither checkpoint nor gates have seen; print the tables, and write them as JSON."""
    model, encode = open_checkpoint(checkpoint)
    engine = LocalEngine.open(bundle)
    reports = []
    for path in repositories:
        files, commits = (_bits(cases, model, encode) for cases in cases_of(path))
        reports.append(Report(path.name, files, commits, _lines(path, engine)))
        _print(reports[-1])
    if output is not None:
        output.write_text(json.dumps([asdict(report) for report in reports], indent=1) + "\n", encoding="utf-8")


def open_checkpoint(checkpoint: Path) -> tuple[Decoder, Encode]:
    """The model, and its tokenizer, which keeps what it has encoded."""
    tokenizer = load_checkpoint_tokenizer(checkpoint)

    @lru_cache(maxsize=20_000)
    def encode(text: str) -> Sequence[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return load_checkpoint(checkpoint).eval(), encode


def cases_of(path: Path) -> Iterator[list[Case]]:
    """Of one repository: files, then commits. Raises LowabsError where it has none."""
    with Repository(path) as repository:
        yield _some(file_cases(workspace_files(repository, "HEAD"), count=FILES), path, "files of code of 500 characters")
        yield _some(commit_cases(repository, commits=COMMITS), path, "commits that add lines to files of code")


def _some(cases: Iterable[Case], path: Path, of: str) -> list[Case]:
    if not (found := list(cases)):
        raise LowabsError(f"{path}: has no {of} to measure; give another repository")
    return found


def _bits(cases: Sequence[Case], model: Decoder, encode: Encode) -> BitsRow:
    size = sum(len(case.target.encode()) for case in cases)
    return measure_bits(all_places(cases, model, encode), size, load_gates("mix"), load_gates("alone"))


def _lines(path: Path, engine: LocalEngine) -> dict[str, LineRow]:
    """Each way has a memory of its own: what one remembers of the places it has been at would tell the next one the answers."""
    with Repository(path) as repository:
        files = workspace_files(repository, "HEAD")
    cases = list(file_cases(files, count=FILES))
    tokenizer = engine.model.tokenizer
    places = list(line_places({case.path: files[case.path] for case in cases}, engine, per_file=LINES_PER_FILE))
    rows = {}
    for below in (False, True):
        for way in ("model", "memory", "mixture", "mixture, drafts of the prompt", "mixture, drafts of the memory"):
            memory = WorkspaceMemory(tokenizer.size, tokenizer.encode)
            memory.update(cases[0].workspace)
            mixer = {"model": None, "memory": Alone(memory)}.get(way, memory)
            draft = {"mixture, drafts of the prompt": None, "mixture, drafts of the memory": memory}.get(way, NoDraft())
            rows[way + ", lines below" * below] = complete_lines(engine, places, memory, mixer=mixer, draft=draft, below=below)
    return rows


def _print(report: Report) -> None:
    bits = Table(
        "", "tokens", "model", "memory", "both, as shipped", "both, learning", title=f"{report.repository}: bits per byte"
    )
    for name, row in (("files", report.files), ("commits", report.commits)):
        each = (row.model, row.memory, row.fixed, row.mixture)
        bits.add_row(name, str(row.tokens), *(f"{way.per_byte:.3f} ({way.right:.0%})" for way in each))
    lines = Table("", "exact", "similarity", "tokens/run", "drafted/run", "accepted/run", "s", title="lines")
    for way, line in report.lines.items():
        figures = (line.tokens_per_run, line.drafted_per_run, line.accepted_per_run, line.seconds)
        lines.add_row(way, f"{line.exact:.1%}", f"{line.similarity:.0%}", *(f"{figure:.2f}" for figure in figures))
    for table in (bits, lines):
        Console(width=140).print(table)
