"""Clients that connect: over TCP and WebSocket, several in turn, each with documents of its own all on one engine thread."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

URI = "file:///w/a.py"


@asynccontextmanager
async def listening(transport: str) -> AsyncIterator[int]:
    """A server process and the port that it listens on."""
    program = Path(__file__).parent / "listening_server.py"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-W", "error", str(program), transport, stderr=pipe
    )
    assert process.stderr is not None
    port = None
    while port is None:
        line = (await process.stderr.readline()).decode()
        assert line, "the server has ended"
        port = re.search(r"event=listening .* port=(\d+)", line)
    try:
        yield int(port[1])
    finally:
        process.send_signal(2)
        assert "Traceback" not in (await process.communicate())[1].decode()
        assert process.returncode == 0


async def complete(transport: str, port: int, text: str) -> list[object]:
    """What a client of its own is shown at the end of `text`."""
    client = LanguageClient("editor", "1")
    await (client.start_tcp if transport == "tcp" else client.start_ws)("127.0.0.1", port)
    await client.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities()))
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "python", 1, text)))
    context = lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Invoked)
    params = lsp.InlineCompletionParams(context, lsp.TextDocumentIdentifier(URI), lsp.Position(0, 100))
    result = await client.text_document_inline_completion_async(params)  # it waits for the engine
    assert isinstance(result, lsp.InlineCompletionList)
    items: list[object] = [item.insert_text for item in result.items]
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # pygls leaves it so
    return items


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_clients_that_connect_are_served_one_after_another_and_at_once(transport: str) -> None:
    async with listening(transport) as port:
        assert await complete(transport, port, "x = ") == ["said"]
        first, second = await asyncio.gather(complete(transport, port, "x = "), complete(transport, port, "other = "))
        assert (first, second) == (["said"], ["said"])


async def test_a_client_that_hangs_up_disturbs_nobody() -> None:
    async with listening("tcp") as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"Content-Length: 100\r\n\r\n{")
        writer.transport.abort()
        assert await complete("tcp", port, "x = ") == ["said"]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:3000", True), ("https://127.0.0.1", True), ("https://evil.example", False), ("null", False)],
)
async def test_only_local_pages_may_open_a_websocket(origin: str, allowed: bool) -> None:
    async with listening("websocket") as port:
        if allowed:
            async with connect(f"ws://127.0.0.1:{port}", additional_headers={"Origin": origin}):
                return
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}", additional_headers={"Origin": origin})


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_a_port_that_is_taken_is_said(transport: str) -> None:
    async with listening("tcp") as port:
        program = Path(__file__).parent / "listening_server.py"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, str(program), transport, str(port), stderr=pipe)
        _, stderr = await process.communicate()
        assert (process.returncode, f"cannot listen on 127.0.0.1:{port}" in stderr.decode()) == (2, True)
