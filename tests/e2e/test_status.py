"""The status, the commands and the events of docs/protocol.md, through a real process."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, change, inline, insertion, place
from server_process import Start

URI = "file:///w/a.py"
INLINE = "textDocument/inlineCompletion"
COMMANDS: dict[str, object] = {"workspace": {"executeCommand": {}}}


@pytest.fixture
def client(start: Start, tmp_path: Path) -> Iterator[RawClient]:
    client = start(says={"x = ": "foo(1, 2)"}, state=str(tmp_path))
    client.initialize(COMMANDS)
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    client.ask("test/idle")
    client.open(URI, "x = ")
    yield client
    assert client.leave() == 0
    assert "Traceback" not in client.stderr


def command(client: RawClient, name: str, *arguments: object) -> Any:
    return client.ask("workspace/executeCommand", {"command": name, "arguments": list(arguments)})


def ghost(client: RawClient, line: int = 0, character: int = 4) -> list[dict[str, Any]]:
    return list(client.ask(INLINE, inline(URI, line, character))["items"])


def told(client: RawClient) -> list[tuple[str, str | None]]:
    statuses = client.notifications("lowabs/statusChanged")
    return [(status["state"], status["last"] and status["last"]["reason"]) for status in statuses]


def test_every_command_is_offered(start: Start) -> None:
    offered = start().initialize()["executeCommandProvider"]["commands"]
    names = "pause", "resume", "status", "restart", "accepted", "partiallyAccepted", "rejected"
    assert sorted(offered) == sorted(f"lowabs.{name}" for name in names)


def test_the_status_says_how_it_is_and_how_the_last_request_ended(client: RawClient) -> None:
    status = client.ask("lowabs/status")
    expected = {"state": "ready", "message": "ready: scripted engine", "reason": None, "model": "scripted engine", "last": None}
    assert status == expected
    ghost(client)
    last = client.ask("lowabs/status")["last"]
    assert (last["reason"], last["language"], last["tokens"]) == ("shown", "python", 9)
    assert f"id={last['id']} " in client.stderr
    assert command(client, "lowabs.status")["last"] == last


def test_who_has_asked_is_told_of_changes_and_nobody_else(client: RawClient) -> None:
    ghost(client)
    assert told(client) == []
    client.ask("lowabs/status")
    ghost(client)
    ghost(client)
    assert told(client) == [("ready", "cached")]


def test_a_client_may_declare_that_it_wants_to_be_told(start: Start) -> None:
    client = start(says="text")
    client.initialize({"experimental": {"lowabs": {"status": True}}})
    client.wait(lambda: ("ready", None) in told(client), "ready")
    assert ("loading", None) in told(client)


def test_a_request_that_takes_long_makes_the_server_busy(client: RawClient) -> None:
    client.ask("lowabs/status")
    client.ask("test/gate", {"open": False})
    request = client.request(INLINE, inline(URI, 0, 4))
    client.wait(lambda: ("busy", None) in told(client), "busy")
    client.ask("test/gate", {"open": True})
    client.answer(request)
    client.wait(lambda: told(client)[-1] == ("ready", "shown"), "ready")


def test_paused_means_that_the_model_is_not_asked(client: RawClient) -> None:
    asked = len(client.ask("test/prompts"))
    assert command(client, "lowabs.pause")["state"] == "paused"
    assert ghost(client) == []
    assert client.ask("lowabs/status")["last"]["reason"] == "paused"
    assert len(client.ask("test/prompts")) == asked
    assert command(client, "lowabs.resume")["state"] == "ready"
    assert [item["insertText"] for item in ghost(client)] == ["foo(1, 2)"]


def test_a_pause_of_some_minutes_ends_by_itself(client: RawClient) -> None:
    status = command(client, "lowabs.pause", 60)
    assert (status["state"], status["message"][:13]) == ("paused", "paused until ")
    command(client, "lowabs.pause", 0.0001)
    client.wait(lambda: told(client)[-1:] == [("ready", None)], "end of the pause")


def test_a_pause_stops_what_runs(client: RawClient) -> None:
    client.ask("test/gate", {"open": False})
    request = client.request(INLINE, inline(URI, 0, 4))
    client.ask("test/started")
    command(client, "lowabs.pause")
    assert client.answer(request)["result"] == {"items": []}
    assert client.ask("test/idle")  # with the gate still closed


def test_off_and_faults_are_states_too(start: Start) -> None:
    client = start(says="text")
    client.initialize(initializationOptions={"enabled": False})
    client.open(URI, "x = ")
    client.until(lambda: client.ask("lowabs/status")["state"] == "off")
    other = start(says="text")
    other.initialize(initializationOptions={"model": "/nowhere"})
    other.until(lambda: other.ask("lowabs/status")["state"] == "error")
    assert "/nowhere" in other.ask("lowabs/status")["reason"]


def test_a_restart_opens_the_model_anew(client: RawClient) -> None:
    ghost(client)
    opened = client.ask("test/opened")
    assert command(client, "lowabs.restart")["state"] == "loading"
    asked = len(client.ask("test/prompts"))
    assert [item["insertText"] for item in ghost(client)] == ["foo(1, 2)"]  # not from memory
    assert (client.ask("test/opened"), len(client.ask("test/prompts"))) == (opened + 1, asked + 1)


def counts(client: RawClient, tmp_path: Path) -> dict[str, int]:
    """What was written down, at the end."""
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.leave() == 0
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
        rows = database.execute("select event, number from counts where language = 'python'").fetchall()
    database.close()
    return dict(rows)


@pytest.fixture
def counted(start: Start, tmp_path: Path) -> RawClient:
    client = start(says={"x = ": "foo(1, 2)"}, state=str(tmp_path))
    client.initialize(COMMANDS)
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    client.open(URI, "x = ")
    return client


def test_an_accepted_item_is_counted_once(counted: RawClient, tmp_path: Path) -> None:
    (item,) = ghost(counted)
    assert item["command"]["command"] == "lowabs.accepted"
    counted.notify("textDocument/didChange", change(URI, 2, insertion(0, 4, "foo(1, 2)")))
    command(counted, "lowabs.accepted", *item["command"]["arguments"])
    assert counts(counted, tmp_path) == {"shown": 1, "accepted": 1, "characters": 9, "retained": 9}


def test_a_part_is_counted_by_event_or_by_what_the_text_shows(counted: RawClient, tmp_path: Path) -> None:
    (item,) = ghost(counted)
    counted.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 4})
    counted.notify("textDocument/didChange", change(URI, 2, insertion(0, 4, "foo(")))
    assert counts(counted, tmp_path) == {"shown": 1, "partly": 1, "characters": 4, "retained": 4}


def test_typing_it_all_is_no_acceptance(counted: RawClient, tmp_path: Path) -> None:
    for n, character in enumerate("foo(1, 2)"):
        ghost(counted, 0, 4 + n)
        counted.notify("textDocument/didChange", change(URI, 2 + n, insertion(0, 4 + n, character)))
    assert counts(counted, tmp_path) == {"shown": 1, "typed": 1}


def test_what_is_dismissed_is_counted(counted: RawClient, tmp_path: Path) -> None:
    (item,) = ghost(counted)
    command(counted, "lowabs.rejected", *item["command"]["arguments"])
    assert counts(counted, tmp_path) == {"shown": 1, "dismissed": 1}


def test_nothing_that_was_written_down_is_code(counted: RawClient, tmp_path: Path) -> None:
    ghost(counted)
    counts(counted, tmp_path)
    written = (tmp_path / "ledger.sqlite3").read_bytes()
    assert b"foo" not in written
    assert b"inlineCompletion" in written
    assert (tmp_path / "ledger.sqlite3").stat().st_mode & 0o077 == 0


def test_without_statistics_nothing_is_written_down(start: Start, tmp_path: Path) -> None:
    client = start(says="text", state=str(tmp_path))
    client.initialize(COMMANDS, initializationOptions={"history": {"statistics": False}})
    client.open(URI, "x = ")
    ghost(client)
    assert client.leave() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("accepted", []), ("accepted", [7]), ("partiallyAccepted", ["x-1"]), ("rejected", [None]), ("pause", ["soon"])],
)
def test_arguments_of_any_shape_do_no_harm(client: RawClient, name: str, arguments: list[object]) -> None:
    command(client, f"lowabs.{name}", *arguments)
    command(client, "lowabs.resume")
    for params in (None, {}, {"item": 3}, {"item": {"command": {"arguments": "x"}}}, {"textDocument": {"uri": 5}}):
        client.notify("textDocument/didPartiallyAcceptCompletion", params)
        client.notify("textDocument/didShowCompletion", params)
        client.notify("textDocument/didFocus", params)
    assert client.ask("lowabs/status")["state"] == "ready"


def test_a_client_that_runs_no_commands_gets_none(start: Start) -> None:
    client = start(says="text")
    client.initialize()
    client.open(URI, "x = ")
    (item,) = ghost(client)
    (entry,) = client.ask("textDocument/completion", place(URI, 0, 4))["items"]
    assert "command" not in item
    assert "command" not in entry
