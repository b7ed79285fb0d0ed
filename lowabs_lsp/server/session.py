"""One client's state, and how a request of it is answered."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from lsprotocol import types as lsp

from lowabs_lsp.server.configuration import Configuration
from lowabs_lsp.server.documents import Cursor, Documents, file_path
from lowabs_lsp.server.editor import ServerEditor
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.items import MenuStyle
from lowabs_lsp.server.loading import Loader
from lowabs_lsp.server.protocol import Server
from lowabs_lsp.server.recall import Recall
from lowabs_lsp.server.schedule import Request, Schedule
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Cancelled, Completion, Reason


class Session:
    """Everything that belongs to one client. Lives on the event loop."""

    def __init__(self, server: Server, thread: EngineThread, settings: Settings, *, watches_parent: bool = False) -> None:
        self.server = server
        self.editor = ServerEditor(server)
        self.documents = Documents()
        self.menu = MenuStyle()
        self.configuration = Configuration(settings)
        self.settings = settings
        self.watches_parent = watches_parent
        """End when the process that the client names is gone."""
        self.started = False
        self._schedule = Schedule(thread.executor)
        self._recall = Recall()
        self._loader = Loader(thread, self.editor, self.begin, roots=self._folders)
        self._problems: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do `work` beside the requests; it ends with the session at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """Stop what runs for this client."""
        self._schedule.stop()
        self._loader.close()
        for task in list(self._tasks):
            task.cancel()

    def apply_settings(self) -> None:
        """Use what the configuration says now; tell the user what is wrong with it, once."""
        settings, problems = self.configuration.read()
        if problems and problems != self._problems:
            self.editor.show_warning("; ".join(problems))
        self._problems = problems
        if settings.log_level != self.settings.log_level:
            logging.getLogger("lowabs_lsp").setLevel(settings.log_level.upper())
        if settings != self.settings:
            self._schedule.stop()
            self._recall.clear()
        self.settings = settings
        if settings.enabled:
            self._loader.configure(settings)

    def move_roots(self, roots: Sequence[str]) -> None:
        """The workspace has these folders now, given as URIs."""
        self.documents.move_roots(roots)
        self._loader.move()

    def refresh(self, uris: Iterable[str]) -> None:
        """These files may be others on disk now."""
        self._recall.forget_silences()
        if (surroundings := self._loader.surroundings) is not None:
            for path in filter(None, map(file_path, uris)):
                surroundings.files.refresh(Path(path))

    def _folders(self) -> list[Path]:
        return [Path(path) for path in filter(None, map(file_path, self.documents.roots))]

    def close_document(self, uri: str) -> None:
        """The client shows `uri` no longer."""
        self.documents.close(uri)
        self.refresh([uri])
        self._schedule.stop(uri)
        self._recall.forget(uri)

    def change_document(
        self, identifier: lsp.VersionedTextDocumentIdentifier, changes: Sequence[lsp.TextDocumentContentChangeEvent]
    ) -> None:
        """The client has changed a document. Raises KeyError when it is not open."""
        self.documents.change(identifier, changes)
        self._recall.forget_silences(except_in=self.documents.use(identifier.uri).uri)

    def cursor(self, uri: str, position: lsp.Position, selected: lsp.SelectedCompletionInfo | None = None) -> Cursor | None:
        """The place of a request; with a menu item selected, the one behind it as if it were accepted."""
        try:
            document = self.documents.use(uri)
        except KeyError:
            return None
        cursor = document.cursor(position)
        if selected is None:
            return cursor
        start, end = (document.cursor(place).offset for place in (selected.range.start, selected.range.end))
        text = cursor.document.text[:start] + selected.text
        accepted = evolve(cursor.document, text=text + cursor.document.text[max(start, end) :])
        return evolve(cursor, document=accepted, offset=len(text))

    async def complete(self, channel: str, cursor: Cursor | None, *, delay: float = 0.0) -> Completion:
        """The completion at `cursor`: remembered, computed, or silence with its reason. Raises what the engine raises."""
        if cursor is None:
            return Completion("", Reason.NO_DOCUMENT)
        if not self._allows(channel, cursor.document.language):
            return Completion("", Reason.DISABLED)
        if (surroundings := self._loader.surroundings) is not None:
            surroundings.files.give_way()
        request = Request(cursor.document, cursor.offset, channel)
        if (recalled := self._recall.recall(cursor.document, cursor.offset)) is not None:
            self._schedule.supersede(request)
            return recalled
        if (completer := self._loader.completer()) is None:
            return Completion("", Reason.NO_MODEL)
        workspace = tuple(self.documents.others(cursor.document.uri))

        def work(cancelled: Cancelled) -> Completion:
            return completer.complete(cursor.document, cursor.offset, cancelled, workspace)

        completion = await self._schedule.complete(request, work, delay=delay)
        self._recall.remember(cursor.document, cursor.offset, completion)
        return completion

    def _allows(self, channel: str, language: str) -> bool:
        if channel == lsp.TEXT_DOCUMENT_COMPLETION and not self.settings.completion.menu:
            return False
        return self.settings.enabled and language not in self.settings.disabled_languages
