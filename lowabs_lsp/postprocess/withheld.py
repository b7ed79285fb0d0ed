"""What the model said and nobody saw: keys that agree with it need not ask the model again."""

from bisect import bisect_right
from collections.abc import Callable

from attrs import evolve, frozen

from lowabs_lsp.values import Completion, Document, Generated, Reason, Stop, Timings

WHOLE = (Stop.END, Stop.TEXT)
"""How a text ends that the model would say again, less what was typed of it."""
HOPELESS = 0.5
"""Of the probability that is enough to be shown: below it, and certain of the token that is being typed, doubt will not end."""


@frozen
class _Said:
    """At one place."""

    uri: str
    prefix: str
    suffix: str
    block: bool
    generated: Generated


class Withheld:
    """The last text that was not shown. One thread at a time."""

    def __init__(self) -> None:
        self._last: _Said | None = None

    def note(self, document: Document, offset: int, completion: Completion, *, block: bool) -> None:
        """What came of asking the model at `offset`; `block` says whether several lines were wanted."""
        self._last, generated = None, completion.generated
        if not completion.text and generated is not None and generated.ends and generated.stop in WHOLE:
            prefix, suffix = document.text[:offset], document.text[offset:]
            self._last = _Said(document.uri, prefix, suffix, block, generated)

    def answer(
        self, document: Document, offset: int, finish: Callable[[Generated], Completion], *, block: bool, enough: float = 0.0
    ) -> Completion | None:
        """What `finish` makes of the rest of the last text, if keys since then agree with it; None: ask the model.

        Behind a part of a token the model may be surer of the rest of it than it was of all, so doubt is an answer only where
        it would be far from `enough` even so.
        """
        said = self._last
        if said is None or said.uri != document.uri or (block and not said.block) or said.suffix != document.text[offset:]:
            return None
        prefix = document.text[:offset]
        rest = rest_of(said.generated, prefix[len(said.prefix) :]) if prefix.startswith(said.prefix) else None
        if rest is None:
            return None
        completion = finish(rest)
        if completion.reason is Reason.DOUBTFUL and (finish(sure_of_first(rest)).confidence or 0.0) >= HOPELESS * enough:
            return None
        return completion


def rest_of(generated: Generated, typed: str) -> Generated | None:
    """`generated` behind `typed`, its beginning; None where nothing of it would be left."""
    text = generated.text
    if not typed or not text.startswith(typed) or not text[len(typed) :].strip():
        return None
    size = len(typed.encode())
    first = bisect_right(generated.ends, size)
    return evolve(
        generated,
        text=text[len(typed) :],
        tokens=generated.tokens[first:],
        logprobs=generated.logprobs[first:],
        ends=tuple(end - size for end in generated.ends[first:]),
        chances=generated.chances[first:],
        entropies=generated.entropies[first:],
        prompt_tokens=0,
        reused_tokens=0,
        model_runs=0,
        drafted_tokens=0,
        accepted_tokens=0,
        timings=Timings(),
    )


def sure_of_first(generated: Generated) -> Generated:
    """As if there had been no doubt of its first token."""
    return evolve(generated, chances=(0.0, *generated.chances[1:]), entropies=(0.0, *generated.entropies[1:]))
