"""One short handler for each LSP method."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lowabs_lsp.logs import key_values
from lowabs_lsp.server.configuration import SECTION, is_for_others
from lowabs_lsp.server.documents import Cursor, Documents
from lowabs_lsp.server.items import MenuStyle, documentation_of, extending_items, inline_items, menu_items
from lowabs_lsp.server.parent import process_end
from lowabs_lsp.server.session import Session
from lowabs_lsp.values import Completion, Reason

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that the model waits for a client to tell its settings before it is loaded with those at hand."""


def register(session: Session) -> None:
    """Offer every feature to the client of `session`."""
    for method, (handler, options) in _FEATURES.items():
        session.server.feature(method, options)(partial(handler, session))


# ------------------------------------------------------------------------------------------------------------ lifecycle


def initialize(session: Session, params: lsp.InitializeParams) -> None:
    """The client introduces itself."""
    workspace = session.server.workspace
    encoding = lsp.PositionEncodingKind(workspace.position_encoding or lsp.PositionEncodingKind.Utf16)
    session.documents = Documents(encoding, _roots(session))
    session.menu = MenuStyle.of(params.capabilities)
    client = f"{params.client_info.name} {params.client_info.version or ''}" if params.client_info else "unnamed"
    logger.info(key_values(event="initialize", client=client.strip(), encoding=encoding.value))
    session.configuration.initialization = params.initialization_options
    if session.watches_parent and params.process_id is not None:
        session.begin(_leave_with(session, process_end(params.process_id)))


def initialized(session: Session, params: object) -> None:
    """Messages may be sent from now on."""
    session.begin(_start(session))


def shutdown(session: Session, params: object) -> None:
    """The client will leave; what runs is of no use any more."""
    session.close()


async def _start(session: Session) -> None:
    if session.started:
        return
    session.started = True
    await asyncio.wait([session.begin(_refresh_settings(session))], timeout=PATIENCE)
    session.apply_settings()
    await _register_for_settings(session)
    await _register_for_files(session)


async def _leave_with(session: Session, end: Coroutine[Any, Any, None]) -> None:
    await end
    logger.warning(key_values(event="orphaned", parent=session.server.process_id))
    session.server.leave(1)


def _roots(session: Session) -> list[str]:
    workspace = session.server.workspace
    folders = [folder.uri for folder in workspace.folders.values()]
    return folders or ([workspace.root_uri] if workspace.root_uri else [])


# ------------------------------------------------------------------------------------------------------------- settings


def did_change_configuration(session: Session, params: lsp.DidChangeConfigurationParams) -> None:
    """Settings are pushed, or null is, which means: ask for them."""
    if is_for_others(params.settings):
        logger.info(key_values(event="settings-of-others"))
    else:
        session.configuration.pushed = params.settings
        session.apply_settings()  # at once: the client may never answer what it is asked next
    session.begin(_refresh_settings(session))


async def _refresh_settings(session: Session) -> None:
    await _pull_settings(session)
    session.apply_settings()


async def _pull_settings(session: Session) -> None:
    workspace = session.server.client_capabilities.workspace
    if not (workspace and workspace.configuration):
        return
    items = [lsp.ConfigurationItem(section=SECTION)]
    try:
        answer = await session.server.workspace_configuration_async(lsp.ConfigurationParams(items))
    except JsonRpcException as error:
        logger.warning(key_values(event="no-settings", error=str(error)))
        return
    session.configuration.pulled = answer[0] if answer else None


async def _register_for_settings(session: Session) -> None:
    """VS Code tells of changed settings only servers that ask to be told."""
    workspace = session.server.client_capabilities.workspace
    change = workspace.did_change_configuration if workspace else None
    if not (change and change.dynamic_registration):
        return
    options = lsp.DidChangeConfigurationRegistrationOptions(section=SECTION)
    await _register(session, lsp.Registration("settings", lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, options))


