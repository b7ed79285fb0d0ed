"""The figures of docs/teams.md, measured anew: `python tests/cluster/measure.py` prints a Markdown table after some minutes."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lowabs_lsp.bench.people import Crowd, summary, type_away

sys.path.insert(0, str(Path(__file__).parent))

from two_nodes import ENGINE, FRONT, PROXY, TwoNodes, kill

APP = "lowabs_lsp.serving.cluster:build"
COLUMNS = ("people", "keys_per_second", "p50_ms", "p95_ms", "longest_ms", "reused_share", "tried_again", "failed")

KINDS = (ENGINE, FRONT, PROXY)


def replicas(count: int, *more: str) -> tuple[str, ...]:
    return (APP, f"min_replicas={count}", f"max_replicas={count}", "cpus=0.25", "front_cpus=0.1", *more)


def show(cluster: TwoNodes, name: str, crowd: Crowd, happens: Callable[[], None] | None = None) -> None:
    """One row: what people waited for, while something `happens` after five seconds, and the processor time of a key."""
    timer = threading.Timer(5, happens) if happens else None
    before = {kind: cluster.processor_seconds(kind) for kind in KINDS}
    if timer:
        timer.start()
    figures: dict[str, Any] = summary(crowd, type_away(crowd))
    if timer:
        timer.join()
    used = [1e3 * (cluster.processor_seconds(kind) - before[kind]) / figures["keys"] for kind in KINDS]
    costs = ["" if timer else f"{milliseconds:.1f}" for milliseconds in used]  # the dead take theirs with them
    write_row([name, *(str(figures[column]) for column in COLUMNS), *costs])


def write_row(cells: list[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def main() -> None:
    cluster = TwoNodes()
    try:
        cluster.add_worker()
        write_row(["what", *COLUMNS, "engine_cpu_ms", "front_cpu_ms", "proxy_cpu_ms"])
        write_row(["---"] * (4 + len(COLUMNS)))
        for count in (1, 2, 4):
            cluster.serve(*replicas(count))
            cluster.wait_for_engines(count)
            show(cluster, f"{count} replicas, people at 4 keys/s", Crowd((cluster.url,), people=10, seconds=15))
            show(
                cluster,
                f"{count} replicas, as fast as they go",
                Crowd((cluster.url,), people=24, seconds=15, keys_per_second=1000),
            )
        cluster.serve(*replicas(4, "kv_memory=6"))  # four documents of the default model each
        cluster.wait_for_engines(4)
        show(cluster, "4 replicas of 4 documents, sessions kept", Crowd((cluster.url,), people=10, seconds=15))
        show(cluster, "4 replicas of 4 documents, not kept", Crowd((cluster.url,), people=10, seconds=15, is_faithful=False))
        cluster.run("shutdown", "--yes")  # replicas that run already would stay where they are
        cluster.serve(*replicas(2, "per_node=1"))
        victim = cluster.wait_for_engines(2)[0]
        show(cluster, "2 replicas, one is killed", Crowd((cluster.url,), people=10, seconds=20), lambda: kill(victim))
        cluster.wait_for_engines(2, without=[victim])
        show(cluster, "2 nodes, one is killed", Crowd((cluster.url,), people=10, seconds=20), cluster.kill_worker)
    finally:
        cluster.end()


if __name__ == "__main__":
    main()
