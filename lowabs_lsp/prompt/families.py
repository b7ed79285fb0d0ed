"""FIM layouts of open code models, and which of them a model's name asks for."""

import re

from attrs import evolve

from lowabs_lsp.prompt.fim import END_OF_TEXT, PSM, SPM
from lowabs_lsp.values import Layout, Sentinel

STARCODER = Layout(
    order="psm",
    spelling={
        Sentinel.FILE: "<file_sep>",
        Sentinel.PREFIX: "<fim_prefix>",
        Sentinel.SUFFIX: "<fim_suffix>",
        Sentinel.MIDDLE: "<fim_middle>",
    },
    stops=(END_OF_TEXT, "<file_sep>"),
)

GRANITE = evolve(
    STARCODER, spelling=STARCODER.spelling | {Sentinel.FILE: "<filename>"}, stops=(END_OF_TEXT, "<filename>", "<reponame>")
)

DEEPSEEK = Layout(
    order="psm",
    spelling={
        Sentinel.PREFIX: "<｜fim▁begin｜>",
        Sentinel.SUFFIX: "<｜fim▁hole｜>",
        Sentinel.MIDDLE: "<｜fim▁end｜>",
    },
    stops=("<｜end▁of▁sentence｜>", "<|EOT|>"),
)

CODELLAMA = Layout(
    order="psm",
    spelling={Sentinel.PREFIX: "<PRE> ", Sentinel.SUFFIX: " <SUF>", Sentinel.MIDDLE: " <MID>"},
    stops=("<EOT>", "</s>"),
)

CODEGEMMA = Layout(
    order="psm",
    spelling={
        Sentinel.FILE: "<|file_separator|>",
        Sentinel.PREFIX: "<|fim_prefix|>",
        Sentinel.SUFFIX: "<|fim_suffix|>",
        Sentinel.MIDDLE: "<|fim_middle|>",
    },
    stops=("<|file_separator|>", "<eos>"),
)

FAMILIES: dict[str, Layout] = {
    "lowabs": SPM,
    "qwen": PSM,
    "starcoder": STARCODER,
    "granite": GRANITE,
    "deepseek": DEEPSEEK,
    "codellama": CODELLAMA,
    "codegemma": CODEGEMMA,
}
"""By the name that a user gives them."""

_NAMES = {
    "lowabs": r"lowabs",
    "qwen": r"qwen.*coder|yi-?coder",
    "starcoder": r"star-?coder",
    "granite": r"granite.*code",
    "deepseek": r"deepseek-?coder",
    "codellama": r"code-?llama",
    "codegemma": r"code-?gemma",
}


def layout_of(model: str) -> Layout | None:
    """The layout that a model of this name was trained with; None for a name that tells nothing."""
    families = (family for family, pattern in _NAMES.items() if re.search(pattern, model, re.IGNORECASE))
    family = next(families, None)
    return FAMILIES[family] if family else None
