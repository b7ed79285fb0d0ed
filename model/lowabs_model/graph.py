"""A decoder as an ONNX graph of ONNX Runtime's fused operators, built node by node from numpy tensors.

    inputs   input_ids [B,T] i64             logit_index [R] i64: rows of the flattened [B*T] that are asked for
    outputs  logits [R,V] f32

    of a graph with grouped attention
    inputs   seqlens_k [B] i32: number of tokens including these, minus one
             total_sequence_length [] i32    past_key_i, past_value_i [B,KV,C,D]
    outputs  present_key_i, present_value_i: to be bound to the same memory as the past

    of a graph with shared attention (one key/value head)
    inputs   positions [B*T,1] i64           slots [B*T,2] i64: sequence and row of each token's keys and values
             places [S] i64: the numbers of the rows of the past, of which a token sees those up to its position
             past_key_i, past_value_i [B,S,D]
    outputs  present_key_i, present_value_i: as above

Between them everything is [B*T, width]. Several tokens behind a past need B = 1. The design is Qwen3's where `Design`
says nothing else.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lowabs_lsp.engine.bundle import SPARE_POSITIONS
from lowabs_lsp.values import FloatArray
from lowabs_model.quantization import BLOCKS, block_size, quantize_blocks, quantize_columns
from lowabs_model.rotary import rotary_tables
from lowabs_model.tensors import DecoderConfig, NamedTensors

VARIANTS = ("fp32", "fp16", "bf16", "int8", "int4", "rowq", "w8a8")
"""Arithmetic of the weights; `bf16` only stores them so and computes in fp32."""
MICROSOFT = "com.microsoft"
HIDDEN = -1e9
"""Added to a score, it leaves a weight of exactly 0."""
AFTER_SOFTMAX = 2
"""What GroupQueryAttention's `qk_output` is to be."""

CacheScales = dict[str, FloatArray]
"""For each `key_i` and `value_i`: what one step of its 8-bit channels is worth, [KV,D]."""


class Nodes:
    """The nodes and constants of a graph; constants of a kilobyte or more go to `data` as they come."""

    def __init__(self, data: BinaryIO, location: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._data = data
        self._location = location

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add `value` unless the name is known; return the name."""
        if name not in self.constants:
            value = np.ascontiguousarray(value)
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            large = value.nbytes >= 1024
            self.constants[name] = self._move_out(name, kind, value) if large else numpy_helper.from_array(value, name)
        return name

    def bfloat16(self, name: str, value: FloatArray) -> str:
        """Add `value` rounded to bfloat16, to be read as float32 (ONNX Runtime does that once, at load)."""
        if name not in self.constants:
            bits = np.ascontiguousarray(value).view(np.uint32)
            halves = ((bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16).astype(np.uint16)  # to nearest, ties to even
            self.constants[name] = self._move_out(name, TensorProto.BFLOAT16, halves)
            self.outputs("Cast", [name], [f"{name}.wide"], to=TensorProto.FLOAT)
        return f"{name}.wide"

    def _move_out(self, name: str, kind: int, value: NDArray[Any]) -> onnx.TensorProto:
        """Write `value` to the data file; a protobuf message would hold its bytes as long as the graph lives."""
        self._data.write(bytes(-self._data.tell() % 64))  # aligned for the kernels that read the mapped file
        offset = self._data.tell()
        self._data.write(value.reshape(-1).view(np.uint8).data)
        tensor = onnx.TensorProto(name=name, data_type=kind, dims=value.shape, data_location=TensorProto.EXTERNAL)
        for key, told in {"location": self._location, "offset": offset, "length": value.nbytes}.items():
            tensor.external_data.add(key=key, value=str(told))
        return tensor

    def outputs(
        self, kind: str, inputs: Sequence[str], names: int | list[str], domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; `names` are theirs, or how many to make up."""
        stem = f"{kind}_{len(self.nodes)}"
        if isinstance(names, int):
            names = [f"{stem}_{i}" for i in range(names)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, stem, domain=domain, **attributes))
        return names

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return its name."""
        return self.outputs(kind, inputs, 1, domain, **attributes)[0]


class FloatProducts:
    """x [M,K] @ matrix[N,K].T in floating point."""

    def __init__(self, nodes: Nodes, variant: str) -> None:
        self.nodes, self.half, self.brain = nodes, variant == "fp16", variant == "bf16"

    def product(self, x: str, name: str, matrix: FloatArray, *, last: bool) -> str:
        return self.nodes.add("MatMul", x, self.weights(name, matrix.T))

    def weights(self, name: str, matrix: FloatArray) -> str:
        """A matrix as the variant stores it."""
        if self.brain:
            return self.nodes.bfloat16(name, matrix)
        return self.nodes.constant(name, matrix.astype(np.float16 if self.half else np.float32, copy=False))


class BlockProducts:
    """Weights in blocks of 8 or 4 bits; the kernel quantises the activations itself."""

    def __init__(self, nodes: Nodes, bits: int, block: int = BLOCKS[0]) -> None:
        self.nodes, self.bits, self.block = nodes, bits, block

    def product(self, x: str, name: str, matrix: FloatArray, *, last: bool) -> str:
        weights = quantize_blocks(matrix, self.bits, self.block)
        values = self.nodes.constant(f"{name}.values", weights.values)
        return self.with_blocks(x, values, self.nodes.constant(f"{name}.scales", weights.scales), matrix.shape)

    def with_blocks(self, x: str, values: str, scales: str, shape: tuple[int, ...]) -> str:
        """The product with blocks that are in the graph already; `shape` is the matrix's [N,K]."""
        n, k = shape
        return self.nodes.add(
            "MatMulNBits", x, values, scales, domain=MICROSOFT,
            K=k, N=n, bits=self.bits, block_size=block_size(k, self.block), accuracy_level=4,
        )  # fmt: skip


