"""THE LOOP: encode, heal, reuse, prefill; then guess, verify, accept until a rule stops it."""

import itertools
import time
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from attrs import frozen

from lowabs_lsp.engine.chunk_length import ChunkLength
from lowabs_lsp.engine.continuation import Continuation
from lowabs_lsp.engine.draft import MOST_GUESSES
from lowabs_lsp.engine.draft_length import DraftLength
from lowabs_lsp.engine.healing import Healing
from lowabs_lsp.engine.kv_cache import KvCache
from lowabs_lsp.engine.sampling import certainty, log_softmax, make_pick
from lowabs_lsp.engine.session import InterruptedRunError, KeyValueMemory, Session
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.engine.watcher import Watcher
from lowabs_lsp.errors import EngineError
from lowabs_lsp.values import (
    Cancelled,
    Decoding,
    Draft,
    FloatArray,
    Generated,
    Layout,
    Mixer,
    Prompt,
    Sentinel,
    Stop,
    Timings,
)


@frozen
class Model:
    """What generating needs; it lives as long as its engine."""

    session: Session
    tokenizer: Tokenizer
    healing: Healing
    layout: Layout
    cache: KvCache[KeyValueMemory]
    watcher: Watcher
    chunk_length: ChunkLength
    draft_length: DraftLength


def generate(
    model: Model, prompt: Prompt, decoding: Decoding, cancelled: Cancelled, *, draft: Draft, mixer: Mixer | None = None
) -> Generated:
    """Continue `prompt`. What is cached, how it is chunked and what is drafted changes no token and no probability.

    Raises EngineError when the prompt leaves no room for a token or the model fails.
    """
    return run_to_end(Generation(model, prompt, decoding, cancelled, draft, mixer))


def run_to_end(generation: "Generation") -> Generated:
    """Take step after step until a rule or its caller stops it."""
    with generation.model.watcher.watching(generation.is_over) as options:
        try:
            while generation.output.stop is None:
                generation.step(options)
        except InterruptedRunError:
            generation.output.stop = generation.early_stop() or Stop.CANCELLED
    return generation.result()


