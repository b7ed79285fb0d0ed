"""The command `explain`: a place in a file of a workspace, explained on the terminal, as JSON or as a page."""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import evolve

from lowabs_lsp.completer import Completer
from lowabs_lsp.explain.explanation import ExplainedPart, Explanation, explain
from lowabs_lsp.explain.page import as_html, percent, times
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings, is_too_wide
from lowabs_lsp.values import Document, Engine


def workspace_of(file: Path) -> Path:
    """The git work tree that `file` is in, else its folder."""
    folder = file.absolute().parent
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def run(options: argparse.Namespace, settings: Settings, engine: Engine, document: Document, offset: int, file: Path) -> str:
    """Explain, write the files that are asked for, and return what to print."""
    root = (options.root or workspace_of(file)).resolve()
    inside = file.resolve()
    if inside.is_relative_to(root):
        document = evolve(document, path=inside.relative_to(root).as_posix())
    surroundings = Surroundings(() if is_too_wide(root) else (root,), settings, engine.vocabulary)
    surroundings.files.build()
    explanation = explain(Completer(engine, settings, surroundings), document, offset)
    writers: dict[Path | None, Callable[[], str]] = {
        options.html: lambda: as_html(explanation),
        options.json: lambda: json.dumps(explanation.as_json(), ensure_ascii=False, indent=1) + "\n",
    }
    for target, write in writers.items():
        if target is not None:
            target.write_text(write(), encoding="utf-8")
    return "\n".join(as_text(explanation))


def as_text(explanation: Explanation) -> Iterator[str]:
    """The gist of it, for a terminal."""
    yield explanation.text or f"nothing: {explanation.reason}"
    if not explanation.tokens:
        return
    yield ""
    if explanation.confidence is not None:
        yield f"{percent(explanation.confidence):>8}  chance that it is kept"
    yield f"{percent(math.exp(explanation.log_probability)):>8}  said exactly so by model and memory"
    yield f"{times(explanation.memory_effect):>8}  by the workspace's memory"
    yield ""
    if explanation.parts:
        yield from parts_as_text(explanation)
    yield from look_as_text(explanation)


def parts_as_text(explanation: Explanation) -> Iterator[str]:
    """The parts of the prompt that made the most difference, and how much the model looked at them."""
    yield f"{'without':>8}  {'looked':>6}"
    for part in sorted(explanation.parts, key=lambda part: -abs(part.effect))[:8]:
        said = next((line.strip() for line in part.lines if line.strip()), "")
        looked = "" if part.attention is None else percent(part.attention)
        yield f"{times(part.effect):>8}  {looked:>6}  {place(part)}  {said[:60]}"
    yield "`without`: so many times less likely without these lines: what they changed."
    yield "`looked`: the attention that fell on them: where the model looked, not why."
    yield ""


def place(part: ExplainedPart, line: int = 0) -> str:
    """Where a part stands, or a line of it."""
    return f"{part.path}:{part.first_line + line}" if part.first_line else f"{part.path} ({part.origin})"


def look_as_text(explanation: Explanation) -> Iterator[str]:
    """The lines that the model looked at most."""
    attention = explanation.attention
    if attention is None:
        yield f"Where the model looked is not known: {explanation.attention_note}."
        return
    yield "Attention by line:"
    lines = [
        (share, f"{place(part, number)}  {line.strip()[:60]}")
        for part in explanation.parts
        for number, (line, share) in enumerate(zip(part.lines, part.line_attention, strict=True))
    ]
    lines.append((attention.cursor_line, f"{explanation.path}:{explanation.line}  {explanation.before.strip()[:60]}"))
    for share, line in sorted(lines, key=lambda each: -each[0])[:6]:
        yield f"{percent(share):>8}  {line}"
    yield f"{percent(attention.suggestion):>8}  the suggestion itself, as far as it was said"
    yield f"{percent(attention.rest):>8}  names of files, marks, blank lines"
    yield f"{percent(attention.first_token):>8}  of all, and not counted above: the first token, where idle heads rest"
