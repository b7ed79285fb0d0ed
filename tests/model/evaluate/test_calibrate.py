"""Calibrating the tests' bundle on a small history."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.cli import main
from lowabs_model.evaluate.calibrate import Plan, gather, put_into
from lowabs_model.evaluate.confidence_fit import calibration_error, isotonic, shown_at
from lowabs_model.evaluate.confidence_places import Places

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.bundle import CALIBRATION, open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BenchError
from lowabs_lsp.settings import EngineSettings, Settings
from lowabs_lsp.values import Document

TINY = Path(__file__).parents[2] / "data" / "tiny"
CODE = "import os\nimport sys\n\n\ndef read(path):\n    with open(path) as file:\n        return file.read()\n"
MORE = CODE + "\n\ndef write(path, text):\n    with open(path, 'w') as file:\n        file.write(text)\n"


def history(folder: Path) -> Path:
    """A repository with two commits, the second of which a person might have typed."""
    folder.mkdir()

    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)

    git("init")
    for text in (CODE, MORE):
        (folder / "files.py").write_text(text)
        git("add", ".")
        git("commit", "-m", "change")
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of multiprocessing, in a process with threads
def test_a_bundle_gets_a_calibration_that_serving_reads(tmp_path: Path) -> None:
    bundle, page = shutil.copytree(TINY, tmp_path / "bundle"), tmp_path / "page.md"
    fitting, reporting = history(tmp_path / "one"), history(tmp_path / "two")
    page.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    files = [tmp_path / name for name in ("figures.json", "plot.png")]
    words = [bundle, fitting, "--report", reporting, "--keys", 60, "--workers", 1, "--json", files[0], "--plot", files[1]]
    assert main(["calibrate", *map(str, words), "--page", str(page)]) == 0

    figures = json.loads(files[0].read_text())
    assert (figures["fitted"]["repositories"], figures["reported"]["repositories"]) == (["one"], ["two"])
    assert figures["fitted"]["keys"] == 60
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert page.read_text().startswith("before\n<!-- figures -->\nExpected calibration error")

    assert CALIBRATION in open_bundle(bundle).manifest.files
    engine = LocalEngine.open(bundle, EngineSettings(threads=1))
    completion = Completer(engine, Settings()).complete(Document("file:///w/a.py", "a.py", "python", "import "), 7)
    assert completion.confidence is not None
    assert 0 <= completion.confidence <= 1


def test_fitting_and_reporting_never_share_a_repository(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="twice"):
        gather(Plan(TINY, [tmp_path], [tmp_path], minutes=1, keys=1, workers=1))


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(BenchError, match="figures"):
        put_into("nothing", {})


ROWS = st.lists(st.tuples(st.floats(-5, 5), st.booleans(), st.floats(0.1, 3)), min_size=1, max_size=60)


@given(rows=ROWS)
def test_an_isotonic_map_rises_and_keeps_the_mean(rows: list[tuple[float, bool, float]]) -> None:
    scores, kept, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    x, y = isotonic(scores, kept, weights, knots=len(rows))
    assert (np.diff(x) >= -1e-9).all()
    assert (np.diff(y) >= -1e-9).all()
    assert 0.005 <= y[0] <= y[-1] <= 0.995


def places(rows: list[tuple[int, int, int, bool, int]]) -> Places:
    """Rows of text, key, characters typed, whether it is right, and how far the person types along."""
    text, key, at, kept, agree = (np.array(column) for column in zip(*rows, strict=True))
    return Places(
        np.zeros((len(rows), 1), np.float32), kept.astype(bool), key, at, text, agree, agree, kept.astype(bool), keys=10
    )


def test_a_suggestion_that_is_typed_along_counts_once() -> None:
    seen = places([(1, 1, 1, True, 5), (1, 2, 2, True, 4), (1, 3, 7, False, 0), (2, 4, 1, True, 3)])
    shown = shown_at(seen, np.array([0.9, 0.9, 0.9, 0.2]), 0.5)
    assert (shown.suggestions, shown.right, shown.characters) == (2, 1, 5)
    assert shown.precision == 0.5


def test_of_one_key_the_longest_that_is_likely_enough_is_shown() -> None:
    seen = places([(1, 1, 1, False, 9), (1, 1, 1, True, 4)])
    assert shown_at(seen, np.array([0.3, 0.7]), 0.5).right == 1
    assert shown_at(seen, np.array([0.6, 0.7]), 0.5).right == 0


def test_calibration_error_is_the_distance_of_what_was_said_and_what_came() -> None:
    assert calibration_error(np.full(100, 0.25), np.arange(100) % 4 == 0) == pytest.approx(0.0, abs=0.1)
    assert calibration_error(np.full(100, 0.9), np.zeros(100, bool)) == pytest.approx(0.9)
