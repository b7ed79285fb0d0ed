"""How many guesses to verify in one run: as many as this machine's times and the guesses' own record make worth it."""

import collections

PRIOR_ACCEPTANCE, PRIOR_WEIGHT = 0.9, 4.0
"""Before anything is known guesses are believed, so that they get a record."""

FORGET = 0.97
"""What a record keeps of itself at each run: it covers the last thirty or so."""

PRIOR_SLOPE = 0.04
"""What a further token adds to a run, in runs of none, before it is measured (0.03 to 0.07 on two CPU cores)."""


class DraftLength:
    """Learns from each run; owned by the engine's model, whoever drafts.

    A guess is taken to be right with one probability for all places of a proposal (as Leviathan et al. 2023 do), known by
    the proposal's length: sources propose the more, the surer they are.
    """

    def __init__(self, unit: int = 2) -> None:
        """Runs have a multiple of `unit` tokens."""
        self._unit = unit
        self._right: dict[int, float] = collections.defaultdict(lambda: PRIOR_ACCEPTANCE * PRIOR_WEIGHT)
        self._judged: dict[int, float] = collections.defaultdict(lambda: PRIOR_WEIGHT)
        self._times: dict[int, float] = {}
        """Seconds of a run by its number of tokens."""

    def choose(self, proposed: int) -> int:
        """How many of so many guesses to verify: those that bring most tokens a second."""
        acceptance = self.acceptance(proposed)
        best, best_rate, expected, survives = 0, 1 / self.seconds(1), 1.0, 1.0
        for count in range(1, proposed + 1):
            survives *= acceptance
            expected += survives
            rate = expected / self.seconds(count + 1)
            if rate > best_rate:
                best, best_rate = count, rate
        return best

    def acceptance(self, proposed: int) -> float:
        """Probability that a guess of a proposal of this length is right, when those before it are."""
        kind = proposed.bit_length()
        return self._right[kind] / self._judged[kind]

    def seconds(self, tokens: int) -> float:
        """What a run of so many tokens takes; in runs of none where nothing was measured."""
        tokens += -tokens % self._unit
        if not self._times:
            return 1 + PRIOR_SLOPE * tokens
        nearest = min(self._times, key=lambda known: abs(known - tokens))
        return self._times[nearest] * (1 + PRIOR_SLOPE * tokens) / (1 + PRIOR_SLOPE * nearest)

    def learn_time(self, tokens: int, seconds: float) -> None:
        """A run of so many tokens behind a long past took so long; a slow moment of the machine weighs little."""
        tokens += -tokens % self._unit
        known = self._times.get(tokens, seconds)
        self._times[tokens] = known + 0.1 * (min(seconds, 2 * known) - known)

    def learn_acceptance(self, proposed: int, verified: int, accepted: int) -> None:
        """Of a proposal so many guesses were verified, the first so many were right; those behind a wrong one say nothing."""
        kind = proposed.bit_length()
        self._right[kind] = FORGET * self._right[kind] + accepted
        self._judged[kind] = FORGET * self._judged[kind] + min(accepted + 1, verified)