class IntegerProducts:
    """8-bit weights by output column; activations are only rounded, which the model's smoothing has prepared them for."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.one = nodes.constant("one", np.array(1, np.float32))
        self.middle = nodes.constant("middle", np.array(128, np.uint8))

    def product(self, x: str, name: str, matrix: FloatArray, *, last: bool) -> str:
        return self.multiply(self.nodes.add("QuantizeLinear", x, self.one, self.middle), name, matrix)

    def multiply(self, rows: str, name: str, matrix: FloatArray) -> str:
        """The product with uint8 rows around 128."""
        weights = quantize_columns(matrix)
        values = self.nodes.constant(f"{name}.values", weights.values)
        scales = self.nodes.constant(f"{name}.scales", weights.scales)
        return self.nodes.add("MatMulIntegerToFloat", rows, values, self.one, scales, self.middle, domain=MICROSOFT)


class RowProducts(IntegerProducts):
    """The same weights, activations quantised by row: a row's result is independent of the other rows."""

    def __init__(self, nodes: Nodes, tokens: str) -> None:
        super().__init__(nodes)
        self.minus_one = nodes.constant("minus_one", np.array([-1], np.int64))
        self.step = nodes.constant("step", np.array([1 / 127], np.float32))
        self.middles = {False: self._middle_for_each(tokens), True: self._middle_for_each("logit_index")}
        self.quantized: dict[str, tuple[str, str]] = {}

    def _middle_for_each(self, rows: str) -> str:
        """QuantizeLinear wants a zero point for each row."""
        value = numpy_helper.from_array(np.array([128], np.uint8))
        return self.nodes.add("ConstantOfShape", self.nodes.add("Shape", rows), value=value)

    def product(self, x: str, name: str, matrix: FloatArray, *, last: bool) -> str:
        rows, row_scales = self._quantize_rows(x, last)
        return self.nodes.add("Mul", self.multiply(rows, name, matrix), row_scales)

    def _quantize_rows(self, x: str, last: bool) -> tuple[str, str]:
        """[M,K] -> uint8 around 128, and one scale for each row [M,1]; made once for all products of `x`."""
        if x not in self.quantized:
            peaks = self.nodes.add("ReduceMax", self.nodes.add("Abs", x), self.minus_one, keepdims=1)
            scales = self.nodes.add("Mul", peaks, self.step)  # a row of zeros has scale 0, which zeroes its product too
            flat = self.nodes.add("Reshape", scales, self.minus_one)
            self.quantized[x] = (self.nodes.add("QuantizeLinear", x, flat, self.middles[last], axis=0), scales)
        return self.quantized[x]


Products = FloatProducts | BlockProducts | IntegerProducts


