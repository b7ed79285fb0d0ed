"""How a request is answered: from memory, by a run on its way, by the model; and what is computed before anybody asks."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from attrs import evolve, frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.errors import LedgerError
from lowabs_lsp.logs import key_values
from lowabs_lsp.recording import Recording, RecordingEngine, Tape
from lowabs_lsp.server.ahead import Ahead, Job, accepted, entered
from lowabs_lsp.server.configuration import wishes
from lowabs_lsp.server.loading import Loader
from lowabs_lsp.server.pace import Pace
from lowabs_lsp.server.power import on_battery
from lowabs_lsp.server.recall import Recall
from lowabs_lsp.server.schedule import Request, Schedule, Work
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Cancelled, Completion, Document, Limits, Observer, Reason, Stop

logger = logging.getLogger(__name__)

HOLD = 30.0
"""Seconds that a request waits for a model that is being loaded: no client asks again by itself."""

LATEST = 2.0
"""Seconds beyond its deadline in which a completion may come of which not even a word was there in time."""


@frozen
class Wish:
    """What a client asks for."""

    request: Request
    others: Sequence[Document]
    """The other open documents, the most recently used first."""
    is_automatic: bool = True
    """A key brought it about, and not the person's wish."""
    name: str = ""
    """By which it is known in the log."""
    patience: float | None = None
    """Seconds after which an answer is of no use; without it, until the model is there and has said what there is to say."""
    is_guess: bool = False
    """The client guesses that the text at the cursor will be in the document."""


