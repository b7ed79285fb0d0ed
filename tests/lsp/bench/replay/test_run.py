"""The whole benchmark, over a small repository, with engines that know, half know or do not know what comes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.bench.replay.report import as_json, as_table
from lowabs_lsp.bench.replay.run import EVERY, ReplayOptions, ReplayResult, policy_names, run_replay
from lowabs_lsp.bench.replay.session import pick_sessions
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import BenchError, EngineError, SettingsError
from lowabs_lsp.values import Engine

Engines = dict[str, Callable[[list[str]], ScriptedEngine]]
Replay = Callable[..., ReplayResult]
Serve = Callable[[str, list[str]], tuple[str, ...]]
WHOLE_FILE = {"context": {"maxTokens": 1 << 20}}


def final_texts(repository: Path) -> list[str]:
    with Repository(repository) as history:
        sessions = pick_sessions(history, count=10, revision="HEAD", seed=0)
    return [file.change.after for session in sessions for file in session.files]


@pytest.fixture
def replay(shop: Path, engines: Engines, serve: Serve) -> Replay:
    texts = final_texts(shop)

    def run(engine: str, *policies: str, **changes: Any) -> ReplayResult:  # of any option
        options = ReplayOptions(shop, policies=policies, overrides=WHOLE_FILE, server=serve(engine, texts))
        return run_replay(evolve(options, **changes), lambda settings: engines[engine](texts))

    return run


def figures(result: ReplayResult) -> dict[str, dict[str, float]]:
    return {policy.figures.policy: dict(policy.figures.total) for policy in result.policies}


def test_ours_inside_is_ours_through_the_server(replay: Replay) -> None:
    served, inside = (as_json(replay("forgetful", name, commits=3))["figures"][name] for name in ("ours", "completer"))
    assert {**served, "policy": ""} == {**inside, "policy": ""}
    assert 0.1 < served["total"]["keystrokes_saved"] < 0.9
    assert served["total"]["model_calls_per_key"] > 0


def test_twice_is_the_same_bit_for_bit(replay: Replay) -> None:
    first, second = (as_json(replay("forgetful", "ours", "completer", commits=2)) for _ in range(2))
    assert json.dumps(first["figures"]) == json.dumps(second["figures"])
    assert first["commits"] == second["commits"]


def test_another_seed_is_another_run(replay: Replay) -> None:
    first, second = (as_json(replay("forgetful", "completer", seed=seed)) for seed in (0, 1))
    assert first["commits"] != second["commits"]
    assert first["figures"] != second["figures"]


def test_one_who_knows_comes_close_to_the_most_that_can_be_saved(replay: Replay) -> None:
    total = figures(replay("oracle", "completer"))["completer"]
    assert total["keystrokes_saved"] > 0.8
    assert total["exact_match_shown"] > 0.8
    assert total["characters_kept_share"] == 1


def test_nonsense_saves_nothing_and_counts_as_noise(replay: Replay) -> None:
    total = figures(replay("nonsense", "completer"))["completer"]
    assert (total["keystrokes_saved"], total["exact_match"]) == (0, 0)
    assert total["wrong_share"] == 1
    assert total["wrong_per_100_keys"] > 10  # where the file parsed before, nonsense is not even shown


def test_every_peer_uses_what_its_model_knows(replay: Replay) -> None:
    patient = ("continue", "tabby", "copilot")
    peers = ("llama.vim", "tabby-unclipped", *patient, *(f"{name}-at-once" for name in patient))
    assert set(peers) < set(policy_names())
    total = figures(replay("oracle", *peers))
    assert {name: 0.2 < total[name]["keystrokes_saved"] < 1 for name in peers} == dict.fromkeys(peers, True)
    assert {total[name]["keys"] for name in peers} == {total["tabby"]["keys"]}
    assert all(total[f"{name}-at-once"]["shown_per_100_keys"] > total[name]["shown_per_100_keys"] for name in patient)


def test_silence_is_exactly_nothing(replay: Replay) -> None:
    total = figures(replay("oracle", "silent"))["silent"]
    assert {name: value for name, value in total.items() if value} == {"keys": total["keys"]}


def test_a_part_taken_away_is_a_setting_of_the_server(replay: Replay) -> None:
    total = figures(replay("oracle", "ours", "one-line", commits=2))
    assert total["one-line"]["keystrokes_saved"] < total["ours"]["keystrokes_saved"]
    assert total["one-line"]["acceptances_per_100_keys"] > total["ours"]["acceptances_per_100_keys"]


@pytest.mark.parametrize("policy", ["ours", "completer"])
def test_on_the_real_clock_a_quick_engine_is_of_use_too(replay: Replay, policy: str) -> None:
    result = replay("oracle", policy, clock="real", speed=20.0, commits=1)
    assert figures(result)[policy]["keystrokes_saved"] > 0
    machine = result.policies[0].machine
    assert 0 < machine["latency_p50_ms"] <= machine["latency_p95_ms"] <= machine["latency_p99_ms"]


def test_the_table_has_a_row_for_each_policy(replay: Replay) -> None:
    table = as_table(replay("oracle", "completer", "silent"))
    rows = [line for line in table.splitlines() if line.startswith(("| completer", "| silent"))]
    assert len(rows) == 2
    assert "| python" in table
    assert "| shellscript" in table


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"policies": ("cleverest",)}, "cleverest: unknown policy; known are ours"),
        ({"clock": "sundial"}, "unknown clock"),
        ({"commits": 0}, "at least one commit"),
        ({"policies": ()}, "one policy"),
        ({"speed": 0.0}, "a speed above 0"),
        ({"revision": "nowhere"}, "no such revision"),
        ({"revision": "HEAD..HEAD"}, "no commit of HEAD..HEAD can be replayed"),
    ],
)
def test_what_cannot_be_replayed_is_said(replay: Replay, changes: dict[str, object], problem: str) -> None:
    with pytest.raises(BenchError, match=problem):
        replay("oracle", "silent", **changes)


def test_settings_are_checked_before_anything_runs(shop: Path) -> None:
    with pytest.raises(SettingsError, match=r"context\.width: unknown setting"):
        run_replay(ReplayOptions(shop, overrides={"context": {"width": 1}}), no_engine)


def test_what_there_is_is_told_after_each_policy(shop: Path, engines: Engines) -> None:
    told: list[list[str]] = []

    def listen(result: ReplayResult) -> None:
        told.append([policy.figures.policy for policy in result.policies])

    options = ReplayOptions(shop, policies=("silent", "tabby"), commits=1)
    run_replay(options, lambda settings: engines["nonsense"]([]), so_far=listen)
    assert told == [["silent"], ["silent", "tabby"]]


def test_a_server_that_cannot_complete_is_a_fault(replay: Replay) -> None:
    with pytest.raises(BenchError, match="has lost its script; write another one"):
        replay("failing", "ours")


def test_an_engine_that_cannot_be_opened_is_a_fault(replay: Replay) -> None:
    with pytest.raises(EngineError, match="lost its script"):
        replay("failing", "completer")


def test_a_server_that_cannot_be_started_is_a_fault(shop: Path, tmp_path: Path) -> None:
    options = ReplayOptions(shop, server=(str(tmp_path / "no-such-server"),))
    with pytest.raises(BenchError, match="cannot be started"):
        run_replay(options, no_engine)


def test_a_server_that_dies_is_a_fault(shop: Path) -> None:
    options = ReplayOptions(shop, server=(sys.executable, "-c", "import sys; sys.exit('out of luck')"))
    with pytest.raises(BenchError, match=r"(?s)ended by itself|is gone"):
        run_replay(options, no_engine)


def test_every_policy_has_a_name_of_its_own() -> None:
    assert len(set(policy_names())) == len(policy_names())
    assert policy_names()[0] == "ours"
    assert EVERY not in policy_names()


def no_engine(settings: object) -> Engine:
    raise AssertionError("nothing inside is to run")
