"""Settings of the editor reach the server in every way that editors have, and the model follows them."""

import re
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, inline, place
from server_process import Start

URI = "file:///w/a.py"
INLINE, MENU = "textDocument/inlineCompletion", "textDocument/completion"
CONFIGURABLE = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "window": {"workDoneProgress": True},
}


def ghost(client: RawClient) -> list[str]:
    return [item["insertText"] for item in client.ask(INLINE, inline(URI, 0, 4))["items"]]


def begin(client: RawClient, capabilities: object = None, **params: object) -> RawClient:
    client.initialize(capabilities, **params)
    client.open(URI, "x = ")
    return client


def push(client: RawClient, settings: object) -> None:
    client.notify("workspace/didChangeConfiguration", {"settings": settings})


def messages(client: RawClient) -> list[Any]:
    return client.notifications("window/showMessage")


def settle(client: RawClient, text: list[str]) -> None:
    """Wait until the answer is `text`: the model comes in the background."""
    client.until(lambda: ghost(client) == text)


def test_a_request_waits_for_the_model_that_is_being_loaded(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"model": "slow:"})
    earlier, later = client.request(INLINE, inline(URI, 0, 4)), client.request(INLINE, inline(URI, 0, 4))
    assert client.answer(earlier)["result"]["items"] == []
    client.ask("test/open")
    assert [item["insertText"] for item in client.answer(later)["result"]["items"]] == ["text"]
    client.wait(lambda: "reason=superseded" in client.stderr, "reason")


def test_a_request_that_waits_for_the_model_can_be_cancelled(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"model": "slow:"})
    waiting = client.request(INLINE, inline(URI, 0, 4))
    client.notify("$/cancelRequest", {"id": waiting})
    assert client.answer(waiting)["error"]["code"] == -32800


def test_a_request_that_waited_for_a_model_that_cannot_be_loaded_says_so(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"model": "/nowhere"})
    assert ghost(client) == []
    client.wait(lambda: "reason=no-model" in client.stderr, "reason")


def test_loading_is_shown_as_progress_from_begin_to_end(start: Start) -> None:
    client = begin(start(says="text"), {"window": {"workDoneProgress": True}})
    client.wait(lambda: len(client.notifications("$/progress")) == 2, "progress")
    assert [progress["value"]["kind"] for progress in client.notifications("$/progress")] == ["begin", "end"]
    assert len({progress["token"] for progress in client.notifications("$/progress")}) == 1
    assert client.ask("test/tokens") == 0


@pytest.mark.parametrize("answer", ["none", "error"])
def test_a_client_that_refuses_progress_gets_its_model(start: Start, answer: str) -> None:
    client = start(says="text")
    del client.replies["window/workDoneProgress/create"]
    begin(client, {"window": {"workDoneProgress": True}})
    if answer == "error":
        client.wait(lambda: any(m.get("method") == "window/workDoneProgress/create" for m in client.messages), "create")
        (create,) = [m for m in client.messages if m.get("method") == "window/workDoneProgress/create"]
        client.send({"jsonrpc": "2.0", "id": create["id"], "error": {"code": -32603, "message": "no"}})
    settle(client, ["text"])
    assert client.leave() == 0
    assert client.notifications("$/progress") == []
    assert "Traceback" not in client.stderr


def test_a_client_without_progress_is_sent_none(start: Start) -> None:
    client = begin(start(says="text"))
    settle(client, ["text"])
    assert [message for message in client.messages if message.get("method", "").endswith(("create", "progress"))] == []


def test_a_missing_model_is_one_message_and_the_server_goes_on(start: Start) -> None:
    client = begin(start(), initializationOptions={"model": "/no/such/model"})
    client.wait(lambda: messages(client) != [], "message")
    assert [ghost(client) for _ in range(3)] == [[]] * 3
    assert messages(client) == [{"type": 1, "message": "lowabs: /no/such/model: no model there; check the setting `model`"}]
    assert client.leave() == 0


def test_a_model_that_crashes_while_it_is_opened_is_one_message(start: Start) -> None:
    client = begin(start(), initializationOptions={"model": "crash"})
    client.wait(lambda: messages(client) != [], "message")
    assert ghost(client) == []
    assert "doctor" in messages(client)[0]["message"]
    assert client.leave() == 0


def test_another_model_is_taken_up_when_the_setting_changes(start: Start, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("first")
    (tmp_path / "two").write_text("second")
    client = begin(start(), initializationOptions={"model": str(tmp_path / "missing")})
    client.wait(lambda: messages(client) != [], "message")
    for name, says in (("one", "first"), ("two", "second")):
        push(client, {"lowabs": {"model": str(tmp_path / name)}})
        settle(client, [says])
    assert len(messages(client)) == 1


def test_a_setting_that_is_not_the_models_does_not_load_it_again(start: Start) -> None:
    client = begin(start(says="text"))
    settle(client, ["text"])
    push(client, {"completion": {"debounce": 1}})
    assert ghost(client) == ["text"]
    assert client.ask("test/opened") == 1


@pytest.mark.parametrize("settings", [{"enabled": False}, {"lowabs": {"enabled": False}}, {"disabledLanguages": ["python"]}])
def test_off_is_off_at_once_and_on_again(start: Start, settings: object) -> None:
    client = begin(start(says="text"))
    settle(client, ["text"])
    push(client, settings)
    client.ask("test/idle")
    assert ghost(client) == []
    client.wait(lambda: "reason=disabled" in client.stderr, "reason")
    push(client, {})
    settle(client, ["text"])


def test_a_server_that_is_off_does_not_load_a_model(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"enabled": False})
    assert ghost(client) == []
    client.ask("test/idle")
    assert client.ask("test/opened") == 0


