"""What a completion policy is: it hears what happens in the editor, and says what to show, when to ask and when to show."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from attrs import frozen

from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.values import Cancelled, Completion, Document, Engine


class Happening(StrEnum):
    """What an editor tells of."""

    OPENED = "opened"
    FOCUSED = "focused"
    """The document is the one in front now."""
    JUMPED = "jumped"
    """The cursor went to another place."""
    CHANGED = "changed"
    SAVED = "saved"


@frozen
class Event:
    """Something that happened, after it did."""

    happening: Happening
    document: Document
    offset: int
    """Of the cursor, in code points."""
    now: int
    """Milliseconds on the person's clock."""
    pause: int = 0
    """Milliseconds that nothing is going to be typed from now on, as far as the person knows."""


@frozen
class Request:
    """The editor asks after a key."""

    document: Document
    offset: int
    workspace: Sequence[Document]
    """The other open documents, the most recently used first."""
    key: Key
    """What was pressed last."""
    now: int
    """Milliseconds on the person's clock."""


@frozen
class Timing:
    """When a policy does something about a request that no later key makes pointless."""

    debounce: int = 0
    """Milliseconds until the model is asked."""
    hold: int = 0
    """Milliseconds before which nothing is shown, however early the answer is there."""


class Policy(Protocol):
    """One sitting's worth of state. One caller at a time."""

    def observe(self, event: Event) -> None:
        """Hear what happened."""
        ...

    def timing(self, request: Request) -> Timing:
        """When to ask and when to show. Called once for each request, in order, also for those that come to nothing."""
        ...

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """What to show, asked of the engine or remembered. Raises EngineError."""
        ...


class MakePolicy(Protocol):
    """Makes a policy for one sitting."""

    def __call__(self, engine: Engine, root: Path, seed: str) -> Policy:
        """`root` is the workspace on disk; `seed` draws what the policy draws."""
        ...
