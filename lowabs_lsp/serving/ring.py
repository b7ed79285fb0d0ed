"""Which replica a job goes to: its session's on a ring of hashes, else the next one that has not had it; silent ones last."""

import asyncio
from collections.abc import Hashable

from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter
from ray.serve.request_router import PendingRequest, ReplicaID, RunningReplica

from lowabs_lsp.serving.route import Route
from lowabs_lsp.serving.silence import Silence

TRIAL_SECONDS = 1.0
"""How long a silent replica may take to say that it is back, and how long it is not asked again if it does not."""


class Ring(ConsistentHashRouter):  # type: ignore[misc]  # Ray's types are not read
    """Consistent hashing that leads each try of a job, whose route is the last argument of a call, to another replica.

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
        route = pending_request.args[-1] if pending_request and pending_request.args else None
        asked = route.asked if isinstance(route, Route) else []
        for replica in candidate_replicas:
            if self._silence.covers(replica.replica_id):
                self._call(replica)
        ranks.sort(key=lambda rank: (self._is_silent(rank[0]), rank[0].replica_id in asked))
        if isinstance(route, Route) and ranks:
            route.asked.append(ranks[0][0].replica_id)
            route.others = lambda: self._has_another(asked)
        return ranks

    def _is_silent(self, replica: RunningReplica) -> bool:
        silent: bool = self._silence.covers(replica.replica_id)
        return silent

    def _has_another(self, asked: list[Hashable]) -> bool:
        """Whether a replica that speaks is not among those `asked`; the front's thread wants to know."""
        return any(replica.replica_id not in asked and not self._is_silent(replica) for replica in self._replicas_list)

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
