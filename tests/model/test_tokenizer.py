"""The byte-level BPE: every text comes back, sentinels have the first ids, and text cannot forge them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.tokenizer import load_tokenizer, sample_texts, train_tokenizer
from tokenizers import Tokenizer

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.prompt.fim import SPECIAL_TOKENS

TEXTS = [f"def function_{n}(value):\n    return value * {n}\n\n\nclass Name{n}:\n    pass\n" for n in range(200)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(TEXTS, 300).save(str(file))
    return load_tokenizer(file)


@given(text=st.text() | st.sampled_from(TEXTS))
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_special_tokens_are_the_first_ids(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))


@pytest.mark.parametrize("spelling", SPECIAL_TOKENS)
def test_a_sentinel_in_a_text_is_plain_text(tokenizer: Tokenizer, spelling: str) -> None:
    ids = tokenizer.encode(f"a = '{spelling}'").ids
    assert min(ids) >= len(SPECIAL_TOKENS)
    assert tokenizer.decode(ids) == f"a = '{spelling}'"


def test_frequent_text_is_few_tokens(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("    return value").ids) <= 4


def test_too_little_text_says_so() -> None:
    with pytest.raises(LowabsError, match="add text or lower vocab_size"):
        train_tokenizer(["a"], 5000)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(LowabsError, match=r"tokenizer.json is not a readable tokenizer.json"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_a_sample_is_spread_over_the_texts() -> None:
    assert list(sample_texts("abcdefgh", total_bytes=8, sample_bytes=4)) == ["a", "c", "e", "g"]
    assert list(sample_texts("abc", total_bytes=3, sample_bytes=100)) == ["a", "b", "c"]
