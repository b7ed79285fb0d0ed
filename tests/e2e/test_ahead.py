"""What is computed while nobody waits, through a real process."""

from typing import Any

import pytest
from raw_client import RawClient, change, inline, insertion
from server_process import Start, ready

URI = "file:///w/a.py"
INLINE = "textDocument/inlineCompletion"


@pytest.fixture
def client(start: Start) -> RawClient:
    return ready(
        start(
            says={"x = ": "foo(1)", "foo(1)": " + bar(2)", "def f():\n    pass": "", "    pass\n    ": "return"}, ahead="always"
        )
    )


def ghost(client: RawClient, line: int, character: int) -> list[str]:
    items: list[dict[str, Any]] = client.ask(INLINE, inline(URI, line, character))["items"]
    return [item["insertText"] for item in items]


def prompts(client: RawClient, count: int) -> list[str]:
    """The prompts, as soon as there are `count`."""
    client.until(lambda: len(client.ask("test/prompts")) >= count)
    client.ask("test/idle")
    return list(client.ask("test/prompts"))


def test_a_document_is_read_when_it_is_opened(client: RawClient) -> None:
    client.open(URI, "import os\nx = ")
    (prompt,) = prompts(client, 1)
    assert prompt.endswith("import os\nx = ")
    assert "reason=" not in client.stderr  # nobody has asked


def test_a_document_is_read_where_its_cursor_is_when_it_comes_to_the_front(client: RawClient) -> None:
    client.open(URI, "x = \ny = 2")
    prompts(client, 1)
    client.notify("textDocument/didFocus", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 4}})
    assert prompts(client, 2)[-1].endswith("x = ")


def test_a_document_that_is_opened_before_the_model_is_there_is_read_then(start: Start) -> None:
    client = start(says="text", ahead="always")
    client.initialize(initializationOptions={"model": "slow:"})
    client.open(URI, "x = ")
    client.ask("test/open")
    assert prompts(client, 1)[0].endswith("x = ")


def test_what_follows_an_accepted_suggestion_is_there_before_it_is_asked_for(client: RawClient) -> None:
    client.open(URI, "x = ")
    prompts(client, 1)
    assert ghost(client, 0, 4) == ["foo(1)"]
    assert prompts(client, 3)[-1].endswith("x = foo(1)")
    client.notify("textDocument/didChange", change(URI, 2, insertion(0, 4, "foo(1)")))
    assert ghost(client, 0, 10) == [" + bar(2)"]
    client.wait(lambda: "reason=cached" in client.stderr, "reason")


def test_work_ahead_gives_way_to_a_request_at_once(client: RawClient) -> None:
    client.open(URI, "y = 1\nx = ")
    prompts(client, 1)
    client.ask("test/gate", {"open": False})
    client.notify("textDocument/didFocus", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 5}})
    client.ask("test/started")  # the work ahead waits at the gate
    request = client.request(INLINE, inline(URI, 1, 4))
    client.until(lambda: len(client.ask("test/prompts")) == 3)  # though the gate is closed
    client.ask("test/gate", {"open": True})
    assert [item["insertText"] for item in client.answer(request)["result"]["items"]] == ["foo(1)"]


@pytest.mark.parametrize(
    "settings",
    [{"enabled": False}, {"completion": {"ahead": "never"}}, {"disabledLanguages": ["python"]}, {"engine": "http://elsewhere"}],
)
def test_off_means_that_nothing_is_computed_ahead(start: Start, settings: dict[str, object]) -> None:
    client = start(says={"x = ": "foo(1)"}, ahead="auto")
    client.initialize(initializationOptions=settings)
    client.open(URI, "x = ")
    ghost(client, 0, 4)
    client.ask("test/idle")
    asked = 1 if {"completion", "engine"} & settings.keys() else 0
    assert len(client.ask("test/prompts")) == asked


def test_a_paused_server_computes_nothing_ahead(client: RawClient) -> None:
    client.ask("workspace/executeCommand", {"command": "lowabs.pause", "arguments": []})
    client.open(URI, "x = ")
    client.ask("test/idle")
    assert client.ask("test/prompts") == []
