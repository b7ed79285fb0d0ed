"""From a random checkpoint of each family to a bundle, and to the same words as `transformers`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from attrs import evolve
from lowabs_model.huggingface import convert
from lowabs_model.huggingface.config import MODEL_TYPES, read_foreign_config
from lowabs_model.huggingface.convert import import_model

from lowabs_lsp.cli import main
from lowabs_lsp.engine.bundle import ATTENTION, open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.values import Context, Decoding, Prompt, Sentinel

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


def test_the_model_looks_where_transformers_does(installed: Path, checkpoint: Path) -> None:
    engine = LocalEngine.open(installed)
    attention = engine.attention(Prompt((TEXT,), heal=False), [1])
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        told = model.eval()(torch.tensor([attention.tokens]), output_attentions=True).attentions
    assert attention.weights[:, :, 0] == pytest.approx(torch.cat(told)[:, :, -1].numpy(), abs=1e-4)


@pytest.mark.parametrize(("quantize", "kept"), [("int8", 0.8), ("rowq", 0.8), ("int4", 0.2), ("fp16", 0.97), ("bf16", 0.9)])
def test_quantised_weights_choose_nearly_the_same(make: Make, tmp_path: Path, quantize: str, kept: float) -> None:
    """Random weights exaggerate what rounding costs: nothing in them is sure."""
    bundle = import_model(make("Qwen3"), tmp_path / "bundle", name="small", quantize=quantize)
    assert bundle.parity is not None
    assert bundle.parity.graph_max_abs_logit_difference < 1e-3
    assert kept <= bundle.parity.argmax_agreement
    assert bundle.graphs["cpu"].variant == quantize
    devices = {"cpu", "cuda"} if quantize == "fp16" else {"cpu"}
    assert bundle.graphs.keys() == {*devices, ATTENTION}


def test_the_bundle_says_where_it_comes_from(installed: Path, family: str) -> None:
    manifest = open_bundle(installed).manifest
    assert manifest.name == family
    assert manifest.context_length == (128 if family == "StarCoder2" else 256)
    assert manifest.training["imported_from"] == family
    assert not [file for file in installed.iterdir() if file.name not in (*manifest.files, "bundle.json")]


def test_a_graph_that_computes_something_else_is_not_kept(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qwen2 = MODEL_TYPES["qwen2"]
    wrong = evolve(qwen2, design=evolve(qwen2.design, embedding_scale=1.0, norm_shift=0.01))
    monkeypatch.setitem(MODEL_TYPES, "qwen2", wrong)
    with pytest.raises(BundleError, match="the graph's logits differ from PyTorch's"):
        import_model(make("Qwen2.5"), tmp_path / "bundle", name="wrong", quantize="int8")
    assert list(tmp_path.iterdir()) == []


def test_neither_torch_nor_transformers_nor_safetensors_is_needed(make: Make, tmp_path: Path) -> None:
    blocked = ("torch", "transformers", "safetensors", "zstandard", "datasketch", "matplotlib", "huggingface_hub")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "import lowabs_model.huggingface.convert as c\n"
        "c.is_installed = lambda: False\n"
        "from lowabs_model.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["import", str(make("SmolLM2")), "--name", "small", "--quantize", "int4", "--output", str(tmp_path / "bundle")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "transformers is not installed" in done.stderr
    assert open_bundle(tmp_path / "bundle").manifest.parity is None


def test_a_model_too_large_to_run_twice_is_compared_in_its_first_layers(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = read_foreign_config(make("Yi-Coder"))[0]
    monkeypatch.setattr(convert, "free_memory", lambda: int(9 * convert.count_parameters(whole)))
    bundle = import_model(make("Yi-Coder"), tmp_path / "bundle", name="large", quantize="int8")
    assert bundle.parity is None
    assert "the first 2 layers agree" in caplog.text


def test_nothing_fits_into_no_memory(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "free_memory", lambda: 1)
    assert convert.layers_that_fit(read_foreign_config(make("Qwen3"))[0], "int4") == 0
