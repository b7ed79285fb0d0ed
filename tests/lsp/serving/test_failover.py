import asyncio
from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.errors import BusyError, EngineError
from lowabs_lsp.serving import failover
from lowabs_lsp.serving.failover import LostError, keep_streaming, keep_trying, session_of_try
from lowabs_lsp.serving.jobs import Answer, Job, Pieces
from lowabs_lsp.values import Decoding, Generated, Stop

END = Answer(Generated("", (), (), Stop.END))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "FIRST_PAUSE", 0.0)


def lost_after(*lives: int, text: str, piece: int = 2) -> Callable[[int], Pieces]:
    """Replicas that say `text` in pieces; each of the first dies when it has said so many characters."""

    async def attempt(number: int) -> Pieces:
        life = lives[number] if number < len(lives) else None
        size = piece + number  # another replica may cut its pieces elsewhere
        for start in range(0, len(text), size):
            if life is not None and start >= life:
                raise LostError("dead")
            yield text[start : start + size]
        if life is not None:
            raise LostError("dead")
        yield END

    return attempt


async def said(attempt: Callable[[int], Pieces]) -> tuple[str, list[Answer]]:
    pieces = [piece async for piece in keep_streaming(attempt)]
    return "".join(p for p in pieces if isinstance(p, str)), [p for p in pieces if isinstance(p, Answer)]


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=20), lives=st.lists(st.integers(0, 25), max_size=4))
def test_a_stream_says_all_of_its_text_once_however_many_replicas_die(text: str, lives: list[int]) -> None:
    assert asyncio.run(said(lost_after(*lives, text=text))) == (text, [END])


async def test_an_answer_comes_from_the_first_replica_that_lives() -> None:
    async def attempt(number: int) -> int:
        if number < 3:
            raise LostError("dead")
        return number

    assert await keep_trying(attempt) == 3


async def test_a_job_that_fails_is_not_tried_again() -> None:
    tried: list[int] = []

    async def attempt(number: int) -> int:
        tried.append(number)
        raise EngineError("leaves no room")

    with pytest.raises(EngineError, match="leaves no room"):
        await keep_trying(attempt)
    assert tried == [0]


async def test_there_is_an_end_to_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(BusyError, match="try again"):
        await said(lost_after(0, text="x"))


def test_a_session_stays_until_its_place_seems_ill() -> None:
    job = evolve(Job("x", None, Decoding()), session="s")
    assert [session_of_try(job, number) for number in range(4)] == ["s", "s", "s#2", "s#3"]
