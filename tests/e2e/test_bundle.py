"""The product as it is started by an editor, with a real model."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_client import RawClient, inline, place

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.settings import load_settings
from lowabs_lsp.values import Document

TINY = Path(__file__).parents[1] / "data" / "tiny"
URI = "file:///w/mean.py"
PLACES = [
    "import ",
    "def add(a, b):\n    return ",
    "for i in range(10):\n    print(",
    "class Point:\n    def __init__(self, x, y):\n",
]


@pytest.fixture(params=[[], ["--stdio"], ["serve"]], ids=["bare", "stdio", "serve"])
def client(request: pytest.FixtureRequest) -> Iterator[RawClient]:
    client = RawClient([sys.executable, "-m", "lowabs_lsp", *request.param, "--model", str(TINY)])
    yield client
    client.dispose()


def test_the_server_shows_what_the_completer_says(client: RawClient) -> None:
    settings = load_settings({"model": str(TINY)})
    completer = Completer(LocalEngine.open(TINY, settings.engine), settings)
    client.initialize()
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    shown = 0
    for text in PLACES:
        document, end = Document(URI, "mean.py", "python", text), (text.count("\n"), len(text.rpartition("\n")[2]))
        expected = completer.complete(document, len(text)).text
        client.open(URI, text)
        ghost = client.ask("textDocument/inlineCompletion", inline(URI, *end))["items"]
        assert [item["insertText"] for item in ghost] == ([expected] if expected else [])
        menu = client.ask("textDocument/completion", place(URI, *end))["items"]
        shown += len(ghost)
        assert [item["textEdit"]["newText"] for item in menu] == ([expected] if expected else [])
        client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.leave() == 0
    assert "Traceback" not in client.stderr
    assert shown


def test_the_end_of_input_ends_the_process_while_the_model_is_loaded() -> None:
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--model", str(TINY)])
    client.initialize()
    client.end_input()
    assert client.exit_code() == 1
    client.dispose()
