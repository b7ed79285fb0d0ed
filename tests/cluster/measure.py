"""The figures of docs/teams.md, measured anew, as Markdown: `python tests/cluster/measure.py [load|affinity|deaths]`."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from lowabs_lsp.bench.people import Crowd, Waited, summary, type_away

sys.path.insert(0, str(Path(__file__).parent))

from two_nodes import ENGINE, FRONT, PROXY, TwoNodes, kill

APP = "lowabs_lsp.serving.cluster:build"
COLUMNS = ("people", "keys_per_second", "p50_ms", "p95_ms", "longest_ms", "reused_share", "tried_again", "failed")

KINDS = (ENGINE, FRONT, PROXY)

FOUR_DOCUMENTS = "kv_memory=7"
"""MB; one document of the default model takes 1.6."""

DRAWS = 4
"""Crowds whose sessions fall on the replicas anew: with few replicas chance puts more people on one than it has room for."""

BEFORE, AFTER = 3.0, 4.0
"""Seconds of typing before a death, and those after it in which a key counts as its victim."""

REPLICA_DEATHS, NODE_DEATHS = 6, 3


def replicas(count: int, *more: str) -> tuple[str, ...]:
    return (APP, f"min_replicas={count}", f"max_replicas={count}", "cpus=0.25", "front_cpus=0.1", *more)


def show(cluster: TwoNodes, name: str, crowd: Crowd, draws: int = 1) -> None:
    """One row: what people waited for, and the processor time of a key."""
    before = {kind: cluster.processor_seconds(kind) for kind in KINDS}
    crowds = [evolve(crowd, name=f"{name}-{draw}") for draw in range(draws)]
    drawn = [type_away(one) for one in crowds]
    waits = [wait for waits in drawn for wait in waits]
    figures: dict[str, Any] = summary(evolve(crowd, seconds=draws * crowd.seconds), waits)
    used = [1e3 * (cluster.processor_seconds(kind) - before[kind]) / len(waits) for kind in KINDS]
    write_row([name, *(str(figures[column]) for column in COLUMNS), *(f"{milliseconds:.1f}" for milliseconds in used)])
    if draws > 1:
        sys.stdout.write(f"  reused in each: {', '.join(str(summary(crowd, waits)['reused_share']) for waits in drawn)}\n")


def write_row(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def write_head(*columns: str) -> None:
    sys.stdout.write(f"\nload average {os.getloadavg()[0]:.1f}\n\n")
    write_row(columns)
    write_row(["---"] * len(columns))


def measure_load(cluster: TwoNodes) -> None:
    """People at their pace, and as fast as answers come, against the number of replicas."""
    write_head("what", *COLUMNS, "engine_cpu_ms", "front_cpu_ms", "proxy_cpu_ms")
    for count in (1, 2, 4):
        cluster.serve(*replicas(count))
        cluster.wait_for_engines(count)
        crowd = Crowd((cluster.url,), people=10, seconds=15)
        show(cluster, f"{count} replicas, people at 4 keys/s", crowd)
        show(cluster, f"{count} replicas, as fast as they go", evolve(crowd, people=24, keys_per_second=1000))


def measure_affinity(cluster: TwoNodes) -> None:
    """What it is worth that a session keeps its replica."""
    write_head("what", *COLUMNS, "engine_cpu_ms", "front_cpu_ms", "proxy_cpu_ms")
    cluster.serve(*replicas(4, FOUR_DOCUMENTS))
    cluster.wait_for_engines(4)
    crowd = Crowd((cluster.url,), people=10, seconds=12)
    show(cluster, "4 replicas of 4 documents, sessions kept", crowd, DRAWS)
    show(cluster, "4 replicas of 4 documents, not kept", evolve(crowd, is_faithful=False))


def measure_deaths(cluster: TwoNodes) -> None:
    """What a key waits for while a replica or a node is killed."""
    write_head("killed", "people", "keys", "p50_ms_before", "longest_before", "longest_after", "tried_again", "failed")
    cluster.serve(*replicas(2, "per_node=1"))
    victims = cluster.wait_for_engines(2)
    for turn in range(REPLICA_DEATHS):
        victim = victims[turn % 2]
        show_death(cluster, "replica", turn, partial(kill, victim))
        victims = cluster.wait_for_engines(2, without=[victim])
    for turn in range(NODE_DEATHS):
        show_death(cluster, "node", turn, cluster.kill_worker)
        cluster.add_worker()
        cluster.wait_for_engines(2)


def show_death(cluster: TwoNodes, what: str, turn: int, happens: Callable[[], None]) -> None:
    """One row."""
    cluster.wait_until_idle()  # replicas that have just started have loaded their model
    crowd = Crowd((cluster.url,), people=10, seconds=BEFORE + AFTER + 1, name=f"{what}-{turn}")
    timer = threading.Timer(BEFORE, happens)
    timer.start()
    waits = type_away(crowd)
    timer.join()
    figures = summary(crowd, waits)
    before = [wait for wait in waits if ends(wait) < BEFORE]
    after = [wait for wait in waits if ends(wait) >= BEFORE and wait.at < BEFORE + AFTER]
    columns = summary(crowd, before)["p50_ms"], longest(before), longest(after), figures["tried_again"], figures["failed"]
    write_row([what, str(crowd.people), str(len(waits)), *map(str, columns)])


def ends(wait: Waited) -> float:
    return wait.at + wait.milliseconds / 1e3


def longest(waits: Sequence[Waited]) -> int:
    return round(max(wait.milliseconds for wait in waits))


PARTS = {"load": measure_load, "affinity": measure_affinity, "deaths": measure_deaths}


def main(wanted: Sequence[str]) -> None:
    for part in wanted or PARTS:
        cluster = TwoNodes()
        try:
            cluster.add_worker()
            PARTS[part](cluster)
        finally:
            cluster.end()


if __name__ == "__main__":
    main(sys.argv[1:])
