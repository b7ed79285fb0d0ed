"""The loop: it learns, resumes exactly, ends a stable phase by hand, and is the same with two processes as with one."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from attrs import evolve
from lowabs_model.checkpoint import load_checkpoint
from lowabs_model.corpus.fim import PAD_ID, Blocks
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, SourceFile, read_shards
from lowabs_model.recipe import ModelConfig, OptimRecipe, Recipe, Stage, TrainRecipe
from lowabs_model.tokenizer import train_tokenizer
from lowabs_model.train import (
    Feed,
    Report,
    Run,
    TrainError,
    World,
    batch_step,
    checkpoints,
    decay_bounds,
    decay_now,
    encoder,
    held_out_documents,
    held_out_loss,
    kind_of,
    place,
    starting_model,
    stop_signals,
    train,
)
from tokenizers import Tokenizer
from torch.multiprocessing.spawn import spawn

MODEL = ModelConfig(
    vocab_size=320,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=128,
)


def stage(steps: int, length: int, *, decay: bool = False) -> Stage:
    return Stage(steps=steps, length=length, batch_tokens=512, decay=decay)


RECIPE = Recipe(
    model=MODEL,
    train=TrainRecipe(
        stages=(stage(4, 32), stage(4, 64), stage(4, 128, decay=True)),
        micro_tokens=256,
        evaluate_steps=6,
        evaluate_bytes=2000,
    ),
    optim=OptimRecipe(warmup_steps=2),
)


@pytest.fixture(scope="session")
def files(corpus: Path) -> list[SourceFile]:
    return list(read_shards(corpus, TRAIN))


@pytest.fixture(scope="session")
def tokenizer_json(files: list[SourceFile]) -> str:
    return train_tokenizer((file.text for file in files), MODEL.vocab_size).to_str()


@pytest.fixture
def run(tmp_path: Path, corpus: Path, files: list[SourceFile], tokenizer_json: str) -> Run:
    held_out = list(read_shards(corpus, HELD_OUT))
    return Run(folder=tmp_path / "run", tokenizer_json=tokenizer_json, files=files, held_out=held_out)


def losses(recipe: Recipe, run: Run, *, stop_at: int | None = None) -> dict[int, float]:
    """Train, and stop as a signal does after step `stop_at`."""
    seen: dict[int, float] = {}

    def report(now: Report) -> None:
        seen[now.step] = now.loss
        if now.step == stop_at:
            signal.raise_signal(signal.SIGTERM)

    train(recipe, run, report)
    return seen


@pytest.mark.parametrize("stop_at", [1, 4, 6, 9])
@pytest.mark.parametrize("bf16", [False, True])
def test_a_stopped_and_resumed_run_has_the_losses_of_an_unstopped_one(run: Run, stop_at: int, bf16: bool) -> None:
    recipe = evolve(RECIPE, train=evolve(RECIPE.train, bf16=bf16))
    whole = losses(recipe, evolve(run, folder=run.folder / "whole"))
    first = losses(recipe, run, stop_at=stop_at)
    second = losses(recipe, evolve(run, resume=checkpoints(run.folder)[-1]))
    assert list(first) == list(range(1, stop_at + 1))
    assert first | second == whole


def test_training_learns_and_writes_its_curve(run: Run) -> None:
    recipe = evolve(RECIPE, train=evolve(RECIPE.train, stages=(stage(40, 64), stage(10, 64, decay=True))))
    seen = losses(recipe, run)
    assert seen[1] == pytest.approx(5.77, abs=0.2)  # ln 320
    assert seen[50] < 4.8
    curve = [json.loads(line) for line in (run.folder / "curve.jsonl").read_text().splitlines()]
    held_out = [line["held_out_bits_per_byte"] for line in curve if "held_out_bits_per_byte" in line]
    assert held_out[-1] < held_out[0]
    assert [line["step"] for line in curve if "loss" in line] == list(range(1, 51))
    assert list(run.folder.glob("events.out.tfevents.*"))


def test_the_stable_phase_is_kept_beside_the_end(run: Run) -> None:
    last = train(RECIPE, run, lambda _: None)
    assert last.name == "final-00000012"
    assert [folder.name for folder in checkpoints(run.folder)] == ["stable-00000008", "final-00000012"]


def test_a_decay_started_by_hand_ends_the_run_and_leaves_the_stable_phase_open(run: Run) -> None:
    losses(RECIPE, run, stop_at=3)
    last = train(RECIPE, evolve(run, resume=checkpoints(run.folder)[-1], decay_steps=2), lambda _: None)
    assert last.name == "final-00000005"
    stable = next(folder for folder in checkpoints(run.folder) if folder.name.startswith("stable"))
    assert stable.name == "stable-00000003"
    continued = losses(RECIPE, evolve(run, folder=run.folder / "longer", resume=stable))
    whole = losses(RECIPE, evolve(run, folder=run.folder / "whole"))
    assert continued == {step: loss for step, loss in whole.items() if step > 3}


def test_a_finished_run_has_nothing_left_to_do(run: Run) -> None:
    last = train(RECIPE, run, lambda _: None)
    with pytest.raises(TrainError, match="the plan ends at step 12"):
        train(RECIPE, evolve(run, resume=last), lambda _: None)


def test_a_checkpoint_whose_writing_was_cut_off_is_none(run: Run) -> None:
    last = train(RECIPE, run, lambda _: None)
    shutil.copytree(last, last.with_name("step-00000099.partial"))
    assert checkpoints(run.folder)[-1] == last


def test_time_is_up_after_the_step_under_way(run: Run) -> None:
    last = train(RECIPE, evolve(run, max_minutes=0.0), lambda _: None)
    assert last.name == "step-00000001"


def test_another_runs_weights_are_a_start_and_grow_in_depth(run: Run) -> None:
    first = train(RECIPE, run, lambda _: None)
    deeper = evolve(MODEL, num_hidden_layers=4)
    grown = starting_model(deeper, first, seed=0)
    ids = torch.randint(0, MODEL.vocab_size, (1, 20))
    with torch.no_grad():
        torch.testing.assert_close(grown(ids), load_checkpoint(first)(ids), atol=1e-5, rtol=1e-5)
    again = losses(evolve(RECIPE, model=deeper), evolve(run, folder=run.folder / "deeper", init=first))
    assert again[1] < 5.6


def test_what_cannot_start_says_why(run: Run) -> None:
    with pytest.raises(TrainError, match="start it from a checkpoint with --init"):
        starting_model(None, None, seed=0)
    first = train(RECIPE, run, lambda _: None)
    with pytest.raises(TrainError, match="only grow in depth"):
        starting_model(evolve(MODEL, hidden_size=64), first, seed=0)


# ------------------------------------------------------------------------------------------------------- two processes


def one_step(rank: int, size: int, folder: str, rows: torch.Tensor) -> None:
    """One of several processes: a step of the same batch, and what came of it."""
    if size > 1:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    model = starting_model(MODEL, None, seed=1)
    with torch.no_grad():  # gradients everywhere: the fresh model's output projections are zero
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.ones_like(parameter).cumsum(-1).sin())
    wrapped = torch.nn.parallel.DistributedDataParallel(model) if size > 1 else model
    recipe = evolve(RECIPE, train=evolve(RECIPE.train, bf16=False))
    loss = batch_step(wrapped, rows, recipe, World(rank, size))
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    torch.save({"loss": loss, "gradients": gradients}, f"{folder}/{size}-{rank}.pt")
    if size > 1:
        torch.distributed.destroy_process_group()


def test_two_processes_have_the_loss_and_gradients_of_one(tmp_path: Path) -> None:
    rows = torch.randint(7, MODEL.vocab_size, (8, 65), generator=torch.Generator().manual_seed(0))
    rows[5, 20:] = PAD_ID  # the processes' shares differ in what counts
    spawn(one_step, (2, str(tmp_path), rows), nprocs=2)  # type: ignore[no-untyped-call]
    one_step(0, 1, str(tmp_path), rows)
    alone = torch.load(tmp_path / "1-0.pt")
    for rank in range(2):
        shared = torch.load(tmp_path / f"2-{rank}.pt")
        assert shared["loss"] == pytest.approx(alone["loss"], rel=1e-6)
        for name, gradient in alone["gradients"].items():
            torch.testing.assert_close(shared["gradients"][name], gradient, atol=1e-6, rtol=1e-4)


# ------------------------------------------------------------------------------------------------------- plan and data


def test_stages_follow_one_another() -> None:
    stages = RECIPE.train.stages
    assert [place(stages, step)[1] for step in (0, 3, 4, 11)] == [0, 0, 4, 8]
    with pytest.raises(TrainError, match="nothing is left to do"):
        place(stages, 12)


def test_the_next_decay_spans_neighbouring_decaying_stages() -> None:
    stages = (stage(5, 8), stage(2, 8, decay=True), stage(3, 8, decay=True), stage(5, 8), stage(1, 8, decay=True))
    assert [decay_bounds(stages, step) for step in (0, 4, 9, 10, 15)] == [(5, 10), (5, 10), (5, 10), (15, 16), (15, 16)]
    assert decay_bounds(stages[:1], 2) == (5, 5)


def test_a_decay_by_hand_is_shared_out_as_the_last_stages_are() -> None:
    stages = (stage(10, 8), stage(10, 16), stage(6, 32, decay=True), stage(2, 64, decay=True))
    cut = decay_now(stages, 12, 8)
    assert [(s.steps, s.length, s.decay) for s in cut] == [(10, 8, False), (2, 16, False), (6, 32, True), (2, 64, True)]
    assert [s.steps for s in decay_now(stages, 3, 4)] == [3, 3, 1]
    assert [(s.steps, s.decay) for s in decay_now(stages[:1], 3, 4)] == [(3, False), (4, True)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_feed_goes_on_where_another_stood(files: list[SourceFile], tokenizer_json: str, workers: int) -> None:
    blocks = Blocks(files, encoder(Tokenizer.from_str(tokenizer_json)), weights={}, seed=0, units_per_block=2)
    kind = kind_of(RECIPE, RECIPE.train.stages[0])
    one = Feed(blocks, block=0, row=0, kind=None, workers=0)
    one.take(700, *kind)
    other = Feed(blocks, block=one.block, row=one.row, kind=kind, workers=workers)
    assert torch.equal(one.take(900, *kind), other.take(900, *kind))
    assert (one.block, one.row) == (other.block, other.row)
    assert one.block > 0


def test_a_signal_is_remembered_not_raised() -> None:
    with stop_signals() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()


def test_held_out_documents_hold_each_byte_once(files: list[SourceFile], tokenizer_json: str) -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json)
    documents = held_out_documents(files[:2], encoder(tokenizer), 128, 10**9)
    texts = [tokenizer.decode(ids[path:], skip_special_tokens=False) for ids, path, _ in documents]
    assert "".join(texts) == files[0].text + files[1].text
    assert sum(size for _, _, size in documents) == sum(file.size for file in files[:2])
    assert max(len(ids) for ids, _, _ in documents) <= 128


def test_held_out_loss_is_the_sum_over_documents_alone(files: list[SourceFile], tokenizer_json: str) -> None:
    model = starting_model(MODEL, None, seed=0)
    documents = held_out_documents(files[:1], encoder(Tokenizer.from_str(tokenizer_json)), 128, 3000)
    alone = 0.0
    for ids, path, _ in documents:
        logprobs = torch.log_softmax(model(torch.tensor([ids]))[0], dim=-1)
        alone -= sum(logprobs[i - 1, ids[i]].item() for i in range(path, len(ids)))
    assert held_out_loss(model, documents).nats == pytest.approx(alone, rel=1e-5)
