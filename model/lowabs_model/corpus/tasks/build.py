"""From a corpus to a corpus of tasks: each file a window with its hole, all families, beside some ordinary text."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random

from attrs import evolve

from lowabs_model.corpus.shards import HELD_OUT, TRAIN, CorpusError, SourceFile, read_shards, write_shards
from lowabs_model.corpus.tasks.families import FAMILIES, Task, tasks_of

log = logging.getLogger(__name__)


def build_tasks(corpus: Path, output: Path, *, per_family: int, ordinary: float = 0.3, seed: int = 0) -> dict[str, int]:
    """Write `per_family` training tasks of each family at most, and ordinary files for a share of all bytes.

    Held-out files stay as they are. Returns how many tasks each family has. Raises CorpusError where there is none.
    """
    files = list(read_shards(corpus, TRAIN))
    chosen = choose_tasks((task for file in files for task in tasks_of(file)), per_family, seed)
    if not chosen:
        raise CorpusError(f"no file in {corpus} has a task in it; give a corpus with functions or system-level files")
    lessons = [evolve(task.file, hole=(task.start, task.end)) for task in chosen]
    beside = _ordinary(files, sum(file.size for file in lessons) * ordinary / max(1e-9, 1 - ordinary), seed)
    write_shards(output, TRAIN, Random(seed).sample(mixed := [*lessons, *beside], len(mixed)))
    if sorted(corpus.glob(f"{HELD_OUT}-*")):
        write_shards(output, HELD_OUT, read_shards(corpus, HELD_OUT))
    return dict(Counter(task.family for task in chosen))


def choose_tasks(tasks: Iterable[Task], per_family: int, seed: int = 0) -> list[Task]:
    """Up to `per_family` of each family, drawn by the hash of their text, and no middle twice."""
    best: dict[str, dict[bytes, Task]] = {family: {} for family in FAMILIES}
    for task in tasks:
        key = blake2b(f"{seed} {task.middle}".encode(errors="replace"), digest_size=12).digest()
        best[task.family].setdefault(key, task)
    return [drawn[key] for drawn in best.values() for key in sorted(drawn)[:per_family]]


def _ordinary(files: Sequence[SourceFile], size: float, seed: int) -> Iterator[SourceFile]:
    """Files at random, until there are `size` bytes."""
    for file in Random(seed).sample(files, len(files)):
        if size <= 0:
            return
        size -= file.size
        yield file
