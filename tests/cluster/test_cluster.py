"""The team's service on a real cluster: `serve run` on two nodes of this machine, people who type, and kill -9."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import openai
import pytest

from lowabs_lsp.bench.people import Crowd, Waited, keys, summary, type_away
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.prompt.fim import SPM, fim_segments
from lowabs_lsp.remote.engine import RemoteEngine
from lowabs_lsp.settings import load_settings
from lowabs_lsp.values import Decoding, Prompt

sys.path.insert(0, str(Path(__file__).parent))  # the tests share the module beside them

from two_nodes import TwoNodes, kill, processor_seconds

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'lowabs-lsp[cluster]'"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found and killed by /proc"),
]

APP = "lowabs_lsp.serving.cluster:build"
ONE = (APP, "min_replicas=1", "max_replicas=2", "jobs_per_replica=0.25", "cpus=0.5", "per_node=1")
TWO = (APP, "min_replicas=2", "max_replicas=2", "cpus=0.5", "per_node=1")


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    cluster = TwoNodes()
    try:
        cluster.add_worker()
        cluster.serve(*ONE)
        yield cluster
    finally:
        cluster.end()


def type_while(cluster: TwoNodes, happens: Callable[[], None], seconds: float) -> list[Waited]:
    """Ten people type; `happens` after some seconds."""
    timer = threading.Timer(4, happens)
    timer.start()
    waits = type_away(Crowd((cluster.url,), people=10, seconds=seconds, keys_per_second=2))
    timer.join()
    return waits


def statuses(waits: list[Waited]) -> set[int]:
    return {wait.status for wait in waits}


def test_a_replica_is_added_when_many_jobs_are_under_way(cluster: TwoNodes) -> None:
    assert len(cluster.engines()) == 1
    waits = type_away(Crowd((cluster.url,), people=10, seconds=15, keys_per_second=20))
    assert statuses(waits) == {200}
    assert len(cluster.wait_for_engines(2)) == 2


def test_a_session_finds_its_cache_again(cluster: TwoNodes) -> None:
    cluster.start("is ready at", "serve", "run", *TWO)
    cluster.wait_for_engines(2)
    cluster.wait_until_idle()
    crowd = Crowd((cluster.url,), people=10, seconds=6, keys_per_second=2)
    type_away(crowd)
    figures = summary(crowd, type_away(crowd))  # the same texts once more: nobody's document is new
    assert figures["failed"] == 0
    assert figures["reused_share"] > 0.8


def test_a_stream_goes_on_where_its_replica_died(cluster: TwoNodes) -> None:
    first, second = cluster.wait_for_engines(2)
    started = [threading.Event() for _ in range(8)]
    texts = [""] * 8
    with openai.OpenAI(base_url=f"{cluster.url}/v1", api_key="none", timeout=60) as client:

        def options(n: int) -> dict[str, object]:
            return {"model": "", "prompt": f"def f{n}(", "max_tokens": 700, "temperature": 1.0, "seed": n, "user": f"u{n}"}

        def listen(n: int) -> None:
            for chunk in client.completions.create(stream=True, **options(n)):  # type: ignore[call-overload]
                texts[n] += chunk.choices[0].text
                started[n].set()

        threads = [threading.Thread(target=listen, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for event in started:
            assert event.wait(60)
        kill(first)
        for thread in threads:
            thread.join(60)
        whole = [client.completions.create(**options(n)).choices[0].text for n in range(8)]  # type: ignore[call-overload]
    assert texts == whole
    cluster.wait_for_engines(2, without=[first])
    assert second in cluster.engines()


def test_nobody_sees_a_replica_die(cluster: TwoNodes) -> None:
    victim = cluster.wait_for_engines(2)[0]
    waits = type_while(cluster, lambda: kill(victim), seconds=12)
    assert statuses(waits) == {200}
    cluster.wait_for_engines(2, without=[victim])


def test_nobody_waits_for_a_replica_that_hangs(cluster: TwoNodes) -> None:
    victim = cluster.wait_for_engines(2)[0]

    def hang() -> None:
        os.kill(victim, signal.SIGSTOP)
        threading.Timer(5, os.kill, (victim, signal.SIGCONT)).start()

    waits = type_while(cluster, hang, seconds=12)
    assert statuses(waits) == {200}
    meanwhile = [wait.milliseconds for wait in waits if 5 < wait.at < 8]
    assert sum(waited > 500 for waited in meanwhile) < len(meanwhile) / 5  # half of the sessions are its own
    before = processor_seconds(victim)
    assert statuses(type_away(Crowd((cluster.url,), people=10, seconds=4))) == {200}
    assert processor_seconds(victim) > before + 0.2  # it has them again


def test_nobody_sees_an_update(cluster: TwoNodes) -> None:
    before = cluster.wait_for_engines(2)

    def update() -> None:
        cluster.start("is ready at", "serve", "run", *TWO, "kv_memory=128")
        cluster.wait_for_engines(2, without=before)

    assert statuses(type_while(cluster, update, seconds=30)) == {200}


def test_nobody_sees_a_node_die(cluster: TwoNodes) -> None:
    cluster.wait_for_engines(2)
    done = threading.Event()
    with ThreadPoolExecutor() as pool:
        editors = [pool.submit(edit, cluster.url, done) for _ in range(2)]
        try:
            waits = type_while(cluster, cluster.kill_worker, seconds=20)
        finally:
            done.set()
    assert statuses(waits) == {200}
    assert max(wait.milliseconds for wait in waits) < 8000  # a replica that answers nobody until Ray knows takes 15 s
    assert len({int(wait.at) for wait in waits if wait.at > 10}) > 5  # they went on typing
    assert all(editor.result() > 10 for editor in editors)
    assert len(cluster.engines()) == 1


def edit(url: str, done: threading.Event) -> int:
    """Type with the engine that an editor has for this address; how many requests it answered."""
    settings = load_settings({"engine": {"url": url}}).engine
    engine = RemoteEngine(settings, lambda: LocalEngine.open(None, settings))
    for answered, (text, offset) in enumerate(keys(0)):
        if done.wait(0.3):
            return answered
        segments = fim_segments(SPM, text[:offset], text[offset:])
        engine.generate(Prompt(segments), Decoding(max_tokens=16, stop=("\n",)))
    raise AssertionError("keys never end")
