"""Activations made to fit 8 bits: factors moved between neighbouring matrices, so that the model says the same.

What goes into a product is divided channel by channel, by a factor that goes into the matrix instead (SmoothQuant, Xiao et
al. 2023). The division is made where the input comes from, a norm's gains or the rows of another matrix, so it costs
nothing when the model runs. The factors are such that an input only has to be rounded to integers.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from attrs import field, frozen
from onnx import TensorProto, helper

from lowabs_lsp.engine.bundle import Architecture
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.session import PEAKS, KeyValueMemory, Session
from lowabs_lsp.engine.threads import choose_threads
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray
from lowabs_model.tensors import DecoderConfig, Tensors

STRENGTH = 0.95
"""How much of a channel's range goes into its matrix: of 0.6 to 1 the one that lost least."""

Peaks = dict[str, FloatArray]
"""For each product of a layer, by the names of its matrices: the largest magnitude of each input channel, [K]."""


@frozen
class Smoothed:
    """The tensors of an equivalent model, each computed when it is asked for."""

    tensors: Tensors
    into_columns: dict[str, FloatArray] = field(factory=dict)
    """By tensor: what its input channels are multiplied with."""
    out_of_rows: dict[str, FloatArray] = field(factory=dict)
    """By tensor: what its outputs are divided by."""

    def __getitem__(self, name: str) -> FloatArray:
        """Raises BundleError when the checkpoint has no such tensor."""
        tensor = self.tensors[name]
        if name in self.into_columns:
            tensor = tensor * self.into_columns[name]
        if name in self.out_of_rows:
            tensor = (tensor.T / self.out_of_rows[name]).T
        return tensor


def smooth(tensors: Tensors, config: DecoderConfig, peaks: Peaks) -> Smoothed:
    """The model of `tensors` with inputs of its layers' products from -127 to 127. Raises BundleError for other designs."""
    size, design = config.architecture, config.design
    if design.norms == "layer" or design.norm_shift or not design.gated or design.biases:
        raise BundleError("w8a8 is for models of Qwen3's design; take the variant rowq, which needs no smoothing")
    smoothed = Smoothed(tensors)
    for i in range(size.layers):
        attention, mlp = f"layers.{i}.self_attn.", f"layers.{i}.mlp."
        joined = [f"{attention}{n}_proj" for n in "qkv"]
        divide(smoothed, peaks, joined, f"layers.{i}.input_layernorm.weight")
        divide(smoothed, peaks, [f"{attention}o_proj"], f"{attention}v_proj.weight", size)
        divide(smoothed, peaks, [f"{mlp}gate_proj", f"{mlp}up_proj"], f"layers.{i}.post_attention_layernorm.weight")
        divide(smoothed, peaks, [f"{mlp}down_proj"], f"{mlp}up_proj.weight")
    return smoothed


def divide(smoothed: Smoothed, peaks: Peaks, names: Sequence[str], source: str, heads: Architecture | None = None) -> None:
    """Divide the input of the matrices `names` where it comes from, the tensor `source`.

    With `heads` the input comes from the values of attention, of which several query heads share each channel.
    """
    inputs = peaks["+".join(names)]
    weights = np.abs(np.concatenate([smoothed.tensors[f"{name}.weight"] for name in names])).max(0)
    if heads:
        shape = (heads.kv_heads, heads.heads // heads.kv_heads, heads.head_dim)
        inputs, weights = inputs.reshape(shape).max(1).ravel(), weights.reshape(shape).max(1).ravel()
    inputs, weights = np.maximum(inputs, 1e-5), np.maximum(weights, 1e-5)
    factors = inputs**STRENGTH / weights ** (1 - STRENGTH)
    factors *= (inputs / factors).max() / 127  # what is larger than all that was seen is cut off
    smoothed.out_of_rows[source] = factors
    if heads:
        factors = np.repeat(factors.reshape(heads.kv_heads, 1, -1), shape[1], axis=1).ravel()
    for name in names:
        smoothed.into_columns[f"{name}.weight"] = factors


def with_peaks(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same fp32 graph, which also gives out how large the inputs of each product of its layers become: `peaks_NAME` [K]."""
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    axis = watched.graph.initializer.add()
    axis.CopyFrom(helper.make_tensor("peaks_axis", TensorProto.INT64, [1], [0]))
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1].startswith("layers."):
            name = f"{PEAKS}{node.input[1]}"
            watched.graph.node.add().CopyFrom(helper.make_node("Abs", [node.input[0]], [f"{name}.magnitudes"]))
            largest = helper.make_node("ReduceMax", [f"{name}.magnitudes", "peaks_axis"], [name], keepdims=0)
            watched.graph.node.add().CopyFrom(largest)
            watched.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["K"]))
    return watched


class PeakSession(Session):
    """A session of a graph `with_peaks`."""

    def peaks(self, memory: KeyValueMemory, ids: Sequence[int], widths: dict[str, int]) -> Peaks:
        """Of a run of `ids` alone; `widths` are the numbers of input channels by product."""
        found = {name: np.empty(width, np.float32) for name, width in widths.items()}
        for name, peaks in found.items():
            memory.binding.bind_output(f"{PEAKS}{name}", "cpu", 0, np.float32, peaks.shape, peaks.ctypes.data)
        self.run(memory, ids, 0, len(ids))  # the last layer computes only the rows that are asked for
        return found


def measure_peaks(path: Path, config: DecoderConfig, windows: Sequence[list[int]]) -> Peaks:
    """Run the fp32 graph in the file `path` on `windows` of token ids."""
    graph = with_peaks(onnx.load(path, load_external_data=False))
    watched = path.with_name(f"peaks-{path.name}")
    watched.write_bytes(graph.SerializeToString())
    session = PeakSession(watched, config.architecture, config.context_length, CPU, choose_threads(0))
    matrices = {tensor.name: tensor.dims[0] for tensor in graph.graph.initializer}
    names = [output.name.removeprefix(PEAKS) for output in graph.graph.output if output.name.startswith(PEAKS)]
    widths = {name: matrices[name] for name in names}
    memory, peaks = session.create_memory(), Peaks()
    for ids in windows:
        for name, found in session.peaks(memory, ids, widths).items():
            peaks[name] = np.maximum(peaks.get(name, np.float32(0)), found)
    return peaks
