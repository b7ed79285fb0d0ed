"""What a session does on its device, step by step; each step that is done is written down and never done again."""

import json
import logging
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from lowabs_lsp.errors import LowabsError
from lowabs_model.gpu_run.recipes import flops_per_token, parameters, planned, with_rate, write_recipe
from lowabs_model.recipe import Recipe, load_recipe

log = logging.getLogger(__name__)

EMBEDDING_RATES = (1e-3, 2e-3, 4e-3)
CHECK_STEPS, SWEEP_SHARE = 20, 0.12
"""The first minute's steps; share of the time that the sweep may take."""
RESTARTED = 0.3
"""Nats that a loss may rise while fresh moments warm up on weights that were trained before."""
STARTS, LEAST_SHARE = 2, 0.5
"""Of the long run's time, so many starts of a process go to compiling; at least this share of it is for steps."""
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}
"""Dense bf16, by a part of the device's name."""
LARGEST_BUNDLE = 48_000_000
"""Bytes of graph and weights that ship."""


class SessionError(LowabsError):
    """A GPU session cannot begin or go on; the message says what to do."""


@frozen
class Session:
    """A folder with all that a session has made; each step that is done is a key of its state."""

    folder: Path

    @property
    def state(self) -> dict[str, Any]:
        """What was found out so far."""
        file = self.folder / "session.json"
        return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else {}

    def note(self, **found: Any) -> None:
        """Write down for good."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "session.json.partial"
        partial.write_text(json.dumps({**self.state, **found}, indent=1) + "\n", "utf-8")
        partial.replace(self.folder / "session.json")
        log.info("%s", found)


@frozen
class Plan:
    """What `run` was asked for."""

    corpus: Path
    session: Session
    recipe: str
    tokenizer: Path
    init: Path | None
    minutes: float
    """Of training and sweep, over all calls."""
    ends: float
    """`time.monotonic()` at which this call should be over."""

    def command(self, *words: str | Path | float, name: str = "pretrain") -> str:
        """Run `lowabs-model` in a process of its own, so that nothing stays on the device. Raises SessionError."""
        program = [sys.executable, "-c", "from lowabs_model.cli import main; raise SystemExit(main())"]
        done = subprocess.run([*program, name, *map(str, words)], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SessionError(f"lowabs-model {name} ended with {done.returncode}: mend what it said above, and run again")
        return done.stdout.strip()

    def train(self, recipe: Path, run: Path, *, minutes: float, extra: Sequence[str | Path] = ()) -> Path:
        """Start or continue a run. Returns its last checkpoint."""
        common: list[str | Path] = ["--corpus", self.corpus, "--output", run, "--max-minutes", f"{minutes:.3f}"]
        started = any((run / "checkpoints").glob("*[0-9]/trainer.json"))
        begin: list[str | Path] = ["--recipe", recipe, "--tokenizer", self.tokenizer]
        begin += ["--init", self.init] if self.init else []
        return Path(self.command(*common, *(["--resume"] if started else begin), *extra).splitlines()[-1])


# ------------------------------------------------------------------------------------------------------- the session


def run_session(plan: Plan) -> bool:
    """Do what is left to do, in order, as long as the call has time. Returns whether all is done. Raises SessionError."""
    for key, step in STEPS.items():
        if key not in plan.session.state:
            if time.monotonic() >= plan.ends:
                return False
            step(plan)
    return all(key in plan.session.state for key in STEPS)


def prepare_tokenizer(plan: Plan) -> None:
    """Train it on the corpus, or take that of the checkpoint to go on from, where the session has none yet."""
    if plan.tokenizer.is_file():
        return
    plan.session.folder.mkdir(parents=True, exist_ok=True)
    if plan.init is not None:
        shutil.copyfile(plan.init / "tokenizer.json", plan.tokenizer)
    else:
        plan.command("--recipe", plan.recipe, "--corpus", plan.corpus, "--output", plan.tokenizer, name="tokenizer")


def check(plan: Plan) -> None:
    """The first minute: does it learn, and how fast is it?"""
    recipe = load_recipe(plan.recipe)
    trial = evolve(recipe.train, stages=(evolve(recipe.train.stages[0], steps=CHECK_STEPS, decay=False),), evaluate_bytes=1)
    file = write_recipe(plan.session.folder / "check.toml", evolve(recipe, train=trial), plan.recipe)
    shutil.rmtree(plan.session.folder / "check", ignore_errors=True)
    begun = time.monotonic()
    plan.train(file, plan.session.folder / "check", minutes=math.inf)
    seconds = time.monotonic() - begun
    lines = curve(plan.session.folder / "check")
    losses = [line["loss"] for line in lines if "loss" in line]
    if not learns(losses, begun=plan.init is not None):
        raise SessionError(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)} steps: lower the rates")
    speeds = sorted(line["tokens_per_second"] for line in lines if "tokens_per_second" in line)
    speed = speeds[len(speeds) // 2]
    start = seconds - CHECK_STEPS * trial.stages[0].batch_tokens / speed
    plan.session.note(speed=speed, start=round(max(0.0, start), 1), **utilisation(recipe, speed))


def learns(losses: Sequence[float], *, begun: bool) -> bool:
    """Whether a loss comes down from chance, or, where training had `begun` before, does not run away from where it was."""
    part = max(1, len(losses) // 4)
    first, last = sum(losses[:part]) / part, sum(losses[-part:]) / part
    return all(map(math.isfinite, losses)) and last < first + (RESTARTED if begun else 0.0)


def utilisation(recipe: Recipe, tokens_per_second: float) -> dict[str, Any]:
    """FLOP/s, and their share of the device's peak where that is known."""
    if recipe.model is None:
        return {}
    flops = tokens_per_second * flops_per_token(recipe, recipe.train.stages[0])
    device = device_name()
    peak = next((peak for name, peak in PEAK_FLOPS.items() if name in device), None)
    return {"device": device, "tflops": round(flops / 1e12, 3), "mfu": round(flops / peak, 3) if peak else None}


