"""The engine of this process as a backend: from its worker threads to the event loop and back."""

import asyncio
import threading
import time
from collections.abc import Sequence

import numpy as np
from attrs import evolve

from lowabs_lsp.engine.batch import BatchEngine, unheard
from lowabs_lsp.serving.jobs import Answer, Job, ModelCard, Pieces
from lowabs_lsp.serving.prompts import PromptWriter
from lowabs_lsp.values import FloatArray, Generated


class LocalBackend:
    """A `jobs.Backend`."""

    def __init__(self, engine: BatchEngine, card: ModelCard) -> None:
        self.engine = engine
        self._card = card
        self._writer = PromptWriter(engine)

    async def card(self) -> ModelCard:
        """The model that answers."""
        return self._card

    async def load(self) -> tuple[int, int]:
        """Jobs that run and jobs that wait."""
        return self.engine.load

    async def run(self, job: Job) -> Pieces:
        """Carry out a job."""
        gone = threading.Event()
        loop = asyncio.get_running_loop()
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        best = MostProbable(job.alternatives)
        prompt, truncated = await asyncio.to_thread(self._writer.write, job)
        deadline = None if job.seconds is None else time.monotonic() + job.seconds
        decoding = evolve(job.decoding, deadline=deadline)

        def hear(text: str | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(texts.put_nowait, text)

        try:
            heard = hear if job.streamed else unheard
            future = self.engine.submit(prompt, decoding, gone.is_set, heard=heard, mixer=best if best.count else None)
            future.add_done_callback(lambda _: hear(None))
            sent = 0
            while (text := await texts.get()) is not None:
                sure = sure_length(text, decoding.stop)
                if sure > sent:
                    yield text[sent:sure]
                    sent = sure
            generated = future.result()
            if job.streamed and generated.text[sent:]:
                yield generated.text[sent:]
            yield self._answer(generated, best, truncated)
        finally:
            gone.set()

    def _answer(self, generated: Generated, best: "MostProbable", truncated: bool) -> Answer:
        spelled = tuple(self._spell(token) for token in generated.tokens)
        rows = best.rows[: len(generated.tokens)]
        alternatives = tuple({self._spell(token): logprob for token, logprob in row} for row in rows)
        return Answer(generated, spelled, alternatives, truncated)

    def _spell(self, token: int) -> str:
        return self.engine.spell(token).decode(errors="backslashreplace")


class MostProbable:
    """A `values.Mixer` that changes nothing and notes the most probable tokens of each place."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.rows: list[list[tuple[int, float]]] = []

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        """Note the `count` most probable tokens, and hand on what was given."""
        order = np.argsort(-logprobs, kind="stable")[: self.count]
        self.rows.append([(int(token), float(logprobs[token])) for token in order])
        return logprobs


def sure_length(text: str, stops: tuple[str, ...]) -> int:
    """How much of `text` stays whatever follows: its end may be the beginning of a stop text, which would be cut off."""
    longest = max(map(len, stops), default=0)
    for start in range(max(0, len(text) - longest + 1), len(text)):
        if any(stop.startswith(text[start:]) for stop in stops):
            return start
    return len(text)
