"""Tiny random checkpoints of each family, as `transformers` writes them, each with a tokenizer of the family's own kind."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

SPACE = "▁"
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
}
VOCABULARY = 640
BAR = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
ANGLE = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]


def texts() -> list[str]:
    return Path(argparse.__file__).read_text("utf-8").splitlines(keepends=True)[:800]


def byte_level(special: list[str], begin: str = "", *, digits: bool = False) -> tokenizers.Tokenizer:
    """As GPT-2, StarCoder, Qwen, DeepSeek-Coder and SmolLM2 have it."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=digits), bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts(), trainer)
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))]
        )
    return tokenizer


def sentencepiece(special: list[str], begin: str, kind: str) -> tokenizers.Tokenizer:
    """As Llama 2, CodeLlama, Yi and Gemma have it: `▁` for spaces, byte tokens, no split into words."""
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token=special[0], fuse_unk=True))
    replace = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = replace
    tokenizer.pre_tokenizer = pre_tokenizers.Split(SPACE, "merged_with_next")
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=620, special_tokens=pieces, show_progress=False)
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), replace]) if kind == "llama" else replace
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous") if kind == "gemma" else None
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))]
    )
    raw = json.loads(tokenizer.to_str())
    raw["added_tokens"] = [token for token in raw["added_tokens"] if token["content"] in special]
    return tokenizers.Tokenizer.from_str(json.dumps(raw))


DEEPSEEK = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"]
LLAMA = ["<unk>", "<s>", "</s>"]
QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *BAR, "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>"]
STARCODER = ["<|endoftext|>", *ANGLE, "<file_sep>", "<repo_name>"]
GRANITE = ["<|endoftext|>", *ANGLE, "<filename>", "<reponame>"]

Recipe = tuple[str, dict[str, Any], Callable[[], tokenizers.Tokenizer], str]

RECIPES: dict[str, Recipe] = {
    "Qwen2.5": ("Qwen2Config", {"tie_word_embeddings": True}, lambda: byte_level(QWEN), "<|endoftext|>"),
    "Qwen2.5-untied": ("Qwen2Config", {"tie_word_embeddings": False}, lambda: byte_level(QWEN), "<|endoftext|>"),
    "Qwen3": ("Qwen3Config", {"head_dim": 32, "tie_word_embeddings": True}, lambda: byte_level(QWEN), "<|endoftext|>"),
    "StarCoder2": ("Starcoder2Config", {"sliding_window": 128}, lambda: byte_level(STARCODER), "<|endoftext|>"),
    "DeepSeek-Coder": (
        "LlamaConfig",
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e5, "factor": 4.0}, "num_key_value_heads": 4},
        lambda: byte_level(DEEPSEEK, DEEPSEEK[0], digits=True),
        DEEPSEEK[1],
    ),
    "CodeLlama": (
        "LlamaConfig",
        {"num_key_value_heads": 4, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
        lambda: sentencepiece([*LLAMA, "▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"], "<s>", "llama"),
        "</s>",
    ),
    "Granite-Code": (
        "LlamaConfig",
        {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        lambda: byte_level(GRANITE),
        "<|endoftext|>",
    ),
    "Yi-Coder": (
        "LlamaConfig",
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 128}},
        lambda: sentencepiece(["<unk>", "<s>", "<|endoftext|>", "<|im_end|>", *BAR], "<s>", "plain"),
        "<|endoftext|>",
    ),
    "SmolLM2": (
        "LlamaConfig",
        {
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "llama3", "rope_theta": 1e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        lambda: byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], digits=True),
        "<|endoftext|>",
    ),
    "CodeGemma": (
        "GemmaConfig",
        {"head_dim": 32, "num_key_value_heads": 1},
        lambda: sentencepiece(["<pad>", "<eos>", "<bos>", "<unk>", *BAR, "<|file_separator|>"], "<bos>", "gemma"),
        "<eos>",
    ),
}  # fmt: skip


def write_checkpoint(folder: Path, name: str, *, shard: str = "5GB") -> Path:
    """A random model of a family in bfloat16's range of numbers, saved by transformers."""
    kind, options, make_tokenizer, end = RECIPES[name]
    tokenizer = make_tokenizer()
    options = SIZES | {"vocab_size": VOCABULARY, "eos_token_id": tokenizer.token_to_id(end)} | options
    config = getattr(transformers, kind)(**options)
    torch.manual_seed(sum(name.encode()))
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms and biases are made as ones and zeros
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder, max_shard_size=shard)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The checkpoint of a family, written once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = write_checkpoint(tmp_path_factory.mktemp("checkpoint") / name, name)
        return made[name]

    return get


@pytest.fixture(scope="session", params=RECIPES)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def checkpoint(make: Callable[[str], Path], family: str) -> Path:
    """Its checkpoint."""
    return make(family)
