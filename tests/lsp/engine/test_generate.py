import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.chunk_length import ChunkLength
from lowabs_lsp.engine.draft import PromptLookup
from lowabs_lsp.engine.generate import Model, encode, generate
from lowabs_lsp.engine.kv_cache import KvCache
from lowabs_lsp.engine.sampling import log_softmax
from lowabs_lsp.errors import EngineError
from lowabs_lsp.values import Decoding, Draft, FloatArray, Generated, Layout, Mixer, Prompt, Sentinel, Stop, never

Fresh = Callable[[], Model]

exact = settings(deadline=None, max_examples=int(os.environ.get("EXAMPLES", "40")))
CODE = ("def ", "import", "    ", "\n", "return x", "(self, ", "):", '"é', "🦊", "0x1f", "config", "_name", " = ", "#")
TEXTS = st.lists(st.one_of(st.sampled_from(CODE), st.text(max_size=3)), max_size=30).map("".join)
PROMPTS = st.builds(
    lambda path, suffix, prefix: Prompt(
        (Sentinel.FILE, path, Sentinel.PREFIX, Sentinel.SUFFIX, suffix, Sentinel.MIDDLE, prefix)
    ),
    st.sampled_from(["a.py\n", "b/c.sh\n"]),
    TEXTS,
    TEXTS,
)
DECODINGS = st.one_of(
    st.builds(Decoding, max_tokens=st.integers(1, 12)),
    st.builds(
        Decoding,
        max_tokens=st.integers(1, 12),
        temperature=st.floats(0.2, 2),
        top_k=st.integers(0, 50),
        top_p=st.floats(0.5, 1),
        min_p=st.floats(0, 0.1),
        seed=st.integers(0, 1000),
    ),
)


class Silence:
    """Drafts nothing."""

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        return ()


class Noise:
    """Drafts drawn tokens, right or wrong."""

    def __init__(self, guesses: Sequence[int]) -> None:
        self.guesses = itertools.cycle(guesses)

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        return list(itertools.islice(self.guesses, 20))  # more than asked for, too


class Oracle:
    """Drafts what is known to come."""

    def __init__(self, model: Model, prompt: Prompt, tokens: Sequence[int]) -> None:
        self.all = [*encode(model, prompt)[0], *tokens]

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        return self.all[len(tokens) : len(tokens) + count] if list(tokens) == self.all[: len(tokens)] else ()


def say(
    model: Model,
    prompt: Prompt,
    decoding: Decoding | None = None,
    draft: Draft | None = None,
    mixer: Mixer | None = None,
    cancelled: Callable[[], bool] = never,
) -> Generated:
    return generate(model, prompt, decoding or Decoding(), cancelled, draft=draft or Silence(), mixer=mixer)


def gist(generated: Generated) -> tuple[str, tuple[int, ...], tuple[float, ...], Stop]:
    """What must not depend on caches and drafts."""
    return generated.text, generated.tokens, generated.logprobs, generated.stop


def greedy(model: Model, prompt: Prompt, count: int) -> tuple[list[int], list[float]]:
    """The slow and plain way: the whole sequence anew for each token."""
    ids, torn = encode(model, prompt)
    assert not torn
    tokens: list[int] = []
    logprobs: list[float] = []
    while len(tokens) < count and not set(tokens) & set(model.tokenizer.special.values()):
        sequence = [*ids, *tokens]
        row = log_softmax(model.session.run(model.session.create_memory(), sequence, 0, 1)[0])
        tokens.append(int(row.argmax()))
        logprobs.append(float(row.max()))
    return tokens, logprobs


# equalities


@exact
@given(prompt=PROMPTS, count=st.integers(1, 10))
def test_the_loop_says_what_the_plain_way_says(fresh: Fresh, prompt: Prompt, count: int) -> None:
    model, prompt = fresh(), evolve(prompt, heal=False)
    generated = say(model, prompt, Decoding(max_tokens=count), PromptLookup())
    assert (list(generated.tokens), list(generated.logprobs)) == greedy(model, prompt, count)


