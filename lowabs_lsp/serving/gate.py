"""What stands before each route: who may ask, how large a body may be, and how refusals are written."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from attrs import field, frozen
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from lowabs_lsp.errors import BusyError, LowabsError
from lowabs_lsp.logs import key_values
from lowabs_lsp.serving.fields import Fields, RefusedError, read_object
from lowabs_lsp.serving.metrics import Metrics
from lowabs_lsp.serving.tokens import Tokens

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]

BODY_SECONDS = 30.0
"""How long a client may take to send its body."""


@frozen
class Limits:
    """What a server takes on."""

    body_bytes: int = 1 << 20
    tokens: Tokens = field(factory=Tokens)


def guarded(handler: Handler, limits: Limits, metrics: Metrics, *, is_open: bool = False) -> Handler:
    """`handler` behind the gate; whatever it raises becomes an answer in OpenAI's shape. `is_open` asks for no token."""

    async def answer(request: Request) -> Response:
        route = request.url.path  # routes have no parameters, so there are few
        began = time.perf_counter()
        with metrics.request(route):
            try:
                if not is_open and not limits.tokens.allow(request.headers.get("authorization", "")):
                    raise RefusedError("give a valid token as `Authorization: Bearer ...`", status=401, code="invalid_api_key")
                response = await handler(request)
            except Exception as exc:  # the outermost place that knows this request
                response = as_response(exc)
        metrics.requests.labels(route, response.status_code).inc()
        milliseconds = 1e3 * (time.perf_counter() - began)
        level = logging.DEBUG if request.method == "GET" else logging.INFO
        log.log(level, "event=answered %s", key_values(route=route, status=response.status_code, ms=milliseconds))
        return response

    return answer


async def read_body(request: Request, limits: Limits) -> Fields:
    """The JSON object that the client sent. Raises RefusedError when it is too large, too slow or no object."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > limits.body_bytes:
                    raise RefusedError(f"the body has more than {limits.body_bytes} bytes; send less text", status=413)
    except TimeoutError as exc:
        raise RefusedError(f"the body did not arrive within {BODY_SECONDS:.0f} seconds", status=408) from exc
    return read_object(bytes(body))


def as_response(exc: Exception) -> Response:
    """The answer that tells an error. What nobody foresaw is logged, and told without its details."""
    if isinstance(exc, ExceptionGroup):  # of jobs side by side
        return as_response(exc.exceptions[0])
    if isinstance(exc, RefusedError):
        return failure(exc.status, exc.message, param=exc.param, code=exc.code)
    if isinstance(exc, HTTPException):
        return failure(exc.status_code, exc.detail)
    if isinstance(exc, BusyError):
        return failure(429, str(exc), code="busy", headers={"Retry-After": "1"})
    if isinstance(exc, LowabsError):
        too_long = "does not fit" in str(exc) or "leaves no room" in str(exc)
        return failure(400 if too_long else 500, str(exc), code="context_length_exceeded" if too_long else None)
    if isinstance(exc, ClientDisconnect):
        return Response(status_code=499)
    log.error("event=failed", exc_info=exc)
    return failure(500, "the server failed; its log says more")


def failure(
    status: int, message: str, *, param: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """OpenAI's error body."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    error = {"message": message, "type": kind, "param": param, "code": code}
    extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": error}, status, headers=extra | (headers or {}))
