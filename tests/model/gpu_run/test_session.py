"""The GPU session, rehearsed on the CPU with the tiny recipe, from a packed corpus to weights that were carried home."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from attrs import evolve
from lowabs_model.checkpoint import load_checkpoint
from lowabs_model.corpus.languages import LANGUAGES
from lowabs_model.gpu_run import session as gpu_session
from lowabs_model.gpu_run import transfer
from lowabs_model.gpu_run.__main__ import main
from lowabs_model.gpu_run.recipes import flops_per_token, parameters, planned, with_rate, write_recipe
from lowabs_model.gpu_run.session import Plan, Session, SessionError, curve, learns, prepare_tokenizer, utilisation
from lowabs_model.gpu_run.transfer import assemble, pack
from lowabs_model.recipe import Stage, load_recipe, recipe_text
from lowabs_model.transformer import Decoder
from tokenizers import Tokenizer

from lowabs_lsp.engine.bundle import open_bundle

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fewer steps, two rates, and parts of which a tiny model has several."""
    monkeypatch.setattr(gpu_session, "CHECK_STEPS", 4)
    monkeypatch.setattr(gpu_session, "EMBEDDING_RATES", (1e-3, 4e-3))
    monkeypatch.setattr(transfer, "PART_BYTES", 60_000)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return iter(())


@pytest.mark.usefixtures("small")
def test_a_session_from_packing_to_weights_at_home(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str | Path) -> str:
        assert main([str(word) for word in words]) == 0
        return capsys.readouterr().out

    largest = max(file.stat().st_size for file in corpus.iterdir()) + 1
    pieces = run("pack", corpus, tmp_path / "pieces", "--megabytes", f"{largest / 2**20:.9f}").split()
    assert len(pieces) == 2
    for piece in pieces:
        run("receive", piece, tmp_path / "there")
    command = ("run", tmp_path / "there", tmp_path / "session", "--tokenizer", TINY / "tokenizer.json", "--recipe", "tiny")
    command = (*command, "--minutes", "0.02")
    assert "not done; run the same command again" in run(*command, "--call-minutes", "0.001")
    assert set(Session(tmp_path / "session").state) >= {"speed", "device"}
    assert "done; deliver the weights" in run(*command)
    state = Session(tmp_path / "session").state
    assert state["embedding_rate"] in (1e-3, 4e-3)
    assert 1 < state["loss"]["python"] < 9
    assert open_bundle(tmp_path / "session/bundle").manifest.parity

    part, said = 0, ""
    while "no part is left" not in said:
        said = run("deliver", tmp_path / "session", tmp_path / "home" / f"{part}", "--part", f"{part}")
        part += 1
    assert part > 1
    run("assemble", tmp_path / "home", tmp_path / "checkpoint")
    there = load_checkpoint(tmp_path / "session/long/checkpoints" / state["trained"]).state_dict()
    here = load_checkpoint(tmp_path / "checkpoint").state_dict()
    assert all(torch.equal(here[name], there[name].bfloat16().float()) for name in there)

    run("deliver", tmp_path / "session", tmp_path / "stable", "--stable")
    next((tmp_path / "stable").glob("model.safetensors.*.part")).unlink()
    assert main(["assemble", str(tmp_path / "stable"), str(tmp_path / "again")]) == 1
    assert "deliver the missing ones" in capsys.readouterr().err


def test_a_session_that_is_killed_in_the_long_run_goes_on(corpus: Path, tmp_path: Path) -> None:
    recipe = recipe_text("tiny").replace("[train]\n", "[train]\ncheckpoint_minutes = 0.000001\n")
    (tmp_path / "recipe.toml").write_text(recipe)
    session = Session(tmp_path / "session")
    session.note(speed=50_000.0, start=0.0, embedding_rate=4e-3, loss={}, bundle=0)  # leaves just the long run to do
    words = ["run", str(corpus), str(session.folder), "--tokenizer", str(TINY / "tokenizer.json")]
    words += ["--recipe", str(tmp_path / "recipe.toml"), "--minutes", "0.02"]
    program = [sys.executable, "-m", "lowabs_model.gpu_run", *words]
    with subprocess.Popen(
        program, stderr=subprocess.PIPE, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    ) as run:
        assert run.stderr is not None
        assert any(b" step=10/" in line for line in run.stderr)
        os.killpg(run.pid, signal.SIGKILL)
    kept = len(curve(session.folder / "long"))
    assert main(words) == 0
    steps = [int(line["step"]) for line in curve(session.folder / "long") if "loss" in line]
    assert set(steps) == set(range(1, steps[-1] + 1))
    assert session.state["trained"] == f"final-{steps[-1]:08d}"
    assert 10 <= kept < len(steps) < 2 * steps[-1]  # which it would be had it begun anew


