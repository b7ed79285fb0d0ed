"""What lies around the open documents: the files of the workspace, indexed and learnt from in the background."""

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from lowabs_lsp.context.secrets import MASK
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.context.terms import word_terms
from lowabs_lsp.context.workspace import Workspace
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Document, Vocabulary

MASKED = MASK * 6
"""What a line with a masked secret has, and hardly another one."""


class Surroundings:
    """Outlives a completer: what was read and learnt serves the next settings too, where it does not depend on them."""

    def __init__(self, roots: Iterable[Path], settings: Settings, vocabulary: Vocabulary | None) -> None:
        """`vocabulary` is that of the engine that is to use the memory; without one nothing is remembered."""
        self.key = key_of(roots := tuple(roots), settings, vocabulary)
        self._memory: WorkspaceMemory | None = None
        if vocabulary is not None and settings.memory.enabled:
            self._memory = WorkspaceMemory(vocabulary.size, vocabulary.encode, megabytes=settings.memory.megabytes)
        self._known: set[str] = set()
        self._is_wanted = bool(roots) and (self._memory is not None or settings.context.snippet_share > 0)
        kept = [root for root in roots if self._is_wanted and not is_too_wide(root)]
        self.files = Workspace(kept, settings.context.exclude, learn=self._learn)

    @property
    def segments(self) -> Sequence[Segment]:
        """The index as it is now."""
        return self.files.segments

    def knows(self, name: str) -> bool:
        """Whether some file has the word `name`."""
        terms = np.array(word_terms(name)[:1], np.uint32)
        return any(bool((end > start).any()) for start, end in (segment.postings(terms) for segment in self.segments))

    def start(self, when_read: Callable[[], None] = lambda: None, near: Sequence[str] = ()) -> bool:
        """Begin to read the files, and say whether there is a use for them. `when_read` is called by another thread.

        The files beside those of `near` are read first.
        """
        if self._is_wanted:
            self.files.start(when_read, near)
        return self._is_wanted

    def stop(self) -> None:
        """Let the background work end."""
        self.files.stop(wait=False)

    def memory_at(
        self, document: Document, offset: int, others: Iterable[Document] = (), *, learns: bool = True
    ) -> WorkspaceMemory | None:
        """The memory as it speaks at `offset` of `document`; None where there is none. The engine's thread alone asks.

        All texts are as `ContextBuilder.shown` shows them. Of `others` those are learnt that no file on disk has taught yet.
        `learns` as in `WorkspaceMemory.look`.
        """
        if self._memory is None:
            return None
        fresh = {other.path: other.text for other in others if other.path not in self._known and other.path != document.path}
        if fresh:
            self._learn(fresh)
        prefix, suffix = document.text[:offset], document.text[offset:]
        self._memory.look(document.path, _plain(prefix), _plain(suffix), learns=learns)
        return self._memory

    def _learn(self, texts: Mapping[str, str]) -> None:
        """Take in what the files say now; an empty text is a file that is gone."""
        if self._memory is None:
            return
        gone = [path for path, text in texts.items() if not text]
        self._memory.remove(gone)
        self._known.difference_update(gone)
        taken = {path: _plain(text) for path, text in texts.items() if text}
        if self.files.is_built or not self._memory.is_full:  # what is read later must not drive out what came first
            self._memory.update(taken)
            self._known.update(taken)
            if len(taken) > 1:
                give_back_memory()


def key_of(roots: Iterable[Path], settings: Settings, vocabulary: Vocabulary | None) -> tuple[object, ...]:
    """What surroundings depend on: while it is the same they may be used again."""
    return (tuple(roots), settings.context.exclude, settings.context.snippet_share > 0, settings.memory, vocabulary)


def give_back_memory() -> None:
    """Return to the system what glibc keeps of freed memory: after a lesson that is more than what is in use."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def is_too_wide(root: Path) -> bool:
    """Whether `root` is no project but all that somebody has: the home folder, or one that it lies in."""
    home = Path.home()
    return root == home or root in home.parents


def _plain(text: str) -> str:
    """With plain line ends, and without the lines in which a secret is masked: nobody wants masks to be guessed."""
    if MASKED in text:
        text = "".join(line for line in text.splitlines(keepends=True) if MASKED not in line)
    return text.replace("\r\n", "\n")
