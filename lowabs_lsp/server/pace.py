"""How much one completion may take: tokens and time by the speed of this machine, as measured while it works."""

import time
from collections.abc import Callable

from attrs import define

from lowabs_lsp.settings import CompletionSettings
from lowabs_lsp.values import Generated, Limits

WEIGHT = 0.2
"""Of the newest measurement in the averages."""
FEWEST = 8
"""Tokens that a completion may have on any machine: less is hardly a line."""
AT_ONCE = 60.0
"""Milliseconds that a completion may take for the model to be asked with each key, without waiting for the next one."""
LONGEST_WAIT = 80.0
"""Milliseconds of waiting for the next key at most: a person types one in 130."""


@define
class Pace:
    """Measures one engine; averages over its last completions, in milliseconds."""

    clock: Callable[[], float] = time.monotonic
    per_token: float = 0.0
    """Of a generated token; 0 before the first measurement."""
    before_first: float = 0.0
    """Until the model has read what is new in its prompt."""

    def measure(self, generated: Generated) -> None:
        """Take in what a completion took."""
        if generated.model_runs and generated.tokens:
            timings = generated.timings
            self.per_token = _average(self.per_token, timings.decode / len(generated.tokens))
            self.before_first = _average(self.before_first, timings.encode + timings.prefill)

    def limits(self, settings: CompletionSettings, asked_at: float) -> Limits:
        """For a request that came at `asked_at` on the clock: as many tokens as fit its deadline."""
        if not settings.deadline:
            return Limits()
        left = settings.deadline - self.before_first
        most = int(left / self.per_token) if self.per_token else settings.max_tokens
        return Limits(max_tokens=max(FEWEST, min(most, settings.max_tokens)), deadline=asked_at + settings.deadline / 1e3)

    def delay(self, settings: CompletionSettings) -> float:
        """Seconds to wait for the next key: what is set, or more where the model takes so long that most runs were in vain."""
        usual = self.before_first + FEWEST * self.per_token
        return max(settings.debounce, min(LONGEST_WAIT, max(0.0, usual - AT_ONCE))) / 1e3


def _average(old: float, new: float) -> float:
    return new if not old else (1 - WEIGHT) * old + WEIGHT * new
