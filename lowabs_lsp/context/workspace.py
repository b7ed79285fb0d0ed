"""The index of a workspace's files, built and kept up to date by a background thread that gives way to whoever types."""

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path, PurePosixPath

from attrs import frozen

from lowabs_lsp.context.exclusion import Exclusion, is_generated
from lowabs_lsp.context.file_index import FileIndex
from lowabs_lsp.context.files import changed_at, find_files, listed, read_text
from lowabs_lsp.context.grammars import GRAMMARS
from lowabs_lsp.context.secrets import mask_secrets
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.logs import key_values

logger = logging.getLogger(__name__)


Learn = Callable[[Mapping[str, str]], None]

LESSON = 500_000
"""Characters that are learnt at once: each time costs a little for all that is known by then."""


@frozen
class Limits:
    """What an index may take of the machine; files beyond a limit are left out."""

    files: int = 10_000
    text: int = 64_000_000
    """Characters of all files together."""
    file: int = 200_000
    """Bytes of one file."""
    seconds: float = 120.0
    """Of processor time for the first pass."""


STEP, QUIET = 0.008, 0.3
"""Seconds of work between two pauses, and of a pause while somebody types."""


class Workspace:
    """Owned by the server: `start` and `stop` it, and `refresh` what changes on disk. Any thread may read `segments`."""

    def __init__(
        self,
        roots: Sequence[Path],
        exclude: tuple[str, ...] = (),
        limits: Limits = Limits(),
        learn: Learn = lambda texts: None,
    ) -> None:
        """`learn` is told the texts that the index takes in, secrets masked, and an empty one for a file that is gone."""
        self.updated = threading.Condition()
        """Notified when files have been indexed."""
        self.is_built = False
        self._roots = tuple(roots)
        self._excludes = Exclusion(exclude)
        self._limits = limits
        self._learn = learn
        self._lesson: dict[str, str] = {}
        self._lesson_size = 0
        self._index = FileIndex()
        self._changed: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._told = self._followed = 0
        """How many changes were told, and how many of them are in the index."""
        self._stopped = threading.Event()
        self._typed_at = -QUIET
        self._thread: threading.Thread | None = None

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The index as it is now; it does not change under its reader."""
        return self._index.segments

    def build(self, near: Sequence[str] = ()) -> None:
        """Index everything now, in this thread; instead of `start`."""
        for _ in self._first_pass(near):
            pass

    def start(self, when_built: Callable[[], None] = lambda: None, near: Sequence[str] = ()) -> None:
        """Begin to index in the background, and go on until `stop`. `when_built` is called there, once, stopped or not.

        What lies nearest to the paths `near` is read first, and within the limits at all costs.
        """
        self._thread = threading.Thread(target=self._run, args=(when_built, near), name="lowabs-index", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """End the background work after the step that it is at."""
        self._stopped.set()
        self._changed.put(None)
        if wait and self._thread:
            self._thread.join()

    def refresh(self, path: Path) -> None:
        """Say that a file was written, created or deleted. Without `start`, it is seen to at once."""
        self._told += 1
        if self._thread is None:
            for _ in self._next_pass([path]):
                pass
        else:
            self._changed.put(path)

    def settle(self, timeout: float) -> bool:
        """Wait until all files, and the changes told so far, are in the index; false when `timeout` seconds did not do."""
        if self._thread is None:
            return True
        told = self._told
        with self.updated:
            return self.updated.wait_for(lambda: self.is_built and self._followed >= told, timeout)

    def give_way(self) -> None:
        """Say that somebody types: background work nearly stops for a moment."""
        self._typed_at = time.monotonic()

    def _run(self, when_built: Callable[[], None], near: Sequence[str]) -> None:
        _step_back()
        try:
            try:
                self._work_off(self._first_pass(near))
            finally:
                when_built()
            while not self._stopped.is_set() and (path := self._changed.get()) is not None:
                self._work_off(self._next_pass(self._drain(path)))
        except Exception:
            logger.exception("the index is no longer kept up to date")

    def _work_off(self, steps: Iterator[None]) -> None:
        """Rest as long as was worked, longer while somebody types; return early when stopped."""
        began = time.thread_time()
        for _ in steps:
            if (worked := time.thread_time() - began) >= STEP or self._stopped.is_set():
                typing = time.monotonic() - self._typed_at < QUIET
                if self._stopped.wait(QUIET if typing else worked):
                    return
                began = time.thread_time()

    def _drain(self, path: Path) -> list[Path]:
        """`path` and whatever else has changed by now, each as often as it was told."""
        changed = [path]
        while not self._changed.empty():
            if (other := self._changed.get()) is not None:
                changed.append(other)
        return changed

    def _first_pass(self, near: Sequence[str]) -> Iterator[None]:
        began = time.thread_time()
        for root in self._roots:
            paths: list[str] = []
            for batch in find_files(root):
                paths += batch
                yield
            for path in self._foremost(root, paths, near):
                if self._is_full(time.thread_time() - began):
                    break
                self._take(root, path)
                yield
        self._publish()
        self._report(time.thread_time() - began)

    def _foremost(self, root: Path, paths: list[str], near: Sequence[str]) -> list[str]:
        """`paths`: code first, and the nearest; where they are too many for the index, what was changed last."""
        folders = {folder_of(path) for path in near}
        is_many = len(paths) > self._limits.files
        away = cache(lambda folder: min((steps(folder, other) for other in folders), default=0))

        def order(path: str) -> tuple[bool, int, float]:
            is_code = PurePosixPath(path).suffix.lower() in GRAMMARS
            return not is_code, away(folder_of(path)), -changed_at(root, path) if is_many else 0.0

        return sorted(paths, key=order)

    def _next_pass(self, changed: Sequence[Path]) -> Iterator[None]:
        for root in self._roots:
            inside = [path.relative_to(root).as_posix() for path in dict.fromkeys(changed) if path.is_relative_to(root)]
            kept = listed(root, inside)
            for path in inside:
                self._index.remove(path)
                self._lesson[path] = ""
                if path in kept:
                    self._take(root, path)
                yield
        self._publish(len(changed))
        logger.info(key_values(event="reindexed", files=len(set(changed)), changes=len(changed)))

    def _take(self, root: Path, path: str) -> None:
        if not self._excludes(path) and not is_generated(path) and not self._is_full(0):
            text = read_text(root, path, self._limits.file)
            if text:
                text = mask_secrets(text, path)
                self._index.put(path, text)
                self._lesson[path] = text
                self._lesson_size += len(text)
                if self._lesson_size >= LESSON:
                    self._teach()

    def _teach(self) -> None:
        lesson, self._lesson, self._lesson_size = self._lesson, {}, 0
        self._learn(lesson)

    def _is_full(self, seconds: float) -> bool:
        limits, index = self._limits, self._index
        return len(index.sizes) >= limits.files or index.characters >= limits.text or seconds >= limits.seconds

    def _publish(self, followed: int = 0) -> None:
        self._teach()
        with self.updated:
            self._index.publish()
            self._followed += followed
            self.is_built = True
            self.updated.notify_all()

    def _report(self, seconds: float) -> None:
        segments = self.segments
        size = sum(segment.nbytes for segment in segments) / 1e6
        chunks = sum(len(segment.first) for segment in segments)
        full = self._is_full(seconds)
        logger.info(
            key_values(event="indexed", files=len(self._index.sizes), chunks=chunks, mb=size, seconds=seconds, full=full)
        )


def folder_of(path: str) -> tuple[str, ...]:
    """The names of the folders that `path` lies in."""
    return tuple(path.split("/")[:-1])


def steps(folder: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many folders one leaves and enters on the way from one to the other."""
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(folder, other, strict=False)))
    return len(folder) + len(other) - 2 * common


def _step_back() -> None:
    """Give this thread a lower priority than those that somebody waits for, where threads have one of their own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
