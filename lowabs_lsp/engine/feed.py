"""Where a graph runs, and how the inputs of a run get there and its logits back."""

from typing import Any

import numpy as np
import onnxruntime as ort
from attrs import evolve, frozen
from numpy.typing import NDArray

from lowabs_lsp.values import FloatArray

Inputs = dict[str, NDArray[Any]]
"""All of a run but its keys and values, by the names in the graph."""


@frozen
class Device:
    """Where a graph runs, as ONNX Runtime names it."""

    kind: str
    providers: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    """Of the first provider."""
    captures: bool = False
    """Its decoding steps are captured once for each memory and replayed as one graph of the device."""


CPU = Device("cpu", ("CPUExecutionProvider",))
CUDA = Device(
    "cuda",
    ("CUDAExecutionProvider", "CPUExecutionProvider"),
    (("arena_extend_strategy", "kSameAsRequested"), ("do_copy_in_default_stream", "1"), ("use_tf32", "0")),
)
"""It takes no more memory than is asked for, and multiplies float32 as such."""
CUDA_GRAPHS = evolve(CUDA, options=(*CUDA.options, ("enable_cuda_graph", "1")), captures=True)

STEP_TOKENS = 2
"""Of a decoding step: the sure token and one guess."""
CAPTURED = (1, STEP_TOKENS, STEP_TOKENS)
"""Sequences, tokens and rows of what is captured."""

RunShape = tuple[int, int, int, int]
"""Of a run: sequences, tokens of each, rows of logits, rows of keys and values that are bound."""


class Feed:
    """A run's inputs and logits, bound once for runs of the same shape: binding anew is a twentieth of a small model's step."""

    def __init__(self, binding: Any, shape: RunShape, inputs: Inputs, vocabulary: int, device: Device) -> None:
        """`binding` is ONNX Runtime's, which is not typed. `inputs` are read where they lie."""
        self.shape, self.inputs = shape, inputs
        self._logits = np.empty((shape[2], vocabulary), np.float32)  # bound by address, as the inputs are
        self._fixed = device is CPU
        """Elsewhere inputs are copied to the device when they are bound, so they are bound for each run."""
        self._binding = binding
        if self._fixed:
            self._values = {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in inputs.items()}
            for name, value in self._values.items():
                binding.bind_ortvalue_input(name, value)
        binding.bind_output("logits", "cpu", 0, np.float32, self._logits.shape, self._logits.ctypes.data)

    def send(self) -> None:
        """Bring the inputs to where the graph reads them."""
        if not self._fixed:
            for name, value in self.inputs.items():
                self._binding.bind_cpu_input(name, value)

    def take(self, rows: int) -> FloatArray:
        """The first rows of the run's logits."""
        return self._logits[:rows].copy()


class CapturedFeed:
    """A decoding step's inputs and logits on the device, at the same addresses for as long as the memory lives.

    A replayed graph computes what it did when it was captured, on what then lies at those addresses. What the host had
    told it is told for good: so it is told of the most tokens that the memory may hold, and reads on the device how many
    there are.
    """

    def __init__(self, inputs: Inputs, vocabulary: int, positions: int, device: Device) -> None:
        self.inputs = inputs
        self._values = {
            name: ort.OrtValue.ortvalue_from_numpy(value, device.kind, 0)
            for name, value in inputs.items()
            if name != "total_sequence_length"
        }
        self._total = np.array(positions, np.int32)
        self._host = ort.OrtValue.ortvalue_from_numpy(self._total)
        logits = np.zeros((STEP_TOKENS, vocabulary), np.float32)
        self._logits = ort.OrtValue.ortvalue_from_numpy(logits, device.kind, 0)

    def bind(self, binding: Any) -> None:
        """Make them what the next run reads and writes."""
        for name, value in self._values.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_input("total_sequence_length", self._host)
        binding.bind_ortvalue_output("logits", self._logits)

    def send(self) -> None:
        """Bring the inputs to where the graph reads them."""
        for name, value in self._values.items():
            value.update_inplace(self.inputs[name])

    def take(self, rows: int) -> FloatArray:
        """The first rows of the run's logits."""
        logits: FloatArray = self._logits.numpy()[:rows].copy()
        return logits
