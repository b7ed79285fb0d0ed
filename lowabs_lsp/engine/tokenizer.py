"""Text to token ids and back: `tokenizers` behind a few methods."""

import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers

from lowabs_lsp.engine.bundle import read_bytes
from lowabs_lsp.engine.vocabulary import is_metaspace, vocabulary_bytes, without_added_space
from lowabs_lsp.errors import BundleError


class Tokenizer:
    """A BPE from a Hugging Face tokenizer.json, byte-level or with byte tokens.

    Text is always ordinary text: the spelling of a special token in it means nothing, and no space is put before it.
    Special tokens go by id; they are those that the file calls so, and `reserved` ones. Raises BundleError.
    """

    def __init__(self, path: Path, reserved: Collection[str] = ()) -> None:
        raw = _read(path)
        without_added_space(raw, path)
        added = raw.setdefault("added_tokens", [])
        added += _reserved_pieces(raw, reserved)
        for token in added:
            token["special"] = token["special"] or token["content"] in reserved
        self.special: dict[str, int] = {token["content"]: token["id"] for token in added if token["special"]}
        for spelling in reserved:
            if spelling not in self.special:
                raise BundleError(f"{path}: has no token {spelling!r}; it belongs to another model, copy the folder again")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(raw))
        except Exception as exc:  # the library raises nothing narrower
            raise BundleError(f"{path}: `tokenizers` cannot load it ({exc}); copy the model folder again") from exc
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        ordinary = {token["content"]: token["id"] for token in added if not token["special"]}
        self.bytes_of = vocabulary_bytes(self._tokenizer.get_vocab(), self.special, ordinary, path, metaspace=is_metaspace(raw))
        """For each id the bytes that it stands for; none for a special token or a hole in the numbering."""
        self._encode = lru_cache(maxsize=64)(self.encode_anew)

    @property
    def size(self) -> int:
        """One more than the largest id."""
        return len(self.bytes_of)

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of `text`; long texts that come again (suffix, other files) are not encoded again."""
        return self._encode(text)

    def encode_anew(self, text: str) -> tuple[int, ...]:
        """`encode` for texts that will not come again. Any thread may call it."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode_bytes(self, ids: tuple[int, ...] | list[int]) -> bytes:
        """The bytes of `ids`, which may begin or end within a character."""
        return b"".join(self.bytes_of[i] for i in ids)


def complete_text(data: bytes) -> str:
    """`data` up to the first byte that is not, or not yet, part of a whole UTF-8 character."""
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        return data[: exc.start].decode()


def _reserved_pieces(raw: dict[str, Any], reserved: Collection[str]) -> list[dict[str, Any]]:
    """Reserved tokens that the file has among its ordinary pieces only, as added tokens; CodeLlama's `▁<PRE>` may be one."""
    known, vocabulary = {token["content"] for token in raw["added_tokens"]}, raw.get("model", {}).get("vocab")
    if not isinstance(vocabulary, dict):
        return []
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [
        {"id": vocabulary[spelling], "content": spelling, **flags}
        for spelling in sorted(set(reserved) - known)
        if spelling in vocabulary
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = json.loads(read_bytes(path))
    except ValueError as exc:
        raise BundleError(f"{path}: is not JSON ({exc}); copy the model folder again") from exc
    return raw
