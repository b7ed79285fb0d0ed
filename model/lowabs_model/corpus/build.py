"""Build a corpus: harvest the sources side by side, then write what is new of them into shards with statistics."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from sys import stderr

from attrs import evolve
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lowabs_model.corpus.decontaminate import EMPTY, Blocklist, read_blocklist
from lowabs_model.corpus.dedup import Seen
from lowabs_model.corpus.harvest import harvest, is_current, read_files, read_head, refused, write_harvest
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, CorpusError, SourceFile, write_shards
from lowabs_model.corpus.sources import Source, expand, is_harvest, is_repository
from lowabs_model.corpus.statistics import Statistics, write_statistics

HELD_OUT_BYTES = 2_000_000
"""Of text, at most, that a held-out repository gives to its split."""
NICENESS = 10

logger = logging.getLogger(__name__)
Advance = Callable[[str], None]


def unite(sources: Iterable[Source]) -> list[Source]:
    """Each name once: the first place wins."""
    by_name: dict[tuple[str, bool], Source] = {}
    for source in sources:
        by_name.setdefault((source.name.lower(), source.history), source)
    return list(by_name.values())


def with_history(sources: Iterable[Source], held_out: Sequence[str]) -> list[Source]:
    """After each git repository its older versions; not of held-out ones."""
    both: list[Source] = []
    for source in sources:
        both.append(source)
        if is_repository(source.path) and not is_held_out(source.name, held_out):
            both.append(evolve(source, history=True))
    return both


def is_held_out(name: str, held_out: Sequence[str]) -> bool:
    return name.lower() in {held.lower() for held in held_out}


def is_copy_of_held_out(name: str, held_out: Sequence[str]) -> bool:
    """An installed distribution of a held-out repository, or its numbered successor (`httpx2`)."""
    own = name.lower().rpartition("/")[2]
    names = {held.lower().rpartition("/")[2] for held in held_out}
    return name.lower().startswith("pypi/") and (own in names or own.rstrip("0123456789") in names)


def harvest_path(cache: Path, source: Source) -> Path:
    """Where the harvest of a source lies; a source may be such a file itself."""
    if is_harvest(source.path):
        return source.path
    return cache / f"{source.name.replace('/', '+')}{'@history' if source.history else ''}.jsonl.zst"


def is_harvested(path: Path, source: Source, blocklist: Blocklist) -> bool:
    """Raises `CorpusError` for a harvest given in place of its source that was not checked against this blocklist."""
    if path != source.path:
        return is_current(path, source, blocklist)
    head = read_head(path)
    if not head.refusal and head.blocklist != blocklist.digest:
        raise CorpusError(f"{path} was checked against another blocklist: build with that one, or give the source itself")
    return True


def harvest_to(path: Path, source: Source, blocklist_path: Path | None) -> None:
    """The work of one process: a source in, a file out."""
    write_harvest(path, harvest(source, load_blocklist(blocklist_path)))


_loaded: dict[Path, Blocklist] = {}


def load_blocklist(path: Path | None) -> Blocklist:
    if path is None:
        return EMPTY
    if path not in _loaded:
        _loaded[path] = read_blocklist(path)
    return _loaded[path]


def harvest_all(sources: Sequence[Source], cache: Path, *, blocklist: Path | None, workers: int) -> None:
    """Fill the cache; what lies there already is not made again."""
    missing = [source for source in sources if not is_harvested(harvest_path(cache, source), source, load_blocklist(blocklist))]
    with progress("harvest", len(sources)) as advance:
        for source in sources:
            if source not in missing:
                advance(source.name)
        if workers == 1:
            for source in missing:
                harvest_to(harvest_path(cache, source), source, blocklist)
                advance(source.name)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=os.nice, initargs=(NICENESS,)) as pool:
            waiting: dict[Future[None], Source] = {
                pool.submit(harvest_to, harvest_path(cache, source), source, blocklist): source for source in missing
            }
            for done in as_completed(waiting):
                done.result()
                advance(waiting[done].name)


def chosen_for_holding_out(path: Path) -> frozenset[str]:
    """Paths drawn by their hash up to the cap, so that a large repository is represented evenly."""
    sizes = {file.path: len(file.text.encode()) for file in read_files(path)}
    chosen, total = set(), 0
    for name in sorted(sizes, key=lambda name: blake2b(name.encode()).digest()):
        total += sizes[name]
        if total > HELD_OUT_BYTES:
            break
        chosen.add(name)
    return frozenset(chosen)


def new_files(
    paths: Sequence[Path], seen: Seen, statistics: Statistics, *, split: str, advance: Advance
) -> Iterator[SourceFile]:
    """The files of harvests that the corpus lacks, counted as they pass.

    All files of a held-out repository are remembered as seen, also those beyond its cap.
    """
    for path in paths:
        head = read_head(path)
        chosen = chosen_for_holding_out(path) if split == HELD_OUT else frozenset()
        drops = Counter(head.drops)
        for file in read_files(path):
            if reason := seen.refusal(file.exact, file.signature()):
                drops[reason] += 1
            elif split == HELD_OUT and file.path not in chosen:
                drops["beyond the held-out cap"] += 1
            else:
                source_file = head.source_file(file)
                statistics.add(split, source_file)
                yield source_file
        statistics.drop(drops)
        advance(head.repository)


def build_corpus(
    output: Path,
    sources: Iterable[str],
    *,
    blocklist: Path | None = None,
    held_out: Sequence[str] = (),
    workers: int = 2,
    cache: Path | None = None,
    history: bool = False,
) -> Statistics:
    """Write `output`; harvests are kept in `cache` (by default a folder `harvest` beside the output) and used again.

    With `history`, older versions of system-level files are mined from git repositories too.
    Raises `CorpusError` for a source that is not there and a blocklist that is none.
    """
    load_blocklist(blocklist)
    everything = unite(source for argument in sources for source in expand(argument))
    copies = [source for source in everything if is_copy_of_held_out(source.name, held_out)]
    wanted = [source for source in everything if source not in copies]
    if history:
        wanted = with_history(wanted, held_out)
    cache = cache or output.parent / "harvest"
    cache.mkdir(parents=True, exist_ok=True)
    harvest_all(wanted, cache, blocklist=blocklist, workers=workers)
    return write_corpus(output, wanted, copies, cache, held_out)


def write_corpus(
    output: Path, sources: Sequence[Source], copies: Sequence[Source], cache: Path, held_out: Sequence[str]
) -> Statistics:
    """Held-out repositories go first, so that what resembles them never reaches the training split."""
    statistics, seen = Statistics(), Seen()
    for source in copies:
        statistics.refuse(refused(source, "held out"))
    paths: dict[str, list[Path]] = {HELD_OUT: [], TRAIN: []}
    for source in sources:
        path = harvest_path(cache, source)
        head = read_head(path)
        if head.refusal:
            statistics.refuse(head)
        else:
            paths[HELD_OUT if is_held_out(source.name, held_out) else TRAIN].append(path)
    with progress("write", sum(map(len, paths.values()))) as advance:
        for split in (HELD_OUT, TRAIN):
            write_shards(output, split, new_files(paths[split], seen, statistics, split=split, advance=advance))
            seen.guard()
    write_statistics(output, statistics)
    return statistics


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A bar on a terminal, a log line a source elsewhere."""
    if not stderr.isatty():
        done = iter(range(1, total + 1))
        yield lambda name: logger.info("%s %d/%d source=%s", what, next(done), total, name)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)