def test_the_menu_can_be_turned_off_alone(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"completion": {"menu": False}})
    settle(client, ["text"])
    assert client.ask(MENU, place(URI, 0, 4))["items"] == []


@pytest.mark.parametrize("answer", [[None], [{}], [[]], [], None])
def test_an_editor_that_has_no_settings_for_us_leaves_the_others_in_force(start: Start, answer: object) -> None:
    client = start(says="text")
    client.replies["workspace/configuration"] = answer
    begin(client, CONFIGURABLE, initializationOptions={"completion": {"menu": False}})
    settle(client, ["text"])
    assert client.ask(MENU, place(URI, 0, 4))["items"] == []
    assert messages(client) == []
    assert client.leave() == 0


def test_settings_are_asked_for_again_when_they_change(start: Start) -> None:
    client = start(says="text")
    client.replies |= {"workspace/configuration": [{"completion": {"menu": False}}], "client/registerCapability": None}
    begin(client, CONFIGURABLE)
    settle(client, ["text"])
    assert client.ask(MENU, place(URI, 0, 4))["items"] == []
    client.wait(lambda: any(m.get("method") == "client/registerCapability" for m in client.messages), "registration")
    client.replies["workspace/configuration"] = [{"completion": {"menu": True}}]
    push(client, None)
    client.until(lambda: client.ask(MENU, place(URI, 0, 4))["items"] != [])


def test_an_editor_that_never_tells_its_settings_gets_its_model(start: Start) -> None:
    client = start(says="text")
    del client.replies["workspace/configuration"]
    begin(client, CONFIGURABLE)
    settle(client, ["text"])
    assert client.leave() == 0


def test_what_such_an_editor_pushes_applies(start: Start) -> None:
    client = start(says="text")
    del client.replies["workspace/configuration"]
    begin(client, CONFIGURABLE)
    settle(client, ["text"])
    push(client, {"completion": {"menu": False}})
    assert client.ask(MENU, place(URI, 0, 4))["items"] == []


def test_an_editor_that_refuses_to_tell_its_settings_gets_its_model(start: Start) -> None:
    client = start(says="text")
    del client.replies["workspace/configuration"]
    begin(client, CONFIGURABLE)
    client.wait(lambda: any(m.get("method") == "workspace/configuration" for m in client.messages), "question")
    (question,) = [m for m in client.messages if m.get("method") == "workspace/configuration"]
    client.send({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32601, "message": "no"}})
    settle(client, ["text"])


def test_an_editor_that_never_says_initialized_gets_its_model(start: Start) -> None:
    client = start(says="text")
    client.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    client.open(URI, "x = ")
    settle(client, ["text"])


def test_wrong_settings_are_one_warning_and_the_right_ones_apply(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"modle": "x", "completion": {"menu": False, "debounce": -1}})
    settle(client, ["text"])
    assert client.ask(MENU, place(URI, 0, 4))["items"] == []
    (message,) = messages(client)
    assert message["type"] == 2
    assert all(part in message["message"] for part in ("modle", "completion.debounce"))
    push(client, None)
    assert ghost(client) == ["text"]
    assert len(messages(client)) == 1


def test_settings_of_other_servers_are_none_of_ours(start: Start) -> None:
    client = begin(start(says="text"))
    settle(client, ["text"])
    push(client, {"pylsp": {"plugins": {}}, "python": {}})
    assert ghost(client) == ["text"]
    assert messages(client) == []


def test_the_log_level_follows_its_setting(start: Start) -> None:
    client = begin(start(says="text"), initializationOptions={"logLevel": "error"})
    settle(client, ["text"])
    assert "reason=" not in client.stderr
    push(client, {"logLevel": "info"})
    client.ask("test/idle")
    ghost(client)
    client.wait(lambda: "reason=" in client.stderr, "log line")


def test_each_request_is_one_line_of_the_log_without_code(start: Start) -> None:
    client = begin(start(says="secret_text"))
    settle(client, ["secret_text"])
    asked = client.request(MENU, place(URI, 0, 4))
    client.answer(asked)
    client.leave()
    (line,) = [line for line in client.stderr.splitlines() if " method=completion " in line]
    wanted = r"id=[0-9a-f]{6}-\d+ method=completion file=a.py reason=cached ms=\d+\.\d tokens=0 prompt=0 reused=0 runs=0"
    assert re.search(wanted + "$", line)
    assert "secret" not in client.stderr
