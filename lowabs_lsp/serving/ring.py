"""Which replica a job goes to: its session's on a ring of hashes, and with each further try the next one on the ring."""

from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter
from ray.serve.request_router import PendingRequest, RunningReplica


class Ring(ConsistentHashRouter):  # type: ignore[misc]  # Ray's types are not read
    """Consistent hashing that takes a try's number, the last argument of a call, as steps along the ring."""

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Replicas in the order in which they are asked."""
        ranks: list[list[RunningReplica]] = await super().choose_replicas(candidate_replicas, pending_request)
        number = pending_request.args[-1] if pending_request and pending_request.args else 0
        steps = number % len(ranks) if ranks and isinstance(number, int) else 0
        return ranks[steps:] + ranks[:steps]
