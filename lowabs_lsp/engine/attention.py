"""The attention weights behind what was said, from a graph that gives them out and is open only as long."""

from collections.abc import Sequence

import numpy as np

from lowabs_lsp.engine.bundle import ATTENTION, OpenBundle
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.generate import Model, encode, encode_segment
from lowabs_lsp.engine.session import WEIGHTS, KeyValueMemory, Session
from lowabs_lsp.errors import EngineError
from lowabs_lsp.values import Attention, Cancelled, FloatArray, Prompt

CHUNK = 64
"""Tokens of the prompt in one run: the weights of a layer are [heads, CHUNK, all tokens] for a moment."""


class AttentionSession(Session):
    """A session of a bundle's attention graph. What it computes besides is to the bit what the graph that serves does."""

    @classmethod
    def open(cls, bundle: OpenBundle, threads: int) -> "AttentionSession":
        """On the CPU, where the kernel gives its weights out. Raises EngineError where the bundle has no such graph."""
        manifest = bundle.manifest
        if ATTENTION not in manifest.graphs:
            raise EngineError("this model folder has no attention graph; export or import the model again to have one")
        path = bundle.path(manifest.graphs[ATTENTION].file)
        return cls(path, manifest.architecture, manifest.context_length, CPU, threads)

    def weights(self, memory: KeyValueMemory, ids: Sequence[int], past: int) -> FloatArray:
        """Run `ids` behind the first `past` rows of `memory`; their attention weights [layers,heads,T,past+T]."""
        length, total = len(ids) + -len(ids) % self.token_unit, past + len(ids)
        rows = self._form.rows_seen(past + length, past + length)
        names = [entry.name for entry in self._session.get_outputs() if entry.name.startswith(WEIGHTS)]
        weights = np.empty((len(names), 1, self._form.architecture.heads, length, rows), np.float32)
        for name, layer in zip(names, weights, strict=True):
            memory.binding.bind_output(name, "cpu", 0, np.float32, layer.shape, layer.ctypes.data)
        self.run(memory, ids, past, 1)
        return weights[:, 0, :, : len(ids), :total]


def watch(model: Model, bundle: OpenBundle, prompt: Prompt, said: Sequence[int], cancelled: Cancelled) -> Attention:
    """Where the model looks when it says `said` behind `prompt`. Raises EngineError; also when nobody waits any more."""
    if model.session.device is not CPU:  # the CPU may not be fast enough for a model that is served by a GPU, nor large enough
        raise EngineError("attention on CUDA gives no weights out; explain with --device cpu")
    read, _ = encode(model, prompt)
    tokens = [*read, *said[:-1]]
    session = AttentionSession.open(bundle, model.session.threads)
    memory, start = session.create_memory(), len(read) - 1
    for first in range(0, start, CHUNK):
        if cancelled():
            raise EngineError("nobody waits for the attention weights any more")
        session.run(memory, tokens[first : min(first + CHUNK, start)], first, 1)
    weights = session.weights(memory, tokens[start:], start)
    return Attention(weights, tuple(tokens), segments_of(model, prompt)[: len(read)])


def segments_of(model: Model, prompt: Prompt) -> tuple[int, ...]:
    """For each token of the prompt the number of its segment, -1 for one that stands in front of them."""
    segments = [-1] if model.layout.begin else []
    for number, segment in enumerate(prompt.segments):
        segments += [number] * len(encode_segment(model, segment))
    return tuple(segments) or (-1,)