def device_name() -> str:
    """Of the first GPU, else of the processor."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def sweep(plan: Plan) -> None:
    """Train a moment with each rate of the embedding, which matters most, and keep the best one."""
    losses: dict[str, float] = plan.session.state.get("sweep", {})
    recipe, speed = load_recipe(plan.recipe), plan.session.state["speed"]
    first = recipe.train.stages[0]
    seconds = plan.minutes * 60 * SWEEP_SHARE / len(EMBEDDING_RATES)
    trial = evolve(first, steps=max(4, round(seconds * speed / first.batch_tokens)), decay=False)
    for rate in EMBEDDING_RATES:
        if f"{rate:g}" in losses:
            continue
        name = f"rate-{rate:g}"
        tried = with_rate(evolve(recipe, train=evolve(recipe.train, stages=(trial,), evaluate_bytes=1)), rate)
        shutil.rmtree(plan.session.folder / name, ignore_errors=True)
        plan.train(
            write_recipe(plan.session.folder / f"{name}.toml", tried, plan.recipe), plan.session.folder / name, minutes=math.inf
        )
        values = [line["loss"] for line in curve(plan.session.folder / name) if "loss" in line]
        tail = values[-max(1, len(values) // 4) :]
        losses[f"{rate:g}"] = sum(tail) / len(tail) if all(map(math.isfinite, tail)) else 1e9
        plan.session.note(sweep=losses)
    plan.session.note(embedding_rate=float(min(losses, key=lambda rate: losses[rate])))


def train(plan: Plan) -> None:
    """The long run: as many steps as fit the time at the speed that was measured, in as many calls as it takes."""
    file = plan.session.folder / "long.toml"
    if not file.is_file():
        state = plan.session.state
        recipe = with_rate(load_recipe(plan.recipe), state["embedding_rate"])
        whole = plan.minutes * 60 * (1 - SWEEP_SHARE)
        seconds = max(LEAST_SHARE * whole, whole - STARTS * state["start"])
        stages = planned(recipe, state["speed"] * seconds)
        write_recipe(file, evolve(recipe, train=evolve(recipe.train, stages=stages)), plan.recipe)
    minutes = (plan.ends - time.monotonic()) / 60
    last = plan.train(file, plan.session.folder / "long", minutes=minutes)
    if last.name.startswith("final-"):
        plan.session.note(trained=last.name)


def export(plan: Plan) -> None:
    """The bundle that ships: 8 bits, or 4 in small blocks where 8 would be too large for a wheel."""
    checkpoint = plan.session.folder / "long/checkpoints" / plan.session.state["trained"]
    model = load_recipe(plan.recipe).model
    small = model is None or parameters(model) < LARGEST_BUNDLE
    variant = ["--variant", "w8a8"] if small else ["--variant", "int4", "--block-size", 32]
    plan.command(checkpoint, plan.session.folder / "bundle", "--corpus", plan.corpus, *variant, name="export")
    plan.session.note(bundle=sum(file.stat().st_size for file in (plan.session.folder / "bundle").iterdir()))


def measure(plan: Plan) -> None:
    """Bits per byte on the held-out files."""
    checkpoint = plan.session.folder / "long/checkpoints" / plan.session.state["trained"]
    scores = plan.session.folder / "loss.json"
    plan.command(checkpoint, "--corpus", plan.corpus, "--bytes", 40_000, "--json", scores, name="evaluate")
    rows = json.loads(scores.read_text("utf-8"))["loss"]
    plan.session.note(loss={row["language"]: round(row["bits_per_byte"], 4) for row in rows})


STEPS: dict[str, Callable[[Plan], None]] = {
    "speed": check,
    "embedding_rate": sweep,
    "trained": train,
    "loss": measure,
    "bundle": export,
}
"""In order, under what each of them writes down when it is done."""


def curve(run: Path) -> list[dict[str, float]]:
    """The learning curve of a run, step by step."""
    return [json.loads(line) for line in (run / "curve.jsonl").read_text("utf-8").splitlines()]
