"""Which replicas have had a job, told by the ring to the front that waits for it."""

from collections.abc import Callable, Hashable


class Route:
    """The way of one job. The ring writes it on its router's thread; the replicas that it travels to need none of it."""

    def __init__(self) -> None:
        self.asked: list[Hashable] = []
        """Replicas that have had the job, one for each try."""
        self.others: Callable[[], bool] | None = None
        """Whether a replica is there that is not among them; None before the first try."""

    def has_another(self) -> bool:
        """Whether another try would reach another replica."""
        return self.others is not None and self.others()

    def __reduce__(self) -> tuple[type["Route"], tuple[()]]:
        return Route, ()
