"""Text to token ids and back: `tokenizers` behind a few methods."""

import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers

from lowabs_lsp.engine.bundle import read_bytes
from lowabs_lsp.errors import BundleError


class Tokenizer:
    """A byte-level BPE from a Hugging Face tokenizer.json.

    Text is always ordinary text: the spelling of a special token in it means nothing. Special tokens go by id; they are
    those that the file calls so, and `reserved` ones. Raises BundleError.
    """

    def __init__(self, path: Path, reserved: Collection[str] = ()) -> None:
        raw = _read(path)
        added = raw.setdefault("added_tokens", [])
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
        self.bytes_of = vocabulary_bytes(self._tokenizer.get_vocab(), self.special, ordinary, path)
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


def vocabulary_bytes(vocabulary: dict[str, int], special: dict[str, int], added: dict[str, int], path: Path) -> list[bytes]:
    """Undo GPT-2's spelling of bytes as printable characters; `added` tokens are spelled as they are."""
    table = [b""] * (max(vocabulary.values(), default=-1) + 1)
    to_latin_1 = str.maketrans(byte_spelling())
    for spelling, i in vocabulary.items():
        if spelling in added:
            table[i] = spelling.encode()
        elif spelling not in special:
            try:
                table[i] = spelling.translate(to_latin_1).encode("latin-1")
            except UnicodeEncodeError as exc:
                raise BundleError(f"{path}: token {spelling!r} is not byte-level; no other kind can be run") from exc
    if {bytes([byte]) for byte in range(256)} - set(table):
        raise BundleError(f"{path}: lacks single bytes, so it cannot spell every text; use a tokenizer with all of them")
    return table


def byte_spelling() -> dict[str, str]:
    """GPT-2's printable character for each byte -> the byte as Latin-1; every other Latin-1 character -> an invalid one.

    Bytes that are visible in Latin-1 stand for themselves, the others for the characters from U+0100 on.
    """
    visible = {chr(byte) for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))}
    hidden = [chr(byte) for byte in range(256) if chr(byte) not in visible]
    spelled = {chr(0x100 + n): byte for n, byte in enumerate(hidden)}
    return {character: character for character in visible} | spelled | dict.fromkeys(hidden, "\uffff")


def _read(path: Path) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = json.loads(read_bytes(path))
    except ValueError as exc:
        raise BundleError(f"{path}: is not JSON ({exc}); copy the model folder again") from exc
    return raw
