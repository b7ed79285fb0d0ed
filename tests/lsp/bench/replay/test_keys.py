"""Keys bring in the text exactly, as few of them as an editor that indents by itself asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.keys import Key, Keyboard, Typing, strokes

PYTHON = Keyboard("python", "    ")
lines = st.lists(
    st.sampled_from(["def f():", "    return 1", "  odd", "", "        deep", "\ttab", "x = 'ä'", " "]), max_size=8
)


def play(typing: Typing) -> str:
    text = typing.before
    for stroke in strokes(typing):
        text = text[: len(text) - stroke.remove] + stroke.insert
    return text


def keys(before: str, target: str) -> list[Key]:
    return [stroke.key for stroke in strokes(Typing.begin(PYTHON, before, target))]


@given(lines, lines, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["    ", "\t", "  "]))
def test_the_keys_make_the_text(before: list[str], target: list[str], end: str, unit: str) -> None:
    typing = Typing(Keyboard("python", unit), end.join(before), end.join(target))
    assert play(typing) == typing.before + typing.target


@given(lines, lines)
def test_only_the_last_written_line_decides(before: list[str], target: list[str]) -> None:
    whole = Typing(PYTHON, "\n".join(before), "\n".join(target))
    assert list(strokes(Typing.begin(PYTHON, whole.before, whole.target))) == list(strokes(whole))


@given(lines, lines, st.data())
def test_slips_are_taken_back(before: list[str], target: list[str], data: st.DataObject) -> None:
    typing = Typing.begin(PYTHON, "\n".join(before), "\n".join(target))
    text = typing.before
    for _ in range(1000):
        if typing.done:
            break
        stroke = typing.press(slip=data.draw(st.sampled_from(["", "", "q"])))
        text = text[: len(text) - stroke.remove] + stroke.insert
    assert not typing.done or text == typing.before + typing.target


@given(lines, lines, st.data())
def test_a_part_may_come_at_once(before: list[str], target: list[str], data: st.DataObject) -> None:
    typing = Typing.begin(PYTHON, "\n".join(before), "\n".join(target))
    text = typing.before
    while not typing.done:
        if not typing.surplus:
            accepted = typing.rest[: data.draw(st.integers(0, 9))]
            typing.accept(accepted)
            text += accepted
        if not typing.done:
            stroke = typing.press()
            text = text[: len(text) - stroke.remove] + stroke.insert
    assert text == typing.before + typing.target


@pytest.mark.parametrize(
    ("before", "target", "expected"),
    [
        ("x", "ab", [Key.CHARACTER, Key.CHARACTER]),
        ("def f():", "\n    x", [Key.ENTER, Key.CHARACTER]),
        ("    x", "\n    y", [Key.ENTER, Key.CHARACTER]),
        ("x", "\n    y", [Key.ENTER, Key.INDENT, Key.CHARACTER]),
        ("    x", "\ny", [Key.ENTER, Key.BACKSPACE, Key.CHARACTER]),
        ("    x", "\n\ny", [Key.ENTER, Key.ENTER, Key.BACKSPACE, Key.CHARACTER]),
        ("    x", "\n", [Key.ENTER]),
        ("", "        y", [Key.INDENT, Key.CHARACTER]),
        ("x", " y", [Key.CHARACTER, Key.CHARACTER]),
    ],
)
def test_the_editor_indents(before: str, target: str, expected: list[Key]) -> None:
    assert keys(before, target) == expected


@given(lines, lines)
def test_each_key_is_counted_but_for_corrections(before: list[str], target: list[str]) -> None:
    typing = Typing.begin(PYTHON, "\n".join(before), "\n".join(target))
    ends = typing.key_ends
    pressed = [stroke for stroke in strokes(typing) if stroke.key != Key.BACKSPACE]
    assert len(ends) == len(pressed)
    assert ends == sorted(set(ends))
    assert not ends or ends[-1] == len(typing.target)


@pytest.mark.parametrize(
    ("language", "text", "unit"),
    [
        ("python", "", "    "),
        ("go", "", "\t"),
        ("yaml", "a:\n  b:\n    c: 1\n", "  "),
        ("python", "def f():\n\tx\n\ty\n", "\t"),
        ("python", "class A:\n    def f(self):\n        return 1\n", "    "),
    ],
)
def test_the_editor_indents_as_the_file_does(language: str, text: str, unit: str) -> None:
    assert Keyboard.of(language, text).unit == unit
