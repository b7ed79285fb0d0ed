"""Which prompt format a model wants, where its text ends, and its licence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from lowabs_model.huggingface.families import find_family, find_licence, make_layout, open_raw_tokenizer

from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import Sentinel

Make = Callable[[str], Path]


def test_each_family_is_known_by_its_tokens(checkpoint: Path, family: str) -> None:
    raw = json.loads((checkpoint / "config.json").read_text())
    found = find_family(raw["model_type"], open_raw_tokenizer(checkpoint).get_vocab())
    assert found.name in (family, family.partition("2.5")[0], family.rstrip("3"))
    layout = make_layout(found, checkpoint)
    assert (layout.order == "prefix") == (family == "SmolLM2")
    assert layout.order == "prefix" or {Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE} <= layout.spelling.keys()


@pytest.mark.parametrize(
    ("name", "begin", "lead"),
    [
        ("CodeLlama", "<s>", " "),
        ("CodeGemma", "<bos>", ""),
        ("Qwen3", "", ""),
        ("DeepSeek-Coder", "<｜begin▁of▁sentence｜>", ""),
    ],
)
def test_a_prompt_begins_as_the_tokenizer_begins_texts(make: Make, name: str, begin: str, lead: str) -> None:
    folder = make(name)
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    layout = make_layout(find_family(model_type, open_raw_tokenizer(folder).get_vocab()), folder)
    assert (layout.begin, layout.lead) == (begin, lead)


def test_a_vocabulary_without_the_tokens_is_plain() -> None:
    assert find_family("llama", ["a"]).name == "plain"
    assert find_family("gemma", ["<eos>"]).spelling == {}


def test_ends_are_those_of_both_files(make: Make, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(make("Qwen3"), tmp_path / "copy"))
    tokenizer = open_raw_tokenizer(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 99999]}))
    stops = make_layout(find_family("qwen3", tokenizer.get_vocab()), folder).stops
    assert stops[:2] == ("<|endoftext|>", "<|im_end|>")


def test_a_text_that_would_never_end_is_refused(make: Make, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(make("Qwen3"), tmp_path / "copy"))
    raw = json.loads((folder / "config.json").read_text())
    for name in ("config.json", "generation_config.json"):
        (folder / name).write_text(json.dumps(raw | {"eos_token_id": None}))
    with pytest.raises(BundleError, match="no text would ever end"):
        make_layout(find_family("llama", []), folder)


def test_a_missing_tokenizer_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="save_pretrained"):
        open_raw_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n# A model", "mit"),
        ("---\nlicense: other\nlicense_name: qwen-research\n---\n", "qwen-research"),
        ("# A model\nlicense: mit\n", "Apache-2.0"),
        (None, "Apache-2.0"),
    ],
)
def test_the_model_card_names_the_licence(tmp_path: Path, card: str | None, licence: str) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert find_licence(find_family("qwen2", ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]), tmp_path) == licence


def test_the_prompt_begins_as_codellamas_own_tokenizer_begins_it(make: Make, tmp_path: Path) -> None:
    raw = json.loads((make("CodeLlama") / "tokenizer.json").read_text())["model"]
    own = transformers.CodeLlamaTokenizer(vocab=raw["vocab"], merges=[tuple(merge) for merge in raw["merges"]])
    own.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 2}))
    layout = make_layout(find_family("llama", raw["vocab"]), tmp_path)
    ours = Tokenizer(tmp_path / "tokenizer.json", reserved=layout.special_tokens)
    begun = [
        ours.special[layout.begin],
        ours.special[layout.spelling[Sentinel.PREFIX]],
        *ours.encode(layout.lead + "def f(x):\n  "),
    ]
    theirs = own("def f(x):\n  <FILL_ME>\n\nf(1)\n").input_ids
    assert theirs[: len(begun)] == begun
    assert theirs[len(begun)] == ours.special[layout.spelling[Sentinel.SUFFIX]]