async def _register_for_files(session: Session) -> None:
    """Ask to be told what happens to the workspace's files outside of the editor, if the client can tell."""
    workspace = session.server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching and watching.dynamic_registration:
        options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher("**/*")])
        await _register(session, lsp.Registration("files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options))


async def _register(session: Session, registration: lsp.Registration) -> None:
    try:
        await session.server.client_register_capability_async(lsp.RegistrationParams([registration]))
    except JsonRpcException as error:
        logger.warning(key_values(event="not-registered", error=str(error)))


# ------------------------------------------------------------------------------------------------------------ documents


def did_open(session: Session, params: lsp.DidOpenTextDocumentParams) -> None:
    """A document is open; for a client that never says `initialized`, this is the time to start."""
    session.documents.open(params.text_document)
    session.begin(_start(session))


def did_change(session: Session, params: lsp.DidChangeTextDocumentParams) -> None:
    """A document has changed."""
    try:
        session.change_document(params.text_document, params.content_changes)
    except KeyError:
        logger.debug("a change of a document that is not open")


def did_close(session: Session, params: lsp.DidCloseTextDocumentParams) -> None:
    """A document is closed."""
    session.close_document(params.text_document.uri)


def did_save(session: Session, params: lsp.DidSaveTextDocumentParams) -> None:
    """A document is on disk as it is here."""
    session.refresh([params.text_document.uri])


def did_change_watched_files(session: Session, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Files were written, made or deleted by whomever."""
    session.refresh(change.uri for change in params.changes)


def did_change_workspace_folders(session: Session, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    """The workspace has other folders now."""
    session.move_roots(_roots(session))


# ---------------------------------------------------------------------------------------------------------- completions


async def inline_completion(session: Session, params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
    """Ghost text. With an item of the menu selected, what would follow it."""
    selected = params.context.selected_completion_info
    automatic = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Automatic
    cursor = session.cursor(params.text_document.uri, params.position, selected)
    delay = session.settings.completion.debounce / 1e3 if automatic else 0.0

    completion = await _answer(session, lsp.TEXT_DOCUMENT_INLINE_COMPLETION, params.text_document.uri, cursor, delay)
    if cursor is None:
        return lsp.InlineCompletionList([])
    items = extending_items(completion.text, selected) if selected else inline_items(completion.text, cursor)
    return lsp.InlineCompletionList(items)


async def completion(session: Session, params: lsp.CompletionParams) -> lsp.CompletionList:
    """An item of the menu. The list is incomplete, so that the client asks again with every key."""
    cursor = session.cursor(params.text_document.uri, params.position)
    delay = session.settings.completion.debounce / 1e3

    found = await _answer(session, lsp.TEXT_DOCUMENT_COMPLETION, params.text_document.uri, cursor, delay)
    items = menu_items(found.text, cursor, session.menu) if cursor else []
    return lsp.CompletionList(is_incomplete=True, items=items)


def resolve(session: Session, item: lsp.CompletionItem) -> lsp.CompletionItem:
    """The documentation, for a client that has dropped it."""
    if item.documentation is None:
        item.documentation = documentation_of(item, session.menu)
    return item


async def _answer(session: Session, method: str, uri: str, cursor: Cursor | None, delay: float) -> Completion:
    """The completion, with one log line whatever happens. A failure is silence for the user."""
    started, answer = time.perf_counter(), Completion("", Reason.CANCELLED)
    try:
        answer = await session.complete(method, cursor, delay=delay)
    except Exception:  # the editor must not show an error with every key
        logger.exception("the completion failed")
        answer = Completion("", Reason.FAILED)
    finally:
        logger.info(_log_line(session, method, uri, answer, (time.perf_counter() - started) * 1e3))
    return answer


def _log_line(session: Session, method: str, uri: str, answer: Completion, ms: float) -> str:
    generated = answer.generated
    return key_values(
        id=session.server.protocol.msg_id,
        method=method.rpartition("/")[2],
        file=uri.rpartition("/")[2],
        reason=answer.reason,
        ms=ms,
        tokens=len(generated.tokens) if generated else 0,
        prompt=generated.prompt_tokens if generated else 0,
        reused=generated.reused_tokens if generated else 0,
        runs=generated.model_runs if generated else 0,
    )


_FEATURES: dict[str, tuple[Callable[[Session, Any], Any], Any]] = {
    lsp.INITIALIZE: (initialize, None),
    lsp.INITIALIZED: (initialized, None),
    lsp.SHUTDOWN: (shutdown, None),
    lsp.WORKSPACE_DID_CHANGE_CONFIGURATION: (did_change_configuration, None),
    lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: (did_change_workspace_folders, None),
    lsp.TEXT_DOCUMENT_DID_OPEN: (did_open, None),
    lsp.TEXT_DOCUMENT_DID_CHANGE: (did_change, None),
    lsp.TEXT_DOCUMENT_DID_SAVE: (did_save, None),
    lsp.TEXT_DOCUMENT_DID_CLOSE: (did_close, None),
    lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: (did_change_watched_files, None),
    # pygls advertises this one only if it has options
    lsp.TEXT_DOCUMENT_INLINE_COMPLETION: (inline_completion, lsp.InlineCompletionOptions()),
    lsp.TEXT_DOCUMENT_COMPLETION: (completion, lsp.CompletionOptions(trigger_characters=["."], resolve_provider=True)),
    lsp.COMPLETION_ITEM_RESOLVE: (resolve, None),
}
