"""A peer's prompts without its patience: what it would show if it asked and showed at once, to tell the two apart."""

from pathlib import Path

from attrs import frozen

from lowabs_lsp.bench.replay.policy import Event, MakePolicy, Policy, Request, Timing
from lowabs_lsp.values import Cancelled, Completion, Engine


@frozen
class AtOnce:
    """A policy that waits for nothing."""

    patient: Policy

    def observe(self, event: Event) -> None:
        """As the policy itself does."""
        self.patient.observe(event)

    def timing(self, request: Request) -> Timing:
        """At once."""
        return Timing()

    def complete(self, request: Request, cancelled: Cancelled) -> Completion:
        """As the policy itself does."""
        return self.patient.complete(request, cancelled)


def at_once(make_policy: MakePolicy) -> MakePolicy:
    """The policy without its patience."""

    def make(engine: Engine, root: Path, seed: str) -> Policy:
        return AtOnce(make_policy(engine, root, seed))

    return make
