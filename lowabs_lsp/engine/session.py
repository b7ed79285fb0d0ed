"""An ONNX Runtime session of a decoder graph: run(ids behind a past) -> logits, keys and values never copied."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from lowabs_lsp.engine.bundle import SPARE_POSITIONS, Architecture
from lowabs_lsp.engine.feed import CAPTURED, CPU, CapturedFeed, Device, Feed, Inputs, RunShape
from lowabs_lsp.engine.form import Form, Shape, form_of
from lowabs_lsp.errors import BundleError, EngineError
from lowabs_lsp.values import FloatArray

ORT_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,
    ValueError,
)


WEIGHTS, PEAKS = "attention_", "peaks_"
"""How the outputs begin that some graphs have besides: attention weights, and how large the inputs of products become."""


class InterruptedRunError(Exception):
    """A run was ended from outside; the rows it should have written are not to be used."""


class KeyValueMemory:
    """Keys and values of one token sequence or several, the same memory as past and as present: a run appends in place."""

    def __init__(self, session: ort.InferenceSession, shape: Shape, device: Device) -> None:
        self.binding = session.io_binding()
        self.feed: Feed | None = None
        """Of the last run."""
        self.captured: CapturedFeed | None = None
        self.number = next(_numbers)
        self.capacity = shape[-2]
        """Rows for each sequence."""
        self._bound = 0
        self._arrays: dict[str, NDArray[Any]] = {}  # on the CPU an OrtValue uses the array's memory and does not own it
        self._values: dict[str, ort.OrtValue] = {}
        for entry in session.get_inputs():
            if entry.name.startswith("past_"):
                zeros = np.zeros(shape, _NUMBERS[entry.type])  # the system gives its pages when rows are first written
                if device is CPU:
                    self._arrays[entry.name] = zeros
                else:
                    self._values[entry.name] = ort.OrtValue.ortvalue_from_numpy(zeros, device.kind, 0)

    def bind(self, rows: int) -> None:
        """Make the first `rows` rows what a run reads and writes. Fewer than all of them only of a single sequence."""
        if rows == self._bound:
            return
        for name, array in self._arrays.items():
            self._values[name] = ort.OrtValue.ortvalue_from_numpy(array[..., :rows, :])
        for name, value in self._values.items():
            self.binding.bind_ortvalue_input(name, value)
            self.binding.bind_ortvalue_output(name.replace("past_", "present_"), value)
        self._bound = rows

    def rows(self, count: int) -> dict[str, NDArray[Any]]:
        """The first `count` rows [KV,count,D] of each `key_i` and `value_i`, as they are stored; of one sequence on the CPU."""
        return {
            name.removeprefix("past_"): array.reshape(-1, *array.shape[-2:])[:, :count] for name, array in self._arrays.items()
        }

    def copy_rows(self, source: Self, count: int) -> None:
        """Take over the first `count` rows of `source`."""
        for mine, other in zip(self._arrays.values(), source._arrays.values(), strict=True):
            mine[..., :count, :] = other[..., :count, :]
        if not self._arrays:
            for value, original in zip(self._values.values(), source._values.values(), strict=True):
                value.update_inplace(original.numpy())


_numbers = itertools.count(1)  # of memories; the device keeps a graph for each

_NUMBERS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int8)": np.int8}


class Session:
    """One graph on one device. A run belongs to the caller; two at once would share nothing but the threads."""

    def __init__(
        self,
        path: Path,
        architecture: Architecture,
        context_length: int,
        device: Device,
        threads: int,
        profile: Path | None = None,
    ) -> None:
        self.device = device
        self.threads = threads
        self._place = path, architecture
        self.vocabulary = architecture.vocabulary
        self.context_length = context_length
        self._session = _open(path, device, threads, profile)
        self._form = form_of([entry.name for entry in self._session.get_inputs()], architecture)
        check_shapes(self._session, self._form, architecture, path)
        self.token_unit, self.row_unit = 2, 2
        """What numbers of tokens and of rows are made multiples of, see `run`."""
        if self._form.may_be_odd and device is CPU and profile is None:
            self._try_odd_numbers()

    @property
    def providers(self) -> list[str]:
        """The execution providers that ONNX Runtime really took."""
        providers: list[str] = self._session.get_providers()
        return providers

    @property
    def memory_bytes(self) -> int:
        """The size of a sequence's memory when all of it is used."""
        numbers = [_NUMBERS[entry.type] for entry in self._session.get_inputs() if entry.name.startswith("past_")]
        shape = self._form.cache_shape(1, self.context_length + SPARE_POSITIONS)
        return sum(math.prod(shape) * np.dtype(number).itemsize for number in numbers)

    def create_memory(self, sequences: int = 1, tokens: int | None = None) -> KeyValueMemory:
        """Room for sequences of so many tokens, or of the context's length.

        `run` wants one sequence, `run_together` as many as it is given tokens.
        """
        rows = (self.context_length if tokens is None else tokens) + SPARE_POSITIONS
        return KeyValueMemory(self._session, self._form.cache_shape(sequences, rows), self.device)

    def profiled(self, output: Path) -> Self:
        """The same session once more, which writes down where its time goes; `end_profile` returns the file's name."""
        path, architecture = self._place
        profiled = type(self)(path, architecture, self.context_length, self.device, self.threads, profile=output)
        profiled.token_unit, profiled.row_unit = self.token_unit, self.row_unit
        return profiled

    def end_profile(self) -> str:
        """Write what was profiled. Returns the file's name."""
        name: str = self._session.end_profiling()
        return name

    def run(
        self, memory: KeyValueMemory, ids: Sequence[int], past: int, rows: int, options: ort.RunOptions | None = None
    ) -> FloatArray:
        """Run `ids` behind the first `past` rows of `memory`; the logits [rows,V] after the last `rows` of them.

        ONNX Runtime has other kernels, with another order of summation, for a single token and for an odd last one, of
        attention always, of quantised products on some processors. Where that shows, tokens and rows are made even in
        number: without those kernels a row's bits do not depend on its company.
        """
        count = len(ids)
        assert 0 < rows <= count <= self.context_length - past
        tokens, wanted = count + -count % self.token_unit, rows + -rows % self.row_unit
        feed = self._feed(memory, 1, tokens, wanted, past)
        feed.inputs["input_ids"][0, :count] = ids
        if tokens > count:
            feed.inputs["input_ids"][0, count:] = 0
        if tokens > 1:
            feed.inputs["logit_index"][...] = np.minimum(np.arange(count - rows, count - rows + wanted), tokens - 1)
        self._run(memory, feed, past, options)
        return feed.take(rows)

    def run_together(self, memory: KeyValueMemory, tokens: Sequence[int], past: int) -> FloatArray:
        """Run one token of each sequence of `memory` behind its first `past` rows; logits [B,V].

        What shares the run changes no bit. In a graph of the grouped form a token that runs with others of its own
        sequence, as `run` has it, goes through other kernels.
        """
        count = len(tokens)
        wanted = count + -count % self.row_unit
        feed = self._feed(memory, count, 1, wanted, past)
        feed.inputs["input_ids"][:, 0] = tokens
        feed.inputs["logit_index"][...] = np.minimum(np.arange(wanted), count - 1)
        self._run(memory, feed, past, None)
        return feed.take(count)

    def _try_odd_numbers(self) -> None:
        """Find out what numbers of tokens and rows have the same bits as even ones with this processor's kernels."""
        ids = [i % self.vocabulary for i in range(1, 7)]
        expected = self.run(self.create_memory(), ids, 0, len(ids))
        for units in ((1, 1), (1, 2)):
            self.token_unit, self.row_unit = units
            memory = self.create_memory()
            found = [self.run(memory, ids[start:end], start, end - start) for start, end in ((0, 1), (1, 4), (4, 5), (5, 6))]
            if np.array_equal(np.concatenate(found), expected):
                return
        self.token_unit, self.row_unit = 2, 2

    def _feed(self, memory: KeyValueMemory, sequences: int, tokens: int, wanted: int, past: int) -> Feed | CapturedFeed:
        """What holds the inputs of such a run, and its logits."""
        rows = self._form.rows_seen(past + tokens, memory.capacity) if sequences == 1 else memory.capacity
        memory.bind(rows)
        shape = sequences, tokens, wanted, rows
        if self.device.captures and shape[:3] == CAPTURED:
            if memory.captured is None:
                memory.captured = CapturedFeed(self._inputs(shape), self.vocabulary, memory.capacity, self.device)
            memory.captured.bind(memory.binding)
            memory.feed = None  # what it had bound is bound no longer
            return memory.captured
        if memory.feed is None or memory.feed.shape != shape:
            memory.feed = Feed(memory.binding, shape, self._inputs(shape), self.vocabulary, self.device)
        return memory.feed

    def _inputs(self, shape: RunShape) -> Inputs:
        sequences, tokens, wanted, rows = shape
        told = {"input_ids": np.zeros((sequences, tokens), np.int64), "logit_index": np.zeros(wanted, np.int64)}
        return told | self._form.inputs(sequences, tokens, rows)

    def _run(self, memory: KeyValueMemory, feed: Feed | CapturedFeed, past: int, options: ort.RunOptions | None) -> None:
        if self.device.captures:
            options = options or ort.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(memory.number) if feed is memory.captured else "-1")
        self._form.place(feed.inputs, past)
        feed.send()
        try:
            self._session.run_with_iobinding(memory.binding, options)
        except ORT_ERRORS as exc:
            if options is not None and options.terminate:
                raise InterruptedRunError from exc
            raise EngineError(f"the model failed while running on {self.device.kind} ({exc}); see the log") from exc


def _open(path: Path, device: Device, threads: int, profile: Path | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what it would print is raised as well
    options.intra_op_num_threads = threads
    # Spin inside of a run, never after it: otherwise each run burns some 30 ms of a core and slows its neighbours.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    try:
        own = [dict(device.options), *({} for _ in device.providers[1:])]
        return ort.InferenceSession(str(path), options, providers=list(device.providers), provider_options=own)
    except ORT_ERRORS as exc:
        raise EngineError(f"{path}: ONNX Runtime {ort.__version__} cannot load it on {device.kind} ({exc})") from exc


def check_shapes(session: ort.InferenceSession, form: Form, architecture: Architecture, path: Path) -> None:
    """Raise BundleError unless the graph's inputs and outputs are those of `architecture`; it may give more out."""
    expected = form.signature() | {"logit_index": ["R"], "logits": ["R", architecture.vocabulary]}
    entries = [*session.get_inputs(), *session.get_outputs()]
    found = {entry.name: list(entry.shape) for entry in entries if not entry.name.startswith((WEIGHTS, PEAKS))}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise BundleError(
            f"{path}: {name} has the shape {found.get(name)} where bundle.json wants {expected.get(name)}; "
            "the files come from different models, copy or download the model folder again"
        )