class Answers:
    """One client's completions. Lives on the event loop; the model is run by `executor`."""

    def __init__(self, loader: Loader, executor: Executor, settings: Callable[[], Settings], tape: Tape | None = None) -> None:
        """`settings` tells those in force. Without a tape nothing is recorded."""
        self._tape = tape
        self._loader, self._executor, self._settings = loader, executor, settings
        self._recall = Recall()
        self._pace = Pace()
        self._schedule = Schedule(executor, self._remember)
        self._ahead = Ahead(executor, self._may_work_ahead)

    async def answer(self, wish: Wish) -> Completion:
        """The completion, or silence with its reason. Raises what the model raises."""
        request = wish.request
        recalled = self._recall.recall(request.document, request.offset)
        if recalled is not None and (wish.is_automatic or (recalled.text and not self._has_others_to_find(recalled))):
            self._schedule.supersede(request)
            self._ahead.proceed()
            return recalled
        if not self._schedule.serves(request):
            self._ahead.give_way()
        delay = self._pace.delay(self._settings().completion) if wish.is_automatic else 0.0
        try:
            async with asyncio.timeout(wish.patience):
                completion = await self._schedule.complete(request, lambda: self._prepare(wish), delay=delay)
            self._record(wish, completion)
            return completion
        except TimeoutError:
            return Completion("", Reason.DEADLINE)
        finally:
            self._ahead.proceed()

    def _has_others_to_find(self, recalled: Completion) -> bool:
        """Whether a person who asks where a suggestion stands already wants to see what else it might be."""
        wanted = self._settings().completion.alternatives > 1
        return wanted and recalled.reason is Reason.CACHED and not recalled.others

    def look_ahead(self, document: Document, offset: int, text: str, others: Sequence[Document]) -> None:
        """`text` is in view at `offset`: compute what would follow if it were accepted."""
        self._plan_completion(*accepted(document, offset, text), others, then_enter=True)

    def read_ahead(self, document: Document, offset: int, others: Sequence[Document]) -> None:
        """The cursor may be at `offset`: let the model read what stands around it."""

        def job(cancelled: Cancelled) -> Callable[[], None]:
            completer = self._loader.completer_at_hand
            generated = completer.prefill(document, offset, cancelled, others) if completer else None
            if generated is not None:
                logger.debug(key_values(event="read-ahead", prompt=generated.prompt_tokens, reused=generated.reused_tokens))
            return lambda: None

        self._ahead.plan(job)

    def follow(self, document: Document) -> None:
        """A document has changed."""
        self._recall.forget_silences(except_in=document.uri)
        self._schedule.follow(document.uri, document.text)

    def leave(self, uri: str) -> None:
        """A document is closed."""
        self._schedule.stop(uri)
        self._recall.forget(uri)

    def forget_silences(self) -> None:
        """Files have changed: the model may have something to say now."""
        self._recall.forget_silences()

    def stop(self) -> None:
        """Answer all that is asked with nothing, and let the model rest."""
        self._schedule.stop()
        self._ahead.give_way()

    def forget(self) -> None:
        """Another model, or other settings, would say something else."""
        self.stop()
        self._recall.clear()
        self._pace = Pace()

    def proceed(self) -> None:
        """Do what was planned, if it may be done now."""
        self._ahead.proceed()

    async def _prepare(self, wish: Wish) -> Work:
        completer = await self._loader.wait(HOLD)
        if completer is None:
            reason = Reason.LOADING if self._loader.is_loading else Reason.NO_MODEL
            return lambda cancelled, observer: Completion("", reason)
        limits = self._pace.limits(self._settings().completion, time.monotonic())
        return self._work(completer, wish, evolve(limits, is_explicit=not wish.is_automatic, is_ahead=wish.is_guess))

    def _work(self, completer: Completer, wish: Wish, limits: Limits) -> Work:
        document, offset = wish.request.document, wish.request.offset

        def work(cancelled: Cancelled, observer: Observer) -> Completion:
            with_ears = evolve(limits, observer=observer)
            completion = completer.complete(document, offset, cancelled, wish.others, limits=with_ears)
            if completion.reason is Reason.DEADLINE and not cancelled():  # late is better than never: nobody asks again
                later = evolve(with_ears, deadline=time.monotonic() + LATEST)
                completion = completer.complete(document, offset, cancelled, wish.others, limits=later)
            if completion.generated is not None:
                self._pace.measure(completion.generated)
                if completion.generated.stop is Stop.CANCELLED:
                    _log_stopped(wish.request.channel, completion)
            return completion

        return work

    def _plan_completion(self, document: Document, offset: int, others: Sequence[Document], *, then_enter: bool) -> None:
        self._ahead.give_way()
        if not self._recall.knows(document, offset):
            self._ahead.plan(self._completing(document, offset, others, then_enter=then_enter))

    def _completing(self, document: Document, offset: int, others: Sequence[Document], *, then_enter: bool) -> Job:
        def job(cancelled: Cancelled) -> Callable[[], None]:
            completer = self._loader.completer_at_hand
            if completer is None:
                return lambda: None
            completion = completer.complete(document, offset, cancelled, others, limits=Limits(is_ahead=True))
            logger.debug(_ahead_line(completion))
            return lambda: self._take_ahead(completion, document, offset, others, then_enter=then_enter)

        return job

    def _take_ahead(
        self, completion: Completion, document: Document, offset: int, others: Sequence[Document], *, then_enter: bool
    ) -> None:
        self._recall.remember(document, offset, completion)
        below = entered(document, offset) if then_enter and not completion.text else None
        if below is not None:
            self._plan_completion(*below, others, then_enter=False)

    def _remember(self, request: Request, completion: Completion) -> None:
        self._recall.remember(request.document, request.offset, completion)

    def _record(self, wish: Wish, completion: Completion) -> None:
        completer, settings = self._loader.completer_at_hand, self._settings()
        engine = completer.engine if completer else None
        if not isinstance(engine, RecordingEngine) or engine.last is None or self._tape is None:
            return
        if completion.generated is not engine.last.generated:
            return
        document = wish.request.document
        about = {
            "path": document.path,
            "language": document.language,
            "offset": wish.request.offset,
            "text": completion.text,
            "reason": completion.reason,
            "model": settings.model,
            "engine": wishes(settings.engine),
            "description": engine.description,
        }
        recording = evolve(engine.last, about=about)
        asyncio.get_running_loop().run_in_executor(None, self._save, wish.name, recording, settings.history.recordings)

    def _save(self, name: str, recording: Recording, most: int) -> None:
        assert self._tape is not None
        try:
            self._tape.save(name, recording, most)
        except LedgerError as error:  # completions are worth more than their recording
            logger.warning("event=not-recorded error=%s", error)

    def _may_work_ahead(self) -> bool:
        settings = self._settings()
        wanted, is_elsewhere = settings.completion.ahead, bool(settings.engine.url)
        may = wanted == "always" or (wanted == "auto" and not is_elsewhere and not on_battery())
        return may and self._schedule.is_idle and self._loader.completer_at_hand is not None


def _log_stopped(channel: str, completion: Completion) -> None:
    generated = completion.generated
    assert generated is not None
    logger.info(
        key_values(
            event="stopped",
            method=channel.rpartition("/")[2],
            reason=completion.reason,
            prompt=generated.prompt_tokens if generated.model_runs else 0,
            runs=generated.model_runs,
        )
    )


def _ahead_line(completion: Completion) -> str:
    generated = completion.generated
    runs, tokens = (generated.model_runs, len(generated.tokens)) if generated else (0, 0)
    return key_values(event="ahead", reason=completion.reason, runs=runs, tokens=tokens)
