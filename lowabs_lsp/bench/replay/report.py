"""Figures as a table for people and as JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict

from lowabs_lsp.bench.replay.run import PolicyResult, ReplayResult

Column = tuple[str, Callable[[PolicyResult], str]]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


_COLUMNS: Sequence[Column] = (
    ("policy", lambda result: result.figures.policy),
    ("keys saved", lambda result: _percent(result.figures.total["keystrokes_saved"])),
    ("95 % interval", lambda result: " to ".join(f"{100 * end:.1f}" for end in result.figures.saved_interval)),
    ("line exact", lambda result: _percent(result.figures.total["exact_match"])),
    ("of those shown", lambda result: _percent(result.figures.total["exact_match_shown"])),
    ("similarity", lambda result: f"{100 * result.figures.total['edit_similarity']:.1f}"),
    ("shown / 100 keys", lambda result: f"{result.figures.total['shown_per_100_keys']:.1f}"),
    ("wrong / 100 keys", lambda result: f"{result.figures.total['wrong_per_100_keys']:.1f}"),
    ("accepted", lambda result: f"{result.figures.total['characters_accepted']:.0f}"),
    ("kept", lambda result: _percent(result.figures.total["characters_kept_share"])),
    ("model calls / key", lambda result: f"{result.figures.total['model_calls_per_key']:.2f}"),
    ("CPU ms / key", lambda result: f"{1e3 * result.machine['cpu_seconds_per_key']:.1f}"),
    (
        "p50 / p95 / p99 ms",
        lambda result: " / ".join(f"{result.machine[f'latency_p{share}_ms']:.0f}" for share in (50, 95, 99)),
    ),
)


def as_table(result: ReplayResult) -> str:
    """One row for each policy, and below it the keys saved by language and by kind of place. Markdown."""
    options, keys = result.options, int(result.policies[0].figures.total["keys"])
    clock = "virtual clock" if options.clock == "virtual" else f"real clock at speed {options.speed:g}"
    title = (
        f"{options.repository.absolute().name} at {result.head[:10]}: {len(result.sessions)} commits, {keys} keys, "
        f"seed {options.seed}, {clock}"
    )
    rows = [[cell(policy) for _, cell in _COLUMNS] for policy in result.policies]
    tables = [_markdown([name for name, _ in _COLUMNS], rows)]
    tables.append(_breakdown("language", [(each.figures.policy, each.figures.by_language) for each in result.policies]))
    tables.append(_breakdown("place", [(each.figures.policy, each.figures.by_place) for each in result.policies]))
    return "\n\n".join([title, *tables])


def _breakdown(what: str, policies: Sequence[tuple[str, Mapping[str, Mapping[str, float]]]]) -> str:
    kinds = [kind for kind, rates in policies[0][1].items() if rates["keys"]]
    rows = []
    for kind in kinds:
        saved = [_percent(rates[kind]["keystrokes_saved"]) if kind in rates else "" for _, rates in policies]
        rows.append([kind, f"{policies[0][1][kind]['keys']:.0f}", *saved])
    return _markdown([what, "keys", *(f"{name} saves" for name, _ in policies)], rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def as_json(result: ReplayResult) -> dict[str, Any]:
    """Everything, with what depends on the machine apart from what does not."""
    options = result.options
    return {
        "repository": options.repository.absolute().name,
        "head": result.head,
        "revision": options.revision,
        "seed": options.seed,
        "clock": options.clock,
        "speed": options.speed,
        "latency_ms": options.latency,
        "commits": [session.commit for session in result.sessions],
        "figures": {policy.figures.policy: asdict(policy.figures) for policy in result.policies},
        "machine": {policy.figures.policy: dict(policy.machine) for policy in result.policies},
    }
