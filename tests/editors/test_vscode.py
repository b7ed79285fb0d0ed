"""VS Code with exactly the extension of editor-clients/vscode: ghost text, its keys, the status bar, a crash, fast typing."""

import os
import runpy
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workplace import CLIENTS, eventually, find_editor, scripted_workplace

if TYPE_CHECKING:
    from drive_vscode import VsCode

SCRIPT = {
    "    ret": "urn a + b",
    "b):\n    ": "total = a + b\n    return total",
    "print(": "1 + 2",
    "for": " each in all",
    "end": " of it",
}


def test_the_manifest_has_the_settings_of_the_server() -> None:
    generator = runpy.run_path(str(CLIENTS / "vscode" / "settings.py"))
    assert (CLIENTS / "vscode" / "package.json").read_text() == generator["manifest"]()


@pytest.fixture(scope="module")
def vscode(tmp_path_factory: pytest.TempPathFactory) -> Iterator["VsCode"]:
    """One VS Code for all tests: it takes its time to start."""
    program = find_editor("vscode")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    from drive_vscode import open_vscode

    workplace = scripted_workplace(tmp_path_factory.mktemp("vscode"), SCRIPT)
    with open_vscode(program, workplace, workplace.write("demo.py", "\n")) as opened:
        yield opened


@pytest.mark.editor
def test_tab_takes_the_ghost_text(vscode: "VsCode") -> None:
    vscode.reset("def add(a, b):\n")
    vscode.type("    ret", delay=60)
    assert vscode.ghost_text("urn a + b") == "urn a + b"
    assert vscode.take("def add(a, b):\n    return a + b") == "def add(a, b):\n    return a + b"


@pytest.mark.editor
def test_a_block_is_taken_whole(vscode: "VsCode") -> None:
    vscode.reset("def add(a, b):\n   ")
    vscode.type(" ")
    assert vscode.ghost_text("total = a + b\n    return total") == "total = a + b\n    return total"
    taken = "def add(a, b):\n    total = a + b\n    return total"
    assert vscode.take(taken) == taken


@pytest.mark.editor
def test_ghost_text_in_the_middle_of_a_line(vscode: "VsCode") -> None:
    vscode.reset("print)")
    vscode.press("ArrowLeft")
    vscode.type("(")
    assert vscode.ghost_text("1 + 2") == "1 + 2"
    assert vscode.take("print(1 + 2)") == "print(1 + 2)"


@pytest.mark.editor
def test_the_next_word_is_taken_alone(vscode: "VsCode") -> None:
    vscode.reset("")
    vscode.type("for", delay=60)
    assert vscode.ghost_text(" each in all") == " each in all"
    vscode.press("Control+ArrowRight")  # VS Code takes the blank for itself
    vscode.press("Control+ArrowRight")
    assert vscode.save("for each") == "for each"


@pytest.mark.editor
def test_the_status_bar_pauses_and_resumes(vscode: "VsCode") -> None:
    vscode.reset("")
    vscode.choose("Pause")
    assert "lowabs: paused" in vscode.status("lowabs: paused")
    vscode.choose("Resume")
    assert "lowabs: ready" in vscode.status("lowabs: ready")
    vscode.page.locator(".editor-instance .view-lines").first.click()
    vscode.type("for", delay=60)
    assert vscode.ghost_text(" each in all") == " each in all"


@pytest.mark.editor
def test_after_a_crash_the_server_comes_back(vscode: "VsCode") -> None:
    vscode.reset("")
    log = vscode.workplace.home / "server.log"
    [server] = [int(path.name) for path in Path("/proc").glob("[0-9]*") if runs(path, str(vscode.workplace.home))]
    log.write_text("")
    os.kill(server, signal.SIGKILL)
    assert eventually(vscode.workplace.is_ready)
    vscode.type("for", delay=60)
    assert vscode.ghost_text(" each in all") == " each in all"


def runs(process: Path, home: str) -> bool:
    """Whether a process is the scripted server of the workplace in `home`."""
    try:
        words = (process / "cmdline").read_text().split("\0")
    except OSError:
        return False
    return any(word.endswith("scripted_server.py") for word in words) and home in words


@pytest.mark.editor
def test_after_200_fast_keys_the_server_has_the_text_of_the_buffer(vscode: "VsCode") -> None:
    vscode.reset("first line\n")
    typed = "".join(f"value_{i} = 'ä€' + {i}\n" for i in range(10)) + "end"
    vscode.type(typed)
    assert vscode.ghost_text(" of it") == " of it"
    vscode.press("Escape")
    text = f"first line\n{typed}"
    assert vscode.save(text) == text
    assert vscode.workplace.server_text() == text
    assert vscode.notifications() == []
