"""NL2Bash (Lin et al. 2018, arXiv 1802.08979): a line of shell from a sentence, written as the comment above it."""

from pathlib import Path

from attrs import frozen

from lowabs_lsp.bench.replay.judgement import edit_similarity
from lowabs_lsp.values import Engine
from lowabs_model.evaluate.infilling import evenly, mean
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.serving import Hole, fill_shown, settings_of


@frozen
class Nl2BashReport:
    """Shares are from 0 to 1."""

    items: int
    exact_match: float
    """Equal but for runs of blanks. There are mostly many right commands for a sentence, and one is written down."""
    edit_similarity: float
    right_program: float
    """The command begins with the same word."""


def read_pairs(folder: Path) -> list[tuple[str, str]]:
    """Sentences and commands from `all.nl` and `all.cm`, line by line. Raises BenchmarkError."""
    try:
        sentences, commands = ((folder / name).read_text(encoding="utf-8").splitlines() for name in ("all.nl", "all.cm"))
    except (OSError, UnicodeDecodeError) as exc:
        raise BenchmarkError(f"{folder}: {exc}; give the folder with all.nl and all.cm") from exc
    if len(sentences) != len(commands):
        raise BenchmarkError(f"{folder}: all.nl has {len(sentences)} lines and all.cm {len(commands)}; get both anew")
    return [(nl.strip(), command.strip()) for nl, command in zip(sentences, commands, strict=True) if nl.strip()]


def evaluate_nl2bash(engine: Engine, folder: Path, *, limit: int | None = None) -> Nl2BashReport:
    """Complete the line below the comment. Raises BenchmarkError."""
    fill = fill_shown(engine, settings_of(one_line=True))
    judged = [_judge(fill(hole_of(nl)), command) for nl, command in evenly(read_pairs(folder), limit)]
    exact, similarity, right = (mean(column) for column in zip(*judged, strict=True)) if judged else (0.0, 0.0, 0.0)
    return Nl2BashReport(len(judged), exact, similarity, right)


def hole_of(sentence: str) -> Hole:
    """A script in which the sentence is the last comment."""
    return Hole("script.sh", f"#!/usr/bin/env bash\n\n# {sentence}\n", "\n", "shellscript")


def _judge(completion: str, command: str) -> tuple[bool, float, bool]:
    said, right = (" ".join(text.split()) for text in (completion, command))
    return said == right, edit_similarity(said, right), bool(said) and said.split()[0] == right.split()[0]
