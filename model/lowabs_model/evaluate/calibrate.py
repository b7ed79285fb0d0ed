"""Calibrates a bundle on some repositories, measures it on others, and writes figures and a plot of both."""

import json
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.engine.bundle import CALIBRATION, MANIFEST, read_manifest, record_file, write_manifest
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BenchError
from lowabs_lsp.postprocess.confidence import Calibration
from lowabs_lsp.postprocess.features import FEATURES
from lowabs_lsp.settings import EngineSettings, Settings
from lowabs_model.evaluate.confidence_fit import PRECISIONS, Row, calibration_error, fit, reliability, shown_at, shown_rows
from lowabs_model.evaluate.confidence_places import Places, places_of

log = logging.getLogger(__name__)


@frozen
class Plan:
    """What is gathered where."""

    bundle: Path
    fitting: Sequence[Path]
    reporting: Sequence[Path]
    minutes: float
    keys: int
    workers: int
    seed: int = 0
    cache: Path | None = None
    """A folder in which the places of each repository are kept, and found again."""


@frozen
class _Errand:
    """One repository for one process."""

    bundle: Path
    repository: Path
    keys: int
    seconds: float
    seed: int
    file: Path


def calibrate(plan: Plan) -> dict[str, Any]:
    """Write the bundle's confidence.json and its record; returns the figures."""
    places = gather(plan)
    fitting = [places[path] for path in plan.fitting]
    fitted = fit(fitting, seed=plan.seed)
    figures: dict[str, Any] = {
        "fitted": figures_of(
            dict(zip(map(name_of, plan.fitting), fitting, strict=True)), fitted.probabilities, fitted.calibration
        )
    }
    if plan.reporting:
        reported = {name_of(path): places[path] for path in plan.reporting}
        said = [probabilities_of(fitted.calibration, each) for each in reported.values()]
        figures["reported"] = figures_of(reported, said, fitted.calibration)
    summary = {key: figures["fitted"][key] for key in ("repositories", "places", "calibration_error")}
    write(plan.bundle, evolve(fitted.calibration, fitted=summary))
    return figures


def write(bundle: Path, calibration: Calibration) -> None:
    """Put a calibration into a bundle, and into its list of files."""
    (bundle / CALIBRATION).write_text(calibration.write(), encoding="utf-8")
    manifest = read_manifest(bundle / MANIFEST)
    files = {**manifest.files, CALIBRATION: record_file(bundle / CALIBRATION)}
    write_manifest(bundle / MANIFEST, evolve(manifest, files=files))


def name_of(repository: Path) -> str:
    """What a reader calls a repository."""
    path = repository.resolve()
    return path.parent.name.replace("+", "/") if path.name in ("repo", "repo.git", ".git") else path.name


def gather(plan: Plan) -> dict[Path, Places]:
    """The places of every repository, each in its share of the time."""
    repositories = [*plan.fitting, *plan.reporting]
    if len(set(repositories)) < len(repositories):
        raise BenchError("a repository is given twice; those to report on must not be among those to fit on")
    seconds = plan.minutes * 60 * plan.workers / len(repositories)
    with tempfile.TemporaryDirectory(prefix="lowabs-calibrate-") as folder:
        kept = plan.cache or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        errands = {
            path: _Errand(plan.bundle, path, plan.keys, seconds, plan.seed, kept / f"{name_of(path).replace('/', '+')}.npz")
            for path in repositories
        }
        with ProcessPoolExecutor(plan.workers, get_context("spawn")) as pool:
            list(pool.map(_run, [errand for errand in errands.values() if not errand.file.exists()]))
        return {path: load(errand.file) for path, errand in errands.items()}


def _run(errand: _Errand) -> None:
    """In a process of its own, with one thread for the model."""
    engine = LocalEngine.open(errand.bundle, EngineSettings(device="cpu", threads=1))
    repository = Repository(errand.repository)
    places = places_of(repository, engine, Settings(), keys=errand.keys, seed=errand.seed, seconds=errand.seconds)
    np.savez_compressed(errand.file, **{name: getattr(places, name) for name in _PARTS})


_PARTS = ("features", "kept", "key", "at", "text", "agree", "size", "stood", "keys")


def load(file: Path) -> Places:
    """The places of one repository, as they were kept."""
    with np.load(file) as arrays:
        parts = {name: arrays[name] for name in _PARTS}
    return Places(**{**parts, "keys": int(parts["keys"])})


def probabilities_of(calibration: Calibration, places: Places) -> Row:
    """What a calibration says of each place."""
    return np.array([calibration.probability(calibration.score(row)) for row in places.features])


