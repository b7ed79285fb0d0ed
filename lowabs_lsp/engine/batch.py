"""Many generations at once on one model: requests join and leave between two runs."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from attrs import evolve

from lowabs_lsp.engine.draft import PromptLookup
from lowabs_lsp.engine.generate import Generation, Model
from lowabs_lsp.engine.kv_cache import KvCache
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.session import InterruptedRunError
from lowabs_lsp.engine.watcher import Watcher
from lowabs_lsp.errors import BusyError
from lowabs_lsp.values import Cancelled, Decoding, Draft, Generated, Mixer, Prompt, Stop, never
from lowabs_lsp.wrapper import EngineWrapper

Heard = Callable[[str], None]
"""Told the whole text so far after each run that added to it, from a worker's thread."""

WAITING = 256
"""Requests that may wait for their turn; further ones are refused."""

PATIENCE = 10.0
"""A request is behind newer ones for so many times as long as it had the model, then before them."""

READING_PATIENCE = 2.0
"""The same while it reads its prompt: until that is done its user has nothing. On one core with too much to do, after
the death of a replica, the longest wait was a third shorter with it than with `PATIENCE`."""


def unheard(text: str) -> None:
    """For those who want the whole answer only."""


class Request:
    """One generation on its way, owned by the worker that runs it and by the engine's queues in between."""

    def __init__(self, make: Callable[[Model], Generation], cancelled: Cancelled, heard: Heard) -> None:
        self.make, self.cancelled, self.heard = make, cancelled, heard
        self.generation: Generation | None = None
        self.answer: Future[Generated] = Future()
        self.turn = time.monotonic()
        """The lowest goes next: when it came, and some seconds of patience for each second of the model that it had."""
        self.said = ""


class BatchEngine(EngineWrapper):
    """A `values.Engine` for many callers at once. What runs beside a generation changes nothing in it, bit for bit.

    Each worker runs one step at a time. Short requests do not wait behind long ones, and long ones not for ever. A
    request holds its key/value sequence from its first step to its last.
    """

    def __init__(self, engine: LocalEngine, *, sequences: int, workers: int = 1, waiting: int = WAITING) -> None:
        """Keep `sequences` token sequences, and run as many requests at once; `waiting` more may wait."""
        super().__init__(engine)
        self._model = evolve(engine.model, cache=KvCache(engine.model.session.create_memory, sequences))
        self._special = {token: name.encode() for name, token in engine.model.tokenizer.special.items()}
        self._draft = PromptLookup()
        self._sequences, self._most_waiting = sequences, waiting
        self._finding = threading.Lock()
        self._changed = threading.Condition()
        self._new: deque[Request] = deque()
        self._ready: list[tuple[float, int, Request]] = []
        self._order = itertools.count()
        self._running = 0
        self._closed = False
        for n in range(workers):
            threading.Thread(target=self._work, name=f"lowabs-batch-{n}", daemon=True).start()

    @property
    def load(self) -> tuple[int, int]:
        """How many requests run, and how many wait to."""
        with self._changed:
            return self._running, len(self._new)

    def spell(self, token: int) -> bytes:
        """The bytes that a token stands for, or the name of a special one."""
        return self._model.tokenizer.bytes_of[token] or self._special.get(token, b"")

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """Continue `prompt`; any number of threads may call it. Raises EngineError, BusyError when too many wait."""
        return self.submit(prompt, decoding, cancelled, draft=draft, mixer=mixer).result()

    def submit(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
        heard: Heard = unheard,
    ) -> Future[Generated]:
        """`generate` without waiting for it. Raises BusyError when too many wait already."""

        def make(model: Model) -> Generation:
            return Generation(model, prompt, decoding, cancelled, draft or self._draft, mixer)

        request = Request(make, cancelled, heard)
        with self._changed:
            if len(self._new) >= self._most_waiting or self._closed:
                raise BusyError(f"{len(self._new)} requests wait for the model already; try again in a moment")
            self._new.append(request)
            self._changed.notify()
        return request.answer

    def close(self) -> None:
        """Let the workers go; requests that have not ended are cancelled."""
        with self._changed:
            self._closed = True
            for request in (*self._new, *(entry[2] for entry in self._ready)):
                request.answer.set_result(Generated("", (), (), Stop.CANCELLED))
            self._new.clear()
            self._ready.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        """A worker's life."""
        watcher = Watcher()
        while request := self._next():
            try:
                self._step(request, watcher)
            except Exception as exc:  # whatever it is, the one who asked is told, and the worker lives on
                self._leave(request)
                request.answer.set_exception(exc)

    def _next(self) -> Request | None:
        """Wait for a request that may run, and take the one whose turn it is; a new one needs a sequence."""
        with self._changed:
            while not self._closed:
                joins = bool(self._new) and self._running < self._sequences
                if joins and (not self._ready or self._new[0].turn <= self._ready[0][0]):
                    self._running += 1
                    return self._new.popleft()
                if self._ready:
                    return heapq.heappop(self._ready)[2]
                self._changed.wait()
        return None

    def _step(self, request: Request, watcher: Watcher) -> None:
        """Run the model once for `request`, and hand it on or end it."""
        generation = request.generation or self._join(request)
        patience = PATIENCE if generation.output.tokens else READING_PATIENCE
        began = time.perf_counter()
        if generation.output.stop is None:
            try:
                with watcher.watching(generation.is_over) as options:
                    generation.step(options)
            except InterruptedRunError:
                generation.output.stop = generation.early_stop() or Stop.CANCELLED
        request.turn += patience * (time.perf_counter() - began)
        if (text := generation.output.text) != request.said:
            request.said = text
            request.heard(text)
        if generation.output.stop is None:
            self._hand_on(request)
        else:
            self._leave(request)
            request.answer.set_result(generation.result())

    def _join(self, request: Request) -> Generation:
        """Encode the prompt and take a sequence for it."""
        with self._finding:
            generation = request.make(self._model)
            generation.sequence.held = True
        request.generation = generation
        return generation

    def _hand_on(self, request: Request) -> None:
        with self._changed:
            if self._closed:
                request.answer.set_result(Generated("", (), (), Stop.CANCELLED))
                return
            heapq.heappush(self._ready, (request.turn, next(self._order), request))
            self._changed.notify()

    def _leave(self, request: Request) -> None:
        """Give the sequence back, with all that stands in it."""
        if request.generation:
            with self._finding:
                request.generation.sequence.held = False
        with self._changed:
            self._running -= 1
            self._changed.notify()
