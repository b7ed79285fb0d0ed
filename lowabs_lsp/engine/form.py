"""The two forms of decoder graphs: how their keys and values lie, and what a run is told."""

from collections.abc import Collection
from typing import Protocol

import numpy as np
from attrs import frozen

from lowabs_lsp.engine.bundle import Architecture
from lowabs_lsp.engine.feed import Inputs

ROWS_AT_ONCE = 64
"""`SharedForm` attends to a multiple of so many rows: a sum over rows is then made in the same parts wherever they end."""

Shape = tuple[int, ...]
Signature = dict[str, list[int | str]]


class Form(Protocol):
    """What differs between graphs. A run has B sequences of T tokens each, of which B or T is 1."""

    @property
    def architecture(self) -> Architecture:
        """Of the model."""
        ...

    @property
    def may_be_odd(self) -> bool:
        """Whether a single token, or an odd number of them, can have the bits it has in company."""
        ...

    def cache_shape(self, sequences: int, rows: int) -> Shape:
        """Of a layer's keys, and of its values; a position has a row of the last axis but one."""
        ...

    def rows_seen(self, total: int, capacity: int) -> int:
        """How many of a sequence's rows are bound for a run that ends behind `total` tokens."""
        ...

    def inputs(self, sequences: int, tokens: int, rows: int) -> Inputs:
        """What runs of [B,T] tokens are told besides the tokens, with so many rows bound; `place` fills in the rest."""
        ...

    def place(self, inputs: Inputs, past: int) -> None:
        """Say in `inputs` that the tokens stand behind `past` others."""
        ...

    def signature(self) -> Signature:
        """The shapes of the graph's inputs and of its outputs by name, but for the logits and which of them are wanted."""
        ...


@frozen
class GroupedForm:
    """ONNX Runtime's GroupQueryAttention, which knows how long each sequence is. It has another kernel for one token."""

    architecture: Architecture
    may_be_odd: bool = False

    def cache_shape(self, sequences: int, rows: int) -> Shape:
        return sequences, self.architecture.kv_heads, rows, self.architecture.head_dim

    def rows_seen(self, total: int, capacity: int) -> int:
        return capacity

    def inputs(self, sequences: int, tokens: int, rows: int) -> Inputs:
        return {"seqlens_k": np.zeros(sequences, np.int32), "total_sequence_length": np.array(0, np.int32)}

    def place(self, inputs: Inputs, past: int) -> None:
        total = past + inputs["input_ids"].shape[1]
        inputs["seqlens_k"][...] = total - 1
        inputs["total_sequence_length"][...] = total

    def signature(self) -> Signature:
        size = self.architecture
        cache: list[int | str] = ["B", size.kv_heads, "C", size.head_dim]
        told: Signature = {"input_ids": ["B", "T"], "seqlens_k": ["B"], "total_sequence_length": []}
        return told | cache_signature(size, cache)


@frozen
class SharedForm:
    """All query heads share one key/value head, so that attention is two plain products, each for all heads at once."""

    architecture: Architecture
    may_be_odd: bool = True

    def cache_shape(self, sequences: int, rows: int) -> Shape:
        return sequences, rows + -rows % ROWS_AT_ONCE, self.architecture.head_dim

    def rows_seen(self, total: int, capacity: int) -> int:
        return total + -total % ROWS_AT_ONCE

    def inputs(self, sequences: int, tokens: int, rows: int) -> Inputs:
        slots = np.zeros((sequences * tokens, 2), np.int64)
        slots[:, 0] = np.repeat(np.arange(sequences), tokens)
        return {"positions": np.zeros((sequences * tokens, 1), np.int64), "slots": slots, "places": np.arange(rows)}

    def place(self, inputs: Inputs, past: int) -> None:
        sequences, tokens = inputs["input_ids"].shape
        positions = inputs["positions"][:, 0]
        positions[...] = past if tokens == 1 else np.tile(np.arange(past, past + tokens), sequences)
        inputs["slots"][:, 1] = positions

    def signature(self) -> Signature:
        cache: list[int | str] = ["B", "S", self.architecture.kv_heads * self.architecture.head_dim]  # of one head
        told: Signature = {"input_ids": ["B", "T"], "positions": ["N", 1], "slots": ["N", 2], "places": ["S"]}
        return told | cache_signature(self.architecture, cache)


def form_of(inputs: Collection[str], architecture: Architecture) -> Form:
    """The form of a graph with inputs of these names."""
    return SharedForm(architecture) if "slots" in inputs else GroupedForm(architecture)


def cache_signature(size: Architecture, shape: list[int | str]) -> Signature:
    """The same shape for past and present, keys and values of all layers."""
    kinds = ("past_key", "past_value", "present_key", "present_value")
    return {f"{kind}_{i}": shape for i in range(size.layers) for kind in kinds}
