"""Learn the gates of the workspace memory by likelihood, on repositories that the model has not seen."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor, nn

from lowabs_lsp.memory.gates import Gates, read
from lowabs_lsp.memory.mix import given_to
from lowabs_model.evaluate.memory_places import Place

HIDDEN = 16
"""Units; 32 and 64 gained nothing."""
EPOCHS = 12
RATE = 6e-3
BATCH = 256


@frozen(eq=False)
class Lessons:
    """What gates learn from: P places."""

    features: Tensor
    """[P, features]."""
    seen: Tensor
    """[P, slots] true where the slot saw the context; and for the model, always."""
    given: Tensor
    """[P, slots + 1] probability that each slot, and last the model, gave to the right token."""

    def pick(self, which: Tensor) -> "Lessons":
        """Some of the places."""
        return Lessons(self.features[which], self.seen[which], self.given[which])


def lessons(places: Iterable[Place], *, beside_model: bool) -> Lessons:
    """Take the places in; those without evidence teach nothing and are left out."""
    rows: list[tuple[NDArray[np.floating], ...]] = []
    for place in places:
        if not len(place.evidence.candidates):
            continue
        reading = read(place.evidence, place.logprobs if beside_model else None)
        chance = float(np.exp(place.logprobs[place.token])) if beside_model else 1 / len(place.logprobs)
        rows.append((reading.features, place.evidence.totals, given_to(reading, place.token, chance)))
    features, totals, given = (torch.tensor(np.array(column), dtype=torch.float32) for column in zip(*rows, strict=True))
    return Lessons(features, torch.cat((totals > 0, torch.ones(len(rows), 1, dtype=torch.bool)), dim=1), given)


def join(parts: Sequence[Lessons]) -> Lessons:
    """Several repositories as one."""
    return Lessons(
        torch.cat([part.features for part in parts]),
        torch.cat([part.seen for part in parts]),
        torch.cat([part.given for part in parts]),
    )


class GateNetwork(nn.Module):
    """`lowabs_lsp.memory.gates.Gates`, in torch."""

    def __init__(self, features: int, slots: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(features, HIDDEN), nn.Linear(HIDDEN, slots + 1)

    def nats(self, batch: Lessons) -> Tensor:
        """[P] negative log-likelihoods."""
        scores = self.outer(torch.tanh(self.inner(batch.features))).masked_fill(~batch.seen, -torch.inf)
        said = (torch.softmax(scores, dim=1) * batch.given).sum(dim=1)
        return -torch.log(said.clamp(min=1e-12))

    def gates(self) -> Gates:
        """The same for serving."""
        outer = torch.cat((self.outer.weight, self.outer.bias[:, None]), dim=1)
        inner, bias, last = (p.detach().double().numpy() for p in (self.inner.weight, self.inner.bias, outer))
        return Gates(inner, bias, last)


def fit(data: Lessons, *, epochs: int = EPOCHS, seed: int = 0) -> GateNetwork:
    """Adam, its rate falling to nothing."""
    torch.manual_seed(seed)
    network = GateNetwork(data.features.shape[1], data.given.shape[1] - 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = epochs * -(-len(data.given) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(epochs):
        for which in torch.split(torch.randperm(len(data.given)), BATCH):
            loss = network.nats(data.pick(which)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            schedule.step()
    return network


def write_gates(file: Path, gates: dict[str, Gates]) -> None:
    """What `lowabs_lsp.memory.gates.read_gates` reads."""
    arrays = {
        f"{name}.{part}": getattr(each, part).astype(np.float32)
        for name, each in gates.items()
        for part in ("inner", "inner_bias", "outer")
    }
    with file.open("wb") as written:
        np.savez_compressed(written, **arrays)
