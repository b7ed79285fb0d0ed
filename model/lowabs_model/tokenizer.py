"""Train the byte-level BPE, and read it: qwen2's pre-tokenizer, our special tokens as the first ids."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.prompt.fim import SPECIAL_TOKENS

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Kept to the letter: llama.cpp runs only pre-tokenizers that it implements, and this is its `qwen2`."""


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE of exactly `vocab_size` entries. Raises LowabsError when the texts do not give that many."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocab_size:
        message = f"the texts give {tokenizer.get_vocab_size()} tokens, not {vocab_size}: add text or lower vocab_size"
        raise LowabsError(message)
    return tokenizer


def sample_texts(texts: Iterable[str], total_bytes: int, sample_bytes: int) -> Iterator[str]:
    """Every n-th of `texts`, which hold `total_bytes`, so that about `sample_bytes` come."""
    stride = max(1, round(total_bytes / max(1, sample_bytes)))
    return (text for position, text in enumerate(texts) if position % stride == 0)


def load_tokenizer(file: Path) -> Tokenizer:
    """Read a `tokenizer.json`, set so that sentinel spellings in a text are plain text. Raises LowabsError."""
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise LowabsError(f"{file} is not a readable tokenizer.json: {error}") from error
    tokenizer.encode_special_tokens = True
    return tokenizer
