"""Attention weights rolled up: how much of the model's look fell on each line while it chose the suggestion."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from attrs import frozen

from lowabs_lsp.errors import EngineError
from lowabs_lsp.explain.parts import Kind, Part
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Attention, Cancelled, Context, Engine, Layout, Prompt, Sentinel, never
from lowabs_lsp.wrapper import EngineWrapper

Line = tuple[Kind, int, int]
"""A line that the model was shown: where it stands, of which snippet (0 elsewhere), and its number there from 0."""


@runtime_checkable
class Watched(Protocol):
    """An engine that can tell where its model looks."""

    def attention(self, prompt: Prompt, said: Sequence[int], cancelled: Cancelled = never) -> Attention:
        """Its weights while it says `said` behind `prompt`. Raises EngineError."""
        ...


@frozen
class Look:
    """How the model's look was shared, by line: the mean over layers, heads, and the tokens of the suggestion.

    The first token of a prompt is where heads rest that look for nothing, so its share is told apart; the shares of all
    else add up to 1.
    """

    first_token: float
    """Of the whole look."""
    lines: dict[Line, float]
    suggestion: float
    """What fell on its own tokens, as far as they were said."""
    layers: int
    heads: int

    def of(self, part: Part, number: int) -> tuple[float, ...]:
        """The share of each line of a part; `number` is that of a snippet, 0 elsewhere."""
        keys = [(part.kind, number, part.start + line) for line in range(len(part.lines))]
        return tuple(round(self.lines.get(key, 0.0), 5) for key in keys)


def look(engine: Engine, context: Context, said: Sequence[int], shown: Sequence[bool], cancelled: Cancelled = never) -> Look:
    """Where `engine` looked when it said those of `said` that are `shown`. Raises EngineError where it cannot tell."""
    while isinstance(engine, EngineWrapper):
        engine = engine.engine
    vocabulary = engine.vocabulary
    if not isinstance(engine, Watched) or vocabulary is None or vocabulary.spell is None:
        raise EngineError("this engine does not tell where its model looks")
    attention = engine.attention(render(context, engine.layout), said, cancelled)
    layers, heads, _, _ = attention.weights.shape
    rows = [row for row, is_shown in enumerate(shown) if is_shown]
    first, *shares = attention.weights[:, :, rows].mean((0, 1, 2), dtype=float).tolist()
    whole = sum(shares) or 1.0
    places = list(_places(attention, context, engine.layout, vocabulary.spell))[1:]
    lines: defaultdict[Line, float] = defaultdict(float)
    for place, share in zip(places, shares, strict=False):
        if place is not None:
            lines[place] += share / whole
    return Look(first, lines, sum(shares[len(places) :]) / whole, layers, heads)


def _places(attention: Attention, context: Context, layout: Layout, spell: Callable[[int], bytes]) -> Iterator[Line | None]:
    """The line of each token of the prompt; None for marks and the names of files.

    A token that ends a line and begins the next is of the line that its first visible character is on.
    """
    sources = iter(_sources(context, layout))
    texts = [isinstance(segment, str) and not isinstance(segment, Sentinel) for segment in render(context, layout).segments]
    by_segment = [next(sources) if is_text else None for is_text in texts]
    ends: Counter[int] = Counter()
    for token, segment in zip(attention.tokens, attention.segments, strict=False):
        source = by_segment[segment] if segment >= 0 else None
        text = spell(token)
        blank = text[: len(text) - len(text.lstrip())] if text.strip() else b""
        line = ends[segment] + blank.count(b"\n")
        ends[segment] += text.count(b"\n")
        if source is None or line < source.heading:
            yield None
        else:
            yield source.kind, source.number, line - source.heading


@frozen
class _Source:
    """A text of the prompt."""

    kind: Kind
    number: int = 0
    heading: int = 0
    """Lines in front that are no code: the path of a file."""


def _sources(context: Context, layout: Layout) -> list[_Source | None]:
    """The texts of the prompt in the order in which `render` writes them; None for the path of the cursor's file."""
    sides = [_Source(Kind.ABOVE), _Source(Kind.BELOW)]
    sides = {"spm": sides[::-1], "psm": sides, "prefix": sides[:1]}[layout.order]
    if Sentinel.FILE not in layout.spelling:
        return [*sides]
    return [*(_Source(Kind.SNIPPET, number, 1) for number in range(len(context.snippets))), None, *sides]
