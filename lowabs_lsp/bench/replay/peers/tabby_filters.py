"""What Tabby's agent does to a continuation before it is shown: scope by indentation, duplicates, repetitions."""

import re

from lowabs_lsp.bench.replay.peers.pieces import Surroundings, distance, without_end

LEAST_CHARACTERS = 4


def ends_line(here: Surroundings) -> bool:
    """Whether no word stands behind the cursor on its line; what does is replaced."""
    return re.fullmatch(r"\W*", here.line_behind) is not None


def postprocessed(text: str, here: Surroundings, language: str) -> str:
    """What is left of a continuation behind Tabby's filters, or nothing."""
    if not ends_line(here) and "\n" in text.rstrip("\n"):
        first, rest = text.partition("\n")[0].rstrip(), here.line_behind.rstrip()
        return first[: -len(rest)] if rest and first.endswith(rest) and len(first) - len(rest) >= LEAST_CHARACTERS else ""
    text = _without_repeated_end(text)
    text = _within_scope(text, here, language)
    text = _without_closing_line(text, here)
    if is_duplicate(text, here.suffix):
        return ""
    text = _without_suffix_lines(_trimmed(text, here), here)
    return without_end(text, here.line_behind) if len(text.strip()) >= LEAST_CHARACTERS else ""


def _without_repeated_end(text: str) -> str:
    """`text` without a last line that goes round in circles, and without the sixth and further lines like the one before."""
    lines = text.rstrip("\n").split("\n")
    if re.search(r"(.{3,}?)\1{5,}$|(.{10,}?)\2{3,}$", lines[-1]):
        lines.pop()
    alike = 0
    written = [i for i, line in enumerate(lines[:-1]) if line.strip()]
    for i in range(len(written) - 1, 0, -1):
        a, b = lines[written[i]].strip(), lines[written[i - 1]].strip()
        if distance(a, b) > 0.1 * max(len(a), len(b)):
            break
        alike += 1
    return "\n".join(lines[: written[-1 - alike] + 1] if alike >= 5 else lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _within_scope(text: str, here: Surroundings, language: str) -> str:
    """`text` up to where its indentation leaves the block at the cursor; the line that closes it may stay."""
    lines = text.split("\n")
    shown = [here.line_before + lines[0], *lines[1:]]
    limit, may_close = _scope(lines, shown, here)
    for i in range(1, len(lines)):
        if not lines[i].strip() or _indent(lines[i]) >= limit:
            continue
        opens = i + 1 < len(shown) and _indent(shown[i]) < _indent(shown[i + 1])
        if _indent(shown[i - 1]) > _indent(shown[i]) and opens:
            continue
        keep = may_close and (language != "python" or lines[i - 1].strip())
        return "\n".join(lines[: i + bool(keep)]).rstrip()
    return text


def _scope(lines: list[str], shown: list[str], here: Surroundings) -> tuple[int, bool]:
    """The least indentation of the block at the cursor, and whether a line that closes it may follow."""
    above = next((line for line in reversed(here.prefix.split("\n")) if line.strip()), "")
    first = next((line for line in lines if line.strip()), "")
    if not above or not first:
        return 0, True
    goes_on = bool(here.line_before.strip()) and bool(lines[0].strip())
    may_close = not goes_on or (len(shown) > 1 and _indent(shown[0]) < _indent(shown[1]))
    deeper = not goes_on and _indent(shown[0] if lines[0].strip() else first) > _indent(above)
    limit = _indent(above) + (1 if goes_on or deeper else 0)
    if here.next_line:
        may_close = may_close and _indent(here.next_line) < limit
    return limit, may_close


def _without_closing_line(text: str, here: Surroundings) -> str:
    """`text` without a last line that closes what the next line of the file closes already."""
    lines = text.split("\n")
    if len(lines) < 2 or not here.next_line:
        return text
    before = here.line_before + lines[0] if len(lines) == 2 else lines[-2]
    last, below = lines[-1].rstrip(), here.next_line.rstrip()
    closes = _indent(before) > _indent(lines[-1])
    return "\n".join(lines[:-1]).rstrip() if closes and (last.startswith(below) or below.startswith(last)) else text


def is_duplicate(text: str, suffix: str) -> bool:
    """Whether the first lines of `text` are nearly those that follow."""
    said = text.lstrip("\n").split("\n")
    below = suffix.split("\n")
    said = said[next((i for i, line in enumerate(said) if line.strip()), len(said)) :]
    below = below[next((i for i, line in enumerate(below) if line.strip()), len(below)) :]
    size = min(3, len(said), len(below))
    if size < 1:
        return False
    a, b = "\n".join(said[:size]).strip(), "\n".join(below[:size]).strip()
    return distance(a, b) <= max(1, 0.05 * len(a), 0.05 * len(b))


def _without_suffix_lines(text: str, here: Surroundings) -> str:
    """`text` up to the lines at its end that follow in the file already."""
    below = [line.strip() for line in here.suffix.split("\n") if line.strip()]
    lines = text.split("\n")
    for i in range(len(lines) - 1, -1, -1):
        if below and lines[i].strip() and lines[i:] == below[: len(lines) - i]:
            return "\n".join(lines[:i])
    return text


def _trimmed(text: str, here: Surroundings) -> str:
    if here.line_before.strip() and here.line_before[-1:].isspace():
        text = text.lstrip()
    return text.rstrip() if not here.line_behind.strip() or here.line_behind[:1].isspace() else text
