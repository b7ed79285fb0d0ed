"""A buffer knows how each of its characters came in."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.editor import Buffer, Origin


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.text(max_size=4), st.sampled_from(Origin)), max_size=8))
def test_replacing_keeps_text_and_origins_together(changes: list[tuple[int, int, str, Origin]]) -> None:
    buffer = Buffer("file:///a.py", "a.py", "python", "0123456789")
    expected = [(character, Origin.OLD) for character in buffer.text]
    for start, length, text, origin in changes:
        start = min(start, len(buffer.text))
        end = min(start + length, len(buffer.text))
        buffer.replace(start, end, text, origin)
        expected[start:end] = [(character, origin) for character in text]
        assert buffer.text == "".join(character for character, _ in expected)
        assert (buffer.before, buffer.behind) == (buffer.text[: start + len(text)], buffer.text[start + len(text) :])
    for origin in Origin:
        assert buffer.count(origin) == sum(each is origin for _, each in expected)
    assert buffer.snapshot().version == 1 + len(changes)
