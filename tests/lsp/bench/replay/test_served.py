"""What goes to and comes from a server means what it says."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.assistant import Answer
from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.policy import Request
from lowabs_lsp.bench.replay.rpc import read_message
from lowabs_lsp.bench.replay.served import answer_of, cpu_seconds, inserted_by, offset_of, position_of
from lowabs_lsp.values import Document

CURSOR = "‸"


def request(marked: str) -> Request:
    offset = marked.index(CURSOR)
    return Request(Document("file:///a.py", "a.py", "python", marked.replace(CURSOR, "")), offset, (), Key.CHARACTER, 0)


def span(start: int, end: int, line: int = 0) -> dict[str, dict[str, int]]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


@given(st.text(alphabet="aä🎈\n", max_size=20), st.data())
def test_positions_name_their_offsets(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    position = position_of(text, offset)
    assert offset_of(text, position) == offset
    assert position["character"] == len(text[:offset].rpartition("\n")[2].encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("marked", "item", "text"),
    [
        ("x = ‸", {"insertText": "1"}, "1"),
        ("x = ‸", {"insertText": {"kind": "snippet", "value": "1"}}, "1"),
        ("x = ‸", {"insertText": "1", "range": span(4, 4)}, "1"),
        ("x = va‸", {"insertText": "value", "range": span(4, 6)}, "lue"),
        ("f(‸)", {"insertText": "a)", "range": span(2, 3)}, "a"),
        ("f(‸)", {"insertText": "a", "range": span(2, 3)}, ""),
        ("x = va‸", {"insertText": "other", "range": span(4, 6)}, ""),
        ("x = ‸", {"insertText": "1", "range": span(0, 2)}, ""),
        ("🎈 = ‸", {"insertText": "1", "range": span(5, 5)}, "1"),
    ],
)
def test_an_item_is_what_it_puts_at_the_cursor(marked: str, item: dict[str, object], text: str) -> None:
    assert inserted_by(item, request(marked)) == text


@pytest.mark.parametrize(
    "result", [None, [], {"items": []}, [{"insertText": "1"}], {"items": [{"insertText": "1"}, {"insertText": "2"}]}]
)
def test_lists_with_and_without_a_name_are_read(result: object) -> None:
    answer = answer_of({"id": 1, "result": result}, request("x = ‸"))
    assert answer == Answer("1" if "1" in str(result) else "")


def test_a_refused_request_is_silence() -> None:
    assert answer_of({"id": 1, "error": {"code": -32800, "message": "cancelled"}}, request("x‸")) == Answer("")


def test_the_command_of_an_item_is_kept_for_its_acceptance() -> None:
    command = {"title": "", "command": "lowabs.accept", "arguments": [1]}
    assert answer_of({"result": [{"insertText": "1", "command": command}]}, request("x‸")).token == command


@pytest.mark.parametrize("header", [b"Content-Length: 8\r\n\r\n", b"content-length:8\r\nContent-Type: x\r\n\r\n"])
def test_messages_are_framed(header: bytes) -> None:
    stream = io.BytesIO(header + b'{"a": 1}' + header + b'{"a": 1}')
    assert [read_message(stream), read_message(stream), read_message(stream)] == [{"a": 1}, {"a": 1}, None]


def test_the_time_of_a_process_grows() -> None:
    before = cpu_seconds(os.getpid())
    assert before > 0 or not Path("/proc/self/stat").exists()
    assert cpu_seconds(os.getpid()) >= before
    assert cpu_seconds(2**30) == 0