def figures_of(places: Mapping[str, Places], said: Sequence[Row], calibration: Calibration) -> dict[str, Any]:
    """Calibration error and reliability over all places; what each precision shows, on average over repositories."""
    probabilities, kept = np.concatenate(said), np.concatenate([each.kept for each in places.values()])
    curve = []
    for wanted in PRECISIONS:
        threshold = calibration.threshold(wanted)
        seen = [shown_at(each, p, threshold) for each, p in zip(places.values(), said, strict=True)]
        met = [each.precision for each in seen if each.suggestions]
        checked, parsing = _parsing(places.values(), said, threshold)
        keys = sum(each.keys for each in seen)
        curve.append(
            {
                "wanted": wanted,
                "threshold": round(threshold, 4),
                "precision": round(float(np.mean(met)), 4) if met else None,
                "pooled_precision": round(sum(e.right for e in seen) / max(1, sum(e.suggestions for e in seen)), 4),
                "shown_where_the_file_parsed": checked,
                "parses_share": round(parsing / checked, 4) if checked else None,
                "shown_per_100_keys": round(100 * sum(each.suggestions for each in seen) / keys, 3),
                "wrong_per_100_keys": round(100 * sum(each.suggestions - each.right for each in seen) / keys, 3),
                "right_characters_per_100_keys": round(100 * sum(each.characters for each in seen) / keys, 3),
            }
        )
    return {
        "repositories": list(places),
        "places": len(kept),
        "keys": sum(each.keys for each in places.values()),
        "calibration_error": round(calibration_error(probabilities, kept), 4),
        "calibration_error_by_repository": {
            name: round(calibration_error(p, each.kept), 4) for (name, each), p in zip(places.items(), said, strict=True)
        },
        "reliability": [[round(a, 4), round(b, 4), count] for a, b, count in reliability(probabilities, kept)],
        "curve": curve,
    }


def plot(figures: Mapping[str, Any], file: Path) -> None:
    """Left, what was said and what came; right, precision and how much is shown at it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = figures.get("reported") or figures["fitted"]
    drawing, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
    said, came, _ = zip(*shown["reliability"], strict=True)
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.plot(said, came, marker="o", color="#2563eb")
    left.set(xlabel="probability said", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    left.set_title(f"expected calibration error {shown['calibration_error']:.3f}")
    curve = [row for row in shown["curve"] if row["precision"] is not None and row["shown_per_100_keys"] > 0]
    right.plot([row["shown_per_100_keys"] for row in curve], [row["precision"] for row in curve], marker="o", color="#2563eb")
    for row in curve[::2]:
        right.annotate(
            f"{row['wanted']:g}", (row["shown_per_100_keys"], row["precision"]), textcoords="offset points", xytext=(6, 4)
        )
    right.set(xlabel="suggestions shown for 100 keys", ylabel="share that was right", ylim=(0, 1))
    right.set_title("by completion.precision")
    drawing.tight_layout()
    drawing.savefig(file, dpi=110)
    plt.close(drawing)


def _parsing(places: Iterable[Places], said: Sequence[Row], threshold: float) -> tuple[int, int]:
    """How much is shown where the file parsed, the line being written included, and with how much of that it parses still."""
    checked = parsing = 0
    for each, probabilities in zip(places, said, strict=True):
        shown = list(shown_rows(each, probabilities, threshold))
        stood = each.stood[shown]
        checked += int(stood.sum())
        parsing += int((each.features[shown][stood, FEATURES.index("parses")] > 0).sum())
    return checked, parsing


MARKS = ("<!-- figures -->\n", "<!-- /figures -->")
"""Between which a page has the figures."""


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The figures of the repositories to report on, else of those fitted on, as a reader sees them."""
    shown = figures.get("reported") or figures["fitted"]
    by_repository = ", ".join(f"{name} {error:.3f}" for name, error in shown["calibration_error_by_repository"].items())
    over = f"{shown['places']:,} places behind {shown['keys']:,} keys"
    rows = [
        f"Expected calibration error **{shown['calibration_error']:.3f}** over {over} "
        f"({by_repository}); on the repositories it was fitted on, each foretold by the others, "
        f"{figures['fitted']['calibration_error']:.3f}.",
        "",
        "| `completion.precision` | met | shown for 100 keys | wrong for 100 keys | right characters for 100 keys | parse |",
        "|---|---|---|---|---|---|",
    ]
    for row in shown["curve"][::2]:
        if row["precision"] is not None:
            parses = f"{row['parses_share'] or 0:.1%}"
            rows.append(
                f"| {row['wanted']:.1f} | {row['precision']:.2f} | {row['shown_per_100_keys']:.1f} | "
                f"{row['wrong_per_100_keys']:.1f} | {row['right_characters_per_100_keys']:.1f} | {parses} |"
            )
    return "\n".join(rows) + "\n"


def put_into(page: str, figures: Mapping[str, Any]) -> str:
    """`page` with the figures between its marks. Raises BenchError where it has none."""
    before, start, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (start and end):
        raise BenchError(f"the page has no place for figures: put {MARKS[0].strip()} and {MARKS[1]} into it")
    return before + start + as_markdown(figures) + end + after


def as_json(figures: Mapping[str, Any]) -> str:
    """For a file."""
    return json.dumps(figures, indent=1) + "\n"