class DecoderGraph:
    """Builds the nodes of one decoder in the order in which they compute."""

    def __init__(
        self,
        config: DecoderConfig,
        tensors: NamedTensors,
        variant: str,
        nodes: Nodes,
        cache_scales: CacheScales | None = None,
        block: int = BLOCKS[0],
        grouped: bool = False,
    ) -> None:
        self.size, self.design, self.cache_scales = config.architecture, config.design, cache_scales
        self.positions = config.context_length + SPARE_POSITIONS
        self.tensors, self.variant, self.nodes, self.block = tensors, variant, nodes, block
        self.real: type[np.floating[Any]] = np.float16 if variant == "fp16" else np.float32
        self.shared = self.size.kv_heads == 1 and not grouped and cache_scales is None and variant != "fp16"
        minus_one = nodes.constant("minus_one", np.array([-1], np.int64))
        self.tokens = nodes.add("Reshape", "input_ids", minus_one)
        if self.shared:
            sequences = nodes.add("Shape", "input_ids", start=0, end=1)
            head, as_it_is = np.array([-1, self.size.head_dim], np.int64), np.array([-1, 0], np.int64)
            self.by_sequence = nodes.add("Concat", sequences, nodes.constant("heads_of_sequence", head), axis=0)
            self.rows_by_sequence = nodes.add("Concat", sequences, nodes.constant("rows_of_sequence", as_it_is), axis=0)
            self.head_slots = nodes.add("Reshape", "slots", nodes.constant("by_head", np.array([-1, 1, 1, 2], np.int64)))
            self.bias = self._bias()
        else:
            self.packed_shape = nodes.add("Concat", nodes.add("Shape", "input_ids"), minus_one, axis=0)  # [B, T, -1]
        self.products = self._products()
        self.rotary = self._rotary_tables()

    def _bias(self) -> str:
        """What is added to scores: [B*T,1,S]."""
        positions = self.nodes.add("Reshape", "positions", self.nodes.constant("by_token", np.array([-1, 1, 1], np.int64)))
        seen = self.nodes.add("LessOrEqual", "places", positions)
        numbers = (self.nodes.constant(name, self._real(value)) for name, value in (("shown", 0), ("hidden", HIDDEN)))
        return self.nodes.add("Where", seen, *numbers)

    def _products(self) -> Products:
        if self.variant in ("fp32", "fp16", "bf16"):
            return FloatProducts(self.nodes, self.variant)
        if self.variant == "rowq":
            return RowProducts(self.nodes, self.tokens)
        if self.variant == "w8a8":
            return IntegerProducts(self.nodes)
        return BlockProducts(self.nodes, int(self.variant[3]), self.block)

    def _rotary_tables(self) -> tuple[str, str]:
        cos, sin = rotary_tables(self.size.head_dim, self.positions, self.size.rope_theta, self.design.rope)
        return self.nodes.constant("cos", cos.astype(self.real)), self.nodes.constant("sin", sin.astype(self.real))

    def build(self) -> None:
        """From input_ids to logits."""
        residual = self.embed()
        normed = self.norm(residual, *self._norm_weights("layers.0.input_layernorm.weight"))
        for i in range(self.size.layers):
            normed, residual = self.layer(i, normed, residual)
        self.nodes.outputs("Cast", [self.head(normed)], ["logits"], to=TensorProto.FLOAT)

    def embed(self) -> str:
        rows = self.look_up(self.tensors["embed_tokens.weight"])
        if self.design.embedding_scale == 1:
            return rows
        return self.nodes.add("Mul", rows, self.nodes.constant("embedding_scale", self._real(self.design.embedding_scale)))

    def look_up(self, table: FloatArray) -> str:
        """The rows of the embedding."""
        if isinstance(self.products, FloatProducts):
            return self.nodes.add("Gather", self.products.weights("embedding", table), self.tokens)
        blocks = quantize_blocks(table, 8)
        values = self.nodes.constant("embedding.values", blocks.values.reshape(table.shape))
        scales = self.nodes.constant("embedding.scales", blocks.scales)
        return self.nodes.add(
            "GatherBlockQuantized", values, self.tokens, scales, domain=MICROSOFT,
            bits=8, block_size=block_size(self.size.width), gather_axis=0, quantize_axis=1,
        )  # fmt: skip

    def layer(self, i: int, normed: str, residual: str) -> tuple[str, str]:
        """One block; returns the normed input of the next one (or of the head), and the residual stream."""
        prefix, last = f"layers.{i}.", i == self.size.layers - 1
        attended = self.attend(i, normed)
        if last:  # from here on only the rows that are asked for
            attended = self.nodes.add("Gather", attended, "logit_index")
            residual = self.nodes.add("Gather", residual, "logit_index")
        output = self.project(attended, f"{prefix}self_attn.o_proj", last=last)
        normed, residual = self.add_and_norm(output, residual, f"{prefix}post_attention_layernorm.weight")
        output = self.feed_forward(prefix, normed, last)
        following = "norm.weight" if last else f"layers.{i + 1}.input_layernorm.weight"
        return self.add_and_norm(output, residual, following)

    def attend(self, i: int, normed: str) -> str:
        """Queries, keys and values in one product, QK-norm by head, rotary attention behind the past."""
        prefix = f"layers.{i}.self_attn."
        joined = self.project(normed, *(f"{prefix}{n}_proj" for n in "qkv"))
        attended = self.attend_shared(i, joined) if self.shared else self.attend_grouped(i, joined)
        return self.nodes.add("Reshape", attended, self._shape(self.size.heads * self.size.head_dim))

    def attend_shared(self, i: int, joined: str) -> str:
        """One key/value head: the queries of all heads and tokens are the rows of one matrix. [B,T*H,D]."""
        size, nodes = self.size, self.nodes
        widths = np.array([size.heads + 1, 1], np.int64) * size.head_dim
        rotated, v = nodes.outputs("Split", [joined, nodes.constant("qk_v_widths", widths)], 2, axis=-1)
        by_head = np.array([-1, size.heads + 1, 1, size.head_dim], np.int64)
        heads = nodes.add("Reshape", rotated, nodes.constant("qk_heads", by_head))
        if self.design.head_norms:
            heads = self.norm(heads, self._gains_by_head(i))
        heads = nodes.add("RotaryEmbedding", heads, "positions", *self.rotary, domain=MICROSOFT)
        q, k = nodes.outputs("Split", [heads, nodes.constant("q_k_heads", np.array([size.heads, 1], np.int64))], 2, axis=1)
        keys = nodes.outputs("ScatterND", [f"past_key_{i}", self.head_slots, k], [f"present_key_{i}"])[0]
        values = nodes.outputs("ScatterND", [f"past_value_{i}", "slots", v], [f"present_value_{i}"])[0]
        q = nodes.add("Reshape", q, self.by_sequence)
        scores = nodes.add("FusedMatMul", q, keys, domain=MICROSOFT, transB=1, alpha=float(size.head_dim**-0.5))  # [B,T*H,S]
        by_token = nodes.add("Reshape", scores, nodes.constant("scores_by_token", np.array([-1, size.heads, 0], np.int64)))
        weights = nodes.outputs("Softmax", [nodes.add("Add", by_token, self.bias)], [f"weights_{i}"], axis=-1)[0]
        return nodes.add("MatMul", nodes.add("Reshape", weights, self.rows_by_sequence), values)

    def _gains_by_head(self, i: int) -> str:
        """The gains of the norms of queries and keys [H+1,1,D], a constant."""
        prefix = f"layers.{i}.self_attn."
        q, k = (self.norm_weight(f"{prefix}{n}_norm.weight") for n in "qk")
        gains = np.concatenate([np.tile(q, (self.size.heads, 1)), k[None]])[:, None]
        return self.nodes.constant(f"{prefix}qk_norm.weight", self._real(gains))

    def attend_grouped(self, i: int, joined: str) -> str:
        """ONNX Runtime's grouped-query attention. [B,T,H*D]."""
        size, prefix = self.size, f"layers.{i}.self_attn."
        widths = np.array([size.heads, size.kv_heads, size.kv_heads], np.int64) * size.head_dim
        q, k, v = self.nodes.outputs("Split", [joined, self.nodes.constant("qkv_widths", widths)], 3, axis=-1)
        by_token = [
            self.norm_heads(q, f"{prefix}q_norm.weight"),
            self.norm_heads(k, f"{prefix}k_norm.weight"),
            self.nodes.add("Reshape", v, self.packed_shape),
        ]
        inputs = [*by_token, f"past_key_{i}", f"past_value_{i}", "seqlens_k", "total_sequence_length", *self.rotary]
        scales, kind = self.cache_kind(i)
        return self.nodes.outputs(
            "GroupQueryAttention", [*inputs, *scales], [f"attended_{i}", f"present_key_{i}", f"present_value_{i}"], MICROSOFT,
            num_heads=size.heads, kv_num_heads=size.kv_heads, do_rotary=1, scale=float(size.head_dim**-0.5), **kind,
        )[0]  # fmt: skip

    def cache_kind(self, i: int) -> tuple[list[str], dict[str, Any]]:
        """The last inputs and the attributes of a layer's attention that make its keys and values 8-bit; none for numbers."""
        if self.cache_scales is None:
            return [], {}
        scales = [
            self.nodes.constant(f"{name}_scales_{i}", self.cache_scales[f"{name}_{i}"][:, None]) for name in ("key", "value")
        ]
        kind = {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}
        return ["", "", "", *scales], kind  # no position ids, bias and sink

    def norm_heads(self, x: str, name: str) -> str:
        """The CPU kernel of GroupQueryAttention refuses norm weights of its own."""
        if not self.design.head_norms:
            return self.nodes.add("Reshape", x, self.packed_shape)
        heads = self.nodes.add("Reshape", x, self._shape(self.size.head_dim))
        return self.nodes.add("Reshape", self.norm(heads, *self._norm_weights(name)), self.packed_shape)

    def feed_forward(self, prefix: str, normed: str, last: bool) -> str:
        """down(activation(gate) * up), gate and up in one product."""
        if not self.design.gated:
            active = self.activate(self.project(normed, f"{prefix}mlp.up_proj", last=last))
            return self.project(active, f"{prefix}mlp.down_proj", last=last)
        joined = self.project(normed, f"{prefix}mlp.gate_proj", f"{prefix}mlp.up_proj", last=last)
        gate, up = self.nodes.outputs("Split", [joined], 2, axis=-1, num_outputs=2)
        return self.project(self.nodes.add("Mul", self.activate(gate), up), f"{prefix}mlp.down_proj", last=last)

    def activate(self, x: str) -> str:
        if self.design.activation == "gelu":
            return self.nodes.add("Gelu", x, approximate="tanh")
        return self.nodes.add("QuickGelu", x, domain=MICROSOFT, alpha=1.0)  # alpha 1 is SiLU, in one node

    def head(self, normed: str) -> str:
        """Logits; a tied quantised table is stored once and seen in two shapes (the Reshape is folded at load)."""
        name = "embed_tokens.weight" if self.size.tied else "lm_head.weight"
        if isinstance(self.products, FloatProducts):
            return self.products.product(normed, "head", self.tensors[name], last=True)
        bits = 4 if self.variant == "int4" and not self.size.tied else 8
        products = BlockProducts(self.nodes, bits)
        if not self.size.tied:
            return products.product(normed, "head", self.tensors[name], last=True)
        rows, block = self.size.vocabulary, block_size(self.size.width)
        shape = self.nodes.constant("table_shape", np.array([rows, self.size.width // block, block], np.int64))
        values = self.nodes.add("Reshape", "embedding.values", shape)
        return products.with_blocks(normed, values, "embedding.scales", (rows, self.size.width))

    def project(self, x: str, *names: str, last: bool = False) -> str:
        """The matrices `names` as one: a single hand-over to the threads instead of several."""
        matrix = np.concatenate([self.tensors[f"{name}.weight"] for name in names])
        product = self.products.product(x, "+".join(names), matrix, last=last)
        if not any(name.rpartition(".")[2] in self.design.biases for name in names):
            return product
        bias = np.concatenate([self.tensors[f"{name}.bias"] for name in names])
        return self.nodes.add("Add", product, self.nodes.constant(f"{'+'.join(names)}.bias", bias.astype(self.real)))

    def norm(self, x: str, *weights: str) -> str:
        kind = "LayerNormalization" if self.design.norms == "layer" else "SimplifiedLayerNormalization"
        return self.nodes.add(kind, x, *weights, axis=-1, epsilon=self.size.norm_epsilon)

    def add_and_norm(self, x: str, residual: str, name: str) -> tuple[str, str]:
        """The norm of the sum, and the sum."""
        kind = "SkipLayerNormalization" if self.design.norms == "layer" else "SkipSimplifiedLayerNormalization"
        names = [f"{name}.normed", "", "", f"{name}.sum"]
        inputs = [x, residual, *self._norm_weights(name)]
        self.nodes.outputs(kind, inputs, names, MICROSOFT, epsilon=self.size.norm_epsilon)
        return names[0], names[3]

    def _norm_weights(self, name: str) -> list[str]:
        weights = [self.nodes.constant(name, self._real(self.norm_weight(name)))]
        if self.design.norms == "layer":
            bias = name.replace(".weight", ".bias")
            weights.append(self.nodes.constant(bias, self._real(self.tensors[bias])))
        return weights

    def norm_weight(self, name: str) -> FloatArray:
        weight = self.tensors[name]
        return weight + np.float32(self.design.norm_shift) if self.design.norm_shift else weight

    def _real(self, value: FloatArray | float) -> NDArray[Any]:
        return np.asarray(value, np.float32).astype(self.real)

    def _shape(self, width: int) -> str:
        return self.nodes.constant(f"rows_of_{width}", np.array([-1, width], np.int64))


def build_graph(
    config: DecoderConfig,
    tensors: NamedTensors,
    variant: str,
    data: BinaryIO,
    location: str,
    cache_scales: CacheScales | None = None,
    block: int = BLOCKS[0],
    *,
    grouped: bool = False,
) -> onnx.ModelProto:
    """The graph of `variant`; its weights are written to `data`, the file that will lie beside it as `location`.

    `w8a8` wants tensors that are smoothed. With `cache_scales` its keys and values are kept in 8 bits. Of the layers' weights
    in `int8` and `int4`, `block` share a scale. Attention is shared where there is one key/value head to share, unless
    `grouped` is asked for, `fp16` (both for CUDA's kernels) or 8-bit keys and values.
    """
    nodes = Nodes(data, location)
    decoder = DecoderGraph(config, tensors, variant, nodes, cache_scales, block, grouped)
    decoder.build()
    size = config.architecture
    cache_kind = helper.np_dtype_to_tensor_dtype(np.dtype(np.int8 if cache_scales else decoder.real))
    caches = [f"{kind}_{i}" for i in range(size.layers) for kind in ("key", "value")]

    def info(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    def cache(name: str) -> onnx.ValueInfoProto:
        shape = ("B", "S", size.head_dim) if decoder.shared else ("B", size.kv_heads, "C", size.head_dim)
        return info(name, cache_kind, *shape)

    if decoder.shared:
        told = [
            info("positions", TensorProto.INT64, "N", 1),
            info("slots", TensorProto.INT64, "N", 2),
            info("places", TensorProto.INT64, "S"),
        ]
    else:
        told = [info("seqlens_k", TensorProto.INT32, "B"), info("total_sequence_length", TensorProto.INT32)]
    inputs = [
        info("input_ids", TensorProto.INT64, "B", "T"),
        info("logit_index", TensorProto.INT64, "R"),
        *told,
        *(cache(f"past_{name}") for name in caches),
    ]
    outputs = [info("logits", TensorProto.FLOAT, "R", size.vocabulary), *(cache(f"present_{name}") for name in caches)]
    graph = helper.make_graph(nodes.nodes, "decoder", inputs, outputs, list(nodes.constants.values()))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="lowabs-model")


def with_attention(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, which also gives out each layer's attention weights: `attention_i` [B,H,T,S] f32.

    Where attention is grouped they come from a second GroupQueryAttention beside each layer's own: asked for its weights the
    kernel takes another path, which rounds otherwise, and the logits are to be those of the graph that serves, bit for bit.
    Where it is shared they are there already, by token.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    layers = [node for node in graph.graph.node if node.op_type in ("Softmax", "GroupQueryAttention")]
    for i, node in enumerate(layers):
        if node.op_type == "Softmax":
            axes = helper.make_tensor(f"sequence_{i}", TensorProto.INT64, [1], [0])
            watched.graph.initializer.append(axes)
            by_head = helper.make_node("Transpose", [node.output[0]], [f"by_head_{i}"], f"by_head_{i}", perm=[1, 0, 2])
            given = helper.make_node("Unsqueeze", [by_head.output[0], axes.name], [f"attention_{i}"], f"attention_{i}")
            added = [by_head, given]
        else:
            twin = onnx.NodeProto()
            twin.CopyFrom(node)
            twin.name = f"watched_{i}"
            twin.output[:] = [f"{twin.name}_{part}" for part in ("output", "key", "value", "weights")]
            twin.attribute.append(helper.make_attribute("qk_output", AFTER_SOFTMAX))
            given = helper.make_node("Cast", [twin.output[3]], [f"attention_{i}"], f"attention_{i}", to=TensorProto.FLOAT)
            added = [twin, given]
        watched.graph.node.extend(added)
        shape = ["B", "H", "T", "S"]
        watched.graph.output.append(helper.make_tensor_value_info(given.output[0], TensorProto.FLOAT, shape))
    return watched
