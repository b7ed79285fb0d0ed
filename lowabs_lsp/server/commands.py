"""What a client may ask for by `workspace/executeCommand`, and the events by which it tells what became of a suggestion."""

from collections.abc import Callable, Sequence
from typing import Any

from lsprotocol import types as lsp

from lowabs_lsp.server.session import Session
from lowabs_lsp.server.status import STATUS

ACCEPTED = "lowabs.accepted"


def register_commands(session: Session) -> None:
    """Offer every command, and hear every event, of the client of `session`."""
    for name, run in _COMMANDS.items():
        session.server.command(name)(_bound(session, run))
    for method, hear in _EVENTS.items():
        session.server.feature(method)(_hearing(session, hear))


def accepted_command(suggestion: str) -> lsp.Command:
    """What an editor is to execute behind an accepted item."""
    return lsp.Command(title="Accepted", command=ACCEPTED, arguments=[suggestion])


Arguments = Sequence[Any]
"""As the client sent them: of any number and shape."""


def pause(session: Session, arguments: Arguments) -> Any:
    """No completions until they are resumed, or for the minutes that are given."""
    session.pause.begin(_number(arguments, 0))
    return session.board.ask()


def resume(session: Session, arguments: Arguments) -> Any:
    """End a pause."""
    session.pause.end()
    return session.board.ask()


def status(session: Session, arguments: Arguments = ()) -> Any:
    """The status; from now on the client is told of changes."""
    return session.board.ask()


def restart(session: Session, arguments: Arguments) -> Any:
    """Forget what was shown and open the model anew."""
    session.restart()
    return session.board.ask()


def accepted(session: Session, arguments: Arguments) -> None:
    """A whole suggestion was taken."""
    session.suggestions.accept(_text(arguments, 0))


def partially_accepted(session: Session, arguments: Arguments) -> None:
    """A beginning of a suggestion was taken."""
    session.suggestions.accept(_text(arguments, 0), units=_number(arguments, 1) or 0)


def rejected(session: Session, arguments: Arguments) -> None:
    """A suggestion was dismissed."""
    session.suggestions.reject(_text(arguments, 0))


def did_focus(session: Session, params: Any) -> None:
    """The client shows this document now."""
    uri = member(params, "textDocument", "uri")
    line, character = (member(params, "position", name) for name in ("line", "character"))
    known = isinstance(line, int) and isinstance(character, int)
    if isinstance(uri, str):
        session.focus(uri, lsp.Position(max(line, 0), max(character, 0)) if known else None)


def did_partially_accept(session: Session, params: Any) -> None:
    """As GitHub's language server is told."""
    length = member(params, "acceptedLength")
    session.suggestions.accept(_id_of(params), units=length if isinstance(length, int) else 0)


def did_show(session: Session, params: Any) -> None:
    """A client that tells what is in view, tells it for what it asked a moment ago: that is counted already."""


def member(value: Any, *path: str | int) -> Any:
    """What stands at `path` in parameters of unknown shape, or None."""
    for name in path:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list | tuple) and name < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def _id_of(params: Any) -> str:
    found = member(params, "item", "command", "arguments", 0)
    return found if isinstance(found, str) else ""


def _text(arguments: Arguments, index: int) -> str:
    found = member(arguments, index)
    return found if isinstance(found, str) else ""


def _number(arguments: Arguments, index: int) -> Any:
    found = member(arguments, index)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _bound(session: Session, run: Callable[[Session, Arguments], Any]) -> Callable[..., Any]:
    def command(*arguments: Any) -> Any:
        return run(session, arguments)

    return command


def _hearing(session: Session, hear: Callable[[Session, Any], Any]) -> Callable[[Any], Any]:
    def event(params: Any) -> Any:
        return hear(session, params)

    return event


_COMMANDS: dict[str, Callable[[Session, Arguments], Any]] = {
    "lowabs.pause": pause,
    "lowabs.resume": resume,
    "lowabs.status": status,
    "lowabs.restart": restart,
    ACCEPTED: accepted,
    "lowabs.partiallyAccepted": partially_accepted,
    "lowabs.rejected": rejected,
}
_EVENTS: dict[str, Callable[[Session, Any], Any]] = {
    STATUS: status,
    "textDocument/didFocus": did_focus,
    "textDocument/didShowCompletion": did_show,
    "textDocument/didPartiallyAcceptCompletion": did_partially_accept,
}
