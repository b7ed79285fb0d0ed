"""THE TRAINING LOOP. Pretraining and fine-tuning are two recipes for it."""

import json
import logging
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from attrs import asdict, evolve, field, frozen
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.prompt.fim import file_segments
from lowabs_lsp.values import Sentinel
from lowabs_model.checkpoint import TrainerState, load_checkpoint, load_training, save_training
from lowabs_model.corpus.fim import END_ID, PAD_ID, SENTINEL_IDS, Blocks, Encode, Rows, line_pieces
from lowabs_model.corpus.shards import SourceFile
from lowabs_model.optim import make_optimizers, rate_factor, set_rates
from lowabs_model.recipe import HoleRecipe, ModelConfig, Recipe, Stage
from lowabs_model.transformer import Decoder, grow, next_token_loss

log = logging.getLogger(__name__)


class TrainError(LowabsError):
    """A run cannot start or go on as asked; the message says what to change."""


@frozen
class World:
    """The devices of a run: one process each."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(factory=lambda: torch.device("cpu"))


@frozen
class Report:
    """One optimizer step."""

    step: int
    steps: int
    tokens: int
    loss: float
    """Mean nats per token of this step's batch."""
    factor: float
    """Of the peak rates."""
    length: int
    tokens_per_second: float


Reporter = Callable[[Report], None]


# ------------------------------------------------------------------------------------------------------- the plan


def place(stages: Iterable[Stage], step: int) -> tuple[Stage, int]:
    """The stage of a step, and the step at which that stage began."""
    begin = 0
    for stage in stages:
        if step < begin + stage.steps:
            return stage, begin
        begin += stage.steps
    raise TrainError(f"the plan ends at step {begin}: nothing is left to do (give a recipe with more steps)")


def decay_bounds(stages: Iterable[Stage], step: int) -> tuple[int, int]:
    """Where the decay that comes next begins and ends; begin = end = the plan's end where none comes."""
    begin, run = 0, None
    for stage in stages:
        end = begin + stage.steps
        if stage.decay:
            run = (run[0] if run else begin, end)
        elif run and step < run[1]:
            return run
        else:
            run = None
        begin = end
    return run or (begin, begin)


def decay_now(stages: tuple[Stage, ...], step: int, decay_steps: int) -> tuple[Stage, ...]:
    """The plan that breaks off at `step` and decays in `decay_steps`, shared out as its last decaying stages are."""
    kept: list[Stage] = []
    begin = 0
    for stage in stages:
        if begin < step:
            kept.append(evolve(stage, steps=min(stage.steps, step - begin)))
        begin += stage.steps
    first = next((i for i in range(len(stages), 0, -1) if not stages[i - 1].decay), 0)
    decaying = stages[first:] or (evolve(stages[-1], decay=True),)
    total = sum(stage.steps for stage in decaying)
    ends = [round(decay_steps * done / total) for done in accumulate(stage.steps for stage in decaying)]
    shares = [end - before for before, end in pairwise([0, *ends])]
    return (*kept, *(evolve(stage, steps=n) for stage, n in zip(decaying, shares, strict=True) if n))


# ------------------------------------------------------------------------------------------------------- the data


class BlockDataset(Dataset[Rows]):
    """Numbered blocks for DataLoader, whose workers write them ahead and in order."""

    def __init__(self, blocks: Blocks, length: int, holes: HoleRecipe) -> None:
        self.blocks, self.length, self.holes = blocks, length, holes

    def __getitem__(self, number: int) -> Rows:
        return self.blocks.rows(number, self.length, self.holes)


def _as_is(rows: Any) -> Any:  # DataLoader types it for lists, which come only with a batch size
    return rows


Kind = tuple[int, HoleRecipe]
"""What rows are made of: tokens of a sequence, and holes."""


