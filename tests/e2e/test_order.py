"""Messages that arrive together are handled as if each had come alone, in their order."""

from collections.abc import Iterator

import pytest
from raw_client import RawClient, change, inline, insertion, notification, place

URI = "file:///w/a.py"
INLINE, MENU = "textDocument/inlineCompletion", "textDocument/completion"


@pytest.fixture
def client(lasting: RawClient) -> Iterator[RawClient]:
    lasting.open(URI, "x = ")
    yield lasting
    lasting.ask("test/gate", {"open": True})
    lasting.notify("textDocument/didClose", {"textDocument": {"uri": URI}})


def inserted(result: object) -> list[str]:
    assert isinstance(result, dict)
    return [item["insertText"] for item in result["items"]]


def test_a_request_sees_the_text_of_its_time(client: RawClient) -> None:
    asked = client.next_request(INLINE, inline(URI, 0, 4))
    typed = notification("textDocument/didChange", change(URI, 2, insertion(0, 4, "t")))
    closed = notification("textDocument/didClose", {"textDocument": {"uri": URI}})
    client.send(asked, typed)
    assert inserted(client.answer(asked["id"])["result"]) == ["text"]
    again = client.next_request(MENU, place(URI, 0, 99))
    client.send(typed, again, closed)
    assert "result" in client.answer(again["id"])


def test_a_cancel_right_behind_its_request_is_a_cancel(client: RawClient) -> None:
    client.ask("test/gate", {"open": False})
    asked = client.next_request(INLINE, inline(URI, 0, 4))
    client.send(asked, notification("$/cancelRequest", {"id": asked["id"]}))
    assert client.answer(asked["id"])["error"]["code"] == -32800
    assert client.ask("test/idle")


def test_a_cancel_of_an_answered_request_is_ignored(client: RawClient) -> None:
    asked = client.request(INLINE, inline(URI, 0, 4))
    client.answer(asked)
    client.notify("$/cancelRequest", {"id": asked})
    assert inserted(client.ask(INLINE, inline(URI, 0, 4))) == ["text"]


def test_of_many_requests_the_last_is_answered_in_full(client: RawClient) -> None:
    client.ask("test/gate", {"open": False})
    messages = []
    for version in range(2, 22):
        messages.append(notification("textDocument/didChange", change(URI, version, insertion(0, 4, " "))))
        messages.append(client.next_request(INLINE, inline(URI, 0, 5)))
    client.send(*messages)
    *earlier, last = [message["id"] for message in messages if "id" in message]
    assert [client.answer(request_id)["result"] for request_id in earlier] == [{"items": []}] * 19
    client.ask("test/gate", {"open": True})
    assert inserted(client.answer(last)["result"]) == ["text"]


def test_a_debounced_request_gives_way_to_the_next_without_asking_the_model(client: RawClient) -> None:
    client.notify("workspace/didChangeConfiguration", {"settings": {"completion": {"debounce": 60_000}}})
    client.ask("test/idle")
    asked = len(client.ask("test/prompts"))
    waiting = client.request(INLINE, inline(URI, 0, 4))
    typed = notification("textDocument/didChange", change(URI, 2, insertion(0, 4, "y, ")))
    explicit = client.next_request(INLINE, inline(URI, 0, 7, kind=1))
    client.send(typed, explicit)
    assert client.answer(waiting)["result"] == {"items": []}
    assert inserted(client.answer(explicit["id"])["result"]) == ["text"]
    assert len(client.ask("test/prompts")) == asked + 1
    client.notify("workspace/didChangeConfiguration", {"settings": None})
