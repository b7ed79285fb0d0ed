import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.batch import BatchEngine
from lowabs_lsp.engine.bundle import OpenBundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BusyError, EngineError
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Decoding, Generated, Prompt, Sentinel, Stop

CODE = ("def ", "import", "    ", "\n", "return x", "(self, ", "):", '"é', "🦊", "config", "_name", " = ")
TEXTS = st.lists(st.sampled_from(CODE), max_size=30).map("".join)
PROMPTS = st.builds(
    lambda suffix, prefix: Prompt((Sentinel.FILE, "a.py\n", Sentinel.PREFIX, Sentinel.SUFFIX, suffix, Sentinel.MIDDLE, prefix)),
    TEXTS,
    TEXTS,
)
DECODINGS = st.builds(Decoding, max_tokens=st.integers(0, 12), temperature=st.sampled_from([0.0, 0.8]), seed=st.integers(0, 9))
HELLO = Prompt(("def hello(",), heal=False)
LONG = Decoding(max_tokens=400, temperature=1.5)


class Silence:
    """Drafts nothing, so that each token is a run."""

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        return ()


@pytest.fixture(scope="module")
def alone(bundle: OpenBundle) -> LocalEngine:
    return LocalEngine(bundle, EngineSettings(device="cpu", threads=1))


Start = Callable[..., BatchEngine]


@pytest.fixture(scope="module")
def start(alone: LocalEngine) -> Iterator[Start]:
    engines: list[BatchEngine] = []

    def make(**options: int) -> BatchEngine:
        engines.append(BatchEngine(alone, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def gist(generated: Generated) -> tuple[object, ...]:
    return generated.text, generated.tokens, generated.logprobs, generated.stop


@settings(deadline=None, max_examples=30)
@given(
    asked=st.lists(st.tuples(PROMPTS, DECODINGS), min_size=2, max_size=8),
    sequences=st.integers(1, 4),
    workers=st.integers(1, 2),
)
def test_batched_equals_alone(
    alone: LocalEngine, start: Start, asked: list[tuple[Prompt, Decoding]], sequences: int, workers: int
) -> None:
    engine = start(sequences=sequences, workers=workers)
    together = [engine.submit(prompt, decoding) for prompt, decoding in asked]
    assert [gist(one.result()) for one in together] == [gist(alone.generate(*one)) for one in asked]
    engine.close()


def test_a_short_request_does_not_wait_behind_a_long_one(start: Start) -> None:
    engine = start(sequences=2)
    short: list[Future[Generated]] = []
    ended: list[str] = []

    def heard(text: str) -> None:
        if not short:
            short.append(engine.submit(HELLO, Decoding(max_tokens=2), draft=Silence()))
            short[0].add_done_callback(lambda _: ended.append("short"))

    long = engine.submit(HELLO, LONG, draft=Silence(), heard=heard)
    long.add_done_callback(lambda _: ended.append("long"))
    assert long.result().model_runs > 2
    assert ended == ["short", "long"]


def test_what_is_heard_grows_up_to_the_whole_answer(start: Start) -> None:
    heard: list[str] = []
    generated = start(sequences=1).submit(HELLO, Decoding(max_tokens=20), heard=heard.append).result()
    assert heard[-1] == generated.text
    assert all(after.startswith(before) for before, after in itertools.pairwise(heard))


def test_a_cancelled_request_ends_and_makes_room(start: Start) -> None:
    engine = start(sequences=1)
    gone = threading.Event()
    cancelled = engine.submit(HELLO, LONG, gone.is_set, draft=Silence(), heard=lambda _: gone.set())
    after = engine.submit(HELLO, Decoding(max_tokens=3))
    assert cancelled.result().stop is Stop.CANCELLED
    assert after.result().stop is not Stop.CANCELLED
    assert engine.load == (0, 0)


def test_more_than_may_wait_are_refused(start: Start) -> None:
    engine = start(sequences=1, waiting=1)
    running, free = threading.Event(), threading.Event()

    def heard(text: str) -> None:
        running.set()
        free.wait()

    first = engine.submit(HELLO, Decoding(max_tokens=3), heard=heard)
    running.wait()
    second = engine.submit(HELLO, Decoding(max_tokens=3))
    assert engine.load == (1, 1)
    with pytest.raises(BusyError, match="1 requests wait"):
        engine.submit(HELLO, Decoding(max_tokens=3))
    free.set()
    assert gist(first.result()) == gist(second.result())


def test_a_prompt_that_does_not_fit_harms_nobody_else(start: Start) -> None:
    engine = start(sequences=1)
    with pytest.raises(EngineError, match="leaves no room"):
        engine.generate(Prompt(("x = 1\n" * 500,)), Decoding())
    assert engine.generate(HELLO, Decoding(max_tokens=3)).tokens
    assert engine.load == (0, 0)


def test_the_next_request_of_a_session_finds_its_cache(start: Start) -> None:
    engine = start(sequences=2, workers=2)
    engine.generate(HELLO, Decoding(max_tokens=3))
    again = engine.generate(HELLO, Decoding(max_tokens=3))
    assert again.reused_tokens == again.prompt_tokens - 1


def test_a_closed_engine_cancels_what_is_left(start: Start) -> None:
    engine = start(sequences=1)
    long = engine.submit(HELLO, LONG, draft=Silence(), heard=lambda _: engine.close())
    assert long.result().stop is Stop.CANCELLED
    with pytest.raises(BusyError):
        engine.submit(HELLO, LONG)
