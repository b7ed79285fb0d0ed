"""One commit, one backend: a workspace on disk, a person at the desk, and what they come to."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from lowabs_lsp.bench.replay.assistant import Assistant, Backend
from lowabs_lsp.bench.replay.clock import Clock
from lowabs_lsp.bench.replay.desk import Desk
from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.bench.replay.measures import MachineCounts, SittingCounts
from lowabs_lsp.bench.replay.person import Person
from lowabs_lsp.bench.replay.session import Session, write_workspace

OpenBackend = Callable[[Path, str], Backend]
"""Opens a backend for the workspace in a folder; the text seeds what it draws."""


@frozen
class Sitting:
    """What came of one commit."""

    counts: SittingCounts
    machine: MachineCounts
    texts: dict[str, str]
    """Each file as it was left."""


def sit(
    repository: Repository, session: Session, open_backend: OpenBackend, clock: Clock, *, seed: int, latency: int = 0
) -> Sitting:
    """Type `session`. Raises BenchError when the backend fails."""
    with tempfile.TemporaryDirectory(prefix="lowabs-replay-") as folder:
        root = Path(folder).resolve() / "workspace"
        root.mkdir()
        write_workspace(repository, session, root)
        drawn = f"{seed}/{session.commit}"
        backend = open_backend(root, drawn)
        try:
            person = Person(Desk(root, Assistant(backend, clock, latency)), drawn, SittingCounts(session.commit))
            texts = person.work(session)
        except BaseException:
            backend.close()
            raise
        usage = backend.close()
    person.counts.model_calls = usage.model_calls
    person.machine.cpu_seconds, person.machine.model_runs = usage.cpu_seconds, usage.model_runs
    return Sitting(person.counts, person.machine, texts)
