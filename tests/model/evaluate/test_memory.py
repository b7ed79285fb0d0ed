import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from lowabs_model.evaluate.memory_bits import measure_bits, memory_alone
from lowabs_model.evaluate.memory_cases import Case, added_runs, file_cases
from lowabs_model.evaluate.memory_fit import fit, lessons, write_gates
from lowabs_model.evaluate.memory_lines import line_places
from lowabs_model.evaluate.memory_places import Place, all_places, model_logprobs
from lowabs_model.recipe import ModelConfig
from lowabs_model.transformer import Decoder

from lowabs_lsp.bench.replay.history import FileChange
from lowabs_lsp.engine.bundle import open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.memory.gates import load_gates, read_gates
from lowabs_lsp.settings import EngineSettings

TINY = Path(__file__).parents[2] / "data" / "tiny"
CODE = "def area(width, height):\n    return width * height\n" * 12


def encode(text: str) -> Sequence[int]:
    """Bytes behind the special tokens' ids."""
    return [8 + byte for byte in text.encode()]


@pytest.fixture(scope="module")
def model() -> Decoder:
    config = ModelConfig(
        vocab_size=264,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    decoder = Decoder(config).eval()
    decoder.initialize(0)
    return decoder


@pytest.fixture(scope="module")
def places(model: Decoder) -> list[Place]:
    cases = [
        Case("a.py", "", CODE[:200], "", (), {"b.py": CODE}),
        Case("a.py", CODE[:60], CODE[60:200], CODE[200:300], (CODE[:100],), {"b.py": CODE, "c.py": "x = 1\n"}),
    ]
    return list(all_places(cases, model, encode))


def test_lines_that_a_change_added_are_found() -> None:
    line = "    return compute_everything(anew)\n"
    change = FileChange("a.py", "python", "def f():\n\n", "def f():\n" + line + "\n", is_new=False, old_path="a.py")
    assert [change.after[start:stop] for start, stop in added_runs(change)] == [line]


def test_a_file_is_never_in_its_own_workspace() -> None:
    files = {f"{n}.py": CODE for n in range(6)}
    cases = list(file_cases(files, count=3))
    assert len({case.path for case in cases}) == 3
    for case in cases:
        assert not {case.path for case in cases} & case.workspace.keys()
        assert len(case.workspace) == 3


def test_the_model_predicts_in_chunks_what_it_predicts_at_once(model: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (model, encode, "a.py", encode(CODE[:50]), encode(CODE[50:90]), encode("\n"))
    whole = model_logprobs(*arguments)
    monkeypatch.setattr("lowabs_model.evaluate.memory_places.CHUNK", 7)
    np.testing.assert_allclose(model_logprobs(*arguments), whole, atol=1e-4)


def test_every_token_of_a_target_is_a_place(places: list[Place]) -> None:
    assert [place.token for place in places] == [*encode(CODE[:200]), *encode(CODE[60:200])]


def test_memory_alone_is_a_distribution(places: list[Place]) -> None:
    for place in places:
        assert np.exp(memory_alone(place.evidence, 264, load_gates("alone"))).sum() == pytest.approx(1, abs=1e-4)


def test_a_repetition_is_foretold_by_the_mixture_and_not_by_an_untrained_model(places: list[Place]) -> None:
    row = measure_bits(places, len(places), load_gates("mix"), load_gates("alone"))
    assert row.model.per_byte == pytest.approx(math.log2(264), rel=0.2)
    assert row.mixture.per_byte < row.model.per_byte / 4
    assert row.mixture.right > 0.8


def test_fitted_gates_are_read_as_they_were_written(places: list[Place], tmp_path: Path) -> None:
    network = fit(lessons(places, beside_model=True), epochs=3)
    write_gates(tmp_path / "gates.npz", {"mix": network.gates()})
    with (tmp_path / "gates.npz").open("rb") as file:
        read = read_gates(file, "mix")
    np.testing.assert_allclose(read.outer, network.gates().outer, atol=1e-6)


def test_fitting_makes_the_places_likelier(places: list[Place]) -> None:
    data = lessons(places, beside_model=True)
    before, after = (float(fit(data, epochs=epochs).nats(data).detach().mean()) for epochs in (1, 20))
    assert after < before


def test_a_line_place_and_its_rest_are_the_line() -> None:
    engine = LocalEngine(open_bundle(TINY), EngineSettings())
    files = {"a.py": CODE, "b.py": "ä = 'ö'\n" * 5}
    for place in line_places(files, engine, per_file=20):
        assert place.prefix + place.rest + place.suffix == files[place.path]
        assert "\n" not in place.rest
        assert place.rest.strip()
