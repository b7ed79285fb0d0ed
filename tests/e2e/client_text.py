"""What an editor has in its buffer, written as plainly as can be: the reference for the server's text."""

import re
from typing import Any

LINE_END = re.compile(r"\r\n|\n|\r")


def units(text: str, encoding: str) -> int:
    """The length of `text` in the units of `encoding`."""
    return {"utf-8": len(text.encode()), "utf-16": len(text.encode("utf-16-le")) // 2, "utf-32": len(text)}[encoding]


def offset_at(text: str, position: dict[str, int], encoding: str) -> int:
    """The offset of `position`; outside of the text the nearest one."""
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    if position["line"] >= len(starts):
        return len(text)
    start = starts[position["line"]]
    match = LINE_END.search(text, start)
    end = match.start() if match else len(text)
    offset = start
    while offset < end and units(text[start : offset + 1], encoding) <= position["character"]:
        offset += 1
    return offset


def position_at(text: str, offset: int, encoding: str) -> dict[str, int]:
    """The position of `offset`, which is not inside of a CRLF."""
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    line = max(number for number, start in enumerate(starts) if start <= offset)
    return {"line": line, "character": units(text[starts[line] : offset], encoding)}


def changed(text: str, change: dict[str, Any], encoding: str) -> str:
    """`text` after one content change."""
    if change.get("range") is None:
        return str(change["text"])
    start, end = (offset_at(text, change["range"][place], encoding) for place in ("start", "end"))
    return text[:start] + str(change["text"]) + text[end:]
