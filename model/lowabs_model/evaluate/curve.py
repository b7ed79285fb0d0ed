"""The learning curve of a run as a picture: training loss and held-out bits per byte against tokens."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_model.evaluate.items import BenchmarkError

POINTS = 400
"""To which the steps are averaged."""


@frozen(eq=False)
class Curve:
    """What a run wrote down, each column with the tokens seen by then."""

    loss: NDArray[np.float64]
    """[N, 2] tokens, nats per token: means over neighbouring steps."""
    held_out: NDArray[np.float64]
    """[M, 2] tokens, bits per byte."""


def read_curve(run: Path) -> Curve:
    """A run's curve.jsonl; where a run was taken up again, the later line of a step counts. Raises BenchmarkError."""
    try:
        lines = [json.loads(line) for line in (run / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as exc:
        raise BenchmarkError(f"{run / 'curve.jsonl'} cannot be read ({exc}); give the folder of a training run") from exc
    return Curve(_thinned(_column(lines, "loss")), _column(lines, "held_out_bits_per_byte"))


def _column(lines: Sequence[dict[str, float]], name: str) -> NDArray[np.float64]:
    by_step = {line["step"]: (line["tokens"], line[name]) for line in lines if name in line}
    return np.array([by_step[step] for step in sorted(by_step)], dtype=np.float64).reshape(-1, 2)


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    groups = np.array_split(points, min(POINTS, len(points))) if len(points) else []
    return np.array([group.mean(axis=0) for group in groups]).reshape(-1, 2)


def plot_curve(runs: Sequence[Path], file: Path) -> None:
    """Draw the curves of runs into one picture, whose format is that of the file's name. Raises BenchmarkError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    loss, held_out = figure.subplots(1, 2)
    for run in runs:
        curve = read_curve(run)
        loss.plot(curve.loss[:, 0] / 1e6, curve.loss[:, 1], linewidth=1, label=run.name)
        held_out.plot(curve.held_out[:, 0] / 1e6, curve.held_out[:, 1], marker=".", label=run.name)
    for axes, name in ((loss, "training loss, nats/token"), (held_out, "held-out text, bits/byte")):
        axes.set(xlabel="tokens seen, millions", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    try:
        figure.savefig(file)
    except (OSError, ValueError) as exc:
        raise BenchmarkError(f"{file} cannot be written ({exc}); give a .png or .svg file") from exc
