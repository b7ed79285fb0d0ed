"""A notebook's cells are one document for the model, and each is answered at its own place."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from client_text import changed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_client import Message, RawClient, inline, insertion
from server_process import Start, starting

NOTEBOOK = "file:///w/study.ipynb"
CAPABILITIES = {"notebookDocument": {"synchronization": {}}}

Cells = Sequence[tuple[str, str]]
"""The language and the text of each."""


def cell_uri(name: object) -> str:
    return f"vscode-notebook-cell:/w/study.ipynb#{name}"


def cell(name: object) -> Message:
    return {"kind": 2, "document": cell_uri(name)}


def item(name: object, language: str, text: str) -> Message:
    return {"uri": cell_uri(name), "languageId": language, "version": 1, "text": text}


def open_notebook(client: RawClient, cells: Cells, uri: str = NOTEBOOK) -> None:
    notebook = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": [cell(i) for i in range(len(cells))]}
    items = [item(name, *each) for name, each in enumerate(cells)]
    client.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": items})


def change_notebook(client: RawClient, **cells: object) -> None:
    identifier = {"uri": NOTEBOOK, "version": 2}
    client.notify("notebookDocument/didChange", {"notebookDocument": identifier, "change": {"cells": cells}})


def type_into(client: RawClient, name: object, change: Message) -> None:
    change_notebook(client, textContent=[{"document": {"uri": cell_uri(name), "version": 2}, "changes": [change]}])


def met(client: RawClient, **settings: Any) -> RawClient:
    """Past the handshake, with its engine there."""
    client.replies["workspace/configuration"] = [settings]
    client.initialize({**CAPABILITIES, "workspace": {"configuration": True}})
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    return client


def ghost(client: RawClient, name: object, line: int, character: int) -> list[Message]:
    found = client.ask("textDocument/inlineCompletion", inline(cell_uri(name), line, character))["items"]
    return [{"text": each["insertText"], "range": each["range"]} for each in found]


@pytest.fixture
def client(start: Start) -> RawClient:
    """A client that knows notebooks, of a server that says `text`."""
    return met(start(says="text"))


@pytest.fixture(scope="module")
def lasting() -> Iterator[RawClient]:
    """The same for all examples of a test."""
    with starting() as start:
        client = met(start(says="text"))
        yield client
        assert "Traceback" not in client.stderr


def test_notebooks_are_asked_of_clients_that_have_them(start: Start) -> None:
    with_them, without = start().initialize(CAPABILITIES), start().initialize({})
    assert with_them["notebookDocumentSync"] == {"notebookSelector": [{"notebook": "*"}]}
    assert "notebookDocumentSync" not in without


def test_the_model_sees_the_cells_above_and_below(client: RawClient) -> None:
    open_notebook(client, [("python", "above = 1"), ("markdown", "# Title"), ("python", "b = "), ("python", "below = 2")])
    at = {"line": 0, "character": 4}
    assert ghost(client, 2, 0, 4) == [{"text": "text", "range": {"start": at, "end": at}}]
    [prompt] = client.ask("test/prompts")
    assert "above = 1\n\nb = " in prompt
    assert "\n\nbelow = 2" in prompt
    assert prompt.startswith("<|file|>study.ipynb/cells.py")
    assert client.ask("test/text", {"uri": cell_uri(1)}) == "# Title"


def test_what_is_typed_into_a_cell_is_seen_from_the_others(client: RawClient) -> None:
    open_notebook(client, [("python", "one"), ("python", "two")])
    type_into(client, 0, insertion(0, 3, "\nmore"))
    assert client.ask("test/text", {"uri": cell_uri(1)}) == "one\nmore\n\ntwo"


def test_secrets_of_other_cells_are_masked(client: RawClient) -> None:
    open_notebook(client, [("python", 'password = "hunter2hunter2"'), ("python", "b = ")])
    assert len(ghost(client, 1, 0, 4)) == 1
    [prompt] = client.ask("test/prompts")
    assert 'password = "' in prompt
    assert "hunter2" not in prompt


@pytest.mark.parametrize("chosen", [{"context": {"exclude": ["*.ipynb"]}}, {"disabledLanguages": ["python"]}])
def test_settings_hold_in_notebooks(start: Start, chosen: Message) -> None:
    client = met(start(says="text"), **chosen)
    open_notebook(client, [("python", "a"), ("python", "b = ")])
    assert ghost(client, 1, 0, 4) == []
    assert client.ask("test/prompts") == []


def test_a_notebook_that_is_closed_is_forgotten(client: RawClient) -> None:
    open_notebook(client, [("python", "a"), ("python", "b")])
    client.notify("notebookDocument/didClose", {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": []})
    assert [client.ask("test/text", {"uri": cell_uri(name)}) for name in range(2)] == [None, None]


def test_a_change_that_cannot_be_read_closes_the_notebook(client: RawClient) -> None:
    open_notebook(client, [("python", "a"), ("python", "b")])
    change_notebook(client, structure="?")
    assert client.ask("test/text", {"uri": cell_uri(0)}) is None


def test_a_change_of_a_notebook_that_is_not_open_is_ignored(client: RawClient) -> None:
    type_into(client, 0, insertion(0, 0, "x"))
    client.notify("notebookDocument/didClose", {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": []})
    assert client.ask("test/text", {"uri": cell_uri(0)}) is None
    assert "Traceback" not in client.stderr


TEXTS = st.text(alphabet="a😀\r\n\f ", max_size=6)
PLACES = st.integers(0, 5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.lists(TEXTS, min_size=1, max_size=3),
    steps=st.lists(st.tuples(st.sampled_from(["insert", "delete", "move", "type"]), PLACES, PLACES, TEXTS), max_size=6),
)
def test_cells_that_come_go_move_and_change_are_followed(
    lasting: RawClient, begin: list[str], steps: list[tuple[str, int, int, str]]
) -> None:
    open_notebook(lasting, [("python", text) for text in begin])
    texts = dict(enumerate(begin))
    order = list(texts)
    for kind, one, other, text in steps:
        take_step(lasting, texts, order, kind, one, other, text)
    expected = "\n\n".join(texts[name] for name in order)
    assert [lasting.ask("test/text", {"uri": cell_uri(name)}) for name in order] == [expected] * len(order)


def take_step(client: RawClient, texts: dict[int, str], order: list[int], kind: str, one: int, other: int, text: str) -> None:
    """The same to the server's cells as to `texts` and `order`."""
    place = one % (len(order) + 1)
    if kind == "insert":
        name = len(texts)
        texts[name] = text
        array = {"start": place, "deleteCount": 0, "cells": [cell(name)]}
        change_notebook(client, structure={"array": array, "didOpen": [item(name, "python", text)]})
        order.insert(place, name)
    elif kind == "delete" and place < len(order):
        name = order.pop(place)
        change_notebook(client, structure={"array": {"start": place, "deleteCount": 1}, "didClose": [{"uri": cell_uri(name)}]})
    elif kind == "move" and order:  # all cells are replaced by the same in another order, as VS Code tells it
        order.insert(other % len(order), order.pop(place % len(order)))
        array = {"start": 0, "deleteCount": len(order), "cells": [cell(name) for name in order]}
        change_notebook(client, structure={"array": array})
    elif kind == "type" and order:
        name, change = order[place % len(order)], insertion(0, other, text)
        texts[name] = changed(texts[name], change, "utf-16")
        type_into(client, name, change)