@exact
@given(asked=st.lists(st.tuples(PROMPTS, DECODINGS), min_size=2, max_size=8))
def test_cached_equals_uncached(fresh: Fresh, asked: list[tuple[Prompt, Decoding]]) -> None:
    cached = fresh()
    for prompt, decoding in asked:
        assert gist(say(cached, prompt, decoding)) == gist(say(fresh(), prompt, decoding))


@exact
@given(prompt=PROMPTS, decoding=DECODINGS, edits=st.lists(st.tuples(st.integers(0, 60), TEXTS), max_size=6))
def test_cached_equals_uncached_while_a_text_is_edited(
    fresh: Fresh, prompt: Prompt, decoding: Decoding, edits: list[tuple[int, str]]
) -> None:
    cached = fresh()
    for place, text in edits:
        *before, prefix = prompt.segments
        prompt = evolve(prompt, segments=(*before, f"{prefix[:place]}{text}{prefix[place:]}"))
        assert gist(say(cached, prompt, decoding, PromptLookup())) == gist(say(fresh(), prompt, decoding))


@exact
@given(prompt=PROMPTS, decoding=DECODINGS, guesses=st.lists(st.integers(-2, 520), min_size=1, max_size=40))
def test_drafted_equals_undrafted(fresh: Fresh, prompt: Prompt, decoding: Decoding, guesses: list[int]) -> None:
    plain = gist(say(fresh(), prompt, decoding))
    assert gist(say(fresh(), prompt, decoding, Noise(guesses))) == plain
    assert gist(say(fresh(), prompt, decoding, PromptLookup())) == plain


@exact
@given(prompt=PROMPTS, decoding=DECODINGS)
def test_right_drafts_change_nothing(fresh: Fresh, prompt: Prompt, decoding: Decoding) -> None:
    plain = say(fresh(), prompt, decoding)
    assert gist(say(fresh(), prompt, decoding, Oracle(fresh(), prompt, plain.tokens))) == gist(plain)


def test_a_perfect_draft_needs_one_run(fresh: Fresh) -> None:
    prompt, decoding = Prompt(("def f(x):\n",), heal=False), Decoding(max_tokens=12)
    plain = say(fresh(), prompt, decoding)
    drafted = say(fresh(), prompt, decoding, Oracle(fresh(), prompt, plain.tokens))
    assert gist(drafted) == gist(plain)
    assert (plain.model_runs, drafted.model_runs) == (len(plain.tokens), 1)
    assert drafted.accepted_tokens == drafted.drafted_tokens == len(plain.tokens) - 1


@exact
@given(prompt=PROMPTS, decoding=DECODINGS, chunk=st.integers(1, 50))
def test_prefill_in_chunks_equals_prefill_in_one_piece(fresh: Fresh, prompt: Prompt, decoding: Decoding, chunk: int) -> None:
    chunked = say(evolve(fresh(), chunk_length=ChunkLength(1, longest=chunk)), prompt, decoding)
    assert gist(chunked) == gist(say(fresh(), prompt, decoding))
    assert chunked.model_runs >= len(encode(fresh(), prompt)[0]) // chunk


# reuse


def test_the_next_key_costs_one_run_of_few_tokens(fresh: Fresh) -> None:
    model = fresh()
    text = "def function(argument):\n    return argument\n" * 4
    first = say(model, Prompt((text,)), Decoding(max_tokens=1))
    second = say(model, Prompt((text + "d",)), Decoding(max_tokens=1))
    assert first.reused_tokens == 0
    assert second.prompt_tokens - second.reused_tokens <= 8


def test_switching_between_two_documents_computes_neither_again(fresh: Fresh) -> None:
    model, one = fresh(), Decoding(max_tokens=1)
    left, right = Prompt((Sentinel.FILE, "a.py\n", "x = 1\n" * 20)), Prompt((Sentinel.FILE, "b.py\n", "y = 2\n" * 20))
    for prompt in (left, right):
        say(model, prompt, one)
    for prompt in (left, right, left, right):
        generated = say(model, prompt, one)
        assert generated.prompt_tokens - generated.reused_tokens <= 4


