"""Several editors, one engine process: shared, private, and replaced without a word when it dies."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from raw_client import RawClient, change, inline, insertion
from server_process import Start, shared, starting

if sys.platform == "win32":
    pytest.skip("there are no Unix sockets in Windows' Python", allow_module_level=True)

URI = "file:///w/a.py"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the socket lies; pytest's own folders have too long names for one."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts editors' processes that share an engine process, which ends soon after them."""
    with starting(shared) as start:
        yield lambda **options: start(folder=os.fspath(folder), idle=0.5, says="text", **options)


def ready(client: RawClient, **params: object) -> RawClient:
    client.initialize(**params)
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    client.ask("test/idle")
    return client


def engine_process(client: RawClient) -> int:
    process = client.ask("test/process")
    assert isinstance(process, int)
    return process


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def completed(client: RawClient, uri: str, character: int) -> str:
    """What is suggested there, once the model is loaded."""
    while True:
        answer = client.ask("textDocument/inlineCompletion", inline(uri, 0, character))
        if answer["items"]:
            return str(answer["items"][0]["insertText"])


def test_editors_share_one_engine(start: Start, folder: Path) -> None:
    first, second = ready(start()), ready(start())
    assert [(folder / f"engine.{name}").stat().st_mode & 0o777 for name in ("sock", "log", "lock")] == [0o600] * 3
    assert engine_process(first) == engine_process(second)
    assert (first.ask("test/opened"), second.ask("test/opened")) == (1, 1)
    first.open(URI, "x = ")
    second.open(URI, "y == ")
    assert (first.ask("test/text", {"uri": URI}), second.ask("test/text", {"uri": URI})) == ("x = ", "y == ")
    assert (completed(first, URI, 4), completed(second, URI, 5)) == ("text", "text")
    assert (first.leave(), second.leave()) == (0, 0)


def test_the_death_of_the_engine_is_not_noticed(start: Start) -> None:
    clients = [ready(start()), ready(start())]
    for client in clients:
        client.open(URI, "x = ")
        assert completed(client, URI, 4) == "text"
    seen = [[message["method"] for message in client.messages if "method" in message] for client in clients]
    process = engine_process(clients[0])
    for number in range(20):  # they type on while it is killed
        if number == 5:
            kill(process)
        for client in clients:
            client.notify("textDocument/didChange", change(URI, number + 2, insertion(0, 4 + number, "y")))
            client.request("textDocument/inlineCompletion", inline(URI, 0, 5 + number))
    for client, before in zip(clients, seen, strict=True):
        assert completed(client, URI, 24) == "text"
        client.wait(
            lambda client=client: all(n in client.answers for n in range(client._last_id - 19, client._last_id)), "answers"
        )  # type: ignore[misc]
        assert [answer for answer in client.answers.values() if "error" in answer] == []
        assert client.ask("test/text", {"uri": URI}) == "x = " + "y" * 20
        assert [message["method"] for message in client.messages if "method" in message] == before
    assert engine_process(clients[0]) == engine_process(clients[1]) != process
    assert [client.leave() for client in clients] == [0, 0]


def test_a_new_engine_knows_settings_folders_and_documents(start: Start) -> None:
    client = ready(start(), initializationOptions={"disabledLanguages": ["sql"]})
    client.notify("workspace/didChangeConfiguration", {"settings": {"disabledLanguages": ["go"]}})
    client.open(URI, "one\ntwo")
    client.notify("textDocument/didChange", change(URI, 2, insertion(1, 0, "1"), insertion(0, 3, "!")))
    client.open("file:///w/b.go", "x", "go")
    client.open("file:///w/closed.py", "x")
    client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///w/closed.py"}})
    kill(engine_process(client))
    texts = [client.ask("test/text", {"uri": uri}) for uri in (URI, "file:///w/b.go", "file:///w/closed.py")]
    assert texts == ["one!\n1two", "x", None]
    assert completed(client, URI, 4) == "text"
    assert client.ask("textDocument/inlineCompletion", inline("file:///w/b.go", 0, 1))["items"] == []
    assert client.leave() == 0


