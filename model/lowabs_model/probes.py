"""The probe graphs of `lowabs-lsp models recommend`: products as a large model's layers have them, in kilobytes of file.

    python -m lowabs_model.probes lowabs_lsp/engine/probes

Their weights are made by ONNX Runtime when it loads the graph (`ConstantOfShape` is folded), so that the kernels see
constants as those of a model are. How fast they run does not depend on the numbers.
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lowabs_lsp.engine.probe import DECODER, DECODER_CONTEXT
from lowabs_lsp.values import FloatArray
from lowabs_model.graph import MICROSOFT, build_graph
from lowabs_model.tensors import DecoderConfig, tensor_shapes

WIDTH, FEED_FORWARD = 2048, 8192
PAIRS = {"int4": 8, "int8": 4, "rowq": 4, "fp32": 2}
"""Products from WIDTH to FEED_FORWARD and back: together far more bytes than a cache holds."""

Constants = list[onnx.TensorProto]


class Probe:
    """Builds one graph."""

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.nodes: list[onnx.NodeProto] = []
        self.constants: Constants = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def filled(self, name: str, shape: tuple[int, ...], value: np.generic) -> str:
        """A constant that the file does not hold. `value` differs from the others', or they would become one."""
        size = self.constant(f"{name}.shape", np.array(shape, np.int64))
        fill = numpy_helper.from_array(np.array([value]))
        self.nodes.append(helper.make_node("ConstantOfShape", [size], [name], value=fill))
        return name

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def product(self, x: str, i: int, k: int, n: int) -> str:
        """The rows x [M,K] times a matrix [K,N] whose numbers keep the size of x."""
        if self.variant == "fp32":
            return self.add("MatMul", x, self.filled(f"w{i}", (k, n), np.float32((1 + i / 64) / k)))
        if self.variant == "rowq":
            return self.rows(x, i, k, n)
        bits = int(self.variant[3])
        step = i % 6 + 1
        byte = np.uint8(128 + step) if bits == 8 else np.uint8((8 + step) * 17)
        values = self.filled(f"w{i}", (n, k // 128, 16 * bits), byte)
        scales = self.filled(f"s{i}", (n, k // 128), np.float32((1 + i / 64) / (k * step)))
        return self.add(
            "MatMulNBits", x, values, scales, domain=MICROSOFT, K=k, N=n, bits=bits, block_size=128, accuracy_level=4
        )

    def rows(self, x: str, i: int, k: int, n: int) -> str:
        """As `graph.RowProducts`: activations quantised by row."""
        peaks = self.add("ReduceMax", self.add("Abs", x), "minus_one", keepdims=1)
        scales = self.add("Mul", peaks, "step")
        flat = self.add("Reshape", scales, "minus_one")
        quantized = self.add("QuantizeLinear", x, flat, "middles", axis=0)
        values = self.filled(f"w{i}", (k, n), np.int8(i % 100 + 1))
        columns = self.filled(f"s{i}", (n,), np.float32(1 / (k * (i % 100 + 1))))
        product = self.add("MatMulIntegerToFloat", quantized, values, "one", columns, "middle", domain=MICROSOFT)
        return self.add("Mul", product, scales)

    def build(self) -> onnx.ModelProto:
        x = "x"
        if self.variant == "rowq":
            self.constant("minus_one", np.array([-1], np.int64))
            self.constant("one", np.array(1, np.float32))
            self.constant("middle", np.array(128, np.uint8))
            self.constant("step", np.array([1 / 127], np.float32))
            rows = self.add("Gather", self.add("Shape", x), self.constant("first", np.array([0], np.int64)))
            middle = numpy_helper.from_array(np.array([128], np.uint8))
            self.nodes.append(helper.make_node("ConstantOfShape", [rows], ["middles"], value=middle))
        for pair in range(PAIRS[self.variant]):
            x = self.product(x, 2 * pair, WIDTH, FEED_FORWARD)
            x = self.product(x, 2 * pair + 1, FEED_FORWARD, WIDTH)
        self.nodes.append(helper.make_node("Identity", [x], ["y"]))
        info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["M", WIDTH]) for name in ("x", "y")]
        graph = helper.make_graph(self.nodes, "probe", info[:1], info[1:], self.constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="lowabs-model")


class Ones:
    """The tensors of a decoder, all of them ones."""

    def __init__(self, config: DecoderConfig) -> None:
        self.shapes = tensor_shapes(config)

    def __getitem__(self, name: str) -> FloatArray:
        return np.ones(self.shapes[name], np.float32)


def build_decoder() -> onnx.ModelProto:
    """A small decoder of which the file holds no weights."""
    config = DecoderConfig(DECODER, DECODER_CONTEXT)
    model = build_graph(config, Ones(config), "rowq", io.BytesIO(), "nowhere", grouped=True)
    kept = [tensor for tensor in model.graph.initializer if tensor.data_location != TensorProto.EXTERNAL]
    sizes, filled = list[onnx.TensorProto](), list[onnx.NodeProto]()
    for i, tensor in enumerate(tensor for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL):
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        number = 1 / (64 + i) if kind == np.float32 else 1 + i  # differs from the others', or they would become one
        sizes.append(numpy_helper.from_array(np.array(tensor.dims, np.int64), f"{tensor.name}.shape"))
        fill = numpy_helper.from_array(np.array([number], kind))
        filled.append(helper.make_node("ConstantOfShape", [f"{tensor.name}.shape"], [tensor.name], value=fill))
    nodes = [*filled, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend([*kept, *sizes])
    model.graph.node.extend(nodes)
    return model


def write_probes(folder: Path) -> None:
    """One file for each variant, and the decoder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decoder.onnx").write_bytes(build_decoder().SerializeToString(deterministic=True))
    for variant in PAIRS:
        (folder / f"{variant}.onnx").write_bytes(Probe(variant).build().SerializeToString(deterministic=True))


if __name__ == "__main__":
    write_probes(Path(sys.argv[1]))
