"""A model folder that is spoiled in any way costs one message; the server goes on, and takes the model up when it is mended."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, inline

from lowabs_lsp.engine.bundle import MANIFEST, SCHEMA, record_file

TINY = Path(__file__).parents[1] / "data" / "tiny"
TEXTS = [
    "import ",
    "def add(a, b):\n    return ",
    "for i in range(10):\n    print(",
    "class Point:\n    def __init__(self, x, y):\n",
]

SERVER = """
import sys
import lowabs_lsp.server.loading as loading
from lowabs_lsp.cli import main
loading.RETRY_AFTER = 0.2
sys.exit(main(sys.argv[1:]))
"""
"""The real server, which tries again sooner."""

BOUND_BY_PERMISSIONS = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Root may read everything, so give that up before the server starts."""

WITHOUT_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
"""
"""Not a byte can be written to any file."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny bundle, to be spoiled."""
    return shutil.copytree(TINY, tmp_path / "bundle")


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., RawClient]]:
    """What starts a server on the copy."""
    clients: list[RawClient] = []

    def start(before: str = "", launcher: str = "") -> RawClient:
        server = ["-c", before + SERVER, "--model", str(folder)]
        clients.append(RawClient([sys.executable, *(["-c", launcher] if launcher else []), *server]))
        clients[-1].initialize()
        return clients[-1]

    yield start
    for client in clients:
        client.dispose()


def completions(client: RawClient) -> list[str]:
    """What is offered at the end of each text, in order; nothing where there is nothing."""
    found = []
    for n, text in enumerate(TEXTS):
        uri = f"file:///w/{n}.py"
        client.open(uri, text)
        asked = inline(uri, text.count("\n"), len(text.rpartition("\n")[2]))
        found += [item["insertText"] for item in client.ask("textDocument/inlineCompletion", asked)["items"]]
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return found


def cut(folder: Path) -> None:
    data = (folder / "model.onnx.data").read_bytes()
    (folder / "model.onnx.data").write_bytes(data[: len(data) // 2])


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "model.onnx.data").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx.data").write_bytes(data)


def change(path: Path, edit: Callable[[Any], object]) -> None:
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))


def raise_the_schema(folder: Path) -> None:
    change(folder / MANIFEST, lambda raw: raw.update(schema=SCHEMA + 1))


def add_a_token(folder: Path) -> None:
    tokenizer = folder / "tokenizer.json"
    change(tokenizer, lambda raw: raw["added_tokens"].append(raw["added_tokens"][0] | {"id": 512, "content": "<|one|>"}))
    record = record_file(tokenizer)
    change(
        folder / MANIFEST, lambda raw: raw["files"].update({tokenizer.name: {"bytes": record.bytes, "sha256": record.sha256}})
    )


def double_the_heads(folder: Path) -> None:
    change(folder / MANIFEST, lambda raw: raw["architecture"].update(kv_heads=2 * raw["architecture"]["kv_heads"]))


def forbid(folder: Path) -> None:
    (folder / "model.onnx").chmod(0)


FAULTS = [
    (cut, "model.onnx.data: has ", "copy or download the model folder again"),
    (flip_a_bit, "model.onnx.data: is damaged", "copy or download the model folder again"),
    (raise_the_schema, "bundle.json: has schema", "upgrade it (pip install -U lowabs-lsp)"),
    (add_a_token, "tokenizer.json: has 513 tokens", "copy the model folder again"),
    (double_the_heads, "model.onnx: past_key_0 has the shape", "copy or download the model folder again"),
    (forbid, "model.onnx: may not be read", "give your user the right to read it"),
    (lambda folder: shutil.rmtree(folder), "bundle: ", "`lowabs-lsp models list` shows all"),
]
"""What spoils the folder, which file the message names, and the remedy."""


@pytest.mark.parametrize(("spoil", "named", "remedy"), FAULTS, ids=[getattr(f, "__name__", "") for f, _, _ in FAULTS])
def test_each_fault_is_named_and_the_mended_model_is_taken_up(
    start: Callable[..., RawClient], folder: Path, spoil: Callable[[Path], object], named: str, remedy: str
) -> None:
    spoil(folder)
    client = start(launcher=BOUND_BY_PERMISSIONS if spoil is forbid else "")
    client.wait(lambda: bool(client.notifications("window/showMessage")), "message")
    (message,) = client.notifications("window/showMessage")
    assert named in message["message"]
    assert remedy in message["message"]
    assert completions(client) == []
    client.wait(lambda: "reason=no-model" in client.stderr or "reason=loading" in client.stderr, "reason in the log")
    mend(folder)
    client.until(lambda: completions(client) != [])
    assert len(client.notifications("window/showMessage")) == 1
    assert "Traceback" not in client.stderr
    assert client.leave() == 0


def mend(folder: Path) -> None:
    """Put the whole model back as a person would: another folder in its place."""
    whole = shutil.copytree(TINY, folder.with_name("whole"))
    if folder.exists():
        folder.rename(folder.with_name("spoiled"))
    whole.rename(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_nothing_to_a_server_that_writes_nothing(start: Callable[..., RawClient]) -> None:
    client = start(before=WITHOUT_DISK)
    client.until(lambda: completions(client) != [])
    assert client.notifications("window/showMessage") == []
    assert "Traceback" not in client.stderr
    assert client.leave() == 0
