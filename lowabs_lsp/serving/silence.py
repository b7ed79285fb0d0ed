"""Which replicas say nothing at all: not even, as one that is merely busy does at once, that a job has arrived."""

import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

PATIENCE = 0.2
"""Seconds after which a replica that a job was sent to and that was not heard of since counts as silent, at least."""

USUAL = 5.0
"""So many times what replicas usually take is not silence: where all are slow, jobs that change theirs make them slower."""

LONGEST = 1.0
"""Seconds that count as usual at most."""

Name = TypeVar("Name", bound=Hashable)


class Silence(Generic[Name]):
    """Since when each replica owes a sign of life. Owned by the ring, used on one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Name, float] = {}
        self._usual = 0.0
        """Seconds from a job to a sign of life, averaged over the last ones."""

    def asked(self, replica: Name) -> None:
        """A job was sent there."""
        self._since.setdefault(replica, self._clock())

    def heard(self, replica: Name) -> None:
        """It gave a sign of life."""
        since = self._since.pop(replica, None)
        if since is not None:
            self._usual += 0.1 * (min(LONGEST, self._clock() - since) - self._usual)

    def keep(self, replicas: Collection[Name]) -> None:
        """Forget all others."""
        self._since = {replica: since for replica, since in self._since.items() if replica in replicas}

    def covers(self, replica: Name) -> bool:
        """Whether it has been silent for too long."""
        since = self._since.get(replica)
        return since is not None and self._clock() - since > max(PATIENCE, min(LONGEST, USUAL * self._usual))
