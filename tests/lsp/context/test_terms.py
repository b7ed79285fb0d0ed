"""Identifiers are searched by themselves and by their parts."""

import zlib

import pytest

from lowabs_lsp.context.terms import declaration_term, word_terms, words


@pytest.mark.parametrize(
    ("word", "terms"),
    [
        ("parse", ["parse"]),
        ("Parse", ["parse"]),
        ("parseHTTPHeader", ["=parseHTTPHeader", "parse", "http", "header"]),
        ("read_file_2", ["=read_file_2", "read", "file"]),
        ("MAX_SIZE", ["=MAX_SIZE", "max", "size"]),
        ("_x1", ["_x1"]),
        ("größe_neu", ["=größe_neu", "gr", "öß", "neu"]),
    ],
)
def test_the_terms_of_a_word(word: str, terms: list[str]) -> None:
    assert word_terms(word) == [zlib.crc32(term.encode()) for term in terms]


def test_words_are_identifiers_of_two_letters_or_more() -> None:
    assert words("def f(self, x1, größe): return 42 + self._y") == ["def", "self", "x1", "größe", "return", "self", "_y"]


def test_a_declaration_is_another_term_than_a_use() -> None:
    assert declaration_term("parse") not in word_terms("parse")
