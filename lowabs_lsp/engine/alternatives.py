"""Several continuations of one prompt: the greedy one, and those that leave it where that costs the least probability."""

import heapq
from collections.abc import Iterator, Sequence

from attrs import frozen

from lowabs_lsp.engine.generate import Generation, Model, run_to_end
from lowabs_lsp.values import Cancelled, Decoding, Draft, Generated, Mixer, Prompt, Stop

MOST_TRIED = 3
"""Branches followed for each alternative that is asked for: some spell the same text in other tokens."""


@frozen(order=True)
class Branch:
    """Tokens to begin with, ordered by how improbable they are together."""

    surprise: float
    tokens: tuple[int, ...]


class Echo:
    """Drafts what another continuation says behind the place at which this one left it, and what the first draft says."""

    def __init__(self, prompt_tokens: int, tail: Sequence[int], otherwise: Draft) -> None:
        self._from, self._tail, self._otherwise = prompt_tokens, list(tail), otherwise

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """The rest of the tail while all of it came true, else the other draft's guesses."""
        said = list(tokens[self._from :])
        if said == self._tail[: len(said)] and len(said) < len(self._tail):
            return self._tail[len(said) : len(said) + count]
        return self._otherwise.propose(tokens, count)


def alternatives(
    model: Model,
    prompt: Prompt,
    decoding: Decoding,
    count: int,
    cancelled: Cancelled,
    *,
    draft: Draft,
    mixer: Mixer | None = None,
) -> list[Generated]:
    """Up to `count` continuations with different texts, the most probable first; the first is what `generate` says.

    Each is what the model says greedily behind the token with which it leaves another. Keys and values of what they share
    are computed once. When the caller cancels or time is up, what was ended before is returned, and always the first.
    """
    first = Generation(model, prompt, decoding, cancelled, draft, mixer, branches=count)
    found = [run_to_end(first)]
    waiting = list(branches_of(first, begin=0))
    heapq.heapify(waiting)
    for _ in range(MOST_TRIED * (count - 1)):
        if len(found) == count or not waiting or first.is_over():
            break
        branch = heapq.heappop(waiting)
        begun = len(branch.tokens)
        echo = Echo(len(first.tokens) - len(first.output.tokens) + begun, first.output.tokens[begun:], draft)
        other = Generation(model, prompt, decoding, cancelled, echo, mixer, forced=branch.tokens, branches=count)
        generated = run_to_end(other)
        if generated.stop in (Stop.CANCELLED, Stop.DEADLINE):
            break
        for further in branches_of(other, begin=len(branch.tokens)):
            heapq.heappush(waiting, further)
        if all(generated.text != known.text for known in found):
            found.append(generated)
    return [found[0], *sorted(found[1:], key=lambda each: -sum(each.logprobs))]


def branches_of(generation: Generation, begin: int) -> Iterator[Branch]:
    """The ways to leave a continuation from its token `begin` on."""
    surprise = -sum(generation.output.logprobs[:begin])
    for place in range(begin, len(generation.output.tokens)):
        before = tuple(generation.output.tokens[:place])
        for token, logprob in generation.rivals[place]:
            yield Branch(surprise - logprob, (*before, token))
        surprise -= generation.output.logprobs[place]
