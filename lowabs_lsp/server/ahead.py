"""Work that nobody waits for yet: one job at a time, none beside a request, none on battery."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor

from lowabs_lsp.postprocess.style import indent_of
from lowabs_lsp.prompt.languages import opens_block
from lowabs_lsp.values import Cancelled, Document

logger = logging.getLogger(__name__)

Job = Callable[[Cancelled], Callable[[], None]]
"""Computes something on the engine's thread, and returns what is to be done with it on the event loop."""


class Ahead:
    """What one client may want next. Lives on the event loop; the jobs are done by `executor`."""

    def __init__(self, executor: Executor, may_work: Callable[[], bool]) -> None:
        """`may_work` is asked before each job: whether nothing else is to be done, and work ahead is wanted at all."""
        self._executor, self._may_work = executor, may_work
        self._planned: Job | None = None
        self._cancelled = threading.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_working(self) -> bool:
        """Whether a job is under way."""
        return self._task is not None

    def plan(self, job: Job) -> None:
        """Do `job` instead of all that was planned before."""
        self.give_way()
        self._planned = job
        self.proceed()

    def give_way(self) -> None:
        """Stop at once: somebody waits, or what is planned is of no use any more."""
        self._planned = None
        self._cancelled.set()

    def proceed(self) -> None:
        """Begin what is planned if it may be done now."""
        job = self._planned
        if self._task is None and job is not None and self._may_work():
            self._planned, self._cancelled = None, threading.Event()
            self._task = asyncio.get_running_loop().create_task(self._work(job, self._cancelled))

    async def _work(self, job: Job, cancelled: threading.Event) -> None:
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._executor, job, cancelled.is_set)
            if not cancelled.is_set():
                done()
        except Exception:  # nobody waits for it
            logger.exception("work ahead failed")
        finally:
            self._task = None
        self.proceed()


def accepted(document: Document, offset: int, text: str) -> tuple[Document, int]:
    """The document and the cursor when `text` is accepted at `offset`."""
    whole = document.text[:offset] + text + document.text[offset:]
    return Document(document.uri, document.path, document.language, whole, document.version), offset + len(text)


def entered(document: Document, offset: int) -> tuple[Document, int] | None:
    """The document and the cursor when Enter is pressed at the end of a line, indented as editors do; None elsewhere."""
    before = document.text[:offset].rpartition("\n")[2]
    if document.text[offset : offset + 1] not in ("", "\n", "\r") or not before.strip():
        return None
    indentation = before[: len(before) - len(before.lstrip())]
    if opens_block(document.language, before):
        indentation += indent_of(document.text, document.language) or " " * 4
    newline = "\r\n" if "\r\n" in document.text else "\n"
    return accepted(document, offset, newline + indentation)
