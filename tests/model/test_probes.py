"""The probe graphs in the package are those that the program writes, and compute what their weights say."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from lowabs_model.probes import PAIRS, WIDTH, Probe, write_probes

from lowabs_lsp.engine import probe


def test_the_shipped_probes_are_those_that_are_written(tmp_path: Path) -> None:
    write_probes(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in probe.PROBES.iterdir())
    for file in tmp_path.iterdir():
        assert onnx.load(file) == onnx.load(probe.PROBES / file.name)
        assert file.stat().st_size < (32768 if file.stem == "decoder" else 8192)
    assert probe.PAIRS == PAIRS


@pytest.mark.parametrize("variant", ["int8", "rowq"])
def test_a_probe_multiplies_by_its_weights(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAIRS, variant, 1)
    session = ort.InferenceSession(Probe(variant).build().SerializeToString(), providers=["CPUExecutionProvider"])
    y = session.run(None, {"x": np.ones((2, WIDTH), np.float32)})[0]
    scale = 1 + 1 / 64 if variant == "int8" else 1.0  # the second matrix of a pair is a little larger
    np.testing.assert_allclose(y, np.full((2, WIDTH), scale), rtol=0.02)
