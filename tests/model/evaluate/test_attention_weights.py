"""What a person is shown of attention is what the model computes."""

import math
from pathlib import Path

import pytest
import torch
from lowabs_model.checkpoint import load_checkpoint, save_checkpoint
from lowabs_model.evaluate.attention_weights import attend_random, attend_trained, entropy, show_attention
from lowabs_model.recipe import ModelConfig
from lowabs_model.tokenizer import train_tokenizer
from lowabs_model.transformer import Decoder

from lowabs_lsp.errors import LowabsError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = ModelConfig(
        vocab_size=270,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    model = Decoder(config)
    model.initialize(seed=0)
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    save_checkpoint(folder, model, train_tokenizer(["return a + b\n" * 9], 270).to_str())
    return folder


def test_random_attention_has_textbook_shapes_and_repeats_itself() -> None:
    shown = attend_random("abca")
    assert shown.shapes == {"query, key, value": (1, 4, 64), "output": (1, 4, 64), "weights": (1, 4, 4, 4)}
    assert torch.equal(shown.weights, attend_random("abca").weights)
    assert (shown.weights.triu(diagonal=1) == 0).all()


def test_a_trained_layer_shows_the_weights_of_the_model(checkpoint: Path) -> None:
    shown = attend_trained("return a", checkpoint, layer=1)
    assert "".join(shown.pieces) == "return a"
    model = load_checkpoint(checkpoint)
    from lowabs_model.checkpoint import load_checkpoint_tokenizer

    ids = load_checkpoint_tokenizer(checkpoint).encode("return a").ids
    with torch.no_grad():
        assert torch.equal(shown.weights, model.forward_with_weights(torch.tensor([ids]))[1][1][0])


def test_the_table_and_the_picture_are_made(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    show_attention("a + b", checkpoint, plot=tmp_path / "weights.png")
    output = capsys.readouterr().out
    assert "logits: [1, " in output
    assert output.count(" 1.00 ") >= 4  # the first token of each head looks at itself alone
    assert (tmp_path / "weights.png").read_bytes().startswith(b"\x89PNG")


def test_a_layer_or_a_format_that_is_not_there_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(LowabsError, match="the model has layers 0 to 1"):
        show_attention("a", checkpoint, layer=2)
    with pytest.raises(LowabsError, match=r"cannot write the picture .*weights\.nothing"):
        show_attention("a", None, plot=tmp_path / "weights.nothing")


def test_entropy_is_in_bits() -> None:
    assert entropy(torch.tensor([1.0, 0.0])) == 0.0
    assert math.isclose(entropy(torch.full((8,), 1 / 8)), 3.0, rel_tol=1e-6)