class Generation:
    """The state of one call of `generate`; its methods are the steps of the loop."""

    def __init__(
        self,
        model: Model,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled,
        draft: Draft,
        mixer: Mixer | None,
        *,
        forced: Sequence[int] = (),
        branches: int = 0,
    ) -> None:
        """`forced` are its first tokens, whatever the model prefers; `branches` rivals of each other one are remembered."""
        self.model, self.decoding, self.cancelled, self.draft, self.mixer = model, decoding, cancelled, draft, mixer
        self.pick = make_pick(decoding)
        self.started = time.perf_counter()
        self.tokens, self.torn = encode(model, prompt)
        """The prompt without what was taken back, then what was generated; and what was taken back."""
        self.prompt_tokens = len(self.tokens) + len(self.torn)
        room = model.session.context_length - len(self.tokens)
        if room <= len(self.torn):
            raise EngineError(
                f"a prompt of {self.prompt_tokens} tokens leaves no room in the model's context of "
                f"{model.session.context_length}; lower the setting context.maxTokens"
            )
        self.output = Continuation(model.tokenizer, decoding, owed=model.tokenizer.decode_bytes(self.torn), room=room)
        self.sequence = model.cache.find(self.tokens)
        self.reused = len(self.sequence.tokens)
        self.forced, self.branches = list(forced), branches
        self.rivals: list[list[tuple[int, float]]] = []
        """For each token the most probable others and their log-probabilities, the best first."""
        self.runs = self.drafted = self.accepted = self.proposed = 0
        self.encoded = self.prefilled = time.perf_counter()

    def early_stop(self) -> Stop | None:
        """Whether nobody waits any longer, and why."""
        if self.cancelled():
            return Stop.CANCELLED
        deadline = self.decoding.deadline
        return Stop.DEADLINE if deadline is not None and time.monotonic() >= deadline else None

    def is_over(self) -> bool:
        """`early_stop` for those who ask yes or no."""
        return self.early_stop() is not None

    def step(self, options: ort.RunOptions) -> None:
        """One run of the model: a chunk of the prompt, or its last one and what follows, which verifies guesses."""
        chunk = self.model.chunk_length.choose()
        if len(self.tokens) - len(self.sequence.tokens) > chunk:
            self.prefill(chunk, options)
        else:
            guesses, accepted, is_first = self.guess(), self.accepted, not self.output.tokens
            self.accept(self.verify(guesses, options), guesses)
            if guesses and not is_first and self.output.stop is None:  # a guess that the end cut off was not judged
                self.model.draft_length.learn_acceptance(self.proposed, len(guesses), self.accepted - accepted)
            if self.decoding.observer is not None:
                self.decoding.observer(self.output.text)

    def prefill(self, count: int, options: ort.RunOptions) -> None:
        """Run the next `count` tokens of the prompt."""
        past = len(self.sequence.tokens)
        chunk = self.tokens[past : past + count]
        began = time.perf_counter()
        self.run(chunk, 1, options)
        self.model.chunk_length.learn(count, time.perf_counter() - began)
        self.sequence.tokens += chunk

    def guess(self) -> list[int]:
        """First of all what is forced, or that the torn tokens were whole; behind them what the draft proposes."""
        torn = self.forced or self.torn if not self.output.tokens else []
        most = min(MOST_GUESSES, self.output.left - len(torn) - 1)  # the run's own choice needs no guess
        if most <= 0:
            return torn
        known = range(self.model.tokenizer.size)
        proposed = list(itertools.takewhile(known.__contains__, self.draft.propose(self.tokens + torn, most)[:most]))
        self.proposed = len(proposed)
        return [*torn, *proposed[: self.model.draft_length.choose(len(proposed))]]

    def verify(self, guesses: Sequence[int], options: ort.RunOptions) -> FloatArray:
        """Logits [1 + guesses, V] after the last sure token and after each guess, in one run."""
        pending = self.tokens[len(self.sequence.tokens) :]
        began = time.perf_counter()
        logits = self.run([*pending, *guesses], 1 + len(guesses), options)
        if len(pending) == 1:
            self.model.draft_length.learn_time(1 + len(guesses), time.perf_counter() - began)
        self.drafted += len(guesses)
        return logits[:, : self.model.tokenizer.size]

    def accept(self, logits: FloatArray, guesses: Sequence[int]) -> None:
        """Choose token after token; a choice that differs from its guess makes the rows behind it worthless."""
        for row, guess in zip(logits, [*guesses, None], strict=True):
            token = self.choose(row)
            self.accepted += token == guess
            if self.output.stop is not None or token != guess:
                break
        self.sequence.tokens += self.tokens[len(self.sequence.tokens) : -1]  # the last choice has not run yet

    def choose(self, logits: FloatArray) -> int:
        """The next token by model, mixer, owed bytes and sampling; appended to the output."""
        logprobs = log_softmax(logits)
        if self.mixer is not None:
            logprobs = self.mixer.mix(self.tokens, logprobs)
        owed = self.output.owed
        possible = self.model.healing.constrain(logprobs, owed) if owed else logprobs
        place = len(self.output.tokens)
        token = self.forced[place] if place < len(self.forced) else self.pick(possible)
        if self.branches:
            self.rivals.append(best_others(possible, token, self.branches))
        self.output.take(token, float(logprobs[token]), *certainty(possible, token))
        self.tokens.append(token)
        return token

    def run(self, ids: Sequence[int], rows: int, options: ort.RunOptions) -> FloatArray:
        """Run `ids` behind what the sequence holds, unless nobody waits. Raises InterruptedRunError."""
        if self.is_over():
            raise InterruptedRunError
        self.runs += 1
        logits = self.model.session.run(self.sequence.memory, ids, len(self.sequence.tokens), rows, options)
        if self.runs == 1 or not self.output.tokens:
            self.prefilled = time.perf_counter()
        return logits

    def result(self) -> Generated:
        """What came of it."""
        assert self.output.stop is not None
        ended = time.perf_counter()
        return Generated(
            text=self.output.text,
            tokens=tuple(self.output.tokens),
            logprobs=tuple(self.output.logprobs),
            stop=self.output.stop,
            ends=tuple(self.output.ends),
            chances=tuple(self.output.chances),
            entropies=tuple(self.output.entropies),
            prompt_tokens=self.prompt_tokens,
            reused_tokens=self.reused,
            model_runs=self.runs,
            drafted_tokens=self.drafted,
            accepted_tokens=self.accepted,
            timings=Timings(
                encode=1e3 * (self.encoded - self.started),
                prefill=1e3 * (self.prefilled - self.encoded),
                decode=1e3 * (ended - self.prefilled),
            ),
        )


def best_others(logprobs: FloatArray, token: int, count: int) -> list[tuple[int, float]]:
    """The most probable tokens but `token`, and their log-probabilities; forbidden ones are left out."""
    order = np.argpartition(-logprobs, min(count, len(logprobs) - 1))[: count + 1]
    ranked = sorted((-float(logprobs[i]), int(i)) for i in order if i != token and logprobs[i] > -np.inf)
    return [(i, -score) for score, i in ranked[:count]]


def encode(model: Model, prompt: Prompt) -> tuple[list[int], list[int]]:
    """The ids of `prompt`, and those of its end that are taken back to be healed. The first list is never empty."""
    layout = model.layout
    tokens = [model.tokenizer.special[layout.begin]] if layout.begin else []
    last: tuple[int, ...] = ()
    for segment in prompt.segments:
        last = encode_segment(model, segment)
        tokens += last
    ends_in_text = bool(prompt.segments) and not isinstance(prompt.segments[-1], Sentinel)
    torn = model.healing.count_torn(last) if prompt.heal and ends_in_text else 0
    torn = min(torn, len(tokens) - 1) if tokens else 0
    if not tokens:  # an empty prompt begins where another text has ended
        tokens.append(model.tokenizer.special[layout.stops[0]])
    return tokens[: len(tokens) - torn], tokens[len(tokens) - torn :]


def encode_segment(model: Model, segment: Sentinel | str) -> tuple[int, ...]:
    """A sentinel goes by its id, or is left out where the layout lacks its role; everything else is text."""
    if not isinstance(segment, Sentinel):
        return model.tokenizer.encode(segment)
    spelling = model.layout.spelling.get(segment)
    return () if spelling is None else (model.tokenizer.special[spelling],)