class Feed:
    """Takes batches of rows from the blocks, in order, and knows where it stands."""

    def __init__(self, blocks: Blocks, *, block: int, row: int, kind: Kind | None, workers: int) -> None:
        self.blocks, self.block, self.row, self.workers = blocks, block, row, workers
        self._kind = kind
        self._rows = np.empty((0, 0), np.uint16)
        self._source: Iterator[Rows] | None = None

    def take(self, count: int, length: int, holes: HoleRecipe) -> Tensor:
        """The next `count` rows [count, length + 1]: inputs and, shifted by one, targets. A new kind opens a new block."""
        if self._kind != (length, holes):
            if self.row:
                self.block, self.row = self.block + 1, 0
            self._source = None
        if self._source is None:
            self._rows, self._source = self._open(length, holes)
        parts: list[Rows] = []
        while count:
            if self.row >= len(self._rows):
                self.block, self.row = self.block + 1, 0
                self._rows = next(self._source)
            part = self._rows[self.row : self.row + count]
            self.row += len(part)
            count -= len(part)
            parts.append(part)
        return torch.from_numpy(np.concatenate(parts).astype(np.int64))

    def _open(self, length: int, holes: HoleRecipe) -> tuple[Rows, Iterator[Rows]]:
        self._kind = (length, holes)
        loader: DataLoader[Rows] = DataLoader(
            BlockDataset(self.blocks, length + 1, holes),
            sampler=range(self.block, self.block + 10**9),
            batch_size=None,
            collate_fn=_as_is,
            num_workers=self.workers,
            prefetch_factor=2 if self.workers else None,
            multiprocessing_context="fork" if self.workers else None,  # which shares the text, and pickles nothing
        )
        source = iter(loader)
        return next(source), source


def encoder(tokenizer: Tokenizer) -> Encode:
    """Many texts to ids, sentinel spellings as plain text."""
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


# ------------------------------------------------------------------------------------------------------- one step


