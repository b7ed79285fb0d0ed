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
from lowabs_lsp.engine.feed import CPU, CapturedFeed, Device, Feed, Inputs, is_captured
from lowabs_lsp.errors import BundleError, EngineError
from lowabs_lsp.values import FloatArray

ORT_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,
    ValueError,
)


WEIGHTS = "attention_"
"""How the outputs begin that some graphs have besides: a layer's attention weights."""


class InterruptedRunError(Exception):
    """A run was ended from outside; the rows it should have written are not to be used."""


class KeyValueMemory:
    """Keys and values [1,KV,C,D] of one token sequence, bound once as past and as present: attention appends in place."""

    def __init__(self, session: ort.InferenceSession, shape: tuple[int, ...], device: Device) -> None:
        self.binding = session.io_binding()
        self.feed: Feed | None = None
        """Of the last run."""
        self.captured: CapturedFeed | None = None
        self.number = next(_numbers)
        self._arrays: dict[str, NDArray[Any]] = {}  # on the CPU an OrtValue uses the array's memory and does not own it
        self._values: list[ort.OrtValue] = []
        for entry in session.get_inputs():
            if entry.name.startswith("past_"):
                value = self._allocate(entry.name, np.zeros(shape, _NUMBERS[entry.type]), device)
                self._values.append(value)
                self.binding.bind_ortvalue_input(entry.name, value)
                self.binding.bind_ortvalue_output(entry.name.replace("past_", "present_"), value)

    def _allocate(self, name: str, zeros: NDArray[Any], device: Device) -> ort.OrtValue:
        """The system gives the pages of `zeros` when rows are first written."""
        if device is not CPU:
            return ort.OrtValue.ortvalue_from_numpy(zeros, device.kind, 0)
        self._arrays[name.removeprefix("past_")] = zeros
        return ort.OrtValue.ortvalue_from_numpy(zeros)

    def rows(self, count: int) -> dict[str, NDArray[Any]]:
        """The first `count` rows [1,KV,count,D] of each `key_i` and `value_i`, as they are stored; of a memory on the CPU."""
        return {name: array[:, :, :count] for name, array in self._arrays.items()}

    def copy_rows(self, source: Self, count: int) -> None:
        """Take over the first `count` rows of `source`."""
        for mine, other in zip(self._arrays.values(), source._arrays.values(), strict=True):
            mine[:, :, :count] = other[:, :, :count]
        if not self._arrays:
            for value, original in zip(self._values, source._values, strict=True):
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
        positions = context_length + SPARE_POSITIONS
        self._memory_shape = (1, architecture.kv_heads, positions, architecture.head_dim)
        self._session = _open(path, device, threads, profile)
        check_shapes(self._session, architecture, path)

    @property
    def providers(self) -> list[str]:
        """The execution providers that ONNX Runtime really took."""
        providers: list[str] = self._session.get_providers()
        return providers

    @property
    def memory_bytes(self) -> int:
        """The size of a memory when all of it is used."""
        numbers = [_NUMBERS[entry.type] for entry in self._session.get_inputs() if entry.name.startswith("past_")]
        return sum(math.prod(self._memory_shape) * np.dtype(number).itemsize for number in numbers)

    def create_memory(self, sequences: int = 1) -> KeyValueMemory:
        """Room for token sequences of the context's length; `run` wants one, `run_together` as many as it is given tokens."""
        return KeyValueMemory(self._session, (sequences, *self._memory_shape[1:]), self.device)

    def profiled(self, output: Path) -> Self:
        """The same session once more, which writes down where its time goes; `end_profile` returns the file's name."""
        path, architecture = self._place
        return type(self)(path, architecture, self.context_length, self.device, self.threads, profile=output)

    def end_profile(self) -> str:
        """Write what was profiled. Returns the file's name."""
        name: str = self._session.end_profiling()
        return name

    def run(
        self, memory: KeyValueMemory, ids: Sequence[int], past: int, rows: int, options: ort.RunOptions | None = None
    ) -> FloatArray:
        """Run `ids` behind the first `past` rows of `memory`; the logits [rows,V] after the last `rows` of them.

        Tokens and rows are made even in number: ONNX Runtime has other kernels, with another order of summation, for a
        single row and for an odd last one. Without those a row's bits do not depend on its company.
        """
        assert 0 < rows <= len(ids) <= self.context_length - past
        length = len(ids) + len(ids) % 2
        tokens = np.zeros((1, length), np.int64)
        tokens[0, : len(ids)] = ids
        first = len(ids) - rows
        index = np.minimum(np.arange(first, first + rows + rows % 2), length - 1)
        feed = {
            "input_ids": tokens,
            "logit_index": index,
            "seqlens_k": np.array([past + length - 1], np.int32),
            "total_sequence_length": np.array(past + length, np.int32),
        }
        return self._compute(memory, feed, options)[:rows]

    def run_together(self, memory: KeyValueMemory, tokens: Sequence[int], past: int) -> FloatArray:
        """Run one token of each sequence of `memory` behind its first `past` rows; logits [B,V].

        What shares the run changes no bit; but a token that runs with others of its own sequence, as `run` has it, goes
        through other kernels.
        """
        count = len(tokens)
        feed = {
            "input_ids": np.array(tokens, np.int64)[:, None],
            "logit_index": np.minimum(np.arange(count + count % 2), count - 1),
            "seqlens_k": np.full(count, past, np.int32),
            "total_sequence_length": np.array(past + 1, np.int32),
        }
        return self._compute(memory, feed, None)[:count]

    def _compute(self, memory: KeyValueMemory, inputs: Inputs, options: ort.RunOptions | None) -> FloatArray:
        captures = self.device.captures and is_captured(inputs)
        if self.device.captures:
            options = options or ort.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(memory.number) if captures else "-1")
        feed = self._captured(memory, inputs) if captures else self._feed(memory, inputs)
        feed.fill(inputs)
        self._run(memory, options)
        return feed.take()

    def _feed(self, memory: KeyValueMemory, inputs: Inputs) -> Feed:
        if memory.feed is None or not memory.feed.fits(inputs):
            memory.feed = Feed(memory.binding, inputs, self.vocabulary, self.device)
        return memory.feed

    def _captured(self, memory: KeyValueMemory, inputs: Inputs) -> CapturedFeed:
        if memory.captured is None:
            memory.captured = CapturedFeed(inputs, self.vocabulary, self._memory_shape[2], self.device)
        memory.captured.bind(memory.binding)
        memory.feed = None  # what it had bound is bound no longer
        return memory.captured

    def _run(self, memory: KeyValueMemory, options: ort.RunOptions | None) -> None:
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


def check_shapes(session: ort.InferenceSession, architecture: Architecture, path: Path) -> None:
    """Raise BundleError unless the graph's inputs and outputs are those of `architecture`; it may give its attention out."""
    cache = ["B", architecture.kv_heads, "C", architecture.head_dim]
    names = [f"{kind}_{i}" for i in range(architecture.layers) for kind in ("key", "value")]
    inputs = {"input_ids": ["B", "T"], "seqlens_k": ["B"], "total_sequence_length": [], "logit_index": ["R"]}
    expected = inputs | {f"past_{name}": cache for name in names}
    expected |= {"logits": ["R", architecture.vocabulary]} | {f"present_{name}": cache for name in names}
    entries = [*session.get_inputs(), *session.get_outputs()]
    found = {entry.name: list(entry.shape) for entry in entries if not entry.name.startswith(WEIGHTS)}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise BundleError(
            f"{path}: {name} has the shape {found.get(name)} where bundle.json wants {expected.get(name)}; "
            "the files come from different models, copy or download the model folder again"
        )
