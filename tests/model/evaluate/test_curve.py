import json
from pathlib import Path

import numpy as np
import pytest
from lowabs_model.cli import main
from lowabs_model.evaluate.curve import read_curve


def write_run(folder: Path, lines: list[dict[str, float]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_later_line_of_a_step_counts(tmp_path: Path) -> None:
    lines = [{"step": n, "tokens": 10 * n, "loss": 9.0 - n} for n in (1, 2, 3, 4)]
    lines += [{"step": 4, "tokens": 40, "held_out_bits_per_byte": 2.5}, {"step": 4, "tokens": 40, "loss": 1.0}]
    curve = read_curve(write_run(tmp_path / "run", lines))
    assert curve.loss.tolist() == [[10, 8], [20, 7], [30, 6], [40, 1]]
    assert curve.held_out.tolist() == [[40, 2.5]]


def test_long_runs_are_averaged(tmp_path: Path) -> None:
    lines = [{"step": n, "tokens": n, "loss": float(n % 2)} for n in range(4000)]
    loss = read_curve(write_run(tmp_path / "run", lines)).loss
    assert len(loss) == 400
    assert np.allclose(loss[:, 1], 0.5)


@pytest.mark.parametrize("name", ["loss.png", "loss.svg"])
def test_runs_are_drawn(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", [{"step": 1, "tokens": 5, "loss": 3.0}, {"step": 2, "tokens": 9, "loss": 2.0}])
    assert main(["evaluate", "curve", str(run), str(run), "--plot", str(tmp_path / name)]) == 0
    assert (tmp_path / name).stat().st_size > 5000


def test_a_folder_without_a_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "curve", str(tmp_path), "--plot", str(tmp_path / "a.png")]) == 1
    assert "give the folder of a training run" in capsys.readouterr().err
