"""Our own policy without the server around it, the settings that take parts of it away, and no policy at all."""

from collections.abc import Mapping
from pathlib import Path

from lowabs_lsp.bench.replay.policy import Event, Happening, MakePolicy, Policy, Request, Timing
from lowabs_lsp.completer import Completer
from lowabs_lsp.server.recall import Recall
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.values import Cancelled, Completion, Engine, Reason

SERVED: Mapping[str, Mapping[str, object]] = {
    "ours": {},
    "no-suffix": {"context": {"suffixShare": 0.0}},
    "no-scope": {"context": {"sources": ["declarations", "similar", "edits"]}},
    "no-memory": {"memory": {"enabled": False}},
    "snippets": {"context": {"snippetShare": 0.25}},
    "no-declarations": {"context": {"snippetShare": 0.25, "sources": ["scope", "similar", "edits"]}},
    "no-similar": {"context": {"snippetShare": 0.25, "sources": ["scope", "declarations", "edits"]}},
    "no-edits": {"context": {"snippetShare": 0.25, "sources": ["scope", "declarations", "similar"]}},
    "one-line": {"completion": {"multiLine": "never"}},
}
"""Policies that the real server plays, by the settings that an editor sends to it: ours, and ours with a part taken away."""

UNCOUNTED: Mapping[str, object] = {"history": {"statistics": False, "recordings": 0}}
"""What keeps a simulated person out of the statistics of a real one."""
UNTIMED: Mapping[str, object] = {"completion": {"ahead": "never", "deadline": 0}}
"""What makes the server's answers independent of the speed of the machine."""


def merged(settings: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`settings` with `over` laid over them, section by section."""
    sections = {key: value for key, value in settings.items() if isinstance(value, dict)}
    laid = {
        key: {**sections[key], **value} if key in sections and isinstance(value, dict) else value for key, value in over.items()
    }
    return {**settings, **laid}


class Ours:
    """The completer with the server's memory of what it showed: the server without its protocol."""

    def __init__(self, engine: Engine, settings: Settings, root: Path) -> None:
        self._root = root
        self._surroundings = Surroundings([root], settings, engine.vocabulary)
        self._surroundings.files.build()
        self._completer = Completer(engine, settings, self._surroundings)
        self._recall = Recall()
        self._debounce = settings.completion.debounce

    def observe(self, event: Event) -> None:
        """As the server does: what happens elsewhere may end a silence. The rest comes again with the next request."""
        if event.happening is Happening.CHANGED:
            self._recall.forget_silences(except_in=event.document.uri)
        elif event.happening is Happening.SAVED:
            self._recall.forget_silences()
            self._surroundings.files.refresh(self._root / event.document.path)

    def timing(self, request: Request) -> Timing:
        """As the settings say."""
        return Timing(debounce=self._debounce)

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """As the server does, without the model where what was said goes on."""
        document, offset = request.document, request.offset
        if (recalled := self._recall.recall(document, offset)) is not None:
            return recalled
        completion = self._completer.complete(document, offset, cancelled, tuple(request.workspace))
        self._recall.remember(document, offset, completion)
        return completion


class Silent:
    """Says nothing: what typing is like without completion."""

    def observe(self, event: Event) -> None:
        """Nothing changes."""

    def timing(self, request: Request) -> Timing:
        """At once."""
        return Timing()

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """Nothing."""
        return Completion("", Reason.DISABLED)


def make_silent(engine: Engine, root: Path, seed: str) -> Policy:
    """The policy that says nothing."""
    return Silent()


def make_ours(settings: Settings) -> MakePolicy:
    """Our policy inside this process, under `settings`."""

    def make(engine: Engine, root: Path, seed: str) -> Policy:
        return Ours(engine, settings, root)

    return make
