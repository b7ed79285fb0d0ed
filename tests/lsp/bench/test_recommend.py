"""Predictions add up, and the recommendation is the largest model that keeps the promise."""

import json
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.known_models import KNOWN_MODELS
from lowabs_lsp.bench.recommend import (
    LINE,
    SUFFIX,
    Machine,
    Prediction,
    advice,
    as_text,
    check,
    measure_machine,
    predict,
    predict_all,
    recommend,
    shape_of,
)
from lowabs_lsp.cli import main
from lowabs_lsp.engine.bundle import OpenBundle, open_bundle
from lowabs_lsp.engine.device import open_on
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.probe import PAIRS, Rates, measure_rates
from lowabs_lsp.engine.session import Session

TINY = Path(__file__).parents[2] / "data" / "tiny"

MACHINE = Machine(
    name="a machine",
    threads=2,
    free_memory=16 << 30,
    bandwidth=40e9,
    rates={"int4": Rates(decode=2e-11, prefill=5e-12), "int8": Rates(decode=4e-11, prefill=5e-12)},
    layer=1e-4,
    attended=1e-11,
    attended_in_prefill=1e-12,
    default_step=4e-4,
    default_prefill=4e4,
)
BY_NAME = {model.name: model for model in KNOWN_MODELS}


@pytest.fixture(scope="module")
def bundle() -> OpenBundle:
    return open_bundle(TINY)


@pytest.fixture(scope="module")
def session(bundle: OpenBundle) -> Session:
    return open_on(CPU, bundle, threads=1)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("SmolLM2-135M", 0.135),
        ("Qwen2.5-Coder-1.5B", 1.54),
        ("Qwen2.5-Coder-7B", 7.6),
        ("starcoder2-3b", 3.03),
        ("codegemma-2b", 2.5),
    ],
)
def test_models_have_as_many_weights_as_their_names_say(name: str, billions: float) -> None:
    assert BY_NAME[name].parameters == pytest.approx(1e9 * billions, rel=0.02)


def test_a_step_reads_every_weight_once() -> None:
    model = BY_NAME["Qwen2.5-Coder-1.5B"]
    bare = evolve(MACHINE, layer=0.0, attended=0.0, attended_in_prefill=0.0)
    found = predict(model, "int4", bare)
    assert found.step == pytest.approx(1e3 * model.parameters * 2e-11)
    assert found.reading == pytest.approx(1e3 * (SUFFIX * model.layer_parameters * 5e-12 + model.head_parameters * 2e-11))
    assert found.keystroke == found.reading + LINE * found.step


def test_a_prompt_that_ends_in_the_prefix_is_hardly_read_again() -> None:
    model = BY_NAME["Qwen2.5-Coder-0.5B"]
    psm, spm = (predict(evolve(model, order=order), "int4", MACHINE) for order in ("psm", "spm"))
    assert spm.reading < psm.reading / 5
    assert spm.step == psm.step


@given(latency=st.floats(1, 1e5), free=st.integers(1 << 28, 1 << 36))
def test_the_largest_that_fits_in_time_and_memory_is_recommended(latency: float, free: int) -> None:
    machine = evolve(MACHINE, free_memory=free)
    predictions = predict_all(machine)
    good = [each for each in predictions if each.keystroke <= latency and each.megabytes * 2e6 <= free]
    chosen = recommend(predictions, machine, latency)
    if chosen is None:
        assert not good
        assert "stay with the default model" in advice(chosen, latency)
    else:
        assert chosen in good
        assert chosen.model.parameters == max(each.model.parameters for each in good)
        assert f"models add {chosen.model.hub} --name" in advice(chosen, latency)


def test_the_table_has_a_line_for_each_model() -> None:
    lines = as_text(evolve(MACHINE, free_memory=1 << 30), predict_all(MACHINE)).splitlines()
    assert sorted(line.split()[0] for line in lines[4:-1]) == sorted(BY_NAME)
    assert any(" - " in line for line in lines if line.startswith("Qwen2.5-Coder-7B"))


@pytest.mark.parametrize(("load", "told"), [(0.0, False), (0.3, False), (0.5, True), (6.0, True)])
def test_a_busy_machine_is_told(load: float, told: bool) -> None:
    assert ("measure when it is quiet" in as_text(evolve(MACHINE, load=load), predict_all(MACHINE))) == told


@pytest.mark.parametrize("variant", ["int4", "rowq"])
def test_reading_weights_takes_time_and_a_row_of_many_takes_less(variant: str) -> None:
    rates = measure_rates(variant, threads=1, repeats=1)
    assert 0 < rates.prefill < rates.decode
    assert variant in PAIRS


def test_a_machine_is_measured_and_a_prediction_checked(session: Session, bundle: OpenBundle) -> None:
    machine = measure_machine(session, bundle.manifest, variants=("int4",), repeats=1)
    assert min(machine.bandwidth, machine.layer, machine.default_step, machine.free_memory) > 0
    machine = evolve(machine, rates={"rowq": machine.rates["int4"]})
    checked = check(session, bundle.manifest, machine)
    assert checked.predicted.model == shape_of(bundle.manifest)
    assert checked.keystroke == checked.reading + LINE * checked.step
    assert isinstance(checked.predicted, Prediction)
    assert "predicted" in checked.sentence


def test_the_command_prints_what_programs_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "recommend", "--json", "--latency", "1e9", "--threads", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["predictions"]) == len(KNOWN_MODELS) * 4
    assert told["recommended"]["line_ms"] <= 1e9
    assert told["checked"] is None
