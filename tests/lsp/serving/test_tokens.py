from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.errors import ServingError
from lowabs_lsp.serving.tokens import Tokens, make_tokens, read_tokens

WORDS = st.text("abc-_.", min_size=1, max_size=8)


@given(known=st.lists(WORDS, min_size=1, max_size=4), asked=WORDS)
def test_who_has_a_token_may_ask_and_nobody_else(known: list[str], asked: str) -> None:
    assert make_tokens(known).allow(f"Bearer {asked}") == (asked in known)
    assert not make_tokens(known).allow(asked)
    assert not make_tokens(known).allow("")


def test_without_tokens_everybody_may() -> None:
    assert Tokens().allow("")


def test_tokens_come_from_a_file_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tokens"
    file.write_text("# the team\none\n\n  two  \n")
    monkeypatch.setenv("LOWABS_TEST_TOKENS", "three four")
    assert read_tokens(file, "LOWABS_TEST_TOKENS") == make_tokens(["one", "two", "three", "four"])


def test_no_token_is_shown_by_accident() -> None:
    assert "digests" not in repr(make_tokens(["secret"]))


@pytest.mark.parametrize(
    ("text", "told"), [(None, "cannot be read"), ("# none\n", "has no token"), (b"\xff", "cannot be read")]
)
def test_a_file_without_tokens_is_a_fault(tmp_path: Path, text: str | bytes | None, told: str) -> None:
    file = tmp_path / "tokens"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ServingError, match=told):
        read_tokens(file, None)


def test_a_variable_that_is_not_set_is_a_fault() -> None:
    with pytest.raises(ServingError, match="--token-env LOWABS_ABSENT: the environment has no such variable"):
        read_tokens(None, "LOWABS_ABSENT")
