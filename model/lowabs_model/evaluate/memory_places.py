"""What model and memory know at each token of a case, in the product's own terms."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from attrs import frozen

from lowabs_lsp.memory.evidence import REACH, Evidence, Source, gather
from lowabs_lsp.memory.open_file import NEAREST
from lowabs_lsp.memory.shelf import Shelf
from lowabs_lsp.memory.suffix_index import SuffixIndex
from lowabs_lsp.memory.workspace import MOST_EDITS
from lowabs_lsp.prompt.fim import SPM, render
from lowabs_lsp.values import Context, FloatArray, Sentinel
from lowabs_model.corpus.fim import SENTINEL_IDS
from lowabs_model.evaluate.memory_cases import Case
from lowabs_model.transformer import Decoder

Encode = Callable[[str], Sequence[int]]

SUFFIX_TOKENS = 128
PREFIX_TOKENS = 512
CHUNK = 256
"""Tokens that are predicted in one run of the model."""


@frozen(eq=False)
class Place:
    """One token to predict."""

    token: int
    logprobs: FloatArray
    """[V], the model's."""
    evidence: Evidence


class Surroundings:
    """Follows the workspaces of cases that come one after another, as an editor's server would."""

    def __init__(self, vocabulary: int, encode: Encode) -> None:
        self._vocabulary, self._encode = vocabulary, encode
        self._texts: Mapping[str, str] = {}
        self._shelf = Shelf.empty(vocabulary)

    def places(self, case: Case, model: Decoder) -> Iterator[Place]:
        """Every token of the case's target, the file growing behind the cursor."""
        workspace = Source(self._follow(case.workspace).index)
        edits = {str(n): self._encode(text) for n, text in enumerate(case.edits)}
        edited = Source(Shelf.empty(self._vocabulary).put(edits).within(MOST_EDITS).index)
        prefix, target, suffix = (list(self._encode(text)) for text in (case.prefix, case.target, case.suffix))
        file = _open_file(self._vocabulary, prefix, suffix)
        cursor = file.packing.depth + len(prefix)
        rows = model_logprobs(model, self._encode, case.path, prefix, target, suffix)
        before = [*prefix, *target]
        for n, (token, logprobs) in enumerate(zip(target, rows, strict=True), start=len(prefix)):
            seen = Source(file, hidden=(max(file.packing.depth, cursor - NEAREST), cursor), cursor=cursor)
            yield Place(token, logprobs, gather((workspace, seen, edited), before[max(0, n - REACH) : n]))
            file = file.edit(cursor, cursor, np.array([token + 1], np.uint32))
            cursor += 1

    def _follow(self, texts: Mapping[str, str]) -> Shelf:
        gone = self._texts.keys() - texts.keys()
        changed = {key: self._encode(text) for key, text in texts.items() if self._texts.get(key) != text}
        self._shelf, self._texts = self._shelf.without(gone).put(changed), texts
        return self._shelf


def _open_file(vocabulary: int, prefix: Sequence[int], suffix: Sequence[int]) -> SuffixIndex:
    index = SuffixIndex.empty(vocabulary)
    return index.edit(0, 0, np.concatenate((index.stored(prefix), index.stored(suffix))))


@torch.inference_mode()
def model_logprobs(
    model: Decoder, encode: Encode, path: str, prefix: Sequence[int], target: Sequence[int], suffix: Sequence[int]
) -> FloatArray:
    """[target, V] log-probabilities behind the prompt that serving writes, cut to the model's context."""
    context = Context(path, language="", prefix="", suffix="\0")
    head: list[int] = []
    for segment in render(context, SPM).segments:
        if isinstance(segment, Sentinel):
            head.append(SENTINEL_IDS[segment])
        else:
            head += suffix[:SUFFIX_TOKENS] if segment == "\0" else encode(segment)
    rows = []
    for start in range(0, len(target), CHUNK):
        chunk = target[start : start + CHUNK]
        before = [*prefix, *target[:start]][-PREFIX_TOKENS:]
        ids = torch.tensor([[*head, *before, *chunk]])
        logits = model(ids)[0, len(head) + len(before) - 1 : -1]
        rows.append(torch.log_softmax(logits.float(), dim=-1).numpy())
    return np.concatenate(rows)


def all_places(cases: Iterable[Case], model: Decoder, encode: Encode) -> Iterator[Place]:
    """The places of many cases, one after another."""
    surroundings = Surroundings(model.config.vocab_size, encode)
    for case in cases:
        yield from surroundings.places(case, model)
