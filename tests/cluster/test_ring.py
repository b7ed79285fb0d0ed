import asyncio
import pickle
import warnings
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from lowabs_lsp.serving.route import Route
from lowabs_lsp.serving.silence import PATIENCE, Silence

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: pip install 'lowabs-lsp[cluster]'", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Ray's own
    from ray.serve._private import common
    from ray.serve.request_router import PendingRequest, ReplicaID

    from lowabs_lsp.serving.ring import Ring

pytestmark = pytest.mark.cluster

ENGINE = common.DeploymentID(name="Engine", app_name="lowabs")


class Standing:
    """What a router has of a replica, as far as it is asked here: it tells how many jobs it has, or nothing at all."""

    max_ongoing_requests = 64

    def __init__(self, name: str) -> None:
        self.replica_id = ReplicaID(name, ENGINE)

    async def get_queue_len(self, *, deadline_s: float) -> int:
        return 0


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def on_ring(test: Callable[[Ring, Clock], Awaitable[None]], names: str = "abc") -> None:
    async def run() -> None:
        router = Ring(ENGINE, common.DeploymentHandleSource.REPLICA)
        router.initialize_state()
        clock = Clock()
        router._silence = Silence(clock)
        router.update_replicas([Standing(name) for name in names])
        await test(router, clock)

    asyncio.run(run())


async def order(router: Ring, session: str, *arguments: object) -> list[str]:
    """The replicas in the order in which a job is offered to them."""
    metadata = common.RequestMetadata(request_id="r", internal_request_id="i", session_id=session)
    ranks: Sequence[Sequence[Any]] = await router.choose_replicas(
        router._replicas_list, PendingRequest(args=list(arguments), kwargs={}, metadata=metadata)
    )
    return [replica.replica_id.unique_id for rank in ranks for replica in rank]


def test_a_session_has_its_replica_and_each_further_try_another_one() -> None:
    async def test(router: Ring, clock: Clock) -> None:
        for session in map(str, range(20)):
            route = Route()
            home = await order(router, session, route)
            assert home == await order(router, session, Route()) == await order(router, session)
            tries = [home[0], *[(await order(router, session, route))[0] for _ in range(2)]]
            assert tries == home
            assert (await order(router, session, route)) == home  # all have had it

    on_ring(test)


def test_what_a_dead_replica_had_goes_where_its_session_lives_from_now_on() -> None:
    async def test(router: Ring, clock: Clock) -> None:
        route = Route()
        victim = (await order(router, "s", route))[0]
        router.on_replica_actor_died(ReplicaID(victim, ENGINE))
        assert await order(router, "s", route) == await order(router, "s", Route())

    on_ring(test)


def test_a_job_has_another_replica_as_long_as_one_speaks_that_has_not_had_it() -> None:
    async def test(router: Ring, clock: Clock) -> None:
        route = Route()
        assert not route.has_another()
        _, second = await order(router, "s", route)
        assert route.has_another()
        router.on_send_request(ReplicaID(second, ENGINE))
        clock.now += 2 * PATIENCE
        assert not route.has_another()
        router.on_new_queue_len_info(ReplicaID(second, ENGINE), 1)
        assert route.has_another()
        router.on_replica_actor_died(ReplicaID(second, ENGINE))
        assert not route.has_another()

    on_ring(test, "ab")


def test_a_silent_replica_comes_last_until_it_says_something() -> None:
    async def test(router: Ring, clock: Clock) -> None:
        home = await order(router, "s", Route())
        router.on_send_request(ReplicaID(home[0], ENGINE))
        clock.now += 2 * PATIENCE
        assert await order(router, "s", Route()) == [*home[1:], home[0]]
        await asyncio.gather(*router._trials.values())  # it is asked, and answers
        assert await order(router, "s", Route()) == home

    on_ring(test)


def test_a_route_travels_without_what_it_knows() -> None:
    route = Route()
    route.asked.append("a")
    route.others = lambda: True
    assert pickle.loads(pickle.dumps(route)).asked == []
