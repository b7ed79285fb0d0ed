from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from lowabs_model.cli import main
from lowabs_model.export import export_bundle
from lowabs_model.shapes import SHAPES, as_bfloat16, named_shapes, write_random
from lowabs_model.tensors import as_float32, read_config, read_tensors
from lowabs_model.transformer import Decoder

from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.values import Decoding, Prompt

TOKENIZER_FILE = Path(__file__).parents[1] / "data" / "tiny" / "tokenizer.json"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random") / "checkpoint"
    assert main(["random", "tiny", str(folder), "--tokenizer", str(TOKENIZER_FILE)]) == 0
    return folder


def test_a_drawn_checkpoint_is_exported_and_runs(checkpoint: Path, tmp_path: Path) -> None:
    export_bundle(checkpoint, tmp_path / "bundle")  # which compares the graph with PyTorch
    generated = LocalEngine.open(tmp_path / "bundle").generate(Prompt(("def f(x):",)), Decoding(max_tokens=4))
    assert len(generated.tokens) >= 4


def test_it_has_the_tensors_of_a_decoder_of_its_shape(checkpoint: Path) -> None:
    shape = SHAPES["tiny"]
    expected = {name: tuple(tensor.shape) for name, tensor in Decoder(shape.config).state_dict().items()}
    assert named_shapes(shape) == {name: size for name, size in expected.items() if name != "lm_head.weight"}
    assert read_tensors(checkpoint).places.keys() == {name.removeprefix("model.") for name in named_shapes(shape)}
    assert read_config(checkpoint).architecture.tied


def test_an_untied_shape_has_an_output_matrix_of_its_own() -> None:
    tied = SHAPES["tiny"]
    assert named_shapes(evolve(tied, tied=False)) == named_shapes(tied) | {"lm_head.weight": (512, 64)}


@pytest.mark.parametrize(("name", "billions"), [("64m", 0.0636), ("qwen2.5-coder-1.5b", 1.54), ("qwen2.5-coder-7b", 7.61)])
def test_the_shapes_have_the_sizes_that_their_names_say(name: str, billions: float) -> None:
    count = sum(int(np.prod(size)) for size in named_shapes(SHAPES[name]).values())
    assert count / 1e9 == pytest.approx(billions, rel=0.01)


def test_the_same_seed_draws_the_same_weights(checkpoint: Path, tmp_path: Path) -> None:
    write_random("tiny", tmp_path, TOKENIZER_FILE)
    assert (tmp_path / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()


def test_bfloat16_is_the_upper_half() -> None:
    values = np.array([1.0, -2.5, 3.0e38, 0.0], np.float32)
    assert np.allclose(as_float32(np.frombuffer(as_bfloat16(values), np.uint8), "BF16"), values, rtol=2**-7)


def test_an_unknown_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(LowabsError, match=r"there is no shape 'huge'; known are tiny, 64m"):
        write_random("huge", tmp_path, TOKENIZER_FILE)