@settings(deadline=None, max_examples=20)
@given(prompts=st.lists(PROMPTS, min_size=2, max_size=5), sequences=st.integers(1, 2))
def test_a_document_that_comes_back_after_eviction_says_the_same(fresh: Fresh, prompts: list[Prompt], sequences: int) -> None:
    model = fresh()
    small = evolve(model, cache=KvCache(model.session.create_memory, sequences))
    for prompt in [*prompts, *prompts]:
        assert gist(say(small, prompt, Decoding(max_tokens=3))) == gist(say(fresh(), prompt, Decoding(max_tokens=3)))


# healing


@exact
@given(text=TEXTS, data=st.data(), decoding=DECODINGS)
def test_a_completion_continues_exactly_at_the_cut(fresh: Fresh, text: str, data: st.DataObject, decoding: Decoding) -> None:
    model = fresh()
    prefix = text[: data.draw(st.integers(0, len(text)))]
    kept, torn = encode(model, Prompt((Sentinel.MIDDLE, prefix)))
    generated = say(model, Prompt((Sentinel.MIDDLE, prefix)), decoding, PromptLookup())
    owed, said = model.tokenizer.decode_bytes(torn), model.tokenizer.decode_bytes(generated.tokens)
    assert model.tokenizer.decode_bytes(kept) + owed == prefix.encode()
    assert said.startswith(owed) or owed.startswith(said)
    assert said[len(owed) :].startswith(generated.text.encode())


@pytest.mark.parametrize("segments", [(Sentinel.MIDDLE, "retur"), (Sentinel.FILE, "x", Sentinel.MIDDLE, "a", "b")])
def test_only_the_last_text_is_taken_back(fresh: Fresh, segments: tuple[str, ...]) -> None:
    _, torn = encode(fresh(), Prompt(segments))
    assert torn
    assert fresh().tokenizer.decode_bytes(torn) in segments[-1].encode()


@pytest.mark.parametrize("prompt", [Prompt(("ab",), heal=False), Prompt(("ab", Sentinel.MIDDLE)), Prompt(("ab", ""))])
def test_nothing_is_taken_back_where_nothing_can_be_torn(fresh: Fresh, prompt: Prompt) -> None:
    assert encode(fresh(), prompt)[1] == []


def test_a_torn_word_gets_the_token_of_the_whole_word(fresh: Fresh) -> None:
    """The model is made to want one word; healing lets it say so in the word's own token."""
    model = fresh()
    (word,) = model.tokenizer.encode(" return")
    assert say(model, Prompt((Sentinel.MIDDLE, " retu")), Decoding(max_tokens=1), mixer=Insist(word)).text == "rn"


class Insist:
    """Wants one token, whatever the model says."""

    def __init__(self, token: int) -> None:
        self.token = token

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        mixed = np.full_like(logprobs, -30.0)
        mixed[self.token] = 0.0
        return mixed


def test_tokens_that_only_repeat_the_prompt_are_not_counted(fresh: Fresh) -> None:
    model = fresh()
    for text in ("x = 1", "def f(", "    "):
        generated = say(model, Prompt((Sentinel.MIDDLE, text)), Decoding(max_tokens=3))
        assert generated.stop is Stop.LENGTH or generated.stop is Stop.END
        owed = len(model.tokenizer.decode_bytes(encode(model, Prompt((Sentinel.MIDDLE, text)))[1]))
        beyond = itertools.accumulate(len(model.tokenizer.bytes_of[token]) for token in generated.tokens)
        assert sum(end > owed for end in beyond) <= 3


# mixing


