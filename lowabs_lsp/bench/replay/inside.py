"""A policy that runs in this process, with everything that it costs counted."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Event as Flag
from typing import TypeVar

from attrs import define, field, frozen

from lowabs_lsp.bench.replay.assistant import Answer, Usage
from lowabs_lsp.bench.replay.policy import Event, Policy, Request, Timing
from lowabs_lsp.context.window import remembering
from lowabs_lsp.values import Cancelled, Decoding, Draft, Engine, Generated, Mixer, Prompt, never
from lowabs_lsp.wrapper import EngineWrapper

T = TypeVar("T")


class CountingEngine(EngineWrapper):
    """An engine that counts what it is asked to do."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._count = remembering(engine.count_tokens)
        self.calls = 0
        self.runs = 0

    def count_tokens(self, text: str) -> int:
        """As the engine itself does; from one key to the next nearly every line is the same."""
        return self._count(text)

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """As the engine itself does."""
        self.calls += 1
        generated = self.engine.generate(prompt, decoding, cancelled, draft=draft, mixer=mixer)
        self.runs += generated.model_runs
        return generated


@frozen
class _Work:
    """A request on the policy's thread."""

    future: "Future[Answer]"
    flag: Flag

    def result(self, timeout: float | None) -> Answer | None:
        """The answer, or None if it takes longer than `timeout` seconds. Raises what the policy raises."""
        try:
            return self.future.result(timeout)
        except FutureTimeoutError:
            return None

    def cancel(self) -> None:
        """Stop within one step of the engine."""
        self.flag.set()
        self.future.cancel()


@define
class InsideBackend:
    """Runs one policy on one thread, which keeps what it hears and what it is asked in order."""

    policy: Policy
    engine: CountingEngine
    _thread: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1, "policy"))
    _heard: "list[Future[None]]" = field(factory=list)
    _cpu_seconds: float = 0.0

    def observe(self, event: Event) -> None:
        """Hear what happened, after what runs now."""
        self._heard.append(self._thread.submit(self._measured, lambda: self.policy.observe(event)))

    def timing(self, request: Request) -> Timing:
        """As the policy says."""
        return self.policy.timing(request)

    def ask(self, request: Request) -> _Work:
        """Begin with a request, after what runs now."""
        flag = Flag()
        return _Work(self._thread.submit(self._measured, lambda: self._complete(request, flag)), flag)

    def accept(self, request: Request, answer: Answer, text: str) -> None:
        """A policy sees the changed text and the key that changed it."""

    def close(self) -> Usage:
        """End, and say what was spent. Raises what the policy raised when it heard something."""
        self._thread.shutdown()
        for future in self._heard:
            future.result()
        return Usage(self.engine.calls, self.engine.runs, self._cpu_seconds)

    def _complete(self, request: Request, flag: Flag) -> Answer:
        return Answer(self.policy.complete(request, flag.is_set).text)

    def _measured(self, work: Callable[[], T]) -> T:
        began = time.process_time()
        try:
            return work()
        finally:
            self._cpu_seconds += time.process_time() - began
