"""The commands about what was completed on this machine: `stats`, `replay`, `doctor --last`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.ledger import Ledger, RequestLine, state_folder
from lowabs_lsp.settings import Settings, load_settings

if TYPE_CHECKING:  # numpy comes with it
    from lowabs_lsp.values import Engine

EVENTS = ("shown", "accepted", "partly", "typed", "dismissed", "characters", "retained")
NOTHING_YET = "nothing is written down yet; complete something in an editor, with the setting history.statistics at true"


def add_stats_options(parser: argparse.ArgumentParser) -> None:
    """Describe `lowabs-lsp stats`."""
    parser.add_argument("--days", type=int, metavar="N", help="only the last N days, today included")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON, by language and event")
    parser.set_defaults(run=_stats, log_level="error")


def add_replay_options(parser: argparse.ArgumentParser, open_engine: Callable[[Settings], Engine]) -> None:
    """Describe `lowabs-lsp replay`; `open_engine` opens the model of the recording."""
    parser.add_argument("id", metavar="ID", help="of a recorded request, as `lowabs-lsp doctor --last` lists them")
    parser.set_defaults(run=lambda options: _replay(options.id, open_engine), log_level="error")


def _replay(name: str, open_engine: Callable[[Settings], Engine]) -> int:
    from lowabs_lsp.recording import Tape, replay

    recording = Tape(state_folder()).load(name)
    about = recording.about
    engine = open_engine(load_settings({"model": about["model"], "engine": about["engine"]}))
    print(f"{name}: {about['path']}, {about['language']}, {about['reason']}, by {about['description']}")
    print(f"it said {recording.generated.text!r}, of which was shown {about['text']!r}")
    difference = replay(recording, engine)
    if difference and engine.description != about["description"]:
        difference += f"; but this is {engine.description}"
    print(difference or f"computed again: {len(recording.generated.tokens)} tokens, every bit is the same")
    return 1 if difference else 0


def _stats(options: argparse.Namespace) -> int:
    if options.days is not None and options.days < 1:
        raise LowabsError(f"--days {options.days}: must be at least 1")
    since = (date.today() - timedelta(days=options.days - 1)).isoformat() if options.days else ""
    counts = Ledger(state_folder()).counts(since)
    if options.json:
        print(json.dumps(counts, indent=1, sort_keys=True))
    else:
        print(stats_table(counts) if counts else NOTHING_YET)
    return 0 if counts else 1


def stats_table(counts: dict[str, dict[str, int]]) -> str:
    """One line for each language, and their sum."""
    total = {event: sum(events.get(event, 0) for events in counts.values()) for event in EVENTS}
    rows = [*sorted(counts.items()), ("all", total)] if len(counts) > 1 else list(counts.items())
    head = (
        f"{'language':<16} {'shown':>8} {'accepted':>9} {'partly':>7} {'typed':>7} {'taken':>7} {'characters':>10} {'kept':>7}"
    )
    return "\n".join([head, *(_row(language, events) for language, events in rows)])


def _row(language: str, events: dict[str, int]) -> str:
    shown, accepted, partly, typed, _, characters, retained = (events.get(event, 0) for event in EVENTS)
    return (
        f"{language or '-':<16} {shown:>8} {accepted:>9} {partly:>7} {typed:>7} {_share(accepted + partly, shown):>7} "
        f"{characters:>10} {_share(retained, characters):>7}"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def print_last(count: int, *, as_json: bool) -> int:
    """Print the last requests for `doctor --last`; the exit code."""
    lines = Ledger(state_folder()).last(count)
    if as_json:
        print(json.dumps([_as_json(line) for line in lines], indent=1))
    else:
        print(last_table(lines) if lines else NOTHING_YET)
    return 0 if lines else 1


def last_table(lines: Sequence[RequestLine]) -> str:
    """One line for each request, the oldest first."""
    head = f"{'time':<19}  {'id':<12} {'asked by':<16} {'language':<14} {'reason':<22} {'ms':>8} {'tokens':>6} {'runs':>5}"
    return "\n".join([head, *map(_request_row, lines)])


def _request_row(line: RequestLine) -> str:
    at = datetime.fromtimestamp(line.at).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"{at:<19}  {line.id:<12} {line.method:<16} {line.language or '-':<14} {line.reason:<22} {line.ms:>8.1f} "
        f"{line.tokens:>6} {line.runs:>5}"
    )


def _as_json(line: RequestLine) -> dict[str, object]:
    names = ("at", "id", "method", "language", "reason", "ms", "tokens", "prompt", "reused", "runs")
    return {name: getattr(line, name) for name in names}
