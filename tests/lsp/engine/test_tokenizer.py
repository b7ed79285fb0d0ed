import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.bundle import OpenBundle
from lowabs_lsp.engine.local import open_tokenizer
from lowabs_lsp.engine.tokenizer import Tokenizer, complete_text
from lowabs_lsp.engine.vocabulary import byte_spelling
from lowabs_lsp.errors import BundleError

SPECIAL = ("<|fim_prefix|>", "<|endoftext|>", "<|file_sep|>")
TEXTS = st.lists(st.one_of(st.text(), st.sampled_from([*SPECIAL, "\n    ", "def f(x):", "é", "🦊", "\t"]))).map("".join)


@pytest.fixture(scope="module")
def tokenizer(bundle: OpenBundle) -> Tokenizer:
    return open_tokenizer(bundle)


@settings(deadline=None, max_examples=300)
@given(text=TEXTS)
def test_the_bytes_of_the_ids_are_the_bytes_of_the_text(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode_bytes(tokenizer.encode(text)) == text.encode()


@settings(deadline=None, max_examples=300)
@given(text=TEXTS)
def test_no_text_spells_a_special_token(tokenizer: Tokenizer, text: str) -> None:
    assert not set(tokenizer.encode(text)) & set(tokenizer.special.values())


def test_special_tokens_have_ids_and_no_bytes(tokenizer: Tokenizer) -> None:
    assert set(SPECIAL) <= tokenizer.special.keys()
    assert all(tokenizer.bytes_of[i] == b"" for i in tokenizer.special.values())


@given(text=st.text(), cut=st.integers(0, 3))
def test_an_unfinished_character_is_not_shown(text: str, cut: int) -> None:
    data = text.encode()
    shown = complete_text(data[: len(data) - min(cut, len(data))])
    assert text.startswith(shown)
    assert len(text) - len(shown) <= cut


def test_text_ends_before_bytes_that_are_no_character() -> None:
    assert complete_text(b"ab\xffcd") == "ab"


def test_the_alphabet_has_a_character_for_each_byte() -> None:
    spelling = byte_spelling()
    assert sorted(byte for byte in spelling.values() if byte != "\uffff") == [chr(byte) for byte in range(256)]
    assert (spelling["Ġ"], spelling["Ċ"], spelling["x"]) == (" ", "\n", "x")


def spoiled(copy: Path, **changes: object) -> Path:
    path = copy / "tokenizer.json"
    raw = json.loads(path.read_text())
    raw["model"].update(changes)
    path.write_text(json.dumps(raw))
    return path


def test_a_tokenizer_that_is_not_byte_level_is_refused(copy: Path) -> None:
    for spelling in ("▁a", "a b"):
        with pytest.raises(BundleError, match="is not byte-level"):
            Tokenizer(spoiled(copy, vocab={spelling: 0}, merges=[]))


def test_a_tokenizer_without_all_bytes_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="lacks single bytes"):
        Tokenizer(spoiled(copy, vocab={"a": 0}, merges=[]))


def test_a_file_that_is_no_tokenizer_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match=r"tokenizer\.json: `tokenizers` cannot load it"):
        Tokenizer(spoiled(copy, type="Cuneiform"))
