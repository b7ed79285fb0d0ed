"""What is counted while a person types, and the figures that come of it. docs/replay.md defines each of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from attrs import define, field, fields, frozen

from lowabs_lsp.bench.replay.judgement import Place

RESAMPLES = 1000
Where = tuple[str, Place]
"""Language and kind of place."""


@define
class Tally:
    """Counts of one language at one kind of place. All of them add up."""

    keys: int = 0
    """Keys that type the text when nothing is completed."""
    keys_accepted: int = 0
    """Of `keys`, those that an accepted suggestion made needless."""
    acceptances: int = 0
    characters_accepted: int = 0
    requests: int = 0
    shown: int = 0
    """Suggestions shown. One that the person types along with, or that grows, is the same one."""
    wrong: int = 0
    """Of `shown`, those of which nothing was right when they appeared."""
    lines: int = 0
    """Requests at places where the rest of a line is still to be typed."""
    lines_answered: int = 0
    """Of `lines`, those at which something was shown."""
    lines_exact: int = 0
    """Of `lines`, those at which the first line shown is the rest of the line."""
    similarity: float = 0.0
    """Sum over `lines` of the edit similarity of the first line shown; silence is 0."""

    def add(self, other: "Tally") -> None:
        """Take in what another one counted."""
        for attribute in fields(Tally):
            setattr(self, attribute.name, getattr(self, attribute.name) + getattr(other, attribute.name))


@define
class SittingCounts:
    """What is counted in one sitting: deterministic on the virtual clock."""

    commit: str
    tallies: dict[Where, Tally] = field(factory=dict)
    accepted: Counter[str] = field(factory=Counter)
    """Acceptances by what was accepted: the whole, a line, a word."""
    presses: Counter[str] = field(factory=Counter)
    """Every key that was pressed, by its kind."""
    characters_kept: int = 0
    """Accepted characters that are still there when the last edit is done."""
    milliseconds: int = 0
    """On the person's clock."""
    model_calls: int = 0

    def at(self, where: Where) -> Tally:
        """The tally of a place."""
        return self.tallies.setdefault(where, Tally())

    def total(self) -> Tally:
        """All places together."""
        return summed(self.tallies.values())


@define
class MachineCounts:
    """What depends on the machine."""

    latencies: list[float] = field(factory=list)
    """Wall milliseconds from a key to each suggestion that came for it."""
    cpu_seconds: float = 0.0
    model_runs: int = 0
    """How many there are depends on how far ahead it pays to guess here."""


def summed(tallies: Iterable[Tally]) -> Tally:
    """One tally of all."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def rates(tally: Tally) -> dict[str, float]:
    """The figures of a tally. A share of nothing is 0."""
    return {
        "keys": tally.keys,
        "keystrokes_saved": _share(tally.keys_accepted - tally.acceptances, tally.keys),
        "exact_match": _share(tally.lines_exact, tally.lines),
        "exact_match_shown": _share(tally.lines_exact, tally.lines_answered),
        "edit_similarity": _share(tally.similarity, tally.lines),
        "edit_similarity_shown": _share(tally.similarity, tally.lines_answered),
        "shown_per_100_keys": _share(100 * tally.shown, tally.keys),
        "wrong_per_100_keys": _share(100 * tally.wrong, tally.keys),
        "wrong_share": _share(tally.wrong, tally.shown),
        "acceptances_per_100_keys": _share(100 * tally.acceptances, tally.keys),
    }


@frozen
class Figures:
    """What one policy comes to."""

    policy: str
    total: Mapping[str, float]
    by_language: Mapping[str, Mapping[str, float]]
    by_place: Mapping[str, Mapping[str, float]]
    saved_interval: tuple[float, float]
    """Where 95 % of resampled sets of commits put `keystrokes_saved`."""
    commits: Sequence[Mapping[str, object]]
    """Keys, keys saved and suggestions of each commit, for comparisons in pairs."""


def figures_of(policy: str, sittings: Sequence[SittingCounts]) -> Figures:
    """The figures of everything a policy was asked for."""
    tallies = [(where, tally) for sitting in sittings for where, tally in sitting.tallies.items()]
    total = summed(tally for _, tally in tallies)
    return Figures(
        policy=policy,
        total=_rounded(
            rates(total)
            | {
                "characters_accepted": total.characters_accepted,
                "characters_kept": sum(sitting.characters_kept for sitting in sittings),
                "characters_kept_share": _share(sum(s.characters_kept for s in sittings), total.characters_accepted),
                "model_calls_per_key": _share(sum(sitting.model_calls for sitting in sittings), total.keys),
            }
        ),
        by_language={
            language: _rounded(rates(summed(tally for (spoken, _), tally in tallies if spoken == language)))
            for language in sorted({language for (language, _), _ in tallies})
        },
        by_place={
            str(place): _rounded(rates(summed(tally for (_, kind), tally in tallies if kind == place))) for place in Place
        },
        saved_interval=saved_interval([(_saved(s.total()), s.total().keys) for s in sittings]),
        commits=[_commit_row(sitting) for sitting in sittings],
    )


def saved_interval(commits: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The 95 % interval of keys saved over keys by the percentile bootstrap (Efron 1979) over commits, always drawn alike."""
    random = Random("bootstrap")
    shares = []
    for _ in range(RESAMPLES):
        drawn = random.choices(commits, k=len(commits))
        shares.append(_share(sum(saved for saved, _ in drawn), sum(keys for _, keys in drawn)))
    shares.sort()
    return round(shares[int(0.025 * RESAMPLES)], 6), round(shares[int(0.975 * RESAMPLES) - 1], 6)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below `share` of all; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def machine_figures(machine: MachineCounts, keys: int) -> dict[str, float]:
    """What a key costs on this machine, and how long its suggestion takes."""
    return {
        "latency_p50_ms": round(quantile(machine.latencies, 0.50), 3),
        "latency_p95_ms": round(quantile(machine.latencies, 0.95), 3),
        "latency_p99_ms": round(quantile(machine.latencies, 0.99), 3),
        "suggestions_timed": len(machine.latencies),
        "model_runs_per_key": round(_share(machine.model_runs, keys), 6),
        "cpu_seconds_per_key": round(_share(machine.cpu_seconds, keys), 6),
    }


def _commit_row(sitting: SittingCounts) -> dict[str, object]:
    total = sitting.total()
    return {
        "commit": sitting.commit,
        "keys": total.keys,
        "keys_saved": _saved(total),
        "acceptances": {str(part): count for part, count in sorted(sitting.accepted.items())},
        "presses": {str(key): count for key, count in sorted(sitting.presses.items())},
        "shown": total.shown,
        "wrong": total.wrong,
        "minutes": round(sitting.milliseconds / 60_000, 2),
    }


def _saved(tally: Tally) -> int:
    return tally.keys_accepted - tally.acceptances


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}