def batch_step(model: nn.Module, rows: Tensor, recipe: Recipe, world: World) -> float:
    """Gradients of the mean loss over all rows [R, length + 1] of the batch, each process for its share of them."""
    counted = int((rows[:, 1:] != PAD_ID).sum())
    mine = rows[world.rank :: world.size].to(world.device, non_blocking=True)
    micro = torch.split(mine, max(1, recipe.train.micro_tokens // (rows.shape[1] - 1)))
    total = torch.zeros((), device=world.device)
    loss_of = compiled_loss() if recipe.train.compile else next_token_loss
    for number, part in enumerate(micro):
        with _synchronized(model, number == len(micro) - 1), _autocast(recipe, world):
            loss = loss_of(model(part[:, :-1]), part[:, 1:].masked_fill(part[:, 1:] == PAD_ID, -1)) / counted
            (loss * world.size).backward()  # type: ignore[no-untyped-call]  # DDP averages over processes; we want the sum
        total += loss.detach()
    if world.size > 1:
        dist.all_reduce(total)
    return total.item()


@cache
def compiled_loss() -> Callable[[Tensor, Tensor], Tensor]:
    """`next_token_loss` in one pass over the logits, which are the largest tensor of a step."""
    return torch.compile(next_token_loss, dynamic=False)


def _synchronized(model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Gradients travel between processes once a batch, with its last part."""
    return nullcontext() if last or not isinstance(model, DistributedDataParallel) else model.no_sync()


def _autocast(recipe: Recipe, world: World) -> AbstractContextManager[Any]:
    return torch.autocast(world.device.type, torch.bfloat16, enabled=recipe.train.bf16)


# ------------------------------------------------------------------------------------------------------- held-out loss


@frozen
class HeldOut:
    """Loss on text the model has not seen."""

    nats: float
    bytes: int
    tokens: int

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / max(1, self.bytes)


def held_out_documents(
    files: Iterable[SourceFile], encode: Encode, length: int, limit: int
) -> list[tuple[list[int], int, int]]:
    """Up to `limit` bytes of text as documents: token ids, how many of them are the path line's, bytes of the rest.

    Every piece of a file stands alone behind the path line, with at most `length` tokens; no piece sees the one before.
    """
    documents: list[tuple[list[int], int, int]] = []
    for file in files:
        path = [SENTINEL_IDS[Sentinel.FILE], *encode([str(file_segments(file.path)[1])])[0]]
        pieces = line_pieces(file.text, 2 * length)
        while pieces and limit > 0:
            start, end = pieces.pop(0)
            text = file.text[start:end]
            tokens = encode([text])[0]
            if len(path) + len(tokens) > length and end - start > 8:
                pieces = line_pieces(file.text, (end - start) // 2 + 1, start, end) + pieces
            else:
                documents.append(((path + tokens)[:length], len(path), len(text.encode())))
                limit -= len(text.encode())
    return documents


@torch.no_grad()
def held_out_loss(
    model: Decoder, documents: list[tuple[list[int], int, int]], recipe: Recipe | None = None, world: World | None = None
) -> HeldOut:
    """The left-to-right loss of `documents` from `held_out_documents`, a few at a time."""
    world = world or World()
    nats, tokens = 0.0, 0
    for first in range(0, len(documents), 8):
        group = documents[first : first + 8]
        width = max(len(ids) for ids, _, _ in group)
        ids = torch.tensor([ids + [END_ID] * (width - len(ids)) for ids, _, _ in group], device=world.device)
        targets = torch.full_like(ids, -1)
        for row, (document, path, _) in enumerate(group):
            targets[row, path - 1 : len(document) - 1] = ids[row, path : len(document)]
            tokens += len(document) - path
        with _autocast(recipe, world) if recipe else nullcontext(), torch.compiler.set_stance("force_eager"):  # widths vary
            nats += next_token_loss(model(ids), targets).item()
    return HeldOut(nats, sum(size for _, _, size in documents), tokens)


# ------------------------------------------------------------------------------------------------------- the run


@contextmanager
def processes() -> Iterator[World]:
    """One process, or those that torchrun started; a GPU each where there are, else the CPU."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device=device)
        return
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield World(dist.get_rank(), size, device)
        dist.barrier()  # who is done first must not close connections that the others still use
    finally:
        dist.destroy_process_group()


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """While inside, SIGTERM and SIGINT only make the yielded function say true."""
    received: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def starting_model(config: ModelConfig | None, init: Path | None, seed: int) -> Decoder:
    """A fresh model, or another run's weights, grown in depth where the recipe's model is deeper."""
    if init is None:
        if config is None:
            raise TrainError("the recipe has no [model]: start it from a checkpoint with --init")
        model = Decoder(config)
        model.initialize(seed)
        return model
    model = load_checkpoint(init)
    if config is None or config == model.config:
        return model
    try:
        return grow(model, config)
    except ValueError as error:
        raise TrainError(f"--init {init}: {error}") from error


def checkpoints(run: Path) -> list[Path]:
    """The complete checkpoints of a run, the furthest last; one whose writing was cut off is called `*.partial`."""
    found = (entry for entry in (run / "checkpoints").glob("*-*[0-9]") if (entry / "trainer.json").is_file())
    return sorted(found, key=lambda entry: (int(entry.name.rpartition("-")[2]), entry.name))


@frozen
class Run:
    """What one call of `train` is given, beside the recipe."""

    folder: Path
    tokenizer_json: str
    files: list[SourceFile]
    held_out: list[SourceFile]
    init: Path | None = None
    """A checkpoint directory whose weights, and nothing else, the run starts from."""
    resume: Path | None = None
    """A training checkpoint to go on from exactly."""
    decay_steps: int | None = None
    """End the stable phase now, and decay in so many steps."""
    max_minutes: float = math.inf
    """Save and stop after this time."""


def train(recipe: Recipe, run: Run, report: Reporter, world: World | None = None) -> Path:
    """Train until the plan ends, time is up or a signal comes. Returns the checkpoint written last."""
    world = world or World()
    tokenizer = Tokenizer.from_str(run.tokenizer_json)
    tokenizer.encode_special_tokens = True
    encode = encoder(tokenizer)
    model = starting_model(recipe.model, run.resume or run.init, recipe.train.seed).to(world.device)
    optimizers = make_optimizers(model, recipe.optim)
    stages = recipe.train.stages
    state = TrainerState(step=0, tokens=0, block=0, row=0, stages=[])
    if run.resume is not None:
        state = load_training(run.resume, optimizers)
        stages = tuple(Stage(**stage) for stage in state.stages) or stages
    if run.decay_steps is not None:
        stages = decay_now(stages, state.step, run.decay_steps)
    changed = [asdict(stage) for stage in stages] if stages != recipe.train.stages else []
    steps = sum(stage.steps for stage in stages)
    blocks = Blocks(run.files, encode, weights=recipe.language_weights, seed=recipe.train.seed)
    kind = kind_of(recipe, place(stages, state.step - 1)[0]) if state.step else None
    feed = Feed(blocks, block=state.block, row=state.row, kind=kind, workers=recipe.train.workers)
    sample = Random(0).sample(run.held_out, len(run.held_out))
    held_out = held_out_documents(sample, encode, stages[-1].length, recipe.train.evaluate_bytes)
    trained = parallel(model, recipe, world)
    curve = Curve(run.folder, world)
    started = saved = time.monotonic()
    step, tokens = state.step, state.tokens

    def save(kind: str) -> Path:
        folder = run.folder / "checkpoints" / f"{kind}-{step:08d}"
        if world.rank == 0:
            plan = state.stages if kind == "stable" else changed  # a stable phase can be taken up again
            at = TrainerState(step=step, tokens=tokens, block=feed.block, row=feed.row, stages=plan)
            save_training(folder, model, run.tokenizer_json, optimizers, at)
            prune(run.folder)
        return folder

    place(stages, step)
    with stop_signals() as stopped, curve:
        while step < steps:
            stage, _ = place(stages, step)
            decay_start, end = decay_bounds(stages, step)
            if step == decay_start:
                save("stable")
            begun = time.monotonic()
            rows = feed.take(stage.batch_tokens // stage.length, *kind_of(recipe, stage))
            loss = batch_step(trained, rows, recipe, world)
            factor = rate_factor(
                step, warmup=recipe.optim.warmup_steps, decay_start=decay_start, end=end, floor=recipe.optim.floor
            )
            set_rates(optimizers, factor)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step, tokens = step + 1, tokens + rows.shape[0] * (rows.shape[1] - 1)
            speed = rows.shape[0] * (rows.shape[1] - 1) / (time.monotonic() - begun)
            now = Report(step, steps, tokens, loss, factor, stage.length, speed)
            curve.add(now)
            report(now)
            if step % recipe.train.evaluate_steps == 0 or step == steps:
                curve.add_held_out(now, held_out_loss(model, held_out, recipe, world))
            minutes = (time.monotonic() - started) / 60
            if together(stopped() or minutes > run.max_minutes, world):
                break
            if together((time.monotonic() - saved) / 60 > recipe.train.checkpoint_minutes, world):
                save("step")
                saved = time.monotonic()
    return save("final" if step == steps else "step")


def kind_of(recipe: Recipe, stage: Stage) -> Kind:
    """The sequence length and the holes of a stage: the recipe's, with the stage's own numbers."""
    own = {"rate": stage.hole_rate, "cross_file": stage.cross_file, "task": stage.task}
    return stage.length, evolve(recipe.holes, **{key: value for key, value in own.items() if value is not None})


def parallel(model: Decoder, recipe: Recipe, world: World) -> nn.Module:
    """The model as the loop calls it: compiled if asked, in step with the other processes.

    Layers are compiled, not the whole: one graph for each length serves all of them, in a third of the time.
    """
    if recipe.train.compile:
        for layer in model.model.layers:
            layer.compile(dynamic=False)
    if world.size == 1:
        return model
    largest = max(stage.batch_tokens // stage.length for stage in recipe.train.stages)
    if any((stage.batch_tokens // stage.length) % world.size for stage in recipe.train.stages):
        raise TrainError(f"batches of up to {largest} rows cannot be shared evenly by {world.size} processes")
    return DistributedDataParallel(model)


def from_first(make: Callable[[], str], world: World) -> str:
    """What the first process makes, on every process."""
    made = [make() if world.rank == 0 else None]
    if world.size > 1:
        dist.broadcast_object_list(made, src=0, device=world.device)
    assert made[0] is not None
    return made[0]


def together(mine: bool, world: World) -> bool:
    """True on every process as soon as it is on one."""
    if world.size == 1:
        return mine
    flag = torch.tensor(float(mine), device=world.device)
    dist.all_reduce(flag)
    return bool(flag.item() > 0)


def prune(run: Path, keep: int = 2) -> None:
    """Delete all but the newest `step` checkpoints; `stable` and `final` ones stay."""
    for old in [entry for entry in checkpoints(run) if entry.name.startswith("step-")][:-keep]:
        shutil.rmtree(old)


class Curve:
    """The learning curve on disk: TensorBoard events, and JSON lines for plots. Only the first process writes."""

    def __init__(self, run: Path, world: World) -> None:
        self.run, self.active = run, world.rank == 0

    def __enter__(self) -> "Curve":
        if self.active:
            from torch.utils.tensorboard import SummaryWriter

            self.run.mkdir(parents=True, exist_ok=True)
            self.events = SummaryWriter(str(self.run))
            self.lines = (self.run / "curve.jsonl").open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        if self.active:
            self.events.close()
            self.lines.close()

    def add(self, report: Report) -> None:
        """One training step."""
        self._write(report, {"loss": report.loss, "rate": report.factor, "tokens_per_second": report.tokens_per_second})

    def add_held_out(self, report: Report, held_out: HeldOut) -> None:
        """One evaluation."""
        log.info("step=%d tokens=%d held_out_bits_per_byte=%.4f", report.step, report.tokens, held_out.bits_per_byte)
        self._write(report, {"held_out_bits_per_byte": held_out.bits_per_byte})

    def _write(self, report: Report, values: dict[str, float]) -> None:
        if not self.active:
            return
        for name, value in values.items():
            self.events.add_scalar(name, value, report.step)
        line = {"step": report.step, "tokens": report.tokens, **{k: round(v, 5) for k, v in values.items()}}
        self.lines.write(json.dumps(line) + "\n")
        self.lines.flush()
