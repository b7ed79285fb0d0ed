"""A checkpoint as one GGUF file, for llama.cpp and everything that is built on it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, Keys, LlamaFileType, TokenType, get_tensor_name_map
from gguf.quants import quantize

from lowabs_lsp.engine.bundle import TOKENIZER
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.fim import END_OF_TEXT, QWEN_SPELLING
from lowabs_lsp.values import FloatArray, Sentinel
from lowabs_model.tensors import DecoderConfig, Tensors, read_config, read_tensors
from lowabs_model.tokenizer import QWEN2_PATTERN

ARCHITECTURE = "qwen3"
PRE_TOKENIZER = "qwen2"
"""llama.cpp's own name for the splitting rule of `lowabs_model.tokenizer`."""

TYPES = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
"""What matrices may be stored as; llama.cpp's own tools make smaller ones of an `f32` file."""

_TOKEN_KEYS = {
    END_OF_TEXT: (Keys.Tokenizer.EOS_ID, Keys.Tokenizer.EOT_ID),
    QWEN_SPELLING[Sentinel.PREFIX]: (Keys.Tokenizer.FIM_PRE_ID,),
    QWEN_SPELLING[Sentinel.SUFFIX]: (Keys.Tokenizer.FIM_SUF_ID,),
    QWEN_SPELLING[Sentinel.MIDDLE]: (Keys.Tokenizer.FIM_MID_ID,),
    QWEN_SPELLING[Sentinel.FILE]: (Keys.Tokenizer.FIM_SEP_ID,),
    "<|fim_pad|>": (Keys.Tokenizer.FIM_PAD_ID, Keys.Tokenizer.PAD_ID),
    "<|repo_name|>": (Keys.Tokenizer.FIM_REP_ID,),
}


@frozen
class Vocabulary:
    """A tokenizer.json in GGUF's words: by id the spelling and kind of each token, then the merges in order."""

    spellings: list[str]
    kinds: list[TokenType]
    merges: list[str]


def write_gguf(checkpoint: Path, output: Path, *, kind: str = "f32", name: str | None = None) -> None:
    """Write a Hugging Face Qwen3 directory as GGUF; the file changes whole or not at all. Raises BundleError."""
    if kind not in TYPES:
        raise BundleError(f"there is no GGUF type {kind!r}; choose one of {', '.join(TYPES)}")
    config, tensors = read_config(checkpoint), read_tensors(checkpoint)
    vocabulary = read_vocabulary(checkpoint / TOKENIZER, config.architecture.vocabulary)
    stored, file_type = TYPES[kind]
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    writer = GGUFWriter(partial, ARCHITECTURE)
    writer.add_name(name or checkpoint.resolve().name)
    writer.add_file_type(file_type)
    _add_sizes(writer, config)
    _add_vocabulary(writer, vocabulary)
    for gguf_name, tensor in renamed(tensors, config.architecture.layers, tied=config.architecture.tied):
        _add_tensor(writer, gguf_name, tensor, stored)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def read_vocabulary(file: Path, size: int) -> Vocabulary:
    """The tokens of a tokenizer.json, filled up to the `size` of the embedding. Raises BundleError where llama.cpp differs."""
    try:
        raw: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BundleError(f"{file}: cannot be read ({exc}); copy the checkpoint again") from exc
    if not _splits_as_qwen2(raw):
        raise BundleError(f"{file}: splits text by another rule than {PRE_TOKENIZER}, the one written here for llama.cpp")
    spellings = [f"[PAD{i}]" for i in range(size)]
    kinds = [TokenType.UNUSED] * size
    for spelling, i in raw["model"]["vocab"].items():
        spellings[i], kinds[i] = spelling, TokenType.NORMAL
    for token in raw["added_tokens"]:
        kind = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        spellings[token["id"]], kinds[token["id"]] = token["content"], kind
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in raw["model"]["merges"]]
    return Vocabulary(spellings, kinds, merges)


def _splits_as_qwen2(raw: dict[str, Any]) -> bool:
    """Another rule would give other tokens in llama.cpp, and no error."""
    before = raw.get("pre_tokenizer") or {}
    patterns = [step.get("pattern", {}).get("Regex") for step in before.get("pretokenizers", []) if step["type"] == "Split"]
    return raw["model"]["type"] == "BPE" and patterns == [QWEN2_PATTERN]


def renamed(tensors: Tensors, layers: int, *, tied: bool) -> Iterator[tuple[str, FloatArray]]:
    """Every tensor of the model under its name in a GGUF file. Raises BundleError for one that GGUF has no place for."""
    names = get_tensor_name_map(MODEL_ARCH.QWEN3, layers)
    for name in tensors.places:
        if tied and name == "lm_head.weight":
            continue
        theirs = names.get_name(name if name == "lm_head.weight" else f"model.{name}", try_suffixes=(".weight",))
        if theirs is None:
            raise BundleError(f"the checkpoint has a tensor {name!r}, which a Qwen3 in llama.cpp does not have")
        yield theirs, tensors[name]


def _add_sizes(writer: GGUFWriter, config: DecoderConfig) -> None:
    shape = config.architecture
    writer.add_context_length(config.context_length)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(vocabulary.spellings)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    writer.add_add_bos_token(False)
    for spelling, keys in _TOKEN_KEYS.items():
        for key in keys if spelling in vocabulary.spellings else ():
            writer.add_uint32(key, vocabulary.spellings.index(spelling))


def _add_tensor(writer: GGUFWriter, name: str, tensor: FloatArray, stored: GGMLQuantizationType) -> None:
    """Gains stay float32, and so does a matrix whose rows the blocks of `stored` do not divide."""
    if tensor.ndim == 1 or (stored == GGMLQuantizationType.Q8_0 and tensor.shape[1] % 32):
        stored = GGMLQuantizationType.F32
    writer.add_tensor(name, np.ascontiguousarray(quantize(tensor, stored)), raw_dtype=stored)
