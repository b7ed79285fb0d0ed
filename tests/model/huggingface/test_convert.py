"""From a random checkpoint of each family to a bundle, and to the same words as `transformers`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from lowabs_model.huggingface import convert
from lowabs_model.huggingface.convert import import_model

from lowabs_lsp.cli import main
from lowabs_lsp.engine.bundle import Bundle, open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Context, Decoding, Sentinel

Make = Callable[[str], Path]
TEXT = "def parse(self, text: str) -> None:\n    for word in text.split(':'):\n        self.x = 12  # ünïcode\n        return "


@pytest.fixture(scope="session")
def installed(checkpoint: Path, family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of each family in turn, in fp32."""
    folder = tmp_path_factory.mktemp("installed") / family
    import_model(checkpoint, folder, name=family, quantize="fp32")
    return folder


def greedy(checkpoint: Path, ids: list[int], count: int) -> list[int]:
    """What transformers says behind `ids`; every special token ends it."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    ends = sorted({*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids})
    padding = list(range(len(tokenizer), model.config.vocab_size))
    said = model.generate(
        torch.tensor([ids]), max_new_tokens=count, do_sample=False, eos_token_id=ends, pad_token_id=0, suppress_tokens=padding
    )
    return [int(i) for i in said[0, len(ids) :]]


def test_complete_says_the_tokens_of_transformers(
    installed: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(TEXT, "utf-8")
    assert main(["complete", str(tmp_path / "a.py"), "--raw", "--json", "--max-tokens", "24", "--model", str(installed)]) == 0
    ids = transformers.AutoTokenizer.from_pretrained(checkpoint)(TEXT).input_ids
    assert json.loads(capsys.readouterr().out)["tokens"] == greedy(checkpoint, ids, 24)


def test_the_middle_is_that_of_transformers(installed: Path, checkpoint: Path) -> None:
    engine = LocalEngine.open(installed)
    context = Context(path="a.py", language="python", prefix=TEXT, suffix="\n\nparse(1)\n")
    prompt, tokenizer = render(context, engine.layout), transformers.AutoTokenizer.from_pretrained(checkpoint)
    if engine.layout.order == "prefix":
        pytest.skip("this family knows no middle; the test above says the same")
    ids = [tokenizer.convert_tokens_to_ids(engine.layout.begin)] if engine.layout.begin else []
    for segment in prompt.segments:
        if isinstance(segment, Sentinel):
            ids.append(tokenizer.convert_tokens_to_ids(engine.layout.spelling[segment]))
        else:
            ids += engine.vocabulary.encode(segment)
    generated = engine.generate(prompt, Decoding(max_tokens=24))
    assert list(generated.tokens) == greedy(checkpoint, ids, 24)
    assert generated.prompt_tokens == len(ids)
