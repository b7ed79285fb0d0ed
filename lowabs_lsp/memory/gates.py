"""How far to trust each slot of the evidence, and the model: a softmax over a small network, learnt by likelihood."""

from importlib import resources
from typing import IO

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from lowabs_lsp.memory.evidence import Counts, Evidence
from lowabs_lsp.values import FloatArray

UNSEEN = 1e-9
"""Keeps divisions and logarithms finite where nothing was seen."""
LEAST_LOGPROB = -10.0
RATE = 0.01
"""Step of the online gradient; from 0.003 to 0.03 it made no difference on any repository."""


@frozen(eq=False)
class Reading:
    """Evidence as shares, with the numbers that the gates decide by."""

    evidence: Evidence
    shares: Counts
    """[K, slots]: of what followed in a slot, the part that was the candidate."""
    features: Counts
    """[4 x slots + 2]."""


def read(evidence: Evidence, logprobs: FloatArray | None) -> Reading:
    """Take stock of `evidence` beside the model's log-probabilities [V], or without a model. Needs a candidate."""
    totals, counts = evidence.totals, evidence.counts
    shares = counts / np.maximum(totals, UNSEEN)
    best = shares.argmax(axis=0)
    agreement, sure, rest = np.zeros(len(totals)), 0.0, 0.0
    if logprobs is not None:
        said = logprobs[evidence.candidates].astype(np.float64)
        agreement = (totals > 0) * np.maximum(said, LEAST_LOGPROB)[best]
        sure, rest = float(logprobs.max()), float(np.log(max(1 - np.exp(said).sum(), 1e-5)))
    features = np.concatenate(
        (
            0.3 * np.log1p(totals),
            0.3 * np.log1p((counts > 0).sum(axis=0)),
            shares.max(axis=0),
            0.2 * agreement,
            (0.3 * sure, 0.3 * rest),
        )
    )
    return Reading(evidence, shares, features)


@frozen(eq=False)
class Gates:
    """One hidden layer; the last output is the model's."""

    inner: NDArray[np.float64]
    """[H, features]."""
    inner_bias: NDArray[np.float64]
    outer: NDArray[np.float64]
    """[slots + 1, H + 1], the bias in the last column."""

    def hidden(self, reading: Reading) -> Counts:
        """[H + 1], a one at the end."""
        return np.append(np.tanh(self.inner @ reading.features + self.inner_bias), 1.0)

    def open(self, reading: Reading) -> Counts:
        """[slots + 1] weights that sum to one; slots that saw nothing have none."""
        return self._softmax(self.outer @ self.hidden(reading), reading)

    def learnt(self, reading: Reading, right: Counts) -> "Gates":
        """After one step up the likelihood of a token to which the slots, and last the model, gave `right` [slots + 1]."""
        hidden = self.hidden(reading)
        gates = self._softmax(self.outer @ hidden, reading)
        said = gates * right
        blame = said / max(said.sum(), UNSEEN) - gates
        return evolve(self, outer=self.outer + RATE * np.outer(blame, hidden))

    def _softmax(self, scores: Counts, reading: Reading) -> Counts:
        scores[:-1][reading.evidence.totals <= 0] = -np.inf
        weights = np.exp(scores - scores.max())
        shares: Counts = weights / weights.sum()
        return shares


def load_gates(name: str) -> Gates:
    """The gates that ship with the package: `mix` beside a model, `alone` without one."""
    with (resources.files("lowabs_lsp.memory") / "gates.npz").open("rb") as file:
        return read_gates(file, name)


def read_gates(file: IO[bytes], name: str) -> Gates:
    """One of the gates in an .npz file."""
    with np.load(file) as arrays:
        inner, inner_bias, outer = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("inner", "inner_bias", "outer"))
    return Gates(inner, inner_bias, outer)
