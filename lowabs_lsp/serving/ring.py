"""Which replica a job goes to: its session's on a ring of hashes, with each further try the next one; silent ones last."""

import asyncio

from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter
from ray.serve.request_router import PendingRequest, ReplicaID, RunningReplica

from lowabs_lsp.serving.silence import Silence

TRIAL_SECONDS = 1.0
"""How long a silent replica may take to say that it is back, and how long it is not asked again if it does not."""


class Ring(ConsistentHashRouter):  # type: ignore[misc]  # Ray's types are not read
    """Consistent hashing that takes a try's number, the last argument of a call, as steps along the ring.

    It takes Ray seconds to find out that a node is dead. Meanwhile jobs pass by the replicas that have stood there.
    """

    def initialize_state(self, **options: object) -> None:
        """What Ray calls first."""
        super().initialize_state(**options)
        self._silence = Silence[ReplicaID]()
        self._trials: dict[ReplicaID, asyncio.Task[None]] = {}

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Replicas in the order in which they are asked."""
        ranks: list[list[RunningReplica]] = await super().choose_replicas(candidate_replicas, pending_request)
        number = pending_request.args[-1] if pending_request and pending_request.args else 0
        steps = number % len(ranks) if ranks and isinstance(number, int) else 0
        silent = {replica for rank in ranks for replica in rank if self._silence.covers(replica.replica_id)}
        for replica in silent:
            self._call(replica)
        return sorted(ranks[steps:] + ranks[:steps], key=silent.issuperset)

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """A job was sent; a replica says at once that it has it, however busy it is."""
        super().on_send_request(replica_id)
        self._silence.asked(replica_id)

    def on_new_queue_len_info(self, replica_id: ReplicaID, num_ongoing_requests: int) -> None:
        """It has said so."""
        super().on_new_queue_len_info(replica_id, num_ongoing_requests)
        self._silence.heard(replica_id)

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Replicas have come or gone."""
        super().update_replicas(replicas)
        self._silence.keep(self._replica_id_set)

    def _call(self, replica: RunningReplica) -> None:
        """Find out beside the users' work whether a silent replica is back."""
        if replica.replica_id not in self._trials:
            self._trials[replica.replica_id] = asyncio.create_task(self._listen(replica))

    async def _listen(self, replica: RunningReplica) -> None:
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                await replica.get_queue_len(deadline_s=TRIAL_SECONDS)
            self._silence.heard(replica.replica_id)
        except Exception:  # whatever Ray raises for what is dead or away
            await asyncio.sleep(TRIAL_SECONDS)
        finally:
            del self._trials[replica.replica_id]
