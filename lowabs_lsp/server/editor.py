"""What the server says to a user: message boxes and progress."""

import asyncio
import uuid
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lowabs_lsp.server.protocol import Server


class ServerEditor:
    """The editor at the other end of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def show_fault(self, message: str) -> None:
        """Open a message box."""
        self._server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, f"lowabs: {message}"))

    def show_warning(self, message: str) -> None:
        """Open a message box for what the server could work around."""
        self._server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"lowabs: {message}"))

    async def show_progress(self, work: "asyncio.Future[Any]", title: str) -> None:
        """Work-done progress, if the client has it and lets us. A client that never answers costs this task only."""
        window = self._server.client_capabilities.window
        if not (window and window.work_done_progress):
            return
        token, progress = str(uuid.uuid4()), self._server.work_done_progress
        try:
            await progress.create_async(token)
        except JsonRpcException:
            return
        progress.begin(token, lsp.WorkDoneProgressBegin(title=title))
        await asyncio.wait([work])
        progress.end(token, lsp.WorkDoneProgressEnd())
        progress.tokens.pop(token, None)  # pygls keeps it for ever
