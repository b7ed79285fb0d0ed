"""HTTP on an event loop of its own: whoever waits for an answer can leave at any moment, and the connection closes."""

import asyncio
import ipaddress
import json
import logging
import queue
import random
import secrets
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import httpx2

from lowabs_lsp.errors import RemoteError

SESSION = "X-Session-Id"
"""Header by which our own servers know again whose keys and values they have. It is drawn, and says nothing of the user."""
RETRIES = 2
FIRST_PAUSE = 0.05
"""Seconds before the first retry at most; each further one doubles it. What is drawn lies between nothing and that."""
REST = 1.0
"""Seconds beyond a deadline in which nobody listens any more but the end of an answer may come."""
LONGEST_ANSWER = 1 << 20
"""Bytes of one answer; a completion has a few thousand."""


class Connection:
    """The way to one server. Owned by the engine that uses it; its thread and its sockets end with it."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = httpx2.URL(url)
        self._loop = asyncio.new_event_loop()
        for name in ("httpx2", "httpcore2"):  # they log each request
            logging.getLogger(name).setLevel(logging.WARNING)
        headers = {SESSION: secrets.token_hex(8)} | ({"Authorization": f"Bearer {key}"} if key else {})
        no_proxy = {"all://": None} if is_loopback(self.url.host) else None
        self._client = httpx2.AsyncClient(base_url=url, headers=headers, timeout=None, mounts=no_proxy)
        threading.Thread(target=_keep, args=(self._loop,), name="lowabs-remote", daemon=True).start()
        self.close = weakref.finalize(self, _close, self._loop, self._client)

    def get(self, path: str, *, timeout: float) -> Any:
        """The JSON at `path`. Raises RemoteError."""
        return self._begin(_get(self._client, path, timeout)).result()

    def post(self, path: str, body: object, *, deadline: float) -> "Exchange":
        """Send `body` as JSON and have the lines of the answer as they come. `deadline` ends retries."""
        lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        return Exchange(self._begin(_post(self._client, path, body, deadline, lines.put)), lines)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)


Line = str | RemoteError | None
"""A line, the fault that ended the answer, or its regular end."""


class Exchange:
    """One request on its way. Leaving the block closes its connection unless the answer is complete."""

    def __init__(self, task: "Future[Any]", lines: "queue.SimpleQueue[Line]") -> None:
        self._task, self._lines = task, lines
        self.is_complete = False
        """Set by who has all that it wants, at the regular end: what little follows is read, and the connection kept."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self.is_complete:
            self._task.cancel()

    def take(self, timeout: float) -> str:
        """The next line; an empty one when none comes within `timeout` seconds. Raises RemoteError, at the end too."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            return ""
        if line is None:
            raise RemoteError("the server's answer was cut off", passing=True)
        if isinstance(line, RemoteError):
            raise line
        return line


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: no proxy leads there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def _get(client: httpx2.AsyncClient, path: str, timeout: float) -> Any:
    try:
        async with asyncio.timeout(timeout):
            response = await client.get(path)
    except TimeoutError as error:
        raise RemoteError(f"no answer within {timeout:.0f} s", passing=True) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _unreachable(error) from error
    _check(response)
    try:
        return response.json()
    except ValueError as error:
        raise RemoteError("the server's answer is no JSON; check the address", status=response.status_code) from error


async def _post(client: httpx2.AsyncClient, path: str, body: object, deadline: float, put: Callable[[Line], None]) -> None:
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic()) + REST):
            await _post_again(client, path, json.dumps(body).encode(), deadline, put)
    except RemoteError as fault:
        put(fault)
    except TimeoutError:
        put(RemoteError("the server's answer has no end", passing=True))
    except (httpx2.HTTPError, OSError) as error:
        put(_unreachable(error))
    else:
        put(None)


async def _post_again(client: httpx2.AsyncClient, path: str, body: bytes, deadline: float, put: Callable[[Line], None]) -> None:
    """Try until an answer begins, as long as that may help and there is time."""
    for attempt in range(RETRIES + 1):
        try:
            async with client.stream("POST", path, content=body, headers={"Content-Type": "application/json"}) as response:
                _check(response)
                async for line in _lines(response):
                    put(line)
                return
        except (RemoteError, httpx2.ConnectError, httpx2.RemoteProtocolError) as error:
            fault = error if isinstance(error, RemoteError) else _unreachable(error)
            pause = max(fault.retry_after, random.uniform(0, FIRST_PAUSE * 2**attempt))
            if not fault.may_retry or attempt == RETRIES or time.monotonic() + pause >= deadline:
                raise fault from error
        await asyncio.sleep(pause)


async def _lines(response: httpx2.Response) -> AsyncIterator[str]:
    """The lines of an answer, as they come. A cut or endless one raises."""
    rest, size = b"", 0
    try:
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > LONGEST_ANSWER:
                raise RemoteError("the server's answer has no end", passing=True)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
    except httpx2.HTTPError as error:
        raise RemoteError("the server's answer was cut off", passing=True) from error
    if rest:
        yield rest.decode(errors="replace")


def _check(response: httpx2.Response) -> None:
    """Raise RemoteError for an answer that is none. What the server wrote is not repeated: it may hold the prompt."""
    status = response.status_code
    if response.is_success:
        return
    passing = status in (408, 425, 429) or status >= 500
    raise RemoteError(
        f"the server answered with status {status}; {_advice(status)}",
        passing=passing,
        status=status,
        may_retry=passing,
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def _advice(status: int) -> str:
    if status in (401, 403):
        return "put its key into the environment variable LOWABS_ENGINE_KEY, or into the keyring under lowabs-lsp"
    if status == 404:
        return "check engine.url, engine.kind and engine.model"
    if status in (400, 413, 422):
        return "check engine.kind and engine.layout, and that context.maxTokens is not more than its model takes"
    return "it may pass" if status >= 429 else "check engine.url"


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), 600.0) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _unreachable(error: Exception) -> RemoteError:
    return RemoteError(f"the server cannot be reached ({type(error).__name__})", passing=True, may_retry=True)


def _keep(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _close(loop: asyncio.AbstractEventLoop, client: httpx2.AsyncClient) -> None:
    async def close() -> None:
        await client.aclose()
        loop.stop()

    asyncio.run_coroutine_threadsafe(close(), loop)
