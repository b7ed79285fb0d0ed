from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from lowabs_model.calibration import calibration_windows
from lowabs_model.checkpoint import save_checkpoint
from lowabs_model.export import write_graph
from lowabs_model.parity import graph_model
from lowabs_model.recipe import ModelConfig
from lowabs_model.smoothing import Peaks, measure_peaks, smooth
from lowabs_model.tensors import DecoderConfig, Design, Tensors, read_config, read_tensors
from lowabs_model.transformer import Decoder

from lowabs_lsp.engine.bundle import TOKENIZER
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError
from lowabs_lsp.prompt.fim import SPM

TOKENIZER_JSON = Path(__file__).parents[1] / "data/tiny" / TOKENIZER
WINDOWS = np.random.default_rng(0).integers(512, size=(4, 60)).tolist()


@pytest.fixture(params=[1, 2], ids=["shared", "grouped"])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path, Decoder(ModelConfig(512, 64, 96, 2, 4, request.param, 32, 128)), TOKENIZER_JSON.read_text())
    return tmp_path


def opened(checkpoint: Path) -> tuple[DecoderConfig, Tensors, Peaks]:
    config, tensors = read_config(checkpoint), read_tensors(checkpoint)
    write_graph(checkpoint, "fp32.onnx", config, tensors, "fp32")
    return config, tensors, measure_peaks(checkpoint / "fp32.onnx", config, WINDOWS)


def test_a_smoothed_model_says_the_same(checkpoint: Path) -> None:
    config, tensors, peaks = opened(checkpoint)
    write_graph(checkpoint, "smoothed.onnx", config, smooth(tensors, config, peaks), "fp32")
    plain, smoothed = (graph_model(checkpoint / f"{name}.onnx", config)(WINDOWS[0]) for name in ("fp32", "smoothed"))
    assert smoothed == pytest.approx(plain, abs=1e-4)


def test_what_goes_into_its_products_fills_8_bits(checkpoint: Path) -> None:
    config, tensors, peaks = opened(checkpoint)
    write_graph(checkpoint, "smoothed.onnx", config, smooth(tensors, config, peaks), "fp32")
    assert len(peaks) == 4 * config.architecture.layers
    for name, found in measure_peaks(checkpoint / "smoothed.onnx", config, WINDOWS).items():
        assert found.max() == pytest.approx(127, rel=1e-3), name
        assert np.median(found) > np.median(peaks[name]) / peaks[name].max() * 127, name  # quiet channels are lifted


@pytest.mark.parametrize("design", [Design(norms="layer"), Design(gated=False), Design(biases=frozenset({"q_proj"}))])
def test_other_designs_are_refused_and_told_what_to_take(checkpoint: Path, design: Design) -> None:
    config, tensors, peaks = opened(checkpoint)
    with pytest.raises(BundleError, match="take the variant rowq"):
        smooth(tensors, evolve(config, design=design), peaks)


def test_ranges_are_measured_behind_sentinels_too() -> None:
    tokenizer = Tokenizer(TOKENIZER_JSON, reserved=SPM.special_tokens)
    windows = calibration_windows(tokenizer, SPM, 300)
    assert windows == calibration_windows(tokenizer, SPM, 300)
    assert max(map(len, windows)) == 300
    assert {tokenizer.special[name] for name in SPM.spelling.values()} <= {token for ids in windows for token in ids}