@pytest.mark.parametrize("name", ["gpu", "cpu", "tiny"])
def test_a_written_recipe_differs_in_stages_and_rate_alone(tmp_path: Path, name: str) -> None:
    recipe = with_rate(load_recipe(name), 1.5e-3)
    stages = (
        Stage(steps=3, length=64, batch_tokens=128, hole_rate=0.8, task=0.4),
        Stage(steps=2, length=64, batch_tokens=128, decay=True),
    )
    train = {**{key: getattr(recipe.train, key) for key in recipe.train.__match_args__}, "stages": stages}
    recipe = type(recipe)(
        **{**{key: getattr(recipe, key) for key in recipe.__match_args__}, "train": type(recipe.train)(**train)}
    )
    assert load_recipe(write_recipe(tmp_path / "written.toml", recipe, name)) == recipe


def test_a_plan_fills_the_time_with_the_recipes_shares() -> None:
    recipe = load_recipe("gpu")
    stages = planned(recipe, 1e9)
    spent = sum(stage.steps * stage.batch_tokens * flops_per_token(recipe, stage) for stage in stages)
    assert spent == pytest.approx(1e9 * flops_per_token(recipe, stages[0]), rel=1e-3)
    assert flops_per_token(recipe, stages[0]) == pytest.approx(429e6, rel=0.01)  # of a sequence of 1024, as computed by hand
    stretch = stages[0].steps / recipe.train.stages[0].steps
    assert [stage.steps for stage in stages] == [pytest.approx(stage.steps * stretch, abs=1) for stage in recipe.train.stages]
    assert [(s.length, s.decay, s.cross_file) for s in stages] == [
        (s.length, s.decay, s.cross_file) for s in recipe.train.stages
    ]


def test_the_gpus_recipe_is_for_languages_that_a_corpus_has() -> None:
    assert load_recipe("gpu").language_weights.keys() <= LANGUAGES


def test_parameters_are_those_of_the_model() -> None:
    model = load_recipe("tiny").model
    assert model is not None
    matrices = sum(p.numel() for p in Decoder(model).parameters() if p.dim() == 2)
    assert parameters(model) == matrices
    assert utilisation(load_recipe("tiny"), 1e6)["tflops"] == pytest.approx(
        1e6 * 6 * (matrices + 2 * 128 * 64) / 1e12, abs=1e-3
    )


def test_a_session_makes_its_own_tokenizer_once_or_takes_that_of_the_checkpoint(corpus: Path, tmp_path: Path) -> None:
    plan = Plan(corpus, Session(tmp_path / "s"), "tiny", tmp_path / "s/tokenizer.json", None, minutes=1, ends=math.inf)
    prepare_tokenizer(plan)
    made = plan.tokenizer.read_text()
    assert Tokenizer.from_str(made).get_vocab_size() == 512
    prepare_tokenizer(evolve(plan, corpus=tmp_path / "nowhere"))
    assert plan.tokenizer.read_text() == made
    prepare_tokenizer(evolve(plan, tokenizer=tmp_path / "taken.json", init=TINY))
    assert (tmp_path / "taken.json").read_text() == (TINY / "tokenizer.json").read_text()


@pytest.mark.parametrize(
    ("losses", "fresh", "begun"),
    [
        ([9.7, 9.6, 9.1, 8.8, 8.9, 8.0, 7.6, 7.5], True, True),
        ([9.7, 9.7, 9.9, 9.8, 9.9, 9.8, 9.9, 9.7], False, True),
        ([1.8, 1.7, 1.9, 1.8, 1.9, 2.0, 1.9, 1.8], False, True),
        ([1.8, 1.7, 1.9, 2.8, 3.9, 4.0, 4.9, 4.8], False, False),
        ([9.7, math.nan, 9.1, 8.8], False, False),
    ],
)
def test_a_loss_comes_down_or_stays_where_training_had_begun(losses: list[float], fresh: bool, begun: bool) -> None:
    assert (learns(losses, begun=False), learns(losses, begun=True)) == (fresh, begun)


def test_a_file_that_fits_no_piece(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/shard").write_bytes(bytes(100))
    with pytest.raises(SessionError, match="give more --megabytes"):
        pack(tmp_path / "corpus", tmp_path / "pieces", 99)


def test_what_comes_too_early(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliver", str(tmp_path / "session"), str(tmp_path / "out")]) == 1
    assert "has no checkpoint of the long run yet: run it" in capsys.readouterr().err
    with pytest.raises(SessionError, match=r"holds no parts\.json"):
        assemble(tmp_path, tmp_path / "checkpoint")
