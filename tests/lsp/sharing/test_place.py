"""The socket lies where nobody else may enter, or nowhere."""

import os
import socket
import sys
from pathlib import Path

import pytest

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.sharing.hello import is_same_user, read_hello, write_hello
from lowabs_lsp.sharing.place import own_version, private_folder, socket_path
from lowabs_lsp.sharing.start import connect_or_start

if sys.platform == "win32":
    pytest.skip("there are no Unix sockets in Windows' Python", allow_module_level=True)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path))
    return tmp_path / "lowabs-lsp"


def test_the_folder_is_made_for_the_user_alone(runtime: Path) -> None:
    assert private_folder() == runtime
    assert runtime.stat().st_mode & 0o777 == 0o700


def test_an_open_folder_is_not_trusted(runtime: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o755)
    with pytest.raises(LowabsError, match="not a folder of yours alone"):
        private_folder()


def test_a_link_is_not_trusted(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LowabsError, match="not a folder of yours alone"):
        private_folder()


def test_a_file_in_its_place_says_what_to_do(runtime: Path) -> None:
    runtime.write_text("")
    with pytest.raises(LowabsError, match="set XDG_RUNTIME_DIR"):
        private_folder()


def test_an_engine_process_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with pytest.raises(LowabsError, match=r"could not be started; see .*engine\.log"):
        connect_or_start(path, [sys.executable, "-c", "raise SystemExit('no')"], {})
    assert path.with_suffix(".log").read_text() == "no\n"


def test_a_folder_that_is_gone_is_a_fault_of_ours(tmp_path: Path) -> None:
    with pytest.raises(LowabsError, match="no engine process can be had"):
        connect_or_start(tmp_path / "gone" / "engine.sock", [sys.executable], {})


def test_without_a_runtime_folder_there_is_one_among_the_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert private_folder().name == f"lowabs-lsp-{os.getuid()}"


def test_a_path_that_is_too_long_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(long))
    with pytest.raises(LowabsError, match="set XDG_RUNTIME_DIR"):
        socket_path()


def test_versions_that_differ_do_not_talk() -> None:
    assert read_hello(write_hello(version="1", settings={}), "1") == {"version": "1", "settings": {}}
    for line in (write_hello(version="2"), b"", b"[]\n", b"\xff\n", b"null\n"):
        with pytest.raises(LowabsError, match="lowabs-lsp"):
            read_hello(line, "1")
    assert own_version()


def test_this_users_processes_know_each_other() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert is_same_user(one)
