"""Clients that connect: over TCP, or a WebSocket for editors in a browser. Each has a session of its own."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable
from socket import socket as Socket

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lowabs_lsp.logs import key_values
from lowabs_lsp.server.frames import LARGEST, frame
from lowabs_lsp.server.session import Session
from lowabs_lsp.server.transport import CHUNK, bodies_of, converse

logger = logging.getLogger(__name__)

NewSession = Callable[[], Session]

_LOCAL_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?|file://")


async def over_tcp(new_session: NewSession, host: str, port: int) -> int:
    """Serve clients that connect to a port, each in a session of its own, until cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await converse(new_session(), _StreamWriter(writer), bodies_of(lambda: reader.read(CHUNK)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, host, port)
    _announce("tcp", server.sockets)
    async with server:
        await server.serve_forever()
    return 0


class _StreamWriter:
    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream

    def write(self, body: bytes) -> None:
        self._stream.write(frame(body))


async def over_websocket(new_session: NewSession, host: str, port: int) -> int:
    """Serve clients that open a WebSocket, each in a session of its own, until cancelled."""

    async def connected(connection: ServerConnection) -> None:
        writer = _SocketWriter(connection)
        sender = asyncio.ensure_future(writer.run())
        try:
            await converse(new_session(), writer, _messages(connection))
        finally:
            writer.write(b"")
            await sender

    async with serve(connected, host, port, max_size=LARGEST, process_request=_check_origin) as server:
        _announce("websocket", server.sockets)
        await server.serve_forever()
    return 0


class _SocketWriter:
    """Sends in order. An empty body is the end."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, body: bytes) -> None:
        self._queue.put_nowait(body)

    async def run(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while body := await self._queue.get():
                await self._connection.send(body.decode())


async def _messages(connection: ServerConnection) -> AsyncIterator[bytes]:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            yield message.encode() if isinstance(message, str) else message


def _check_origin(connection: ServerConnection, request: Request) -> Response | None:
    """Any page in a browser may open a socket to this machine: only pages that are served from it are let in."""
    origin = request.headers.get("Origin")
    if origin is None or _LOCAL_ORIGIN.fullmatch(origin):
        return None
    return connection.respond(403, f"{origin} may not connect; serve the page from localhost\n")


def _announce(transport: str, sockets: Iterable[Socket]) -> None:
    for socket in sockets:
        host, port = socket.getsockname()[:2]
        logger.info(key_values(event="listening", transport=transport, host=host, port=port))
