"""The custom request `lowabs/explain`: where the suggestion at a place comes from, as data or as a page."""

import asyncio
import logging
import threading
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInternalError, JsonRpcInvalidParams

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.explain.explanation import Explanation, explain
from lowabs_lsp.explain.page import as_html
from lowabs_lsp.server.commands import member
from lowabs_lsp.server.session import Session

logger = logging.getLogger(__name__)

EXPLAIN = "lowabs/explain"


async def explain_place(session: Session, params: Any) -> Any:
    """`{textDocument: {uri}, position, html?}`: the explanation, and with `html` true the page in its `html`.

    Raises JsonRpcInvalidParams where there is no such place, JsonRpcInternalError where nothing can be explained.
    """
    uri = member(params, "textDocument", "uri")
    line, character = (member(params, "position", name) for name in ("line", "character"))
    if not (isinstance(uri, str) and isinstance(line, int) and isinstance(character, int)):
        raise JsonRpcInvalidParams(f"{EXPLAIN}: give textDocument.uri and position with line and character")
    cursor = session.cursor(uri, lsp.Position(max(line, 0), max(character, 0)))
    if cursor is None:
        raise JsonRpcInvalidParams(f"{EXPLAIN}: {uri} is not open")
    explanation = await _on_engine(session, cursor.document.uri, cursor.document, cursor.offset)
    data = explanation.as_json()
    return {**data, "html": as_html(explanation)} if member(params, "html") is True else data


async def _on_engine(session: Session, uri: str, document: Any, offset: int) -> Explanation:
    """Computed on the engine's thread; stopped when the client no longer wants it."""
    completer = session.completer
    if completer is None:
        raise JsonRpcInternalError(f"{EXPLAIN}: there is no model yet; ask again when the status is ready")
    others, gone = tuple(session.documents.others(uri)), threading.Event()
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(session.executor, explain, completer, document, offset, gone.is_set, others)
    except asyncio.CancelledError:
        gone.set()
        raise
    except LowabsError as error:
        raise JsonRpcInternalError(f"{EXPLAIN}: {error}") from error
