"""One suggestion explained: its tokens, what each part of the prompt did for it, the memory, and what retrieval found."""

import itertools
import math
import time
from collections.abc import Iterator, Sequence

from attrs import asdict, frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.context.place import Place
from lowabs_lsp.context.search import search
from lowabs_lsp.context.similar import query_of
from lowabs_lsp.errors import EngineError
from lowabs_lsp.explain.attention import Look, look
from lowabs_lsp.explain.parts import Kind, Part, parts_of
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.scoring import Choice, Forced, Memory, Possible, owed_bytes, possible_tokens
from lowabs_lsp.values import (
    Cancelled,
    Completion,
    Context,
    Decoding,
    Document,
    Engine,
    Generated,
    Limits,
    Prompt,
    Vocabulary,
    never,
)

FOUND = 6
"""Places that retrieval found, at most."""
EXPLICIT = Limits(is_explicit=True)


@frozen
class Alternative:
    """Another token that might have come."""

    text: str
    probability: float


@frozen
class ExplainedToken:
    """A token of what the model said."""

    text: str
    probability: float
    """With the memory mixed in."""
    model_probability: float
    """Of the model alone."""
    is_shown: bool
    """Part of the suggestion; else it was cut off, or only repeats what was typed."""
    alternatives: tuple[Alternative, ...]


@frozen
class ExplainedPart:
    """Some lines that the model was shown."""

    kind: str
    path: str
    first_line: int
    lines: tuple[str, ...]
    origin: str
    effect: float
    """Nats that the model alone loses for the whole suggestion when these lines are left out; below 0 they were in its way."""
    attention: float | None = None
    """Share of the model's look that fell on these lines; None where the engine does not tell."""
    line_attention: tuple[float, ...] = ()
    """The same for each line."""


@frozen
class Attended:
    """Where the model looked while it chose the suggestion, besides at the parts.

    Each is a mean over the tokens of the suggestion, layers and heads. All but `first_token` are shares of what did not fall
    on that: with those of the parts they add up to 1.
    """

    first_token: float
    """Where heads rest that look for nothing."""
    cursor_line: float
    suggestion: float
    """The tokens of it that were there already."""
    rest: float
    """Names of files, the marks between the texts, and blank lines that are no part."""
    layers: int
    heads: int


@frozen
class Found:
    """What retrieval found like the lines at the cursor."""

    path: str
    line: int
    score: float
    """BM25."""
    text: str
    is_shown: bool
    """The model was shown it."""


@frozen
class Explanation:
    """All of it."""

    path: str
    language: str
    line: int
    column: int
    before: str
    """The cursor's line up to the cursor."""
    behind: str
    text: str
    reason: str
    confidence: float | None
    others: tuple[str, ...]
    log_probability: float
    """Of the tokens of the suggestion, in nats, with the memory mixed in."""
    memory_effect: float
    """How much of that the workspace's memory added."""
    tokens: tuple[ExplainedToken, ...]
    parts: tuple[ExplainedPart, ...]
    attention: Attended | None
    attention_note: str
    """Why it is not known, if so."""
    found: tuple[Found, ...]
    engine: str
    seconds: float

    def as_json(self) -> dict[str, object]:
        """For `--json` and for editors."""
        return asdict(self)


def explain(
    completer: Completer, document: Document, offset: int, cancelled: Cancelled = never, workspace: Sequence[Document] = ()
) -> Explanation:
    """Why `completer` suggests what it does at `offset` of `document`. Takes one run of the prompt for each part of it.

    Raises EngineError where the model fails, or cannot spell its tokens. Where it cannot tell its attention weights, the
    explanation says why.
    """
    started = time.perf_counter()
    completion = completer.complete(document, offset, cancelled, workspace, limits=EXPLICIT)
    line = document.text.count("\n", 0, offset) + 1
    before, behind = document.text[:offset].rpartition("\n")[2], document.text[offset:].partition("\n")[0].rstrip("\r")
    tokens: tuple[ExplainedToken, ...] = ()
    parts: tuple[ExplainedPart, ...] = ()
    log_probability = memory_effect = 0.0
    attended, note = None, "nothing was said"
    if completion.generated is not None and completion.generated.tokens and completer.engine is not None:
        context, memory = completer.read(document, offset, workspace)
        said, shown = completion.generated.tokens, _shown(completion)
        possible = _possible(completer, completion.generated)
        choices = _score(completer, render(context, completer.engine.layout), said, cancelled, memory, possible)
        tokens = tuple(_token(completer, choice, is_shown) for choice, is_shown in zip(choices, shown, strict=False))
        whole = _model(choices, shown)
        log_probability = sum(choice.logprob for choice, is_shown in zip(choices, shown, strict=False) if is_shown)
        memory_effect = log_probability - whole
        explained = []
        for part in parts_of(context, document, offset):
            if cancelled():
                break
            without = _score(completer, render(part.without, completer.engine.layout), said, cancelled, None, possible)
            explained.append((part, round(whole - _model(without, shown), 4)))
        seen, note = _look(completer.engine, context, said, shown, cancelled)
        parts = tuple(_parts(explained, seen))
        attended = _attended(context, parts, seen) if seen else None
    return Explanation(
        path=document.path,
        language=document.language,
        line=line,
        column=len(before) + 1,
        before=before,
        behind=behind,
        text=completion.text,
        reason=str(completion.reason),
        confidence=completion.confidence,
        others=completion.others,
        log_probability=round(log_probability, 4),
        memory_effect=round(memory_effect, 4),
        tokens=tokens,
        parts=parts,
        attention=attended,
        attention_note=note,
        found=tuple(_found(completer, document, offset, workspace)),
        engine=completer.engine.description if completer.engine else "none",
        seconds=round(time.perf_counter() - started, 3),
    )


