import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lowabs_model.checkpoint import load_checkpoint, save_checkpoint
from lowabs_model.cli import main
from lowabs_model.gguf import read_vocabulary, write_gguf
from lowabs_model.recipe import ModelConfig
from lowabs_model.transformer import Decoder

from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError

TOKENIZER_FILE = Path(__file__).parents[1] / "data/tiny/tokenizer.json"
SHAPE = ModelConfig(
    vocab_size=520,
    hidden_size=64,
    intermediate_size=160,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=128,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn weights, and a few more rows of embedding than the tokenizer has tokens."""
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    decoder = Decoder(SHAPE)
    generator = torch.Generator().manual_seed(1)
    for parameter in decoder.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=1.5 * parameter.shape[1] ** -0.5, generator=generator)
        else:
            torch.nn.init.uniform_(parameter, 0.5, 1.5, generator=generator)
    save_checkpoint(folder, decoder, TOKENIZER_FILE.read_text("utf-8"))
    return folder


@pytest.fixture(scope="module")
def llama(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model in llama.cpp; optional package: Any."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is compiled on installation: dependency group peers")
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(checkpoint, file)
    exact = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
    return llama_cpp.Llama(str(file), n_ctx=128, logits_all=True, verbose=False, n_threads=1, **exact)


# in llama.cpp


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(st.integers(0, 511), min_size=1, max_size=100))
def test_llama_cpp_computes_the_logits_of_torch(checkpoint: Path, llama: Any, ids: list[int]) -> None:
    llama.reset()
    llama.eval(ids)
    with torch.no_grad():
        expected = load_checkpoint(checkpoint)(torch.tensor([ids]))[0].numpy()
    assert np.array(llama.scores[: len(ids)]) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_llama_cpp_says_greedily_what_torch_says(checkpoint: Path, llama: Any, seed: int) -> None:
    prompt = np.random.default_rng(seed).integers(8, 512, 20).tolist()
    said = [token for _, token in zip(range(24), llama.generate(prompt, temp=0.0, repeat_penalty=1.0), strict=False)]
    model, expected = load_checkpoint(checkpoint), list(prompt)
    with torch.no_grad():
        for _ in range(24):
            expected.append(int(model(torch.tensor([expected]))[0, -1].argmax()))
    assert said == expected[20:]


@settings(max_examples=200)
@given(text=st.text(st.characters(codec="utf-8", max_codepoint=0x2FF)) | st.text("ab1 \t\n\r'\"()=:éß", max_size=40))
def test_llama_cpp_splits_text_as_we_do(llama: Any, text: str) -> None:
    assert llama.tokenize(text.encode(), add_bos=False, special=False) == list(Tokenizer(TOKENIZER_FILE).encode(text))


@pytest.mark.parametrize("module", ["json", "email", "decimal"])
def test_llama_cpp_splits_code_as_we_do(llama: Any, module: str) -> None:
    text = Path(__import__(module).__file__).read_text("utf-8") + "<|fim_prefix|> is text here"
    assert llama.tokenize(text.encode(), add_bos=False, special=False) == list(Tokenizer(TOKENIZER_FILE).encode(text))


# the file


def test_the_sentinels_are_named_for_clients_that_fill_in_the_middle(checkpoint: Path, tmp_path: Path) -> None:
    write_gguf(checkpoint, tmp_path / "m.gguf", name="ours")
    fields = GGUFReader(tmp_path / "m.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    ids = {name: fields[f"tokenizer.ggml.{name}_token_id"].contents() for name in ("fim_pre", "fim_suf", "fim_mid", "eos")}
    assert {name: tokens[i] for name, i in ids.items()} == {
        "fim_pre": "<|fim_prefix|>", "fim_suf": "<|fim_suffix|>", "fim_mid": "<|fim_middle|>", "eos": "<|endoftext|>",
    }  # fmt: skip
    assert fields["general.name"].contents() == "ours"
    assert len(tokens) == SHAPE.vocab_size


@pytest.mark.parametrize(("kind", "share"), [("f32", 1.0), ("f16", 0.55), ("q8_0", 0.35)])
def test_smaller_types_make_smaller_files(checkpoint: Path, tmp_path: Path, kind: str, share: float) -> None:
    write_gguf(checkpoint, tmp_path / "m.gguf", kind=kind)
    weights = sum(parameter.numel() * 4 for parameter in load_checkpoint(checkpoint).parameters())
    stored = sum(int(tensor.n_bytes) for tensor in GGUFReader(tmp_path / "m.gguf").tensors)
    assert stored <= share * weights


def test_the_command_writes_one_or_both(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(checkpoint), "--gguf", str(tmp_path / "m.gguf")]) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.gguf"]
    assert "bytes for llama.cpp" in capsys.readouterr().out
    assert main(["export", str(checkpoint)]) == 1
    assert "give a folder for the bundle, or --gguf FILE" in capsys.readouterr().err


# what cannot be written


def test_another_splitting_rule_is_refused(tmp_path: Path) -> None:
    raw = json.loads(TOKENIZER_FILE.read_text("utf-8"))
    raw["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\w+"
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
    with pytest.raises(BundleError, match="splits text by another rule than qwen2"):
        read_vocabulary(tmp_path / "tokenizer.json", 512)


def test_an_unknown_type_is_refused_and_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no GGUF type 'q2'; choose one of f32, f16, q8_0"):
        write_gguf(checkpoint, tmp_path / "m.gguf", kind="q2")
    assert not list(tmp_path.iterdir())
