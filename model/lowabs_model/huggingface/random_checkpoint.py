"""A Hugging Face directory of a known model's shape with random weights: for measuring, where the real ones are not at hand.

python -m lowabs_model.huggingface.random_checkpoint Qwen2.5-Coder-1.5B OUTPUT
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from lowabs_lsp.bench.known_models import KNOWN_MODELS, KnownModel
from lowabs_lsp.prompt.fim import SPECIAL_TOKENS
from lowabs_model.huggingface.config import MODEL_TYPES, read_foreign_config
from lowabs_model.tensors import CONFIG, WEIGHTS_INDEX, tensor_shapes, write_bfloat16

POOL = 1 << 20
"""Numbers that are drawn for a file."""

Shapes = dict[str, tuple[int, ...]]


def write_random(model: KnownModel, folder: Path, seed: int = 0) -> None:
    """A file for each layer and one for the rest, in bfloat16, written without holding more than a tensor."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config_of(model), indent=1), "utf-8")
    _tokenizer().save(str(folder / "tokenizer.json"))
    config, _ = read_foreign_config(folder)
    theirs = {ours: name for name, ours in MODEL_TYPES[model.model_type].rename.items()}
    places: dict[str, str] = {}
    random = np.random.default_rng(seed)
    for file, shapes in _files(tensor_shapes(config)):
        named = {_foreign_name(name, theirs): shape for name, shape in shapes.items()}
        write_bfloat16(folder / file, named, drawn(named, random))
        places |= dict.fromkeys(named, file)
    (folder / WEIGHTS_INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}), "utf-8")


def config_of(model: KnownModel) -> dict[str, object]:
    """Its config.json, as far as sizes go; positions are ordinary ones."""
    epsilon = MODEL_TYPES[model.model_type].norm_epsilon
    return {
        "model_type": model.model_type,
        "num_hidden_layers": model.layers,
        "hidden_size": model.width,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "intermediate_size": model.feed_forward,
        "vocab_size": model.vocabulary,
        "tie_word_embeddings": model.tied,
        "max_position_embeddings": 8192,
        "rope_theta": 10000.0,
        "eos_token_id": 256,  # behind the single bytes
        epsilon: 1e-6,
    } | ({"head_dim": model.head_dim} if model.model_type in ("qwen3", "gemma") else {})


def _files(shapes: Shapes) -> Iterator[tuple[str, Shapes]]:
    owners: dict[str, Shapes] = {}
    for name, shape in shapes.items():
        owner = name.split(".")[1] if name.startswith("layers.") else "rest"
        owners.setdefault(owner, {})[name] = shape
    for owner, owned in owners.items():
        yield f"model-{owner}.safetensors", owned


def _foreign_name(name: str, theirs: dict[str, str]) -> str:
    for ours, other in theirs.items():
        name = name.replace(ours, other)
    return name if name.startswith("lm_head") else f"model.{name}"


def drawn(shapes: Shapes, random: np.random.Generator) -> Iterator[bytes]:
    """Normal numbers of a deviation as trained matrices have, each row a stretch of the same few; norms and biases near 0."""
    pool = (random.standard_normal(POOL, np.float32) * np.float32(0.02)).view(np.uint32) >> 16
    numbers = pool.astype(np.uint16)
    for shape in shapes.values():
        for start in random.integers(0, POOL - shape[-1], shape[0] if len(shape) > 1 else 1):
            yield numbers[start : start + shape[-1]].tobytes()


def _tokenizer() -> Tokenizer:
    """Bytes and the special tokens, whatever the size of the model's vocabulary."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(prog="python -m lowabs_model.huggingface.random_checkpoint", description="Random weights.")
    shapes = {model.name: model for model in KNOWN_MODELS}
    parser.add_argument("shape", choices=shapes, metavar="SHAPE", help=", ".join(shapes))
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="a folder")
    options = parser.parse_args()
    write_random(shapes[options.shape], options.output)


if __name__ == "__main__":
    main()
