"""Bodies come out of a byte stream whole, however it is cut and whatever stands between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.server.frames import LARGEST, FrameReader, frame


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_what_is_framed_is_read_however_it_is_cut(bodies: list[bytes], size: int) -> None:
    stream = b"".join(map(frame, bodies))
    reader = FrameReader()
    read = [body for start in range(0, len(stream), size) for body in reader.feed(stream[start : start + size])]
    assert read == bodies


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"Content-Length:2\r\n\r\n",
        b"CONTENT-LENGTH :  2 \r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc\r\n\r\n",
        b"Content-Length: 2\n\n",
    ],
)
def test_a_header_may_be_spelled_in_every_way_that_clients_use(header: bytes) -> None:
    assert FrameReader().feed(header + b"{}") == [b"{}"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"\r\n\r\n",
        b"Content-Length: two\r\n\r\n{}\r\n",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: %d\r\n\r\n{}" % (LARGEST + 1),
        b"x" * 200_000,
    ],
)
def test_garbage_before_a_message_is_skipped(garbage: bytes) -> None:
    assert FrameReader().feed(garbage + frame(b"[1]")) == [b"[1]"]


def test_the_garbage_that_is_kept_stays_small() -> None:
    reader = FrameReader()
    for _ in range(100):
        reader.feed(b"x" * 10_000)
    assert reader.feed(b"\r\n" + frame(b"1")) == [b"1"]
    assert len(reader._buffer) == 0


def test_an_empty_body_is_a_body() -> None:
    assert FrameReader().feed(frame(b"") + frame(b"2")) == [b"", b"2"]
