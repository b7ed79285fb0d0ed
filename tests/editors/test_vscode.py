"""VS Code with exactly the extension of editor-clients/vscode: ghost text, its keys, the status bar, a crash, fast typing."""

import json
import os
import runpy
import signal
from collections.abc import Callable, Iterator
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
    "for": " each in all: pass",
    "os.path.": "join(a, b)",
    "end": " = 1",
}
CELL = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
NOTEBOOK = {"metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
INSTALLER = """#!/bin/sh
[ "$*" = "install lowabs-lsp" ] && mkdir -p ~/.local/bin && cp "$(command -v lowabs-lsp)" ~/.local/bin/lowabs-elsewhere
"""


def test_the_manifest_has_the_settings_of_the_server() -> None:
    generator = runpy.run_path(str(CLIENTS / "vscode" / "settings.py"))
    assert (CLIENTS / "vscode" / "package.json").read_text() == generator["manifest"]()


@pytest.fixture(scope="module")
def vscode(tmp_path_factory: pytest.TempPathFactory) -> Iterator["VsCode"]:
    """One VS Code for all tests: it takes its time to start."""
    program = find_editor("vscode")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    from drive_vscode import open_vscode, pack_jedi

    folder = tmp_path_factory.mktemp("vscode")
    workplace = scripted_workplace(folder, SCRIPT)
    (folder / "bin" / "pipx").write_text(INSTALLER)
    (folder / "bin" / "pipx").chmod(0o755)
    with open_vscode(program, workplace, workplace.write("demo.py", "\n"), [pack_jedi(folder)]) as opened:
        yield opened


@pytest.mark.editor
def test_tab_takes_the_ghost_text(vscode: "VsCode", tell: Callable[[str, str, str], None]) -> None:
    vscode.reset("def add(a, b):\n")
    vscode.type("    ret", delay=60)
    assert vscode.ghost_text("urn a + b") == "urn a + b"
    assert vscode.take("def add(a, b):\n    return a + b") == "def add(a, b):\n    return a + b"
    tell("vscode", "ghost text", "return a + b")


@pytest.mark.editor
def test_a_block_is_taken_whole(vscode: "VsCode") -> None:
    vscode.reset("def add(a, b):\n   ")
    vscode.type(" ")
    assert vscode.ghost_text("total = a + b\n    return total") == "total = a + b\n    return total"
    vscode.picture("vscode-block")
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
    assert vscode.ghost_text(" each in all: pass") == " each in all: pass"
    vscode.take_part("Control+ArrowRight", "each in all: pass")  # VS Code takes the blank for itself
    vscode.take_part("Control+ArrowRight", " in all: pass")
    assert vscode.save("for each") == "for each"


@pytest.mark.editor
def test_the_next_line_is_taken_alone(vscode: "VsCode") -> None:
    vscode.reset("def add(a, b):\n   ")
    vscode.type(" ")
    assert vscode.ghost_text("total = a + b\n    return total") == "total = a + b\n    return total"
    vscode.take_part("Control+Alt+ArrowRight", "    return total")
    taken = "def add(a, b):\n    total = a + b\n"
    assert vscode.save(taken) == taken


@pytest.mark.editor
def test_the_menu_of_another_server_appears_beside_the_ghost_text(vscode: "VsCode") -> None:
    for _ in range(5):  # until jedi is there
        vscode.reset("import os\nos.path")
        vscode.type(".")
        if eventually(lambda: "_varprog" in vscode.menu(), seconds=20):  # jedi's, which VS Code puts first
            break
    assert "_varprog" in vscode.menu()
    vscode.picture("vscode-menu")
    vscode.type("basen", delay=60)
    assert eventually(lambda: vscode.menu() == ["basename"]), vscode.menu()


@pytest.mark.editor
def test_the_status_bar_pauses_and_resumes(vscode: "VsCode") -> None:
    vscode.reset("")
    vscode.choose("Pause")
    assert "lowabs: paused" in vscode.status("lowabs: paused")
    vscode.choose("Resume")
    assert "lowabs: ready" in vscode.status("lowabs: ready")
    assert vscode.offer("for", " each in all: pass") == " each in all: pass"
    vscode.picture("vscode-ghost")


@pytest.mark.editor
def test_a_language_is_turned_off_and_on_again(vscode: "VsCode") -> None:
    vscode.choose("Turn off for python")
    assert vscode.status("lowabs: off in python") == "lowabs: off in python"
    assert eventually(lambda: vscode.configured().get("lowabs.disabledLanguages") == ["python"]), vscode.configured()
    vscode.reset("")
    before = vscode.workplace.log().count("reason=disabled")
    vscode.type("for", delay=60)
    assert eventually(lambda: vscode.workplace.log().count("reason=disabled") > before)
    assert vscode.shown() == ""
    vscode.choose("Turn on for python")
    assert vscode.offer("for", " each in all: pass") == " each in all: pass"


@pytest.mark.editor
def test_the_threshold_is_asked_for_in_the_menu(vscode: "VsCode") -> None:
    vscode.choose("Threshold")
    vscode.answer("0.5")
    assert eventually(lambda: vscode.configured().get("lowabs.completion.precision") == 0.5), vscode.configured()


@pytest.mark.editor
def test_settings_are_live(vscode: "VsCode") -> None:
    vscode.configure({"lowabs.enabled": False})
    assert "lowabs: off" in vscode.status("lowabs: off")
    vscode.configure({"lowabs.completion.multiLine": "never"})
    assert "lowabs: ready" in vscode.status("lowabs: ready")
    vscode.reset("def add(a, b):\n   ")
    vscode.type(" ")
    assert vscode.ghost_text("total = a + b") == "total = a + b"
    vscode.configure({})


@pytest.mark.editor
def test_after_a_crash_the_server_comes_back_though_one_types_on(vscode: "VsCode") -> None:
    vscode.reset("")
    [server] = [int(path.name) for path in Path("/proc").glob("[0-9]*") if runs(path, str(vscode.workplace.home))]
    with vscode.new_server():
        os.kill(server, signal.SIGKILL)
        vscode.type("while it is gone\n" * 3)
    assert vscode.offer("for", " each in all: pass") == " each in all: pass"


def runs(process: Path, home: str) -> bool:
    """Whether a process is the scripted server of the workplace in `home`."""
    try:
        words = (process / "cmdline").read_text().split("\0")
    except OSError:
        return False
    return any(word.endswith("scripted_server.py") for word in words) and home in words


@pytest.mark.editor
def test_a_server_that_is_missing_is_installed_on_request(vscode: "VsCode") -> None:
    vscode.configure({"lowabs.command": ["lowabs-elsewhere"]})
    assert "not on this machine" in vscode.status("not on this machine")
    vscode.picture("vscode-missing")
    with vscode.new_server():
        vscode.agree("Install with pipx")
    assert "lowabs: ready" in vscode.status("lowabs: ready")
    assert vscode.offer("for", " each in all: pass") == " each in all: pass"
    with vscode.new_server():
        vscode.configure({})
    assert vscode.offer("for", " each in all: pass") == " each in all: pass"


@pytest.mark.editor
def test_after_200_fast_keys_the_server_has_the_text_of_the_buffer(vscode: "VsCode") -> None:
    vscode.reset("first line\n")
    typed = "".join(f"value_{i} = 'ä€' + {i}\n" for i in range(10)) + "end"
    vscode.type(typed)
    assert vscode.ghost_text(" = 1") == " = 1"
    vscode.press("Escape")
    text = f"first line\n{typed}"
    assert vscode.save(text) == text
    assert vscode.workplace.server_text() == text
    assert vscode.notifications() == []


@pytest.mark.editor
def test_a_cell_of_a_notebook_is_completed_from_the_cells_around_it(vscode: "VsCode") -> None:
    cells = ["import os", "fo", "print(1)"]
    notebook = vscode.workplace.write(
        "study.ipynb", json.dumps(NOTEBOOK | {"cells": [CELL | {"source": text} for text in cells]})
    )
    vscode.open("study.ipynb")
    vscode.page.locator(".notebookOverlay .cell .monaco-editor .view-lines", has_text="fo").first.click()
    vscode.press("Control+End")
    vscode.type("r")
    assert vscode.ghost_text(" each in all: pass") == " each in all: pass"
    assert vscode.workplace.server_text() == "import os\n\nfor\n\nprint(1)"
    vscode.picture("vscode-notebook")
    vscode.take_part("Tab", "")
    vscode.press("Control+s")
    assert eventually(lambda: "for each in all: pass" in notebook.read_text()), notebook.read_text()
    assert "Traceback" not in vscode.workplace.log()


@pytest.mark.editor
def test_the_server_is_told_which_file_is_in_front(vscode: "VsCode") -> None:
    vscode.workplace.write("front.py", "a = 1")
    vscode.configure({"lowabs.logLevel": "debug", "lowabs.enabled": False})
    assert "lowabs: off" in vscode.status("lowabs: off")  # by now the server has these settings
    vscode.open("front.py")
    assert eventually(lambda: "event=focus file=front.py" in vscode.workplace.log()), vscode.workplace.log()[-1000:]

    def goes_back() -> bool:
        vscode.page.locator(".tab", has_text="demo.py").click()  # opening by two clicks may still be going on
        return "event=focus file=demo.py" in vscode.workplace.log()

    assert eventually(goes_back), vscode.workplace.log()[-1000:]
