"""From initialize to the end of the process, however it comes."""

import signal
import subprocess
import sys

import pytest
from raw_client import RawClient, inline
from server_process import Start, keep_busy

URI = "file:///w/a.py"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, "utf-16"),
        (["utf-16"], "utf-16"),
        (["utf-8", "utf-16", "utf-32"], "utf-8"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7"], "utf-16"),
    ],
)
def test_the_clients_first_encoding_is_taken(start: Start, offered: list[str] | None, chosen: str) -> None:
    general = {"general": {"positionEncodings": offered}} if offered else {}
    assert start().initialize(general)["positionEncoding"] == chosen


def test_all_that_is_done_is_offered(start: Start) -> None:
    capabilities = start().initialize()
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["completionProvider"] == {"triggerCharacters": ["."], "resolveProvider": True}
    assert (capabilities["textDocumentSync"]["openClose"], capabilities["textDocumentSync"]["change"]) == (True, 2)


def test_shutdown_and_exit_is_success(client: RawClient) -> None:
    assert client.leave() == 0
    assert "Traceback" not in client.stderr


def test_exit_without_shutdown_is_a_failure(client: RawClient) -> None:
    client.notify("exit")
    assert client.exit_code() == 1


def test_exit_before_initialize_is_a_failure(start: Start) -> None:
    client = start()
    client.notify("exit")
    assert client.exit_code() == 1


def test_the_end_of_input_ends_the_process(client: RawClient) -> None:
    client.end_input()
    assert client.exit_code() == 1


def test_the_end_of_input_after_shutdown_is_success(client: RawClient) -> None:
    client.ask("shutdown")
    client.end_input()
    assert client.exit_code() == 0


def test_the_end_of_input_stops_a_running_engine(client: RawClient) -> None:
    keep_busy(client, URI)
    client.end_input()
    assert client.exit_code() == 1
    assert "Traceback" not in client.stderr


def test_shutdown_answers_what_is_running(client: RawClient) -> None:
    running = keep_busy(client, URI)
    assert client.leave() == 0
    assert client.answer(running)["error"]["code"] == -32800


def test_a_model_that_hangs_while_it_is_opened_does_not_hold_the_process(start: Start) -> None:
    client = start()
    client.initialize(initializationOptions={"model": "slow:"})
    client.until(lambda: client.ask("test/opened") == 1)
    assert client.leave() == 0


def test_without_standard_input_it_says_what_to_do() -> None:
    command = f"exec '{sys.executable}' -m lowabs_lsp <&-"
    finished = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (finished.returncode, "let an editor start the server" in finished.stderr) == (2, True)


def test_an_interrupt_ends_the_process_quietly(client: RawClient) -> None:
    keep_busy(client, URI)
    client.process.send_signal(signal.SIGINT)
    assert client.exit_code() == 130
    assert "Traceback" not in client.stderr


def test_a_client_that_does_not_read_is_still_read(client: RawClient) -> None:
    """Both pipes would be full for ever if the server wrote where it reads."""
    with client.paused():
        big = "x" * 1_000_000
        for number in range(5):
            client.open(f"file:///w/{number}.py", big)
            client.request("test/text", {"uri": f"file:///w/{number}.py"})
    assert client.leave() == 0


def test_the_server_ends_with_its_editor(start: Start) -> None:
    if sys.platform != "linux":
        pytest.skip("watched by polling elsewhere")
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    client = start()
    client.initialize(processId=editor.pid)
    editor.communicate(b"\n")
    assert client.exit_code() == 1
    assert "orphaned" in client.stderr


def test_an_editor_that_cannot_be_seen_from_here_is_not_taken_for_dead(start: Start) -> None:
    client = start()
    client.initialize(processId=2**22 + 1)
    assert client.leave() == 0


def test_requests_before_initialize_are_refused(start: Start) -> None:
    client = start()
    early = client.answer(client.request("textDocument/inlineCompletion", inline(URI, 0, 0)))
    assert early["error"]["code"] == -32002
    client.initialize()


def test_a_second_initialize_is_refused(client: RawClient) -> None:
    again = client.answer(client.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}}))
    assert again["error"]["code"] == -32600


def test_requests_after_shutdown_are_refused(client: RawClient) -> None:
    client.ask("shutdown")
    late = client.answer(client.request("textDocument/inlineCompletion", inline(URI, 0, 0)))
    assert late["error"]["code"] == -32600


def test_what_prints_does_not_disturb_the_protocol(client: RawClient) -> None:
    client.wait(lambda: "noise on standard output" in client.stderr, "noise on stderr")
