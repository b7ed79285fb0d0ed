from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.memory.text_tokens import TextTokens

PIECE = st.sampled_from(
    ["\n", "\n\n", "\r\n", "    ", " ", "\t", "def", "x", "):", "'''", "ä", "１", "\u2028", "# no", "return x", "\n    y"]
)
TEXT = st.lists(PIECE, max_size=25).map("".join)


@given(TEXT)
def test_tokens_are_those_of_the_text_as_a_whole(tokenizer: Tokenizer, text: str) -> None:
    tokens = TextTokens(tokenizer.encode)
    tokens.replace(text)
    assert tuple(tokens.tokens.tolist()) == tokenizer.encode(text)


@given(st.lists(TEXT, max_size=5))
def test_tokens_do_not_depend_on_the_way_to_the_text(tokenizer: Tokenizer, texts: list[str]) -> None:
    tokens = TextTokens(tokenizer.encode)
    for text in texts:
        before = tokens.tokens.tolist()
        change = tokens.replace(text)
        before[change.start : change.stop] = change.tokens.tolist()
        assert tuple(before) == tuple(tokens.tokens.tolist()) == tokenizer.encode(text)


@given(text=TEXT, typed=PIECE, data=st.data())
def test_typing_into_a_text_is_the_same(tokenizer: Tokenizer, text: str, typed: str, data: st.DataObject) -> None:
    tokens = TextTokens(tokenizer.encode)
    tokens.replace(text)
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    edited = text[:start] + typed + text[stop:]
    tokens.replace(edited)
    assert tuple(tokens.tokens.tolist()) == tokenizer.encode(edited)


def test_only_the_lines_around_a_change_are_tokenized_again() -> None:
    asked: list[str] = []

    def encode(text: str) -> list[int]:
        asked.append(text)
        return list(text.encode())

    tokens = TextTokens(encode)
    lines = [f"line {n}\n" for n in range(100)]
    tokens.replace("".join(lines))
    asked.clear()
    lines[50] = "line fifty\n"
    tokens.replace("".join(lines))
    assert asked == ["line 49\n", "line fifty\n"]
