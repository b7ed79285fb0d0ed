"""The multiply-add rate of ONNX Runtime's own 8-bit and float kernels on one large product: what a graph of them can reach."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from lowabs_lsp.bench.contender import Steps, Task

DEPTH, WIDTH = 2048, 2048


def open_product(kind: str, threads: int) -> ort.InferenceSession:
    """The product of x [M,K] and a constant [K,N]: `MatMulInteger` on bytes or `MatMul` on floats."""
    real = kind == "MatMul"
    matrix = numpy_helper.from_array(np.ones((DEPTH, WIDTH), np.float32 if real else np.int8), "matrix")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT if real else TensorProto.UINT8, ["M", DEPTH])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT if real else TensorProto.INT32, ["M", WIDTH])]
    graph = helper.make_graph([helper.make_node(kind, ["x", "matrix"], ["y"])], "product", inputs, outputs, [matrix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def steps(task: Task) -> Steps:
    """`int8` and `fp32`: one product of so many rows; they return how many multiply-adds that is."""

    def step(kind: str, x: "np.ndarray[tuple[int, int], np.dtype[np.generic]]") -> int:
        sessions[kind].run(None, {"x": x})
        return len(x) * DEPTH * WIDTH

    sessions = {kind: open_product(kind, task.threads) for kind in ("MatMul", "MatMulInteger")}
    return {
        "int8": lambda rows: step("MatMulInteger", np.ones((rows, DEPTH), np.uint8)),
        "fp32": lambda rows: step("MatMul", np.ones((rows, DEPTH), np.float32)),
    }
