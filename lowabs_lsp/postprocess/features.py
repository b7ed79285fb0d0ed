"""What tells whether a completion will be kept, as numbers: certainty, syntax, kind of place, length."""

from itertools import takewhile

import numpy as np

from lowabs_lsp.postprocess.place import Place
from lowabs_lsp.postprocess.style import styled
from lowabs_lsp.syntax.names import unknown_names
from lowabs_lsp.values import Generated, Stop

LANGUAGES = (
    "python",
    "shellscript",
    "yaml",
    "dockerfile",
    "makefile",
    "json",
    "toml",
    "sql",
    "go",
    "rust",
    "javascript",
    "typescript",
    "markdown",
)
FEATURES = (
    "log_chance",
    "chance",
    "least_log_chance",
    "least_chance",
    "mean_log_chance",
    "first_log_chance",
    "last_log_chance",
    "end_log_chance",
    "has_end",
    "mean_entropy",
    "largest_entropy",
    "first_entropy",
    "log_tokens",
    "log_characters",
    "log_words",
    "further_lines",
    "cut_off",
    "unknown_names",
    "parses",
    "is_checked",
    "seen_line",
    "seen_text",
    "in_line",
    "in_word",
    "behind_blank",
    "behind_bracket",
    "before_closers",
    "log_before",
    "in_comment",
    "only_closers",
    *LANGUAGES,
)
"""Their names, in order."""
LEAST = -12.0
"""Log-probabilities below it are as if they were it."""


def features_of(generated: Generated, text: str, place: Place) -> tuple[float, ...]:
    """The features of offering `text`, a beginning of `generated.text`, at `place`. They fit `FEATURES`."""
    return (*_certainty(generated, len(text.encode())), *_form(generated, text, place), *_language(place.document.language))


def _certainty(generated: Generated, size: int) -> tuple[float, ...]:
    """Of the tokens that spell the first `size` bytes, and of the one behind them, which says that the text ends there."""
    starts = (0, *generated.ends[:-1])
    inside = len(list(takewhile(lambda start: start < size, starts))) if generated.ends else len(generated.tokens)
    chances = np.maximum(generated.chances[:inside] or generated.logprobs[:inside] or (LEAST,), LEAST)
    entropies = np.array(generated.entropies[:inside] or (0.0,))
    end = max(generated.chances[inside], LEAST) if inside < len(generated.chances) else None
    whole = max(float(chances.sum()) + (end or 0.0), LEAST)
    return (
        whole,
        float(np.exp(whole)),
        float(chances.min()),
        float(np.exp(chances.min())),
        float(chances.mean()),
        float(chances[0]),
        float(chances[-1]),
        end or 0.0,
        float(end is not None),
        float(entropies.mean()),
        float(entropies.max()),
        float(entropies[0]),
        float(np.log1p(len(chances))),
    )


def _form(generated: Generated, text: str, place: Place) -> tuple[float, ...]:
    before, behind, document = place.before, place.behind, place.document
    lines = text.split("\n")
    line = (before + lines[0]).strip() or text.strip().partition("\n")[0]
    unknown = unknown_names(document.language, before, text, document.text, place.knows)
    checked = place.check is not None and place.check.is_sound
    return (
        float(np.log1p(len(text))),
        float(np.log1p(len(text.split()))),
        float(np.log1p(len(lines) - 1)),
        float(generated.stop in (Stop.LENGTH, Stop.DEADLINE) and len(text) >= len(generated.text.rstrip())),
        float(min(len(unknown), 3)),
        float(checked and place.check is not None and place.check.parses_with(styled(text, place))),
        float(checked),
        float(len(line) > 3 and _stands(line, document.text)),
        float(len(text.strip()) > 3 and text.strip() in document.text),
        float(bool(before.strip())),
        float(before[-1:].isalnum() or before[-1:] == "_"),
        float(before[-1:] == " " and bool(before.strip())),
        float(before[-1:] in "([{\"'." and bool(before)),
        float(bool(behind.strip())),
        float(np.log1p(len(before.strip()))),
        float(before.lstrip()[:1] in ("#", "*") or before.lstrip()[:2] in ("//", "--")),
        float(not any(character.isalnum() for character in text)),
    )


def _stands(line: str, text: str) -> bool:
    """Whether a line of `text` is `line`, indentation aside."""
    at = text.find(line)
    while at >= 0:
        end = at + len(line)
        if not text[text.rfind("\n", 0, at) + 1 : at].strip() and text[end : end + 1] in ("", "\n", "\r"):
            return True
        at = text.find(line, end)
    return False


def _language(language: str) -> tuple[float, ...]:
    return tuple(float(language == each) for each in LANGUAGES)
