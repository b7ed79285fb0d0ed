"""The figures of docs/teams.md, measured anew: `python tests/cluster/measure.py` prints a Markdown table after some minutes."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lowabs_lsp.bench.people import Crowd, summary, type_away

sys.path.insert(0, str(Path(__file__).parent))

from two_nodes import TwoNodes, kill

APP = "lowabs_lsp.serving.cluster:build"
COLUMNS = ("people", "keys_per_second", "p50_ms", "p95_ms", "longest_ms", "reused_share", "tried_again", "failed")


def replicas(count: int, *more: str) -> tuple[str, ...]:
    return (APP, f"min_replicas={count}", f"max_replicas={count}", "cpus=0.25", "front_cpus=0.1", *more)


def show(name: str, crowd: Crowd, happens: Callable[[], None] | None = None) -> None:
    """One row: what people waited for, while something `happens` after five seconds."""
    timer = threading.Timer(5, happens) if happens else None
    if timer:
        timer.start()
    figures: dict[str, Any] = summary(crowd, type_away(crowd))
    if timer:
        timer.join()
    write_row([name, *(str(figures[column]) for column in COLUMNS)])


def write_row(cells: list[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def main() -> None:
    cluster = TwoNodes()
    try:
        cluster.add_worker()
        write_row(["what", *COLUMNS])
        write_row(["---"] * (1 + len(COLUMNS)))
        for count in (1, 2, 4):
            cluster.serve(*replicas(count))
            cluster.wait_for_engines(count)
            show(f"{count} replicas, people at 4 keys/s", Crowd((cluster.url,), people=10, seconds=15))
            show(f"{count} replicas, as fast as they go", Crowd((cluster.url,), people=24, seconds=15, keys_per_second=1000))
        show("4 replicas, sessions not kept", Crowd((cluster.url,), people=10, seconds=15, is_faithful=False))
        cluster.serve(*replicas(2, "per_node=1"))
        victim = cluster.wait_for_engines(2)[0]
        show("2 replicas, one is killed", Crowd((cluster.url,), people=10, seconds=20), lambda: kill(victim))
        cluster.wait_for_engines(2, without=[victim])
        show("2 nodes, one is killed", Crowd((cluster.url,), people=10, seconds=20), cluster.kill_worker)
    finally:
        cluster.end()


if __name__ == "__main__":
    main()
