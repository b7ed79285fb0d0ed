"""One short handler for each LSP method."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lowabs_lsp.logs import key_values
from lowabs_lsp.server.commands import member, register_commands
from lowabs_lsp.server.completions import completion, inline_completion, resolve
from lowabs_lsp.server.configuration import SECTION, is_for_others
from lowabs_lsp.server.documents import Documents
from lowabs_lsp.server.explanations import EXPLAIN, explain_place
from lowabs_lsp.server.items import MenuStyle
from lowabs_lsp.server.notebooks import Notebook
from lowabs_lsp.server.parent import process_end
from lowabs_lsp.server.session import Session

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that the model waits for a client to tell its settings before it is loaded with those at hand."""


def register(session: Session) -> None:
    """Offer every feature to the client of `session`."""
    for method, (handler, options) in _FEATURES.items():
        session.server.feature(method, options)(partial(handler, session))
    register_commands(session)
    session.server.feature(EXPLAIN)(partial(explain_place, session))


# ------------------------------------------------------------------------------------------------------------ lifecycle


def initialize(session: Session, params: lsp.InitializeParams) -> None:
    """The client introduces itself."""
    workspace = session.server.workspace
    encoding = lsp.PositionEncodingKind(workspace.position_encoding or lsp.PositionEncodingKind.Utf16)
    session.documents = Documents(encoding, _roots(session))
    session.menu = MenuStyle.of(params.capabilities)
    session.runs_commands = bool(params.capabilities.workspace and params.capabilities.workspace.execute_command)
    session.board.is_wanted = member(params.capabilities.experimental, "lowabs", "status") is True
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
    session.open_document(params.text_document)
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


# ------------------------------------------------------------------------------------------------------------ notebooks


def did_open_notebook(session: Session, params: lsp.DidOpenNotebookDocumentParams) -> None:
    """A notebook is open: its cells are documents of which the model is shown the whole."""
    opened = params.notebook_document
    did_close_notebook(session, lsp.DidCloseNotebookDocumentParams(lsp.NotebookDocumentIdentifier(opened.uri), []))
    notebook = session.notebooks[unquote(opened.uri)] = Notebook(opened.uri, session.documents)
    notebook.order = [cell.document for cell in opened.cells]
    notebook.open_cells(params.cell_text_documents)
    session.begin(_start(session))


def did_change_notebook(session: Session, params: lsp.DidChangeNotebookDocumentParams) -> None:
    """Cells came, went or moved, or their texts have changed."""
    notebook, cells = session.notebooks.get(unquote(params.notebook_document.uri)), params.change.cells
    if notebook is None or cells is None:
        return
    if cells.structure is not None:
        session.rearrange(notebook, cells.structure)
    for change in cells.text_content or ():
        did_change(session, lsp.DidChangeTextDocumentParams(change.document, change.changes))


def did_close_notebook(session: Session, params: lsp.DidCloseNotebookDocumentParams) -> None:
    """A notebook is closed, and its cells with it."""
    if (notebook := session.notebooks.pop(unquote(params.notebook_document.uri), None)) is not None:
        wholes = notebook.wholes().values()
        notebook.close()
        for whole in wholes:
            session.leave(whole)


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
    lsp.NOTEBOOK_DOCUMENT_DID_OPEN: (did_open_notebook, None),
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE: (did_change_notebook, None),
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE: (did_close_notebook, None),
    lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: (did_change_watched_files, None),
    # pygls advertises this one only if it has options
    lsp.TEXT_DOCUMENT_INLINE_COMPLETION: (inline_completion, lsp.InlineCompletionOptions()),
    lsp.TEXT_DOCUMENT_COMPLETION: (completion, lsp.CompletionOptions(trigger_characters=["."], resolve_provider=True)),
    lsp.COMPLETION_ITEM_RESOLVE: (resolve, None),
}
