"""Downloads, against a hub that runs here: whole, checked, taken up again, and once more without it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from lowabs_model.huggingface.hub import HubError, check_weights, find_source

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """What the client of the Hugging Face hub needs of it, for one model and one that is behind a licence."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {file.name: file.read_bytes() for file in folder.iterdir()} | {"model.bin": b"a pickle"}
        self.sent: list[str] = []
        self.cut: int | None = None
        """Bytes after which the next large file breaks off."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if "gated" in self.path:
            self.say(403, b"{}", {"X-Error-Code": "GatedRepo"}, body=body)
        elif "some/model" not in self.path:
            self.say(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)
        elif parts[0] == "api":
            self.listing(parts, body=body)
        else:
            self.file(parts[-1], body=body)

    def listing(self, parts: list[str], *, body: bool) -> None:
        siblings = [{"rfilename": name} for name in sorted(self.server.files)]
        tree = [{"type": "file", "path": name, "size": len(data), "oid": ""} for name, data in self.server.files.items()]
        info = {"id": "some/model", "modelId": "some/model", "sha": REVISION, "siblings": siblings}
        self.say(200, json.dumps(tree if "tree" in parts else info).encode(), {}, body=body)

    def file(self, name: str, *, body: bool) -> None:
        data = self.server.files[name]
        large = name.endswith(".safetensors")
        etag = hashlib.sha256(data).hexdigest() if large else hashlib.sha1(data).hexdigest()
        headers = {"X-Repo-Commit": REVISION, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if large:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))}
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if body:
            self.server.sent.append(f"{name}:{begin}")
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.say(206 if begin else 200, data[begin:], headers, body=body)

    def say(self, status: int, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        cut, large = self.server.cut, len(data) > 100_000
        if cut is not None and large:
            self.server.cut, data = None, data[:cut]
            self.close_connection = True
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        """Nothing."""


@pytest.fixture
def hub(make: Callable[[str], Path]) -> Iterator[Hub]:
    server = Hub(make("SmolLM2"))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


Run = Callable[..., subprocess.CompletedProcess[str]]
FIND = "import sys; from lowabs_model.huggingface.hub import find_source; print(find_source(sys.argv[1]))"


@pytest.fixture
def run(hub: Hub, tmp_path: Path) -> Run:
    """A Python program for which this hub is the hub, with a cache and a data folder of its own."""

    def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        changed = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | changed | changes
        return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def add(run: Run) -> Run:
    """`lowabs-lsp models add`."""
    return lambda model, **changes: run(
        "-m", "lowabs_lsp", "models", "add", model, "--name", "mine", "--quantize", "fp32", **changes
    )


@pytest.fixture
def find(run: Run) -> Run:
    """What `models add` does first; it prints the folder with the model."""
    return lambda model, **changes: run("-c", FIND, model, **changes)


def test_a_model_comes_from_the_hub_and_then_from_the_cache(add: Run, find: Run, hub: Hub) -> None:
    done = add("some/model")
    assert done.returncode == 0, done.stderr
    assert "lowabs-lsp/models/mine: mine, fp32" in done.stdout.replace("\\", "/")
    assert not [sent for sent in hub.sent if "model.bin" in sent]
    hub.sent.clear()
    offline = find("some/model", HF_ENDPOINT="http://127.0.0.1:9")
    assert offline.returncode == 0, offline.stderr
    assert {file.name for file in Path(offline.stdout.strip()).iterdir()} == hub.files.keys() - {"model.bin"}
    assert hub.sent == []


def test_a_download_that_breaks_off_is_taken_up_again(find: Run, hub: Hub) -> None:
    hub.cut = 70_000
    done = find("some/model")
    assert done.returncode == 0, done.stderr
    assert len([sent for sent in hub.sent if sent.startswith("model.safetensors")]) == 2
    assert (Path(done.stdout.strip()) / "model.safetensors").read_bytes() == hub.files["model.safetensors"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("some/gated", "its licence must be accepted first"),
        ("nobody/nothing", "the hub has no such model"),
        ("no-such-folder", "neither a folder nor the id of a model"),
    ],
)
def test_what_cannot_be_had_is_told(add: Run, model: str, told: str) -> None:
    done = add(model)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_and_without_a_cache_it_is_told(add: Run) -> None:
    done = add("some/model", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "the hub cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    blob = tmp_path / hashlib.sha256(b"weights").hexdigest()
    blob.write_bytes(b"weights")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(blob)
    check_weights(tmp_path / "snapshot")
    blob.write_bytes(b"weighty")
    with pytest.raises(HubError, match="is damaged"):
        check_weights(tmp_path / "snapshot")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_source(str(tmp_path)) == tmp_path
