"""The HTTP front as a Starlette application: routes, and the life of one request."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Lifespan

from lowabs_lsp.errors import EngineError
from lowabs_lsp.serving.completions import (
    Asked,
    as_chunk,
    as_completions,
    as_fim,
    as_last_chunk,
    read_completions,
)
from lowabs_lsp.serving.gate import Handler, Limits, as_response, guarded, read_body
from lowabs_lsp.serving.infill import as_infill, read_infill
from lowabs_lsp.serving.jobs import Answer, Backend, Job, Pieces
from lowabs_lsp.serving.metrics import Metrics

T = TypeVar("T")
Chunks = AsyncGenerator[dict[str, Any], None]

SESSION = "x-session-id"
"""Header by which a client names its session: what it asks next resembles what it asked before."""


def make_app(backend: Backend, limits: Limits, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application that answers with `backend`."""
    front = Front(backend, limits)
    metrics = front.metrics

    def post(path: str, handler: Handler) -> Route:
        return Route(path, guarded(handler, limits, metrics), methods=["POST"])

    def get(path: str, handler: Handler, *, is_open: bool = False) -> Route:
        return Route(path, guarded(handler, limits, metrics, is_open=is_open))

    routes = [
        post("/v1/completions", front.complete),
        post("/v1/fim/completions", front.complete_fim),
        post("/infill", front.infill),
        get("/v1/models", front.models),
        get("/metrics", front.expose),
        get("/health", front.health, is_open=True),
    ]
    unrouted = {404: answer_error, 405: answer_error}
    return Starlette(routes=routes, exception_handlers=unrouted, lifespan=lifespan)


async def answer_error(request: Request, exc: Exception) -> Response:
    """A path or method that is not there."""
    return as_response(exc)


class Front:
    """The handlers of one application."""

    def __init__(self, backend: Backend, limits: Limits) -> None:
        self.backend, self.limits, self.metrics = backend, limits, Metrics()

    async def complete(self, request: Request) -> Response:
        """OpenAI's completions."""
        return await self._complete(request, lambda body, streamed: body)

    async def complete_fim(self, request: Request) -> Response:
        """The same in the shape of a chat, as Mistral's API has it."""
        return await self._complete(request, lambda body, streamed: as_fim(body, streamed=streamed))

    async def _complete(self, request: Request, shape: Callable[[dict[str, Any], bool], dict[str, Any]]) -> Response:
        asked = read_completions(await read_body(request, self.limits), request.headers.get(SESSION, ""))
        model = (await self.backend.card()).name
        if asked.streamed:
            chunks = (shape(chunk, True) async for chunk in self._chunks(asked, model))
            return await self._stream(chunks, closing=b"data: [DONE]\n\n")
        answers = await while_connected(request, self._answers(asked.jobs))
        return JSONResponse(shape(as_completions(asked, answers, model), False))

    async def infill(self, request: Request) -> Response:
        """llama.cpp's fill-in-the-middle."""
        fields = await read_body(request, self.limits)
        job = read_infill(fields, request.headers.get(SESSION, ""))
        model = (await self.backend.card()).name

        async def chunks() -> Chunks:
            async for piece in self._run(job):
                if isinstance(piece, str):
                    yield {"content": piece, "stop": False}
                else:
                    yield as_infill(fields, piece, model) | {"content": "", "stop": True}

        if job.streamed:
            return await self._stream(chunks())
        (answer,) = await while_connected(request, self._answers([job]))
        return JSONResponse(as_infill(fields, answer, model))

    async def models(self, request: Request) -> Response:
        """The one model that is served."""
        card = await self.backend.card()
        model = {
            "id": card.name,
            "object": "model",
            "created": 0,
            "owned_by": "lowabs-lsp",
            "context_length": card.context_length,
            "licence": card.licence,
            "description": card.description,
        }
        return JSONResponse({"object": "list", "data": [model]})

    async def health(self, request: Request) -> Response:
        """Whether an engine answers."""
        running, waiting = await self.backend.load()
        return JSONResponse({"status": "ok", "running": running, "waiting": waiting})

    async def expose(self, request: Request) -> Response:
        """The figures for Prometheus."""
        text = self.metrics.exposition(await self.backend.load())
        return Response(text, media_type="text/plain; version=0.0.4")

    async def _answers(self, jobs: Sequence[Job]) -> list[Answer]:
        """The answers of all jobs, run side by side."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._answer(job)) for job in jobs]
        return [task.result() for task in tasks]

    async def _answer(self, job: Job) -> Answer:
        async with contextlib.aclosing(self._run(job)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    return piece
        raise EngineError("the engine ended without an answer; see the log")

    async def _run(self, job: Job) -> Pieces:
        """A job's pieces, measured."""
        began = time.perf_counter()
        is_first, has_ended = True, False
        try:
            async with contextlib.aclosing(self.backend.run(job)) as pieces:
                async for piece in pieces:
                    if is_first:
                        self.metrics.first.observe(time.perf_counter() - began)
                        is_first = False
                    if isinstance(piece, Answer):
                        self.metrics.answered(piece)
                        has_ended = True
                    yield piece
        except (GeneratorExit, asyncio.CancelledError):
            if not has_ended:
                self.metrics.cancelled()
            raise

    async def _chunks(self, asked: Asked, model: str) -> Chunks:
        """The pieces of all choices as they come."""
        answers: dict[int, Answer] = {}
        async with contextlib.aclosing(merged([self._run(job) for job in asked.jobs])) as pieces:
            async for index, piece in pieces:
                if isinstance(piece, Answer):
                    answers[index] = piece
                yield as_chunk(asked, index, piece, model)
        if asked.usage:
            yield as_last_chunk(asked, list(answers.values()), model)

    async def _stream(self, chunks: Chunks, closing: bytes = b"") -> Response:
        """Server-sent events. What fails before the first is an ordinary error, what fails later an event."""
        first = await anext(chunks)

        async def events() -> AsyncGenerator[bytes, None]:
            try:
                yield as_event(first)
                async for chunk in chunks:
                    yield as_event(chunk)
                yield closing
            except Exception as exc:  # the status is out already
                yield b"data: " + bytes(as_response(exc).body) + b"\n\n"
            finally:
                await chunks.aclose()

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def as_event(chunk: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


async def while_connected(request: Request, answering: Coroutine[Any, Any, T]) -> T:
    """What `answering` gives. Raises ClientDisconnect, and cancels it, when the client goes away."""
    answer = asyncio.ensure_future(answering)
    leaving = asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait([answer, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        for task in (answer, leaving):
            task.cancel()
        await asyncio.wait([answer, leaving])


async def until_gone(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def merged(sources: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """What several iterators give, as it comes, each with the number of its source. Closing it closes them."""
    pieces: asyncio.Queue[tuple[int, T] | None] = asyncio.Queue()

    async def pump(index: int, source: AsyncGenerator[T, None]) -> None:
        async with contextlib.aclosing(source):
            async for piece in source:
                await pieces.put((index, piece))

    async def pump_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for index, source in enumerate(sources):
                    group.create_task(pump(index, source))
        finally:
            await pieces.put(None)

    pumping = asyncio.create_task(pump_all())
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await pumping
    finally:
        pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pumping
