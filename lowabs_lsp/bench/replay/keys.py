"""The keys that bring a text into an editor which indents by itself, and how many of them a text takes."""

import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise

from attrs import define, frozen

from lowabs_lsp.prompt.languages import opens_block

_BLANKS = re.compile(r"[ \t]*")
_TABBED = {"go", "makefile"}


class Key(StrEnum):
    """What is pressed. Each is one key press, whatever it inserts or removes."""

    CHARACTER = "character"
    ENTER = "enter"
    INDENT = "indent"
    """The blanks at the beginning of a line that the editor did not put there itself."""
    BACKSPACE = "backspace"
    DELETE = "delete"
    """Of what was selected."""
    OPEN_LINE = "open-line"
    PASTE = "paste"
    ACCEPT = "accept"


@frozen
class Stroke:
    """One key and what it does at the cursor."""

    key: Key
    insert: str = ""
    remove: int = 0
    """Characters in front of the cursor that go first."""


@frozen
class Keyboard:
    """How an editor indents in one file."""

    language: str
    unit: str
    """One level of indentation."""

    @classmethod
    def of(cls, language: str, text: str) -> "Keyboard":
        """The editor's settings for a file of `language` that is indented as `text` is."""
        indents = [_blanks(line) for line in text.split("\n") if line.strip()]
        if any(indents) and sum(indent.startswith("\t") for indent in indents) * 2 > sum(map(bool, indents)):
            return cls(language, "\t")
        steps = Counter(len(b) - len(a) for a, b in pairwise(indents) if len(b) > len(a))
        if usual := [(steps[width], width) for width in (2, 3, 4, 8) if steps[width]]:
            return cls(language, " " * max(usual)[1])
        return cls(language, "\t" if language in _TABBED else "    ")

    def indent_after(self, before: str) -> str:
        """What Enter puts behind the line end when `before` stands in front of the cursor."""
        written = before.rstrip()
        line = written.rpartition("\n")[2] + before[len(written) :].partition("\n")[0]
        return _blanks(line) + (self.unit if opens_block(self.language, line.rstrip()) else "")

    def unit_end(self, before: str, target: str, at: int) -> int:
        """Where in `target` the text of the next key ends; `before` stands in front of `target`."""
        if end := line_end(target, at):
            behind = at + len(end)
            indent = self.indent_after(before + target[:at]) if behind < len(target) else ""
            return behind + _common(indent, _blanks(target, behind))
        return at + max(1, len(_blanks(target, at)) if _line_is_blank(before + target[:at]) else 0)

    def unit_ends(self, before: str, target: str) -> list[int]:
        """Where in `target` the text of each key ends when nothing is completed."""
        ends, at = [], 0
        while at < len(target):
            at = self.unit_end(before, target, at)
            ends.append(at)
        return ends


@define
class Typing:
    """A text on its way into the editor. `before`, then `target[:at]`, then `surplus` stand in front of the cursor."""

    keyboard: Keyboard
    before: str
    target: str
    at: int = 0
    surplus: str = ""
    """What has to go before anything right can follow: too deep an indentation, or a slip."""

    @classmethod
    def begin(cls, keyboard: Keyboard, before: str, target: str) -> "Typing":
        """Nothing of `target` is there yet; `before` may be a whole file."""
        above = before.rstrip().rpartition("\n")[2]
        return cls(keyboard, above + before[len(before.rstrip()) :], target)

    @property
    def rest(self) -> str:
        """What is still to come."""
        return self.target[self.at :]

    @property
    def done(self) -> bool:
        """Whether the text is in the editor as it should be."""
        return self.at == len(self.target) and not self.surplus

    @property
    def key_ends(self) -> list[int]:
        """Where in the text each key's part of it ends when nothing is completed."""
        return self.keyboard.unit_ends(self.before, self.target)

    def press(self, slip: str = "") -> Stroke:
        """Press the next key; a `slip` is the wrong character that is hit in its place."""
        leaves_line_blank = bool(line_end(self.target, self.at)) and not self.surplus.strip()
        if self.surplus and not leaves_line_blank:
            return self._take_back()
        if slip:
            self.surplus += slip
            return Stroke(Key.CHARACTER, slip)
        return self._go_on()

    def accept(self, text: str) -> None:
        """`text`, the beginning of what is still to come, is there at once."""
        assert self.rest.startswith(text)
        assert not self.surplus
        self.at += len(text)

    def _take_back(self) -> Stroke:
        unit = self.keyboard.unit
        count = len(unit) if self.surplus.endswith(unit) else 1
        self.surplus = self.surplus[:-count]
        return Stroke(Key.BACKSPACE, remove=count)

    def _go_on(self) -> Stroke:
        start, self.at = self.at, self.keyboard.unit_end(self.before, self.target, self.at)
        text = self.target[start : self.at]
        if end := line_end(self.target, start):
            remove, self.surplus = len(self.surplus), ""
            if start + len(end) < len(self.target):
                self.surplus = self.keyboard.indent_after(self.before + self.target[:start])[len(text) - len(end) :]
            return Stroke(Key.ENTER, text + self.surplus, remove)
        indents = not text.strip() and _line_is_blank(self.before + self.target[:start])
        return Stroke(Key.INDENT if indents else Key.CHARACTER, text)


def line_end(text: str, at: int) -> str:
    """The line end at `at`, if there is one."""
    return next((end for end in ("\r\n", "\n") if text.startswith(end, at)), "")


def strokes(typing: Typing) -> Iterator[Stroke]:
    """Every key to the end, without slips and completions."""
    while not typing.done:
        yield typing.press()


def _line_is_blank(before: str) -> bool:
    return not before.rpartition("\n")[2].strip()


def _blanks(text: str, at: int = 0) -> str:
    match = _BLANKS.match(text, at)
    return match.group() if match else ""


def _common(a: str, b: str) -> int:
    """How many characters `a` and `b` begin with alike."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
