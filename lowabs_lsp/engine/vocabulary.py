"""What the tokens of a tokenizer.json spell: GPT-2's bytes as characters, or SentencePiece's `▁` and byte tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lowabs_lsp.errors import BundleError

METASPACE = "▁"
"""SentencePiece's spelling of a space; the character itself comes back from such a vocabulary as a space."""

UTF8_BYTES = frozenset(bytes([byte]) for byte in (*range(0xC0), *range(0xC2, 0xF5)))
"""The bytes that some text has in UTF-8."""

_EXACT = ("NFC", "Replace", "Prepend", "Sequence")
"""The normalizers that text survives, or that `without_added_space` takes away."""


def is_metaspace(raw: dict[str, Any]) -> bool:
    """Whether the file's BPE writes spaces as `▁` and rare characters as byte tokens (Llama 2, CodeLlama, Gemma)."""
    parts = [*_parts(raw, "normalizer"), *_parts(raw, "pre_tokenizer"), *_parts(raw, "decoder")]
    return bool(raw.get("model", {}).get("byte_fallback")) and not any(part["type"] == "ByteLevel" for part in parts)


def without_added_space(raw: dict[str, Any], path: Path) -> None:
    """Take out of the file what puts a space before a text, for ids to spell the text and nothing else. Raises BundleError."""
    for part in _parts(raw, "normalizer"):
        if part["type"] not in _EXACT:
            raise BundleError(f"{path}: normalizes texts by {part['type']!r}, so they would not come back as they are")
        if part["type"] == "Prepend":
            part["prepend"] = ""
    for part in _parts(raw, "pre_tokenizer"):
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        if part["type"] == "ByteLevel":
            part["add_prefix_space"] = False


def _parts(raw: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The steps of a stage of the tokenizer, those of a sequence one by one."""
    stage = raw.get(key) or {"type": "Sequence"}
    members = next((stage[name] for name in ("normalizers", "pretokenizers", "decoders") if name in stage), None)
    yield from [stage] if members is None else members


def vocabulary_bytes(
    vocabulary: dict[str, int], special: dict[str, int], added: dict[str, int], path: Path, *, metaspace: bool = False
) -> list[bytes]:
    """The bytes of each id, none for a special token; `added` tokens are spelled as they are. Raises BundleError."""
    table = [b""] * (max(vocabulary.values(), default=-1) + 1)
    to_latin_1 = str.maketrans(byte_spelling())
    for spelling, i in vocabulary.items():
        if spelling in special:
            continue
        if metaspace:
            table[i] = _metaspace_bytes(spelling)
        elif spelling in added:
            table[i] = spelling.encode()
        else:
            try:
                table[i] = spelling.translate(to_latin_1).encode("latin-1")
            except UnicodeEncodeError as exc:
                raise BundleError(f"{path}: token {spelling!r} is not byte-level; no other kind can be run") from exc
    if UTF8_BYTES - set(table):
        raise BundleError(f"{path}: lacks single bytes, so it cannot spell every text; use a tokenizer with all of them")
    return table


def _metaspace_bytes(spelling: str) -> bytes:
    """`<0x0A>` is a byte, `▁` a space, everything else itself."""
    if len(spelling) == 6 and spelling.startswith("<0x") and spelling.endswith(">"):
        return bytes([int(spelling[3:5], 16)])
    return spelling.replace(METASPACE, " ").encode()


def byte_spelling() -> dict[str, str]:
    """GPT-2's printable character for each byte -> the byte as Latin-1; every other Latin-1 character -> an invalid one.

    Bytes that are visible in Latin-1 stand for themselves, the others for the characters from U+0100 on.
    """
    visible = {chr(byte) for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))}
    hidden = [chr(byte) for byte in range(256) if chr(byte) not in visible]
    spelled = {chr(0x100 + n): byte for n, byte in enumerate(hidden)}
    return {character: character for character in visible} | spelled | dict.fromkeys(hidden, "\uffff")
