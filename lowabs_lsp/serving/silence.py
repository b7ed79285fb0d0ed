"""Which replicas say nothing at all: not even, as one that is merely busy does at once, that a job has arrived."""

import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

PATIENCE = 0.2
"""Seconds after which a replica that a job was sent to and that was not heard of since counts as silent."""

Name = TypeVar("Name", bound=Hashable)


class Silence(Generic[Name]):
    """Since when each replica owes a sign of life. Owned by the ring, used on one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Name, float] = {}

    def asked(self, replica: Name) -> None:
        """A job was sent there."""
        self._since.setdefault(replica, self._clock())

    def heard(self, replica: Name) -> None:
        """It gave a sign of life, or is gone for good."""
        self._since.pop(replica, None)

    def keep(self, replicas: Collection[Name]) -> None:
        """Forget all others."""
        self._since = {replica: since for replica, since in self._since.items() if replica in replicas}

    def covers(self, replica: Name) -> bool:
        """Whether it has been silent for too long."""
        since = self._since.get(replica)
        return since is not None and self._clock() - since > PATIENCE
