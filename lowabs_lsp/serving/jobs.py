"""What goes from an HTTP front to an engine and back: plain values that may cross machines."""

from collections.abc import AsyncGenerator
from typing import Protocol

from attrs import frozen

from lowabs_lsp.values import Decoding, Generated, Snippet


@frozen
class Job:
    """One continuation that a client asked for."""

    prefix: str
    """The text before the cursor; without a suffix, a prompt as it is, in which sentinels may be spelled out."""
    suffix: str | None
    """The text behind the cursor; None continues `prefix` alone."""
    decoding: Decoding
    """Its `deadline` is unset: clocks differ between machines. `seconds` stands in for it."""
    path: str = ""
    snippets: tuple[Snippet, ...] = ()
    seconds: float | None = None
    """How long the engine may take; what it has then is the answer."""
    alternatives: int = 0
    """How many of the most probable tokens are told beside each chosen one."""
    session: str = ""
    """Jobs of one session resemble each other and are best run where the last one ran."""
    streamed: bool = False


@frozen
class Answer:
    """How a job ended."""

    generated: Generated
    spelled: tuple[str, ...] = ()
    """Each token as text; bytes that are no text are escaped."""
    alternatives: tuple[dict[str, float], ...] = ()
    """For each token the most probable ones in its place, with their log-probabilities."""
    truncated: bool = False
    """Text was left out since it did not fit the context."""


@frozen
class ModelCard:
    """What clients are told of the model."""

    name: str
    licence: str
    context_length: int
    description: str


Pieces = AsyncGenerator[str | Answer, None]
"""A job's text as it comes, where it is streamed, and its answer last. Closing it cancels the job."""


class Backend(Protocol):
    """Where an HTTP front sends its jobs: the engine of this process, or one of many elsewhere."""

    async def card(self) -> ModelCard:
        """The model that answers."""
        ...

    async def load(self) -> tuple[int, int]:
        """Jobs that run and jobs that wait."""
        ...

    def run(self, job: Job) -> Pieces:
        """Carry out a job. Raises EngineError, and BusyError when there is too much to do already."""
        ...
