"""One client's state."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve
from lsprotocol import types as lsp

from lowabs_lsp.completer import Completer
from lowabs_lsp.ledger import Ledger, RequestLine
from lowabs_lsp.logs import key_values
from lowabs_lsp.prompt.languages import is_among
from lowabs_lsp.recording import Tape
from lowabs_lsp.server.answers import Answers, Wish
from lowabs_lsp.server.book import Book
from lowabs_lsp.server.configuration import Configuration
from lowabs_lsp.server.documents import Cursor, Documents, file_path
from lowabs_lsp.server.editor import ServerEditor
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.items import MenuStyle
from lowabs_lsp.server.loading import Loader
from lowabs_lsp.server.notebooks import Notebook
from lowabs_lsp.server.pause import Pause
from lowabs_lsp.server.protocol import Server
from lowabs_lsp.server.schedule import Request
from lowabs_lsp.server.status import STATUS_CHANGED, Ended, State, Status, StatusBoard
from lowabs_lsp.server.suggestions import Suggestions
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Completion, Document, Reason

logger = logging.getLogger(__name__)

BUSY_AFTER = 0.1
"""Seconds that a request runs before the server is called busy."""

MENU_PATIENCE = 0.1
"""Seconds that the menu of a client with ghost text waits for us at most: its other servers have answered by then."""


class Session:
    """Everything that belongs to one client. Lives on the event loop."""

    def __init__(
        self,
        server: Server,
        thread: EngineThread,
        settings: Settings,
        *,
        watches_parent: bool = False,
        ledger: Ledger | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.server = server
        self.editor = ServerEditor(server)
        self.documents = Documents()
        self.notebooks: dict[str, Notebook] = {}
        self.menu = MenuStyle()
        self.configuration = Configuration(settings)
        self.settings = settings
        self.watches_parent = watches_parent
        """End when the process that the client names is gone."""
        self.menu_patience = MENU_PATIENCE
        self.runs_commands = False
        """The client executes the command of an item behind its acceptance."""
        self.started = False
        self.board = StatusBoard(self.status, lambda status: server.protocol.notify(STATUS_CHANGED, status))
        self.pause = Pause(self._rest, self.board.refresh)
        self._book = Book(ledger, lambda: self.settings.history.statistics)
        self.suggestions = Suggestions(self._book.count, self._learn)
        self._loader = Loader(
            thread, self.editor, self.begin, roots=self._folders, near=self._open_paths, on_change=self._model_changed
        )
        self.executor = thread.executor
        """Runs what needs the model."""
        self._answers = Answers(self._loader, thread.executor, lambda: self.settings, tape)
        self._problems: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._busy: set[object] = set()
        """Requests that have been running for long."""
        self._last: Ended | None = None
        self._names = map(f"{secrets.token_hex(3)}-{{}}".format, count(1))

    # ------------------------------------------------------------------------------------------------------- its life

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do `work` beside the requests; it ends with the session at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """Stop what runs for this client."""
        self._answers.stop()
        self._loader.close()
        self.pause.end()
        for document in self.documents.all():
            self.suggestions.leave(document)
        self._book.close()
        for task in list(self._tasks):
            task.cancel()

    def restart(self) -> None:
        """Forget what was shown and open the model anew."""
        self._answers.forget()
        self._loader.reopen()

    def apply_settings(self) -> None:
        """Use what the configuration says now; tell the user what is wrong with it, once."""
        settings, problems = self.configuration.read()
        if problems and problems != self._problems:
            self.editor.show_warning("; ".join(problems))
        self._problems = problems
        if settings.log_level != self.settings.log_level:
            logging.getLogger("lowabs_lsp").setLevel(settings.log_level.upper())
        if settings != self.settings:
            self._answers.forget()
        self.settings = settings
        if settings.enabled:
            self._loader.configure(settings)
        self.board.refresh()

    # ------------------------------------------------------------------------------------------------------ its texts

    def open_document(self, item: lsp.TextDocumentItem) -> None:
        """The client shows a text from now on."""
        self.documents.open(item)
        self.focus(item.uri, None)

    def change_document(
        self, identifier: lsp.VersionedTextDocumentIdentifier, changes: Sequence[lsp.TextDocumentContentChangeEvent]
    ) -> None:
        """The client has changed a document. Raises KeyError when it is not open."""
        before = self.documents.use(identifier.uri).snapshot()
        self.documents.change(identifier, changes)
        self.follow(before, self.documents.use(identifier.uri).snapshot())

    def follow(self, before: Document, after: Document) -> None:
        """A document has become another one."""
        self.suggestions.change(before, after)
        self._answers.follow(after)

    def rearrange(self, notebook: Notebook, structure: lsp.NotebookDocumentCellChangeStructure) -> None:
        """The client shows a notebook with other cells, or in another order."""
        before = notebook.wholes()
        notebook.rearrange(structure)
        after = notebook.wholes()
        for language in before.keys() - after.keys():
            self.leave(before[language])
        for language in before.keys() & after.keys():
            self.follow(before[language], after[language])

    def close_document(self, uri: str) -> None:
        """The client shows `uri` no longer."""
        with contextlib.suppress(KeyError):
            self.leave(self.documents.use(uri).snapshot())
        self.documents.close(uri)

    def leave(self, document: Document) -> None:
        """A document is to be shown no longer."""
        self.suggestions.leave(document)
        self.refresh([document.uri])
        self._answers.leave(document.uri)

    def focus(self, uri: str, position: lsp.Position | None) -> None:
        """The client shows `uri` in front, its cursor at `position` or, for all that is known, where it was last."""
        try:
            document = self.documents.use(uri)
        except KeyError:
            return
        cursor = document.cursor(position or document.last_position)
        logger.debug(key_values(event="focus", file=cursor.document.path, offset=cursor.offset))
        if self._silence(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, cursor) is None:
            self._answers.read_ahead(cursor.document, cursor.offset, self._others(cursor))

    def move_roots(self, roots: Sequence[str]) -> None:
        """The workspace has these folders now, given as URIs."""
        self.documents.move_roots(roots)
        self._loader.move()

    def refresh(self, uris: Iterable[str]) -> None:
        """These files may be others on disk now."""
        self._answers.forget_silences()
        if (surroundings := self._loader.surroundings) is not None:
            for path in filter(None, map(file_path, uris)):
                surroundings.files.refresh(Path(path))

    def cursor(self, uri: str, position: lsp.Position, selected: lsp.SelectedCompletionInfo | None = None) -> Cursor | None:
        """The place of a request; with a menu item selected, the one behind it as if it were accepted."""
        try:
            document = self.documents.use(uri)
        except KeyError:
            return None
        cursor = document.cursor(position)
        document.last_position = position
        if selected is None:
            return cursor
        start, end = (document.cursor(place).offset for place in (selected.range.start, selected.range.end))
        text = cursor.document.text[:start] + selected.text
        accepted = evolve(cursor.document, text=text + cursor.document.text[max(start, end) :])
        return evolve(cursor, document=accepted, offset=len(text))

    # --------------------------------------------------------------------------------------------------- its requests

    def next_name(self) -> str:
        """What a request is called: in the log, in the status, and by a client that tells what became of it."""
        return next(self._names)

    def patience(self, channel: str) -> float | None:
        """Seconds that a client waits for this kind of answer: a menu is not held up where ghost text shows the same."""
        return self.menu_patience if channel == lsp.TEXT_DOCUMENT_COMPLETION and self.menu.shows_ghost_text else None

    async def complete(
        self, channel: str, cursor: Cursor | None, *, name: str = "", is_automatic: bool = True, is_guess: bool = False
    ) -> Completion:
        """The completion at `cursor`: remembered, computed, or silence with its reason. Raises what the engine raises."""
        if cursor is None:
            return Completion("", Reason.NO_DOCUMENT)
        if reason := self._silence(channel, cursor):
            return Completion("", reason)
        if (surroundings := self._loader.surroundings) is not None:
            surroundings.files.give_way()
        request = Request(cursor.document, cursor.offset, channel)
        wish = Wish(
            request,
            self._others(cursor),
            name=name,
            is_automatic=is_automatic,
            is_guess=is_guess,
            patience=self.patience(channel),
        )
        with self._being_busy():
            return await self._answers.answer(wish)

    def show(self, name: str, cursor: Cursor, completion: Completion) -> None:
        """A suggestion is sent to the client."""
        self.suggestions.show(name, cursor.document, cursor.offset, completion, self.documents.encoding)
        self._answers.look_ahead(cursor.document, cursor.offset, completion.text, self._others(cursor))

    @property
    def completer(self) -> Completer | None:
        """The one at hand."""
        return self._loader.completer_at_hand

    def _learn(self, completion: Completion, right: bool) -> None:
        """It has turned out whether a suggestion was right."""
        if (completer := self.completer) is not None and completer.confidence is not None and completion.features:
            completer.confidence.observe(completion.features, right)

    def end(self, line: RequestLine) -> None:
        """A request has ended."""
        self._last = Ended(line.id, line.reason, line.language, line.ms, line.tokens)
        self._book.note(line)
        self.board.refresh()

    def status(self) -> Status:
        """How it is."""
        completer = self._loader.completer_at_hand
        model = completer.engine.description if completer and completer.engine else None
        state, message = self._state(model or "")
        return Status(state, message, self._loader.fault if state is State.ERROR else None, model, self._last)

    def _state(self, model: str) -> tuple[State, str]:
        if not self.settings.enabled:
            return State.OFF, "off: the setting `enabled` is false"
        if self.pause.is_on:
            return State.PAUSED, self.pause.message
        if fault := self._loader.fault:
            return State.ERROR, f"error: {fault}"
        if not model:
            return State.LOADING, "loading the model"
        return (State.BUSY, "busy") if self._busy else (State.READY, f"ready: {model}")

    def _silence(self, channel: str, cursor: Cursor) -> Reason | None:
        """Why nothing is offered here, before anything is computed."""
        settings = self.settings
        if not settings.enabled or is_among(cursor.document.language, settings.disabled_languages):
            return Reason.DISABLED
        if channel == lsp.TEXT_DOCUMENT_COMPLETION and not settings.completion.menu:
            return Reason.DISABLED
        return Reason.PAUSED if self.pause.is_on else None

    @contextlib.contextmanager
    def _being_busy(self) -> Iterator[None]:
        """Say that the server is busy while the block runs, if it takes long."""
        request = object()

        def say() -> None:
            self._busy.add(request)
            self.board.refresh()

        timer = asyncio.get_running_loop().call_later(BUSY_AFTER, say)
        try:
            yield
        finally:
            timer.cancel()
            self._busy.discard(request)

    def _others(self, cursor: Cursor) -> tuple[Any, ...]:
        return tuple(self.documents.others(cursor.document.uri))

    def _model_changed(self) -> None:
        """It is on its way, there, or not to be had."""
        self.board.refresh()
        if self._loader.completer_at_hand is not None and (uri := self.documents.in_front):
            self.focus(uri, None)

    def _rest(self) -> None:
        self._answers.stop()

    def _folders(self) -> list[Path]:
        return [Path(path) for path in filter(None, map(file_path, self.documents.roots))]

    def _open_paths(self) -> list[str]:
        return [document.path for document in self.documents.all()]
