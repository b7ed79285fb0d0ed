from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.batch import BatchEngine
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.serving.jobs import Answer, Job, ModelCard
from lowabs_lsp.serving.local import LocalBackend, sure_length
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Cancelled, Decoding, Generated, Prompt, never

TINY = Path(__file__).parents[2] / "data" / "tiny"
JOB = Job("def add(a, b):\n    return ", "\n", Decoding(max_tokens=12), streamed=True)


class Recording(BatchEngine):
    """Keeps how it may learn that nobody waits for what it was asked last."""

    cancelled: Cancelled = never

    def submit(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled = never, **options: Any) -> Future[Generated]:
        self.cancelled = cancelled
        return super().submit(prompt, decoding, cancelled, **options)


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalBackend]:
    engine = LocalEngine.open(TINY, EngineSettings(device="cpu", threads=1))
    batch = Recording(engine, sequences=2)
    yield LocalBackend(batch, ModelCard("tiny", "MIT", engine.context_length, engine.description))
    batch.close()


async def run(backend: LocalBackend, job: Job) -> tuple[list[str], Answer]:
    *texts, answer = [piece async for piece in backend.run(job)]
    assert isinstance(answer, Answer)
    return [text for text in texts if isinstance(text, str)], answer


async def test_the_pieces_of_a_stream_are_the_answer(backend: LocalBackend) -> None:
    texts, answer = await run(backend, JOB)
    assert len(texts) > 1
    assert "".join(texts) == answer.generated.text


async def test_what_is_not_streamed_is_the_same_in_one_piece(backend: LocalBackend) -> None:
    _, streamed = await run(backend, JOB)
    texts, whole = await run(backend, evolve(JOB, streamed=False))
    assert (texts, whole.generated.text, whole.spelled) == ([], streamed.generated.text, streamed.spelled)


async def test_a_stop_text_is_never_streamed(backend: LocalBackend) -> None:
    _, free = await run(backend, JOB)
    stop = free.generated.text[3:6]
    texts, answer = await run(backend, evolve(JOB, decoding=Decoding(max_tokens=12, stop=(stop,))))
    assert "".join(texts) == answer.generated.text == free.generated.text[: free.generated.text.index(stop)]


async def test_the_most_probable_tokens_are_told_and_the_greedy_one_is_first(backend: LocalBackend) -> None:
    _, answer = await run(backend, evolve(JOB, alternatives=3, prefix="x", suffix=None))
    assert [next(iter(row)) for row in answer.alternatives] == list(answer.spelled)
    assert all(len(row) == 3 for row in answer.alternatives)
    assert [max(row.values()) for row in answer.alternatives] == list(answer.generated.logprobs)


async def test_closing_tells_the_engine_that_nobody_waits(backend: LocalBackend) -> None:
    pieces = backend.run(JOB)
    await anext(pieces)
    assert isinstance(backend.engine, Recording)
    assert not backend.engine.cancelled()
    await pieces.aclose()
    assert backend.engine.cancelled()


@given(text=st.text("ab", max_size=8), stops=st.lists(st.text("ab", min_size=1, max_size=3), max_size=3), more=st.text("ab"))
def test_what_is_sure_stays_whatever_follows(text: str, stops: list[str], more: str) -> None:
    def cut(whole: str) -> str:
        return whole[: min((whole.index(stop) for stop in stops if stop in whole), default=len(whole))]

    if cut(text) == text:
        sure = sure_length(text, tuple(stops))
        assert cut(text + more)[:sure] == text[:sure]
