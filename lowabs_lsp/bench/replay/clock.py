"""Two clocks: one on which nothing takes time but the person, one on which everything takes the time it takes."""

import time
from typing import Protocol

from attrs import define, field


class Clock(Protocol):
    """Milliseconds as the person counts them."""

    @property
    def now(self) -> int:
        """Milliseconds since the sitting began."""
        ...

    @property
    def is_real(self) -> bool:
        """Whether what a machine does takes time on this clock."""
        ...

    def wait_until(self, moment: int) -> None:
        """Let time pass until `moment`; nothing if it is over already."""
        ...

    def seconds_until(self, moment: int) -> float:
        """Wall time until `moment`, at least 0."""
        ...


@define
class VirtualClock:
    """Time passes only by waiting. The same on every machine."""

    now: int = 0
    is_real: bool = field(default=False, init=False)

    def wait_until(self, moment: int) -> None:
        """Be there."""
        self.now = max(self.now, moment)

    def seconds_until(self, moment: int) -> float:
        """Nothing has to be waited for."""
        return 0.0


@define
class RealClock:
    """The wall clock, for a person who is `speed` times as fast."""

    speed: float = 1.0
    is_real: bool = field(default=True, init=False)
    _began: float = field(factory=time.perf_counter)

    @property
    def now(self) -> int:
        """Milliseconds since the sitting began, as the faster person counts them."""
        return round((time.perf_counter() - self._began) * 1e3 * self.speed)

    def wait_until(self, moment: int) -> None:
        """Sleep."""
        if (seconds := self.seconds_until(moment)) > 0:
            time.sleep(seconds)

    def seconds_until(self, moment: int) -> float:
        """Wall time until `moment`, at least 0."""
        return max(0.0, moment / 1e3 / self.speed - (time.perf_counter() - self._began))
