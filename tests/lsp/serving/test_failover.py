import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.errors import BusyError, EngineError
from lowabs_lsp.serving.failover import Budget, LostError, Patience, keep_streaming, keep_trying
from lowabs_lsp.serving.jobs import Answer, Pieces
from lowabs_lsp.values import Generated, Stop

END = Answer(Generated("", (), (), Stop.END))


HASTY = Patience(first_pause=0.0)


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


async def said(attempt: Callable[[int], Pieces], patience: Patience = HASTY) -> tuple[str, list[Answer]]:
    pieces = [piece async for piece in keep_streaming(attempt, patience, Budget())]
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

    assert await keep_trying(attempt, HASTY, Budget()) == 3


async def test_a_job_that_fails_is_not_tried_again() -> None:
    tried: list[int] = []

    async def attempt(number: int) -> int:
        tried.append(number)
        raise EngineError("leaves no room")

    with pytest.raises(EngineError, match="leaves no room"):
        await keep_trying(attempt, HASTY, Budget())
    assert tried == [0]


async def test_there_is_an_end_to_patience() -> None:
    with pytest.raises(BusyError, match="try again"):
        await said(lost_after(0, text="x"), Patience(until_busy=0.0))


async def test_a_silent_replica_gets_a_helper_and_is_let_go() -> None:
    let_go = asyncio.Event()

    async def attempt(number: int) -> int:
        try:
            await asyncio.Event().wait() if number == 0 else None
        except asyncio.CancelledError:
            let_go.set()
            raise
        return number

    assert await keep_trying(attempt, Patience(until_another=0.001), Budget()) == 1
    await let_go.wait()


async def test_a_helper_that_is_lost_leaves_the_slow_one_its_job() -> None:
    helped = asyncio.Event()

    async def attempt(number: int) -> int:
        if number == 1:
            helped.set()
            raise LostError("dead")
        await helped.wait()
        return number

    assert await keep_trying(attempt, Patience(until_another=0.001), Budget()) == 0


async def test_a_job_is_not_given_once_more_to_the_only_replica() -> None:
    done = asyncio.Event()
    tried: list[int] = []

    async def attempt(number: int) -> int:
        tried.append(number)
        await done.wait()
        return number

    def has_another() -> bool:
        done.set()
        return False

    assert await keep_trying(attempt, Patience(until_another=0.001), Budget(), has_another) == 0
    assert tried == [0]


async def test_a_silent_stream_stays_where_no_other_replica_is() -> None:
    done = asyncio.Event()
    budget = Budget()

    async def attempt(number: int) -> Pieces:
        assert number == 0
        yield "ab"
        await done.wait()
        yield "cd"
        yield END

    def has_another() -> bool:
        done.set()
        return False

    pieces = keep_streaming(attempt, Patience(until_another=0.001), budget, has_another)
    assert [piece async for piece in pieces] == ["ab", "cd", END]


async def test_a_stream_that_nobody_wants_any_more_is_closed_while_it_is_silent() -> None:
    closed = asyncio.Event()

    async def attempt(number: int) -> Pieces:
        try:
            yield "ab"
            await asyncio.Event().wait()
        finally:
            closed.set()

    pieces = keep_streaming(attempt, HASTY, Budget())
    assert await anext(pieces) == "ab"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pieces.aclose()
    assert closed.is_set()


async def test_a_silent_stream_goes_on_elsewhere() -> None:
    async def attempt(number: int) -> Pieces:
        yield "ab"
        if number == 0:
            await asyncio.Event().wait()
        yield "cd"
        yield END

    assert await said(attempt, Patience(until_another=0.001)) == ("abcd", [END])


@given(jobs=st.integers(0, 200))
def test_silent_jobs_get_helpers_for_a_tenth_of_all_jobs(jobs: int) -> None:
    budget, helpers = Budget(share=0.1, most=5), 0
    for _ in range(jobs):
        budget.earn()
        if not budget.is_spent:
            budget.spend()
            helpers += 1
    assert helpers <= 5 + 0.1 * jobs


async def test_without_a_budget_a_slow_replica_keeps_its_job_alone() -> None:
    slow = asyncio.get_running_loop().create_future()

    async def attempt(number: int) -> int:
        asyncio.get_running_loop().call_later(0.05, slow.set_result, None)
        await slow
        return number

    assert await keep_trying(attempt, Patience(until_another=0.001), Budget(most=0)) == 0
