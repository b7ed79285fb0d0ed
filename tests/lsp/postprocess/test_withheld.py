"""Keys that agree with what was said and not shown."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.postprocess.withheld import Withheld, rest_of
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Completion, Document, Generated, Limits, Reason, Stop

PREFIX, SUFFIX = "x = ", "\ny = 2\n"


def generated(pieces: list[str], stop: Stop = Stop.TEXT) -> Generated:
    """A token for each piece."""
    ends = tuple(accumulate(len(piece.encode()) for piece in pieces))
    each = (-1.0,) * len(pieces)
    return Generated("".join(pieces), tuple(range(len(pieces))), each, stop, ends, each, each, prompt_tokens=9, model_runs=2)


def written(typed: str, suffix: str = SUFFIX) -> tuple[Document, int]:
    return Document("file:///w/a.py", "a.py", "python", PREFIX + typed + suffix), len(PREFIX + typed)


def show(said: Generated) -> Completion:
    """What has one or two tokens and no exclamation."""
    reason = Reason.SYNTAX if "!" in said.text else Reason.DOUBTFUL if len(said.tokens) > 2 else Reason.SHOWN
    return Completion(said.text if reason is Reason.SHOWN else "", reason, said)


def answer(said: Generated, typed: str, suffix: str = SUFFIX) -> Completion | None:
    withheld = Withheld()
    withheld.note(*written(""), Completion("", Reason.DOUBTFUL, said), block=False)
    return withheld.answer(*written(typed, suffix), show, block=False)


@given(pieces=st.lists(st.text("aé\U0001f600 ", min_size=1, max_size=3), min_size=1, max_size=5), count=st.integers(0, 15))
def test_what_is_left_of_a_text_are_its_last_tokens(pieces: list[str], count: int) -> None:
    said = generated(pieces)
    typed = said.text[:count]
    rest = rest_of(said, typed)
    if not typed or not said.text[len(typed) :].strip():
        assert rest is None
        return
    assert rest is not None
    assert typed + rest.text == said.text
    last = pieces[len(pieces) - len(rest.tokens) :]
    assert "".join(last[1:]) == rest.text[-len("".join(last[1:])) or len(rest.text) :]
    assert len(rest.text) <= len("".join(last))
    assert rest.ends[-1] == len(rest.text.encode())
    assert len(rest.tokens) == len(rest.chances) == len(rest.ends)
    assert (rest.prompt_tokens, rest.model_runs) == (0, 0)


@pytest.mark.parametrize(
    ("pieces", "typed", "shown", "reason"),
    [
        (["ab", "cd", "ef"], "ab", "cdef", Reason.SHOWN),
        (["ab", "cd", "ef"], "abc", "def", Reason.SHOWN),
        (["ab", "cd", "!"], "a", "", Reason.SYNTAX),
        (["ab", "cd", "ef", "!"], "a", "", Reason.SYNTAX),
    ],
)
def test_keys_that_agree_are_answered_by_the_rest(pieces: list[str], typed: str, shown: str, reason: Reason) -> None:
    known = answer(generated(pieces), typed)
    assert known is not None
    assert (known.text, known.reason) == (shown, reason)


@pytest.mark.parametrize(("sure", "asks"), [(0.29, False), (0.3, True)])
def test_doubt_is_an_answer_where_certainty_of_the_token_at_the_cursor_would_not_help(sure: float, asks: bool) -> None:
    def doubt(said: Generated) -> Completion:
        return Completion("", Reason.DOUBTFUL, said, confidence=sure if said.chances[0] == 0.0 else 0.01)

    withheld = Withheld()
    withheld.note(*written(""), Completion("", Reason.DOUBTFUL, generated(["ab", "cd"])), block=False)
    known = withheld.answer(*written("a"), doubt, block=False, enough=0.6)
    assert (known is None) == asks


@pytest.mark.parametrize(
    ("said", "typed", "suffix"),
    [
        (generated(["ab", "cd", "ef"]), "a", SUFFIX),  # how sure is the model of `b` behind `a`?
        (generated(["ab", "cd", "ef"]), "ax", SUFFIX),
        (generated(["ab", "cd", "ef"]), "", SUFFIX),
        (generated(["ab", "cd", "ef"]), "abcdef", SUFFIX),
        (generated(["ab", "cd", "ef"]), "ab", ")" + SUFFIX),
        (generated(["ab", "cd", "ef"], stop=Stop.DEADLINE), "ab", SUFFIX),
    ],
)
def test_where_the_rest_decides_nothing_the_model_is_asked(said: Generated, typed: str, suffix: str) -> None:
    assert answer(said, typed, suffix) is None


def test_what_was_shown_and_then_dismissed_is_not_said_again() -> None:
    withheld, said = Withheld(), generated(["ab", "cd"])
    withheld.note(*written(""), Completion("abcd", Reason.SHOWN, said), block=False)
    assert withheld.answer(*written("ab"), show, block=False) is None


def test_one_line_says_nothing_of_a_block() -> None:
    withheld, said = Withheld(), generated(["ab", "cd"])
    withheld.note(*written(""), Completion("", Reason.DOUBTFUL, said), block=False)
    assert withheld.answer(*written("ab"), show, block=True) is None


def prompts(typed: list[str], *, is_explicit: bool = False) -> list[int]:
    """How often the model was asked by the time of each text; what it says never parses."""
    engine = ScriptedEngine(lambda prompt: "foo(a b c)")
    completer, counts = Completer(engine, Settings()), []
    for text in typed:
        silent = completer.complete(*written(text), limits=Limits(is_explicit=is_explicit))
        assert silent.reason is Reason.SYNTAX
        counts.append(len(engine.prompts))
    return counts


def test_a_completer_asks_its_model_no_more_than_it_must() -> None:
    assert prompts(["", "f", "fo"]) == [1, 1, 1]
    assert prompts(["", "f", "g(f"]) == [1, 1, 2]


def test_who_asks_is_answered_by_the_model() -> None:
    asked = prompts(["", "f"], is_explicit=True)
    assert asked[1] == 2 * asked[0]