class Recorder:
    """Lets everything pass and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-4)
        self.seen.append(list(tokens))
        return logprobs


def test_a_mixer_sees_the_sequence_before_each_token(fresh: Fresh) -> None:
    recorder, prompt = Recorder(), Prompt(("for i in ",), heal=False)
    generated = say(fresh(), prompt, Decoding(max_tokens=5), PromptLookup(), recorder)
    ids, _ = encode(fresh(), prompt)
    assert recorder.seen == [[*ids, *generated.tokens[:n]] for n in range(len(generated.tokens))]


class Reverse:
    """Prefers what the model dislikes."""

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        return log_softmax(-logprobs)


@exact
@given(prompt=PROMPTS, decoding=DECODINGS, guesses=st.lists(st.integers(0, 511), min_size=1, max_size=9))
def test_drafted_equals_undrafted_under_a_mixer(fresh: Fresh, prompt: Prompt, decoding: Decoding, guesses: list[int]) -> None:
    plain = gist(say(fresh(), prompt, decoding, mixer=Reverse()))
    assert gist(say(fresh(), prompt, decoding, Noise(guesses), Reverse())) == plain


# stopping


@exact
@given(prompt=PROMPTS, data=st.data())
def test_the_text_ends_before_the_first_stop_wherever_it_begins(fresh: Fresh, prompt: Prompt, data: st.DataObject) -> None:
    free = say(fresh(), prompt, Decoding(max_tokens=12)).text
    if not free:
        return
    stops = []
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(free) - 1))
        stops.append(free[start : data.draw(st.integers(start + 1, len(free)))])
    generated = say(fresh(), prompt, Decoding(max_tokens=12, stop=tuple(stops)), PromptLookup())
    ends = [free.index(stop) + len(stop) for stop in stops]  # a stop counts when it is complete
    assert generated.stop is Stop.TEXT
    assert free.startswith(generated.text)
    assert not any(stop in generated.text for stop in stops)
    assert any(free.startswith(generated.text + stop) for stop in stops)
    assert len(generated.text) <= min(ends)


def test_the_end_token_ends_the_middle_and_has_no_text(fresh: Fresh) -> None:
    end = fresh().tokenizer.special["<|endoftext|>"]
    generated = say(fresh(), Prompt(("x",), heal=False), mixer=Insist(end))
    assert (generated.text, generated.tokens, generated.stop) == ("", (end,), Stop.END)


def test_max_tokens_is_the_length(fresh: Fresh) -> None:
    model = fresh()
    token = model.tokenizer.encode("x")[0]
    generated = say(model, Prompt(("a",), heal=False), Decoding(max_tokens=7), mixer=Insist(token))
    assert (generated.text, generated.stop) == ("x" * 7, Stop.LENGTH)


def test_generation_stops_at_the_end_of_the_context(fresh: Fresh) -> None:
    model = fresh()
    token = model.tokenizer.encode("x")[0]
    prompt = Prompt((Sentinel.MIDDLE, "a" * (model.session.context_length - 5)), heal=False)
    ids, _ = encode(model, prompt)
    generated = say(model, prompt, Decoding(max_tokens=1000), PromptLookup(), Insist(token))
    assert len(ids) + len(generated.tokens) == model.session.context_length
    assert generated.stop is Stop.LENGTH


@pytest.mark.parametrize("heal", [True, False])
def test_a_prompt_that_fills_the_context_is_an_error_that_says_what_to_do(fresh: Fresh, heal: bool) -> None:
    model = fresh()
    length = model.session.context_length
    with pytest.raises(EngineError, match=r"lower the setting context\.maxTokens"):
        say(model, Prompt((Sentinel.MIDDLE, *["x"] * (length - 1)), heal=heal))
    assert say(model, Prompt((Sentinel.MIDDLE, *["x"] * (length - 2)), heal=heal)).prompt_tokens == length - 1


def test_an_empty_prompt_begins_a_text(fresh: Fresh) -> None:
    assert say(fresh(), Prompt(()), Decoding(max_tokens=2)).tokens == say(fresh(), Prompt(("",)), Decoding(max_tokens=2)).tokens


def test_a_role_that_the_layout_lacks_is_left_out(fresh: Fresh) -> None:
    model = fresh()
    layout = Layout("spm", {Sentinel.MIDDLE: "<|fim_middle|>"}, ("<|endoftext|>",))
    bare = evolve(model, layout=layout)
    assert encode(bare, Prompt((Sentinel.FILE, Sentinel.MIDDLE, "x"))) == encode(model, Prompt((Sentinel.MIDDLE, "x")))


@pytest.mark.parametrize("text", ["", "x", "retur"])
def test_a_prompt_begins_with_the_token_that_the_layout_says(fresh: Fresh, text: str) -> None:
    model = fresh()
    begun = evolve(model, layout=evolve(model.layout, begin="<|fim_pad|>"))
    kept, torn = encode(begun, Prompt((text,)))
    assert kept[0] == model.tokenizer.special["<|fim_pad|>"]
    assert [*kept[1:], *torn] == list(model.tokenizer.encode(text))


# cancelling


class CancelAt:
    """Cancels when it is asked for its n-th draft."""

    def __init__(self, nth: int) -> None:
        self.left = nth
        self.cancel = threading.Event()

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        self.left -= 1
        if self.left == 0:
            self.cancel.set()
        return ()


@settings(deadline=None, max_examples=20)
@given(prompt=PROMPTS, nth=st.integers(1, 6))
def test_a_cancel_is_seen_before_the_next_run(fresh: Fresh, prompt: Prompt, nth: int) -> None:
    draft = CancelAt(nth)
    generated = say(fresh(), prompt, Decoding(max_tokens=20), draft, cancelled=draft.cancel.is_set)
    if draft.left == 0:
        assert generated.stop is Stop.CANCELLED
        assert generated.model_runs == nth - 1


@settings(deadline=None, max_examples=20)
@given(prompt=PROMPTS, nth=st.integers(1, 6))
def test_after_a_cancel_everything_is_as_if_nothing_had_happened(fresh: Fresh, prompt: Prompt, nth: int) -> None:
    model, draft = fresh(), CancelAt(nth)
    say(model, prompt, Decoding(max_tokens=20), draft, cancelled=draft.cancel.is_set)
    assert gist(say(model, prompt)) == gist(say(fresh(), prompt))


def test_a_cancel_during_prefill_ends_within_a_chunk(fresh: Fresh) -> None:
    model, prompt = evolve(fresh(), chunk_length=ChunkLength(1, longest=16)), Prompt((Sentinel.MIDDLE, "x" * 100))
    asked, me = itertools.count(), threading.get_ident()
    generated = say(model, prompt, cancelled=lambda: threading.get_ident() == me and next(asked) >= 2)
    assert (generated.stop, generated.model_runs, generated.tokens) == (Stop.CANCELLED, 2, ())


def test_who_gave_up_before_it_began_gets_nothing(fresh: Fresh) -> None:
    generated = say(fresh(), Prompt(("x",)), cancelled=lambda: True)
    assert (generated.stop, generated.model_runs, generated.text) == (Stop.CANCELLED, 0, "")


def test_a_deadline_that_is_over_returns_what_there_is(fresh: Fresh) -> None:
    generated = say(fresh(), Prompt(("x",)), Decoding(deadline=time.monotonic()))
    assert (generated.stop, generated.tokens) == (Stop.DEADLINE, ())


def test_an_observer_hears_the_text_grow_and_changes_nothing(fresh: Fresh) -> None:
    model, heard, prompt = fresh(), list[str](), Prompt(("def f(",))
    plain = say(model, prompt, Decoding(max_tokens=6))
    observed = say(model, prompt, Decoding(max_tokens=6, observer=heard.append))
    assert gist(observed) == gist(plain)
    assert (len(heard), heard[-1]) == (observed.model_runs, observed.text)
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(heard))


def test_counts_and_times_add_up(fresh: Fresh) -> None:
    generated = say(fresh(), Prompt((Sentinel.MIDDLE, "def f(x")), Decoding(max_tokens=6), PromptLookup())
    assert len(generated.tokens) == len(generated.logprobs)
    assert 0 <= generated.accepted_tokens <= generated.drafted_tokens
    assert len(generated.tokens) <= generated.accepted_tokens + generated.model_runs
    assert min(generated.timings.encode, generated.timings.prefill, generated.timings.decode) >= 0


@exact
@given(prompt=PROMPTS, count=st.integers(1, 10))
def test_each_token_has_its_end_and_its_certainty(fresh: Fresh, prompt: Prompt, count: int) -> None:
    generated = say(fresh(), prompt, Decoding(max_tokens=count, stop=("\n",)))
    assert len(generated.tokens) == len(generated.ends) == len(generated.chances) == len(generated.entropies)
    assert list(generated.ends) == sorted(generated.ends)
    assert not generated.ends or generated.ends[-1] >= len(generated.text.encode())
    assert all(chance >= logprob - 1e-4 for chance, logprob in zip(generated.chances, generated.logprobs, strict=True))
