"""The end of a process is seen by whoever watches it."""

import asyncio
import os
import subprocess
import sys

import pytest

from lowabs_lsp.server import parent


@pytest.fixture
def process() -> subprocess.Popen[bytes]:
    """One that ends with its input."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


async def test_the_end_is_seen(process: subprocess.Popen[bytes]) -> None:
    watch = asyncio.ensure_future(parent.process_end(process.pid))
    await asyncio.sleep(0)
    assert not watch.done()
    process.communicate(b"\n")
    await asyncio.wait_for(watch, 30)


async def test_the_end_is_seen_where_it_must_be_looked_for(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.setattr(parent, "POLL", 0.001)
    watch = asyncio.ensure_future(parent.process_end(process.pid))
    await asyncio.sleep(0)
    assert not watch.done()
    process.communicate(b"\n")
    await asyncio.wait_for(watch, 30)


@pytest.mark.parametrize("process_id", [2**22 + 1, -1, 2**70])
@pytest.mark.parametrize("polled", [True, False])
async def test_a_process_that_is_not_there_never_ends(process_id: int, polled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if polled:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    watch = asyncio.ensure_future(parent.process_end(process_id))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not watch.done()
    watch.cancel()
