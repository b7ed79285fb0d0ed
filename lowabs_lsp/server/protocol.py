"""pygls made robust: every request is answered, nothing pops up in the editor, and the session ends when it should."""

import asyncio
import json
import logging
from concurrent.futures import InvalidStateError
from importlib.metadata import version
from typing import Any, TypeGuard

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.protocol import JsonRPCRequestMessage, LanguageServerProtocol

from lowabs_lsp.logs import key_values
from lowabs_lsp.server.lenient import fallbacks, mend

logger = logging.getLogger(__name__)

Message = dict[str, Any]
"""A parsed JSON-RPC message, of any shape within."""

_OURS = (
    lsp.TEXT_DOCUMENT_DID_OPEN,
    lsp.TEXT_DOCUMENT_DID_CHANGE,
    lsp.TEXT_DOCUMENT_DID_CLOSE,
    lsp.NOTEBOOK_DOCUMENT_DID_OPEN,
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE,
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE,
    lsp.EXIT,
)
"""What pygls has built in and is done in `features.py` and here instead."""


_EVERY_NOTEBOOK = lsp.NotebookDocumentSyncOptions([lsp.NotebookDocumentFilterWithNotebook(notebook="*")])


class Protocol(LanguageServerProtocol):
    """Takes whole message bodies. pygls would read nested objects as messages, and drop in silence what it cannot read."""

    _server: "Server"

    def _register_builtin_features(self) -> None:
        super()._register_builtin_features()  # type: ignore[no-untyped-call]  # pygls leaves it so
        for method in _OURS:
            del self.fm.builtin_features[method]

    @property
    def initialized(self) -> bool:
        """Whether the client has introduced itself."""
        return self._workspace is not None

    @property
    def was_shut_down(self) -> bool:
        """Whether the client has said that it will leave."""
        return bool(self._shutdown)

    def receive(self, body: bytes) -> None:
        """Handle one message. Whatever it is, nothing is raised, and a request is answered now or by its handler."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            self._refuse(None, lsp.ErrorCodes.ParseError, f"not JSON: {error}")
            return
        if not isinstance(message, dict):
            self._refuse(None, lsp.ErrorCodes.InvalidRequest, "a message is a JSON object")
        elif "method" not in message:
            self._receive_response(message)
        elif "id" in message:
            self._receive_request(message)
        else:
            self._receive_notification(message)

    def _receive_request(self, message: Message) -> None:
        method, request_id = message["method"], message["id"]
        if not _is_id(request_id) or not isinstance(method, str) or message.get("jsonrpc") != self.VERSION:
            self._refuse(
                _known(request_id), lsp.ErrorCodes.InvalidRequest, 'a request has "jsonrpc": "2.0", a method and an id'
            )
        elif self._shutdown or (self.initialized and method == lsp.INITIALIZE):
            self._refuse(request_id, lsp.ErrorCodes.InvalidRequest, f"{method} after {self._stage()}")
        elif not self.initialized and method != lsp.INITIALIZE:
            self._refuse(request_id, lsp.ErrorCodes.ServerNotInitialized, f"{method} before initialize")
        elif not self._offers(method):
            self._refuse(request_id, lsp.ErrorCodes.MethodNotFound, f"{method} is not offered")
        elif (structured := self._structured(message)) is None:
            self._refuse(request_id, lsp.ErrorCodes.InvalidParams, f"invalid params for {method}")
        else:
            self.handle_message(structured)

    def _receive_notification(self, message: Message) -> None:
        method = message["method"]
        if method == lsp.EXIT:
            self._server.leave(0 if self._shutdown else 1)
        elif not self.initialized or self._shutdown or not (method == lsp.CANCEL_REQUEST or self._offers(method)):
            logger.debug("ignored notification %s", method)
        elif (structured := self._structured(message)) is not None:
            self.handle_message(structured)
        elif method == lsp.TEXT_DOCUMENT_DID_CHANGE:
            self._lose(message, "textDocument", lsp.TEXT_DOCUMENT_DID_CLOSE)
        elif method == lsp.NOTEBOOK_DOCUMENT_DID_CHANGE:
            self._lose(message, "notebookDocument", lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)

    def _lose(self, change: Message, key: str, closing: str) -> None:
        """A change that cannot be read: from here on the text is not known, so the document counts as closed."""
        params = change.get("params")
        identifier = params.get(key) if isinstance(params, dict) else None
        if isinstance(identifier, dict) and isinstance(identifier.get("uri"), str):
            params = {key: {"uri": identifier["uri"]}, "cellTextDocuments": []}
            self._receive_notification({"jsonrpc": self.VERSION, "method": closing, "params": params})

    def _receive_response(self, message: Message) -> None:
        response_id = message.get("id")
        if "result" not in message and "error" not in message:
            self._refuse(_known(response_id), lsp.ErrorCodes.InvalidRequest, "neither a request nor a response")
        elif not _is_id(response_id):
            logger.warning(key_values(event="malformed", method="(response)"))
        elif (structured := self._structured(message)) is not None:
            self.handle_message(structured)
        elif (future := self._request_futures.pop(response_id, None)) and not future.done():
            future.set_exception(JsonRpcInternalError("the client's answer cannot be read"))

    def _structured(self, message: Message) -> Any:
        """`message` as the protocol's type, or None where it cannot be read as that."""
        method, params = message.get("method", ""), message.get("params")
        for attempt in (mend(method, params), *fallbacks(method, params)):
            readable = {**message, "jsonrpc": self.VERSION}
            if "method" in message:
                readable["params"] = attempt
            try:
                return self.structure_message(readable)
            except JsonRpcException:
                continue
        logger.warning(key_values(event="malformed", method=method or "(response)"))
        return None

    def structure_message(self, data: Message) -> Any:
        """As in pygls, but a request of our own may leave its params out, and may have members that are unknown."""
        if "method" in data and "id" in data and self.get_message_type(data["method"]) is None:
            data = {key: data.get(key) for key in ("id", "method", "jsonrpc", "params")}
            return self._converter.structure(data, JsonRPCRequestMessage)
        return super().structure_message(data)

    def _handle_cancel_notification(self, msg_id: object) -> None:
        """An id that is unknown is nothing special: the cancel and the answer crossed."""
        if _is_id(msg_id) and (future := self._request_futures.pop(msg_id, None)):  # the type lets lists through
            future.cancel()

    def _handle_response(self, msg_id: int | str, result: Any = None, error: lsp.ResponseError | None = None) -> None:
        try:
            super()._handle_response(msg_id, result, error)
        except InvalidStateError:  # who asked has been cancelled in the meantime
            logger.debug("late response %s", msg_id)

    def _refuse(self, request_id: int | str | None, code: lsp.ErrorCodes, reason: str) -> None:
        logger.info(key_values(event="refused", id=request_id, code=int(code), reason=reason))
        # pygls' type would leave an id of null out
        error = {"code": int(code), "message": reason}
        self._send_data({"jsonrpc": self.VERSION, "id": request_id, "error": error})

    def _send_data(self, data: Any) -> None:
        """Hand the body to the writer, which frames it and never blocks. pygls would log the text of it."""
        if self.writer is not None:
            self.writer.write(json.dumps(data, default=self._serialize_message).encode())

    def _offers(self, method: object) -> bool:
        return isinstance(method, str) and (method in self.fm.builtin_features or method in self.fm.features)

    def _stage(self) -> str:
        return "shutdown" if self._shutdown else "initialize"


class Server(LanguageServer):
    """One client's end of the protocol."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("lowabs-lsp", version("lowabs-lsp"), protocol_cls=Protocol, notebook_document_sync=_EVERY_NOTEBOOK)
        self._left: asyncio.Future[int] | None = None

    @property
    def left(self) -> "asyncio.Future[int]":
        """Done when the session is over, with the exit code. Asked for on the event loop."""
        if self._left is None:
            self._left = asyncio.get_running_loop().create_future()
        return self._left

    def leave(self, code: int) -> None:
        """End the session; the first to say so decides the exit code."""
        if not self.left.done():
            self.left.set_result(code)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what went wrong in a handler. pygls would open a pop-up in the editor."""
        foreseen = isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError)
        logger.log(logging.INFO if foreseen else logging.ERROR, "%s", error, exc_info=None if foreseen else error)


def _is_id(value: object) -> TypeGuard[int | str]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _known(value: object) -> int | str | None:
    return value if _is_id(value) else None
