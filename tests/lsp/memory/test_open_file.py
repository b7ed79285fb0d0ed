import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.memory.open_file import NEAREST, OpenFile

TEXT = st.lists(st.sampled_from(["\n", "    ", "x = ", "y", "(z)", "return ", "\n\n"]), max_size=20).map("".join)


def columns(file: OpenFile) -> list[list[int]]:
    rows = file.source.index.rows
    return [rows.first.tolist(), rows.second.tolist(), rows.following.tolist(), file.source.index.text.tolist()]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_a_file_that_was_edited_is_a_file_opened_just_now(tokenizer: Tokenizer, moves: list[tuple[str, str]]) -> None:
    file = OpenFile(tokenizer.size, tokenizer.encode, *moves[0])
    for prefix, suffix in moves[1:]:
        file.move(prefix, suffix)
    fresh = OpenFile(tokenizer.size, tokenizer.encode, *moves[-1])
    assert columns(file) == columns(fresh)
    assert file.source.cursor == fresh.source.cursor
    assert file.source.hidden == fresh.source.hidden


def test_the_last_tokens_in_front_of_the_cursor_do_not_foretell_themselves(tokenizer: Tokenizer) -> None:
    prefix = "one two three four five six seven eight nine ten"
    source = OpenFile(tokenizer.size, tokenizer.encode, prefix, " eleven").source
    tokens = tokenizer.encode(prefix)
    low, high = source.hidden
    assert high == source.cursor
    hidden = source.index.text[low:high] - np.uint32(1)
    assert tuple(hidden.tolist()) == tokens[-NEAREST:]


def test_of_an_edited_file_the_new_lines_are_told_in_runs(tokenizer: Tokenizer) -> None:
    file = OpenFile(tokenizer.size, tokenizer.encode, "a = 1\nb = 2\n", "c = 3\n")
    file.move("a = 1\nx = 0\ny = 0\nb = 2\nz", " = 0\nc = 3\n")
    assert file.new_lines() == ["x = 0\ny = 0\n", "z = 0\n"]


def test_a_file_that_was_only_read_has_no_new_lines(tokenizer: Tokenizer) -> None:
    file = OpenFile(tokenizer.size, tokenizer.encode, "a = 1\n", "b = 2\n")
    file.move("a = 1\nb", " = 2\n")
    assert file.new_lines() == []
