"""How likely a completion is to be kept, and what is learnt of it here."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import BundleError
from lowabs_lsp.postprocess.confidence import MOST_SHIFT, Calibration, Confidence, confidence_of
from lowabs_lsp.postprocess.features import FEATURES, features_of
from lowabs_lsp.postprocess.place import Place
from lowabs_lsp.settings import load_settings
from lowabs_lsp.values import Completion, Document, Generated, Limits, Reason, Stop

COUNT = len(FEATURES)
WORDS = FEATURES.index("log_words")


def calibration(weight: float = -1.0, feature: int = WORDS) -> Calibration:
    """Surer the fewer words there are."""
    outer = np.zeros(COUNT + 1)
    outer[1 + feature] = weight
    return Calibration(
        mean=np.zeros(COUNT),
        scale=np.ones(COUNT),
        inner=np.zeros((1, COUNT)),
        inner_bias=np.zeros(1),
        outer=outer,
        outer_bias=0.0,
        scores=np.array([-3.0, 0.0]),
        probabilities=np.array([0.0, 0.9]),
        precisions=np.array([0.0, 0.5, 1.0]),
        thresholds=np.array([0.0, 0.4, 0.8]),
    )


class Calibrated(ScriptedEngine):
    """A scripted engine with a calibration."""

    calibration = calibration().write()


def complete(marked: str, says: str, precision: float, *, explicit: bool = False) -> Completion:
    settings = load_settings({"completion": {"precision": precision}})
    document = Document("file:///w/a.py", "a.py", "python", marked.replace("‸", ""))
    return Completer(Calibrated(says), settings).complete(document, marked.index("‸"), limits=Limits(is_explicit=explicit))


def test_what_is_written_is_read() -> None:
    again = Calibration.read(calibration().write())
    assert again.write() == calibration().write()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": []}', json.dumps({"features": FEATURES})])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(BundleError):
        Calibration.read(text)


def test_a_model_without_a_calibration_completes_without_confidence() -> None:
    assert confidence_of(ScriptedEngine("x")) is None
    document = Document("file:///w/a.py", "a.py", "python", "x = ")
    completion = Completer(ScriptedEngine("y"), load_settings({"completion": {"precision": 0.9}})).complete(document, 4)
    assert (completion.text, completion.confidence) == ("y", None)


def test_doubtful_text_is_withheld_and_says_how_doubtful_it_is() -> None:
    completion = complete("x = ‸", "a + b + c + d + e", 1.0)
    assert (completion.text, completion.reason) == ("", Reason.DOUBTFUL)
    assert completion.confidence is not None
    assert completion.confidence < 0.8
    assert len(completion.features) == COUNT


def test_who_asks_is_shown_everything() -> None:
    assert complete("x = ‸", "a + b + c + d + e", 1.0, explicit=True).text == "a + b + c + d + e"


def test_a_block_is_cut_to_the_statements_that_are_likely_enough() -> None:
    marked, says = "def f():\n    ‸\n", "a = 1\n    b = 2\n    c = 3\n    d = 4"
    shown = [complete(marked, says, precision).text.count("\n") for precision in (0.0, 0.4, 0.6)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == 3
    assert shown[-1] < 3


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ('x = """a\n    b\n    c d e f g h\n    """', ""),  # what is likely enough leaves a string open
        ("if a:  # b\n        c = d + e + f + g", ""),  # or ends in what looks finished and is not
        ("x = 1\n    if a:  # b\n        c = d + e + f + g", "x = 1"),
        ("x = [\n        a + b + c + d + e + f]", "x = ["),
    ],
)
def test_a_part_that_is_likely_enough_is_shown_only_where_it_can_stand(says: str, shown: str) -> None:
    assert complete("def f():\n    ‸\n", says, 0.5).text == shown


def test_a_threshold_lies_between_those_that_were_fitted() -> None:
    assert [calibration().threshold(precision) for precision in (0.0, 0.25, 0.5, 0.75)] == pytest.approx([0.0, 0.2, 0.4, 0.6])


FEATURE_ROWS = st.lists(st.floats(-5, 5), min_size=COUNT, max_size=COUNT)


@given(rows=st.lists(st.tuples(FEATURE_ROWS, st.booleans()), max_size=30), row=FEATURE_ROWS)
def test_what_is_learnt_here_stays_within_bounds(rows: list[tuple[list[float], bool]], row: list[float]) -> None:
    confidence = Confidence(calibration())
    for features, kept in rows:
        confidence.observe(features, kept)
    assert abs(confidence.shift) <= MOST_SHIFT
    assert 0 <= confidence.probability("", row) <= 1


def test_acceptances_raise_and_dismissals_lower_what_is_said() -> None:
    row = [0.0] * COUNT
    glad, sorry = Confidence(calibration(), shift=0.0), Confidence(calibration())
    before = glad.probability("", row)
    for _ in range(20):
        glad.observe(row, True)
        sorry.observe(row, False)
    assert sorry.probability("", row) < before < glad.probability("", row)


def test_features_fit_their_names() -> None:
    document = Document("file:///w/a.py", "a.py", "python", "value = 1\nx = ")
    generated = Generated(
        "value\n",
        (1, 2, 3),
        (-2.0, -0.5, -0.1),
        Stop.TEXT,
        ends=(2, 5, 5),
        chances=(-1.0, -0.5, -0.1),
        entropies=(2.0, 1.0, 0.5),
    )
    named = dict(zip(FEATURES, features_of(generated, "value", Place(document, len(document.text))), strict=True))
    assert named["log_chance"] == pytest.approx(-1.6)
    assert named["chance"] == pytest.approx(math.exp(-1.6))
    assert (named["first_log_chance"], named["last_log_chance"], named["end_log_chance"]) == (-1.0, -0.5, pytest.approx(-0.1))
    assert (named["seen_text"], named["seen_line"], named["unknown_names"], named["python"], named["go"]) == (1, 0, 0, 1, 0)
    assert (named["mean_entropy"], named["largest_entropy"]) == (1.5, 2.0)


def test_the_shipped_bundle_has_a_calibration_that_can_be_read() -> None:
    from lowabs_lsp.engine.bundle import CALIBRATION, default_folder, open_bundle

    bundle = open_bundle(default_folder())
    if CALIBRATION in bundle.manifest.files:
        Calibration.read(Path(bundle.path(CALIBRATION)).read_text())
