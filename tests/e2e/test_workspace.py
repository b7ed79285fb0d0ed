"""The files around the open one speak in its completions, and they are followed as they change on disk."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raw_client import RawClient, inline

TINY = Path(__file__).parents[1] / "data" / "tiny"
PHRASE = "zorblat_quux = frobnicate(wibble, 17)"
TYPED = "def g(wibble):\n    zorblat_quux = frob"
REST = "nicate(wibble, 17)"

FOLLOWED = re.compile(r"event=reindexed files=(\d+)")

Open = Callable[[Path], RawClient]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Starts a server on a folder, with the unsaved file here.py open in it."""
    clients: list[RawClient] = []

    def start(folder: Path) -> RawClient:
        client = RawClient([sys.executable, "-m", "lowabs_lsp", "--model", str(TINY)])
        clients.append(client)
        client.initialize(workspaceFolders=[{"uri": folder.as_uri(), "name": "it"}])
        client.wait(lambda: "event=indexed" in client.stderr, "index")
        client.open((folder / "here.py").as_uri(), TYPED)
        return client

    yield start
    for client in clients:
        client.dispose()


def ghost(client: RawClient, folder: Path) -> list[str]:
    line, character = TYPED.count("\n"), len(TYPED.rpartition("\n")[2])
    answer = client.ask("textDocument/inlineCompletion", inline((folder / "here.py").as_uri(), line, character))
    return [item["insertText"] for item in answer["items"]]


def write_phrase(folder: Path) -> Path:
    file = folder / "other.py"
    file.write_text(f"def f(wibble):\n    {PHRASE}\n" * 3)
    return file


def test_a_phrase_of_a_file_on_disk_is_completed(tmp_path: Path, opened: Open) -> None:
    write_phrase(tmp_path)
    assert ghost(opened(tmp_path), tmp_path) == [REST]


@pytest.mark.parametrize("told_by", ["workspace/didChangeWatchedFiles", "textDocument/didSave"])
def test_a_file_that_is_written_later_is_learnt(tmp_path: Path, opened: Open, told_by: str) -> None:
    client = opened(tmp_path)
    uri = write_phrase(tmp_path).as_uri()
    watched = told_by == "workspace/didChangeWatchedFiles"
    client.notify(told_by, {"changes": [{"uri": uri, "type": 1}]} if watched else {"textDocument": {"uri": uri}})
    client.wait(lambda: "event=reindexed" in client.stderr, "change")
    assert ghost(client, tmp_path) == [REST]
    assert client.leave() == 0


def test_paths_that_are_none_harm_nothing(tmp_path: Path, opened: Open) -> None:
    client = opened(tmp_path)
    names = ["../x", "gone.py", write_phrase(tmp_path).name]
    uris = ["file:///%00", "untitled:1", "http://[", "", *(f"{tmp_path.as_uri()}/{name}" for name in names)]
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 2} for uri in uris]})
    client.wait(lambda: sum(map(int, FOLLOWED.findall(client.stderr))) == len(names), "changes")
    assert ghost(client, tmp_path) == [REST]
    assert "Traceback" not in client.stderr
