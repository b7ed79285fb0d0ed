"""What was measured, as tables for a terminal."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.published import PUBLISHED

Scores = dict[str, Any]

BEGIN, END = "<!-- scores -->", "<!-- end of scores -->"
"""Lines of a model card between which the tables stand."""


def show_report(report: dict[str, Any], console: Console) -> None:
    """All tables of `evaluate --all`, and what is missing."""
    console.print(f"[bold]{report['model']}[/]", highlight=False)
    for table in all_tables(report["scores"]):
        console.print(table)
    for name, why in report["missing"].items():
        console.print(f"{name}: not measured: {why}", highlight=False)


def all_tables(scores: Scores) -> tuple[Table, ...]:
    """In the order of the model card."""
    return *_bits(scores), *_lines(scores), _benchmarks(scores), published_table()


def markdown(report: dict[str, Any]) -> str:
    """The tables of the model card."""
    text = io.StringIO()
    text.write(f"{report['model']}; {report['limit']:g} times the usual number of items.\n\n")
    for table in all_tables(report["scores"]):
        text.write(f"**{table.title}**\n\n")
        table.title, table.box = None, box.MARKDOWN
        Console(file=text, width=400, no_color=True).print(table)
        text.write("\n")
    lines = (line.rstrip() for line in text.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", re.sub(" {2,}", " ", "\n".join(lines))).strip() + "\n"


def put_into(file: Path, tables: str) -> None:
    """Write the tables to a new file, or between the marks of one that has them. Raises BenchmarkError for any other file."""
    if not file.exists():
        file.write_text(tables, encoding="utf-8")
        return
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise BenchmarkError(f"{file} is there and has no lines {BEGIN} and {END}: put them where the tables belong")
    file.write_text(f"{before}{begin}\n{tables}{end}{after}", encoding="utf-8")


def percent(share: float | None) -> str:
    """`12.3 %`, or nothing."""
    return "" if share is None else f"{100 * share:.1f} %"


def infilling_row(report: Scores) -> tuple[str, ...]:
    """Items, pass@1, exact match, edit similarity, answered."""
    shares = (report["pass_at_1"], report["exact_match"], report["edit_similarity"], report["answered"])
    return str(report["items"]), *map(percent, shares)


def infilling_table(rows: dict[str, Scores]) -> Table:
    """One row for each file."""
    table = Table("", "items", "pass@1", "exact match", "edit similarity", "answered", title="Infilling")
    for name, report in rows.items():
        table.add_row(name, *infilling_row(report))
    return table


def _bits(scores: Scores) -> Iterator[Table]:
    if "bits per byte" in scores:
        table = Table("language", "bits/byte", "bytes/token", "bytes", title="Held-out repositories, left to right")
        for row in scores["bits per byte"]:
            table.add_row(row["language"], f"{row['bits_per_byte']:.3f}", f"{row['bytes_per_token']:.2f}", str(row["bytes"]))
        yield table


def _lines(scores: Scores) -> Iterator[Table]:
    if "lines" in scores:
        yield lines_table(scores["lines"])


def lines_table(rows: dict[str, dict[str, Scores]]) -> Table:
    """Languages down, what is known across; exact match and edit similarity in each cell."""
    names = list(next(iter(rows.values())))
    table = Table("", "lines", *names, title="Rests of lines on held-out repositories: exact match, edit similarity")
    for language, cells in rows.items():
        each = (f"{percent(cell['exact_match'])}, {100 * cell['edit_similarity']:.0f}" for cell in cells.values())
        table.add_row(language, str(cells[names[0]]["places"]), *each)
    return table


def _benchmarks(scores: Scores) -> Table:
    table = Table("benchmark", "items", "pass@1", "exact match", "edit similarity", "answered", title="Benchmarks")
    for name in ("single line", "single line, model alone", "multi-line", "random span"):
        if name in scores:
            table.add_row(f"HumanEval-Infilling, {name}", *infilling_row(scores[name]))
    if "MBPP" in scores:
        table.add_row("MBPP", str(scores["MBPP"]["items"]), percent(scores["MBPP"]["pass_at_1"]))
    if "NL2Bash" in scores:
        row = scores["NL2Bash"]
        table.add_row("NL2Bash", str(row["items"]), "", percent(row["exact_match"]), percent(row["edit_similarity"]))
    return table


def published_table() -> Table:
    """The neighbours."""
    table = Table(
        "model", "parameters", "training", "single-line infilling, %", "HumanEval pass@1, %", "", title="Published by others"
    )
    for model in PUBLISHED:
        table.add_row(model.name, model.parameters, model.training, model.single_line, model.human_eval, model.note)
    return table