def test_a_request_that_kills_every_engine_is_answered_with_nothing(start: Start) -> None:
    client = ready(start())
    assert client.ask("test/die") is None
    client.open(URI, "x = ")
    client.until(lambda: isinstance(client.ask("test/process"), int))  # the third engine comes after a pause
    assert completed(client, URI, 4) == "text"
    assert client.leave() == 0


def test_a_request_in_flight_is_answered_by_the_next_engine(start: Start) -> None:
    client = ready(start())
    client.open(URI, "x = ")
    client.ask("test/gate", {"open": False})
    waiting = client.request("textDocument/inlineCompletion", inline(URI, 0, 4))
    client.ask("test/started")
    kill(engine_process(client))
    assert "error" not in client.answer(waiting)
    assert client.leave() == 0


@pytest.mark.parametrize(("ends", "code"), [("shutdown, end", 0), ("exit", 1)])
def test_the_exit_code_is_that_of_a_server_alone(start: Start, ends: str, code: int) -> None:
    client = ready(start())
    if "shutdown" in ends:
        client.ask("shutdown")
    client.notify("exit") if "exit" in ends else client.end_input()
    assert client.exit_code() == code
    assert "Traceback" not in client.stderr


def test_without_an_engine_an_editor_may_leave(start: Start) -> None:
    client = ready(start())
    process = engine_process(client)
    client.ask("shutdown")
    kill(process)
    client.notify("exit")
    assert client.exit_code() == 0


def test_the_engine_ends_when_nobody_has_come_for_a_while(start: Start) -> None:
    client = ready(start())
    process = engine_process(client)
    assert client.leave() == 0
    watch = RawClient([sys.executable, "-c", ""])  # its `until` waits
    watch.until(lambda: not is_running(process))
    watch.dispose()


def test_an_editor_that_crashes_leaves_no_process_behind(start: Start) -> None:
    client, other = ready(start()), ready(start())
    process = engine_process(client)
    client.process.kill()
    assert engine_process(other) == process
    other.process.kill()
    other.until(lambda: not is_running(process))


def test_without_a_safe_place_an_editor_has_an_engine_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--shared"], {"XDG_RUNTIME_DIR": os.fspath(folder)})
    try:
        assert client.initialize()["inlineCompletionProvider"] == {}
        client.wait(lambda: "too long for a socket" in client.stderr, "reason")
        assert client.leave() == 0
    finally:
        client.dispose()


def test_two_real_editors_share_the_model_and_do_not_notice_its_death(folder: Path) -> None:
    command = [sys.executable, "-m", "lowabs_lsp", "--shared"]
    clients = [RawClient(command, {"XDG_RUNTIME_DIR": os.fspath(folder)}) for _ in range(2)]
    try:
        for client in clients:
            client.initialize(rootUri=None, initializationOptions={"completion": {"precision": 0.0}})
            client.open(URI, "import logging\n\nlog = logging.")
            client.until(partial(is_completed, client))
        assert len(list((folder / "lowabs-lsp").glob("*.sock"))) == 1
        assert end_engines(folder) == 1
        for client in clients:
            client.until(partial(is_completed, client))
            assert client.leave() == 0
            assert "error" not in str(client.messages)
    finally:
        for client in clients:
            client.dispose()
        end_engines(folder)


def is_completed(client: RawClient) -> bool:
    return bool(client.ask("textDocument/inlineCompletion", inline(URI, 2, 14))["items"])


def end_engines(folder: Path) -> int:
    """Kill those that listen in `folder`; how many there were."""
    ended = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            listens = os.fsencode(folder) in (process / "cmdline").read_bytes()
        except OSError:
            continue
        if listens:
            kill(int(process.name))
            ended += 1
    return ended
