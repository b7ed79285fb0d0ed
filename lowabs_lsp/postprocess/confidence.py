"""The calibrated probability that a completion will be kept, and where a wanted precision puts the line.

A hidden layer, an isotonic map and a table from precision to threshold, all fitted by `lowabs-model calibrate` and shipped
in a bundle as `confidence.json`; and two numbers more, learnt on this machine from what is accepted and what is not.
"""

import json
import logging
import math
from collections.abc import Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from lowabs_lsp.errors import BundleError
from lowabs_lsp.postprocess.features import FEATURES

logger = logging.getLogger(__name__)

FILE = "confidence.json"
FARTHEST = 3.0
"""Deviations from the mean beyond which a feature says no more."""
RATE = 0.02
"""Step of the local refinement; it is drawn back to the shipped figures by `PULL`."""
PULL = 0.002
MOST_SHIFT = 1.5
"""In logits: what is learnt locally never turns a sure thing into a doubtful one."""

Row = NDArray[np.float64]


@frozen(eq=False)
class Calibration:
    """What confidence.json holds."""

    mean: Row
    """[F], taken from each feature."""
    scale: Row
    """[F], by which it is then divided."""
    inner: Row
    """[H, F]."""
    inner_bias: Row
    """[H]."""
    outer: Row
    """[H + F]: the weights of the hidden layer, then of the features themselves."""
    outer_bias: float
    scores: Row
    """[K] rising scores in logits."""
    probabilities: Row
    """[K] the probability at each; linear between, and level beyond."""
    precisions: Row
    """[P] rising."""
    thresholds: Row
    """[P] the least probability to be shown for the precision of what is shown to reach each."""
    fitted: dict[str, Any] = field(factory=dict)
    """On what, and how good it is there."""

    def score(self, features: Sequence[float]) -> float:
        """In logits, before the isotonic map."""
        x = np.clip((np.array(features) - self.mean) / self.scale, -FARTHEST, FARTHEST)
        hidden = np.tanh(self.inner @ x + self.inner_bias)
        return float(self.outer @ np.concatenate((hidden, x))) + self.outer_bias

    def probability(self, score: float) -> float:
        """That a completion of this score is kept."""
        return float(np.interp(score, self.scores, self.probabilities))

    def threshold(self, precision: float) -> float:
        """The least probability to show, for `precision` of all that is shown to be right. 0 shows everything."""
        return float(np.interp(precision, self.precisions, self.thresholds)) if precision > 0 else 0.0

    @classmethod
    def read(cls, text: str) -> Self:
        """From confidence.json. Raises BundleError."""
        try:
            raw = json.loads(text)
            names = tuple(raw["features"])
            if names != FEATURES:
                raise BundleError(f"{FILE}: was fitted to other features; run `lowabs-model calibrate` again for this bundle")
            arrays = {name: np.array(raw[name], float) for name in _ARRAYS}
            return cls(**arrays, outer_bias=float(raw["outer_bias"]), fitted=raw.get("fitted", {}))
        except (ValueError, KeyError, TypeError) as exc:
            raise BundleError(f"{FILE}: is not a calibration ({exc!r}); copy the model folder again") from exc

    def write(self) -> str:
        """What `read` reads."""
        arrays = {name: np.round(getattr(self, name), 5).tolist() for name in _ARRAYS}
        raw = {"features": FEATURES, **arrays, "outer_bias": round(self.outer_bias, 5), "fitted": self.fitted}
        return json.dumps(raw, indent=1) + "\n"


_ARRAYS = (
    "mean", "scale", "inner", "inner_bias", "outer", "scores", "probabilities", "precisions", "thresholds",
)  # fmt: skip


class Judge(Protocol):
    """Says how likely a text is to be kept."""

    def probability(self, text: str, features: Sequence[float]) -> float:
        """Of all of `text`, given its features."""
        ...

    def threshold(self, precision: float) -> float:
        """The least probability to show, for `precision` of all that is shown to be right."""
        ...


class Confidence:
    """A calibration and what this machine has learnt beyond it. One thread at a time."""

    def __init__(self, calibration: Calibration, slope: float = 1.0, shift: float = 0.0) -> None:
        self.calibration = calibration
        self.slope, self.shift = slope, shift
        """The refined logit of a probability is `slope` times its logit, plus `shift`."""

    def probability(self, text: str, features: Sequence[float]) -> float:
        """That all of `text` will be kept."""
        shipped = self.calibration.probability(self.calibration.score(features))
        return shipped if (self.slope, self.shift) == (1.0, 0.0) else _sigmoid(self.slope * _logit(shipped) + self.shift)

    def threshold(self, precision: float) -> float:
        """As the calibration says: probabilities are refined, what they mean is not."""
        return self.calibration.threshold(precision)

    def observe(self, features: Sequence[float], kept: bool) -> None:
        """A completion with these features (`Completion.features`) was accepted and left in place, or it was not."""
        if len(features) != len(FEATURES):
            return
        logit = _logit(self.calibration.probability(self.calibration.score(features)))
        error = float(kept) - _sigmoid(self.slope * logit + self.shift)
        self.slope = min(max(self.slope + RATE * error * logit / 4 + PULL * (1 - self.slope), 0.5), 1.5)
        self.shift = min(max(self.shift + RATE * error - PULL * self.shift, -MOST_SHIFT), MOST_SHIFT)


@runtime_checkable
class Calibrated(Protocol):
    """An engine whose model brings a calibration."""

    @property
    def calibration(self) -> str:
        """The text of confidence.json; empty where the bundle has none."""
        ...


def confidence_of(engine: object) -> Confidence | None:
    """That of an engine's model. One that cannot be read is one log line: completions go on without it."""
    text = engine.calibration if isinstance(engine, Calibrated) else ""
    try:
        return Confidence(Calibration.read(text)) if text else None
    except BundleError as error:
        logger.warning("event=no-confidence error=%s", error)
        return None


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
