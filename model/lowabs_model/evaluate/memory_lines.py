"""Lines completed by the engine itself, with and without the memory: exact match, similarity, runs and time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from time import perf_counter

from attrs import evolve, frozen

from lowabs_lsp.bench.replay.judgement import edit_similarity
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.memory.gates import load_gates
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Context, Decoding, Draft, FloatArray, Generated, Mixer
from lowabs_model.evaluate.memory_bits import memory_alone

PREFIX, SUFFIX = 1500, 400
"""Characters that the model is shown of the file."""
OVERHEAD = 8
"""Tokens for the sentinels."""
LINE = Decoding(max_tokens=64, stop=("\n",))


@frozen
class LinePlace:
    """From somewhere in a line to its end, as CodeXGLUE asks."""

    path: str
    prefix: str
    rest: str
    suffix: str


@frozen
class LineRow:
    """Of one way to complete lines."""

    exact: float
    similarity: float
    """Edit similarity, as CodeXGLUE has it."""
    tokens_per_run: float
    accepted_per_run: float
    """Guesses that verification kept, for each run of the model."""
    drafted_per_run: float
    seconds: float
    """Decoding all lines."""


def line_places(files: Mapping[str, str], engine: LocalEngine, *, per_file: int, seed: int = 0) -> Iterator[LinePlace]:
    """Token boundaries drawn at random from each file, with the rest of the line behind them."""
    tokenizer, random = engine.model.tokenizer, Random(seed)
    for path, text in sorted(files.items()):
        data, offsets = text.encode(), [0]
        for token in tokenizer.encode(text):
            offsets.append(offsets[-1] + len(tokenizer.bytes_of[token]))
        random.shuffle(offsets)
        places = (_line_place(path, data, offset) for offset in offsets)
        found = [place for place in places if place is not None and place.rest.strip()]
        yield from found[:per_file]


def _line_place(path: str, data: bytes, offset: int) -> LinePlace | None:
    try:
        prefix, (rest, _, suffix) = data[:offset].decode(), data[offset:].decode().partition("\n")
    except UnicodeDecodeError:
        return None
    return LinePlace(path, prefix, rest, "\n" + suffix)


class Alone:
    """A mixer that leaves the model out."""

    def __init__(self, memory: WorkspaceMemory) -> None:
        self._memory, self._gates = memory, load_gates("alone")

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        """What the memory alone says."""
        return memory_alone(self._memory.evidence(tokens), len(logprobs), self._gates)


class NoDraft:
    """Proposes nothing."""

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """No guesses."""
        return ()


def complete_lines(
    engine: LocalEngine,
    places: Iterable[LinePlace],
    memory: WorkspaceMemory,
    *,
    mixer: Mixer | None,
    draft: Draft | None,
    below: bool,
) -> LineRow:
    """Complete every place. `below` shows model and memory the lines after the cursor's."""
    generated: list[tuple[Generated, str]] = []
    seconds = 0.0
    for place in places:
        suffix = place.suffix if below else ""
        memory.look(place.path, place.prefix, suffix)
        prompt = evolve(render(shown(place, suffix, engine), engine.layout), heal=False)
        started = perf_counter()
        done = engine.generate(prompt, LINE, mixer=mixer, draft=draft)
        seconds += perf_counter() - started - (done.timings.encode + done.timings.prefill) / 1e3
        generated.append((done, place.rest))
    return _row(generated, seconds)


def shown(place: LinePlace, suffix: str, engine: LocalEngine) -> Context:
    """What fits the model of the text around the cursor."""
    prefix, suffix = place.prefix[-PREFIX:], suffix[:SUFFIX]
    room = engine.context_length - LINE.max_tokens - OVERHEAD - engine.count_tokens(place.path)
    while engine.count_tokens(prefix) + engine.count_tokens(suffix) > room:
        prefix, suffix = prefix[len(prefix) // 4 :], suffix[: len(suffix) * 3 // 4]
    return Context(place.path, "", prefix=prefix, suffix=suffix)


def _row(generated: Sequence[tuple[Generated, str]], seconds: float) -> LineRow:
    runs = sum(done.model_runs for done, _ in generated)
    pairs = [(done.text.strip(), rest.strip()) for done, rest in generated]
    return LineRow(
        exact=sum(said == rest for said, rest in pairs) / len(pairs),
        similarity=sum(edit_similarity(said, rest) for said, rest in pairs) / len(pairs),
        tokens_per_run=sum(len(done.tokens) for done, _ in generated) / runs,
        accepted_per_run=sum(done.accepted_tokens for done, _ in generated) / runs,
        drafted_per_run=sum(done.drafted_tokens for done, _ in generated) / runs,
        seconds=seconds,
    )
