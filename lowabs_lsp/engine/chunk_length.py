"""How many tokens of a prompt to compute in one run: a run is ended between two operators, so none may take long."""

LONGEST = 256
"""As fast as a whole prompt at once with half the scratch memory, and a place to stop."""

SHORTEST = 16
"""Below that a token costs much more."""

LAYER_SECONDS = 0.02
"""Of a run. A layer's longest operator, the product with the feed-forward's matrices, takes less than half of it."""


class ChunkLength:
    """Learns what a token of a prompt takes here; owned by the engine's model. Bits do not depend on what it chooses."""

    def __init__(self, layers: int, longest: int = LONGEST) -> None:
        self._layers, self._longest = layers, longest
        self._seconds: float | None = None
        """Of a token."""

    def choose(self) -> int:
        """Tokens of the next run, an even number; few where nothing is known about the model yet."""
        if self._seconds is None:
            return min(4 * SHORTEST, self._longest)
        fitting = int(LAYER_SECONDS * self._layers / self._seconds)
        return min(self._longest, max(SHORTEST, fitting - fitting % 2))

    def learn(self, tokens: int, seconds: float) -> None:
        """A run of so many tokens took so long; a slow moment of the machine weighs little."""
        taken = seconds / tokens
        known = taken if self._seconds is None else self._seconds
        self._seconds = known + 0.3 * (min(taken, 2 * known) - known)
