import itertools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.alternatives import Echo, alternatives
from lowabs_lsp.engine.draft import PromptLookup
from lowabs_lsp.engine.generate import Generation, Model, encode, generate, run_to_end
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.sampling import log_softmax
from lowabs_lsp.values import Decoding, FloatArray, Generated, Prompt, Sentinel, Stop, never

Fresh = Callable[[], Model]

TINY = Path(__file__).parents[2] / "data" / "tiny"
PROMPTS = st.text(st.sampled_from("def x(a):\n retu1,.é"), max_size=30).map(lambda text: Prompt((Sentinel.MIDDLE, text)))
LINE = Decoding(max_tokens=6, stop=("\n",))


def several(model: Model, prompt: Prompt, count: int, decoding: Decoding = LINE) -> list[Generated]:
    return alternatives(model, prompt, decoding, count, never, draft=PromptLookup())


def plain(model: Model, prompt: Prompt, tokens: Sequence[int]) -> list[float]:
    """The log-probability of each token, all rows computed anew."""
    ids, _ = encode(model, prompt)
    rows = model.session.run(model.session.create_memory(), [*ids, *tokens], 0, len(tokens) + 1)
    return [float(log_softmax(row)[token]) for row, token in zip(rows[:-1, : model.tokenizer.size], tokens, strict=True)]


@settings(deadline=None, max_examples=25)
@given(prompt=PROMPTS, count=st.integers(1, 5))
def test_the_first_is_what_the_model_says_and_the_rest_are_ranked(fresh: Fresh, prompt: Prompt, count: int) -> None:
    found = several(fresh(), prompt, count)
    said = generate(fresh(), prompt, LINE, never, draft=PromptLookup())
    assert (found[0].text, found[0].tokens, found[0].logprobs) == (said.text, said.tokens, said.logprobs)
    assert len({each.text for each in found}) == len(found) <= count
    chances = [sum(each.logprobs) for each in found[1:]]
    assert chances == sorted(chances, reverse=True)


@settings(deadline=None, max_examples=25)
@given(prompt=PROMPTS)
def test_sharing_keys_and_values_changes_no_probability(fresh: Fresh, prompt: Prompt) -> None:
    for each in several(fresh(), prompt, 4):
        assert list(each.logprobs) == plain(fresh(), prompt, each.tokens)


@settings(deadline=None, max_examples=25)
@given(prompt=PROMPTS, forced=st.lists(st.integers(8, 400), min_size=1, max_size=4))
def test_behind_forced_tokens_the_model_goes_on_greedily(fresh: Fresh, prompt: Prompt, forced: list[int]) -> None:
    prompt = evolve(prompt, heal=False)
    generation = Generation(fresh(), prompt, Decoding(max_tokens=8), never, PromptLookup(), None, forced=forced)
    generated = run_to_end(generation)
    assert list(generated.tokens[: len(forced)]) == forced
    model, ids = fresh(), encode(fresh(), prompt)[0]
    for n, token in list(enumerate(generated.tokens))[len(forced) :]:
        row = model.session.run(model.session.create_memory(), [*ids, *generated.tokens[:n]], 0, 1)[0]
        assert token == row[: model.tokenizer.size].argmax()


def test_the_second_leaves_the_first_where_its_rival_was_likeliest(fresh: Fresh) -> None:
    prompt = Prompt((Sentinel.MIDDLE, "def f("), heal=False)
    first, second = several(fresh(), prompt, 2)
    place = next(n for n, (a, b) in enumerate(zip(first.tokens, second.tokens, strict=False)) if a != b)
    ids, model = encode(fresh(), prompt)[0], fresh()
    rows = model.session.run(model.session.create_memory(), [*ids, *first.tokens], 0, len(first.tokens) + 1)[:-1]
    ranked = [sorted(log_softmax(row[: model.tokenizer.size]), reverse=True)[:2] for row in rows]
    costs = [sum(best for best, _ in ranked[:n]) + rival for n, (_, rival) in enumerate(ranked)]
    assert place == costs.index(max(costs))


def test_few_runs_are_needed_since_branches_share_their_beginning(fresh: Fresh) -> None:
    found = several(
        fresh(),
        Prompt(
            (Sentinel.MIDDLE, "x = 1\n" * 20 + "x"),
        ),
        4,
    )
    assert all(each.prompt_tokens - each.reused_tokens <= 8 for each in found[1:])


class Certain:
    """Allows one token only."""

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        mixed = logprobs.copy()
        mixed[:] = -float("inf")
        mixed[65] = 0.0
        return mixed


def test_where_nothing_else_is_possible_there_is_one(fresh: Fresh) -> None:
    prompt = Prompt((Sentinel.MIDDLE, "x"), heal=False)
    found = alternatives(fresh(), prompt, Decoding(max_tokens=3), 5, never, draft=PromptLookup(), mixer=Certain())
    assert [each.tokens for each in found] == [(65, 65, 65)]


def test_a_cancel_returns_what_was_ended_before(fresh: Fresh) -> None:
    asked, me = itertools.count(), threading.get_ident()
    runs = several(fresh(), Prompt((Sentinel.MIDDLE, "def ")), 1)[0].model_runs

    def cancelled() -> bool:
        return threading.get_ident() == me and next(asked) >= runs

    found = alternatives(fresh(), Prompt((Sentinel.MIDDLE, "def ")), LINE, 5, cancelled, draft=PromptLookup())
    assert len(found) == 1
    assert found[0].stop is not Stop.CANCELLED


def test_an_echo_drafts_the_tail_while_it_comes_true() -> None:
    echo = Echo(2, [7, 8, 9], PromptLookup())
    assert list(echo.propose([1, 2], 2)) == [7, 8]
    assert list(echo.propose([1, 2, 7], 9)) == [8, 9]
    assert list(echo.propose([1, 2, 5, 1], 1)) == [2]  # what followed 1 before


@pytest.mark.parametrize("count", [1, 3])
def test_an_engine_offers_them(count: int) -> None:
    engine = LocalEngine.open(TINY)
    found = engine.alternatives(Prompt((Sentinel.MIDDLE, "for i in ")), LINE, count)
    assert found[0].text == engine.generate(Prompt((Sentinel.MIDDLE, "for i in ")), LINE).text
    assert len(found) == count
