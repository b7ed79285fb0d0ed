"""Families of code models: how each wants fill-in-the-middle written, where its text ends, and its licence."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import tokenizers
from attrs import frozen

from lowabs_lsp.engine.bundle import TOKENIZER
from lowabs_lsp.engine.vocabulary import METASPACE
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.families import CODEGEMMA, DEEPSEEK, GRANITE, STARCODER
from lowabs_lsp.prompt.fim import END_OF_TEXT, QWEN_SPELLING
from lowabs_lsp.values import Layout, Sentinel
from lowabs_model.tensors import CONFIG, read_json


@frozen
class Family:
    """Models that share a prompt format. A family is known by its architecture and the tokens of its format."""

    name: str
    model_types: tuple[str, ...]
    licence: str
    """Of the released weights, as their model cards name it; a README.md beside the weights overrides it."""
    spelling: dict[Sentinel, str]
    """All but FILE must be in the vocabulary; FILE is left out where it is not."""
    stops: tuple[str, ...] = ()
    """Besides the end-of-text tokens that the checkpoint names; those that the vocabulary lacks are left out."""


CODELLAMA_TOKENS = {Sentinel.PREFIX: "▁<PRE>", Sentinel.SUFFIX: "▁<SUF>", Sentinel.MIDDLE: "▁<MID>"}
"""As its vocabulary has them; in a written-out prompt they are spelled with spaces."""

FAMILIES = (
    Family(
        "Qwen", ("qwen2", "qwen3"), "Apache-2.0", QWEN_SPELLING,
        (END_OF_TEXT, "<|fim_pad|>", "<|repo_name|>", "<|im_start|>", "<|im_end|>"),
    ),
    Family("CodeGemma", ("gemma",), "gemma", CODEGEMMA.spelling, ("<eos>",)),
    Family(
        "StarCoder2", ("starcoder2",), "bigcode-openrail-m",
        STARCODER.spelling, (END_OF_TEXT, "<repo_name>"),
    ),
    Family(
        "DeepSeek-Coder", ("llama",), "deepseek",
        DEEPSEEK.spelling, ("<｜end▁of▁sentence｜>", "<|EOT|>"),
    ),
    Family("CodeLlama", ("llama",), "llama2", CODELLAMA_TOKENS, ("▁<EOT>", "</s>")),
    Family("Granite-Code", ("llama",), "Apache-2.0", GRANITE.spelling, (END_OF_TEXT, "<reponame>")),
    Family("Yi-Coder", ("llama",), "Apache-2.0", QWEN_SPELLING, ("<|endoftext|>", "<|im_end|>")),
    Family("SmolLM2", ("llama",), "Apache-2.0", {}, (END_OF_TEXT, "<|im_start|>", "<|im_end|>")),
)  # fmt: skip
"""The first one that fits is taken. One without sentinels completes from the prefix alone."""

PLAIN = Family("plain", (), "unknown", {})
"""A known architecture whose vocabulary has no tokens for the middle."""


def find_family(model_type: str, vocabulary: Collection[str]) -> Family:
    """The family of a model by its architecture and the spelling of its tokens."""
    for family in FAMILIES:
        wanted = {spelled for role, spelled in family.spelling.items() if role is not Sentinel.FILE} or set(family.stops)
        if model_type in family.model_types and wanted <= set(vocabulary):
            return family
    return PLAIN


def make_layout(family: Family, folder: Path) -> Layout:
    """How the model in `folder` wants its prompts. Raises BundleError when nothing would end its text."""
    tokenizer = open_raw_tokenizer(folder)
    vocabulary = tokenizer.get_vocab()
    stops = dict.fromkeys([*end_tokens(folder, tokenizer), *(stop for stop in family.stops if stop in vocabulary)])
    if not stops:
        raise BundleError(f"{folder / CONFIG}: names no eos_token_id that the vocabulary has, so no text would ever end")
    begun = tokenizer.encode("").tokens  # what its post-processor puts around every text
    leads = tokenizer.encode("x", add_special_tokens=False).tokens[0].startswith(METASPACE)
    return Layout(
        order="psm" if family.spelling else "prefix",
        spelling={role: spelled for role, spelled in family.spelling.items() if spelled in vocabulary},
        stops=tuple(stops),
        begin=begun[0] if begun and begun[0] not in stops else "",
        lead=" " if leads else "",
    )


def open_raw_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The tokenizer as its file says. Raises BundleError."""
    path = folder / TOKENIZER
    if not path.is_file():
        raise BundleError(
            f"{path}: is missing; load the tokenizer with transformers (AutoTokenizer) and save it there with save_pretrained"
        )
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as exc:  # the library raises nothing narrower
        raise BundleError(f"{path}: `tokenizers` cannot load it ({exc}); copy it again") from exc


def end_tokens(folder: Path, tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The tokens at which the checkpoint says that a text ends."""
    ids: list[Any] = []
    for name in (CONFIG, "generation_config.json"):
        said = read_json(folder / name).get("eos_token_id") if (folder / name).is_file() else None
        ids += said if isinstance(said, list) else [said]
    found = (tokenizer.id_to_token(i) for i in ids if isinstance(i, int))
    return [token for token in found if token is not None]


def find_licence(family: Family, folder: Path) -> str:
    """What the model card beside the weights says, or else the family's."""
    try:
        card = (folder / "README.md").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return family.licence
    front = re.match(r"---\n(.*?)\n---", card, re.DOTALL)
    named = dict(re.findall(r"^(license|license_name): *(\S+)", front[1], re.MULTILINE)) if front else {}
    licence = named.get("license", "")
    return (named.get("license_name", licence) if licence == "other" else licence) or family.licence