def _look(
    engine: Engine, context: Context, said: Sequence[int], shown: Sequence[bool], cancelled: Cancelled
) -> tuple[Look | None, str]:
    """Where the model looked, or why that is not known."""
    if not any(shown):
        return None, "nothing was said"
    try:
        return look(engine, context, said, shown, cancelled), ""
    except EngineError as error:
        return None, str(error)


def _parts(explained: Sequence[tuple[Part, float]], seen: Look | None) -> Iterator[ExplainedPart]:
    """Each part with its effect and the look that fell on it."""
    snippets = itertools.count()
    for part, effect in explained:
        number = next(snippets) if part.kind is Kind.SNIPPET else 0
        lines = seen.of(part, number) if seen else ()
        share = round(sum(lines), 5) if seen else None
        yield ExplainedPart(part.kind, part.path, part.first, part.lines, part.origin, effect, share, lines)


def _attended(context: Context, parts: Sequence[ExplainedPart], seen: Look) -> Attended:
    """What of the look fell on no part."""
    cursor = seen.lines.get((Kind.ABOVE, 0, context.prefix.count("\n")), 0.0) + seen.lines.get((Kind.BELOW, 0, 0), 0.0)
    rest = 1 - cursor - seen.suggestion - sum(part.attention or 0.0 for part in parts)
    first, cursor, suggestion, rest = (round(share, 5) for share in (seen.first_token, cursor, seen.suggestion, max(rest, 0.0)))
    return Attended(first, cursor, suggestion, rest, seen.layers, seen.heads)


def _shown(completion: Completion) -> list[bool]:
    """For each token whether any of its bytes are shown."""
    generated = completion.generated
    assert generated is not None
    size = len(completion.text.replace("\r\n", "\n").encode()) or len(generated.text.encode())
    starts = (0, *generated.ends[:-1])
    return [start < size and end > start for start, end in zip(starts, generated.ends, strict=True)]


def _possible(completer: Completer, generated: Generated) -> list[Possible]:
    """Which tokens the end of the prompt leaves possible at the first places."""
    vocabulary = _vocabulary(completer)
    assert vocabulary.spell is not None
    spelled = [vocabulary.spell(token) for token in generated.tokens]
    return possible_tokens(spelled, owed_bytes(generated, spelled), vocabulary.spell, vocabulary.size)


def _score(
    completer: Completer,
    prompt: Prompt,
    tokens: Sequence[int],
    cancelled: Cancelled,
    memory: Memory | None,
    possible: Sequence[Possible],
) -> list[Choice]:
    """What the engine thinks of `tokens` behind `prompt`."""
    assert completer.engine is not None
    forced = Forced(tokens, mixer=memory, possible=possible)

    def is_over() -> bool:
        return cancelled() or len(forced.choices) >= len(tokens)

    completer.engine.generate(prompt, Decoding(max_tokens=len(tokens)), is_over, draft=forced, mixer=forced)
    return forced.choices[: len(tokens)]


def _model(choices: Sequence[Choice], shown: Sequence[bool]) -> float:
    """Log-probability of what is shown, by the model alone."""
    return sum(choice.model_logprob for choice, is_shown in zip(choices, shown, strict=False) if is_shown)


def _token(completer: Completer, choice: Choice, is_shown: bool) -> ExplainedToken:
    best = [Alternative(_spelled(completer, token), round(math.exp(logprob), 5)) for token, logprob in choice.best]
    return ExplainedToken(
        text=_spelled(completer, choice.token),
        probability=round(math.exp(choice.logprob), 5),
        model_probability=round(math.exp(choice.model_logprob), 5),
        is_shown=is_shown,
        alternatives=tuple(best),
    )


def _spelled(completer: Completer, token: int) -> str:
    spell = _vocabulary(completer).spell
    assert spell is not None
    return spell(token).decode(errors="replace") or "⟨end⟩"


def _vocabulary(completer: Completer) -> Vocabulary:
    vocabulary = completer.engine.vocabulary if completer.engine else None
    if vocabulary is None or vocabulary.spell is None:
        raise EngineError("this engine cannot spell its tokens; explain with a model of this machine (leave engine.url out)")
    return vocabulary


def _found(completer: Completer, document: Document, offset: int, workspace: Sequence[Document]) -> list[Found]:
    """What resembles the lines at the cursor among the files of the workspace, whether or not there was room for it."""
    segments = completer.surroundings.segments
    if not segments:
        return []
    context, _ = completer.read(document, offset, workspace)
    shown = {snippet.path for snippet in context.snippets}
    place = Place(document, offset, max(0, offset - len(context.prefix)), context.suffix)
    hits = search(segments, query_of(place), FOUND + 1, lambda segment, path: path != document.path)
    return [
        Found(hit.path, hit.first + 1, round(hit.score, 3), "\n".join(hit.lines[:12]), hit.path in shown)
        for hit in hits[:FOUND]
    ]
