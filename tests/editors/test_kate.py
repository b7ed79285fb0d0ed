"""Kate with exactly the file of editor-clients/kate, on a virtual screen: the menu opens as one types, and its item is taken."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from workplace import CLIENTS, Script, Workplace, eventually, find_editor, find_program

pytestmark = pytest.mark.editor
DISPLAY = ":84"

MENU_PIXELS = 2000
"""A letter changes less of the screen, a menu changes more."""

KATERC = "[Kate Plugins]\nlspclientplugin=true\n\n[General]\nShow welcome view for new window=false\n"


@contextmanager
def open_kate(program: Path, workplace: Workplace, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Kate in `file` on a screen of its own, with a window manager, which the keyboard focus needs."""
    (workplace.config / "kate" / "lspclient").mkdir(parents=True)
    shutil.copy(CLIENTS / "kate" / "settings.json", workplace.config / "kate" / "lspclient")
    (workplace.config / "katerc").write_text(KATERC)
    quiet = {"QT_QPA_PLATFORM": "xcb", "QT_LOGGING_RULES": "*=false", "DISPLAY": DISPLAY}
    environment = workplace.environment | quiet
    kate = ["dbus-run-session", "--", str(program), "--startanon", "-b", "-n", str(file)]
    commands = [[str(find_program("Xvfb")), DISPLAY, "-screen", "0", "900x500x24"], [str(find_program("openbox"))], kate]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            nowhere = subprocess.DEVNULL
            running.append(subprocess.Popen(command, cwd=workplace.project, env=environment, stdout=nowhere, stderr=nowhere))
            assert eventually(Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists)
        yield running[-1]
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def xdotool(*arguments: str) -> str:
    """Do something with the keyboard or the windows of the screen."""
    command = [str(find_program("xdotool")), *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={"DISPLAY": DISPLAY, "LC_ALL": "C.UTF-8"}
    ).stdout


def picture(path: Path) -> Path:
    """The screen as a file."""
    command = [str(find_program("import")), "-window", "root", str(path)]
    subprocess.run(command, check=True, env={"DISPLAY": DISPLAY, "LC_ALL": "C.UTF-8"})
    return path


def changed_pixels(before: Path, after: Path) -> int:
    """In how many pixels two pictures differ."""
    command = [str(find_program("compare")), "-metric", "AE", str(before), str(after), "null:"]
    return int(float(subprocess.run(command, check=False, capture_output=True, text=True).stderr))


def activate(title: str) -> None:
    """Give the keyboard to the window with that title, once it is there."""
    found = eventually(lambda: xdotool("search", "--onlyvisible", "--name", title).split(), 40)
    assert found, title
    xdotool("windowactivate", "--sync", found[-1])


def test_the_menu_opens_by_itself_and_its_item_is_taken(scripted: Callable[[Script], Workplace]) -> None:
    program, workplace = find_editor("kate"), scripted({"    r": "eturn a + b"})  # Kate asks once, with a word's first letter
    file = workplace.write("demo.py", "def add(a, b):\n    ")
    with open_kate(program, workplace, file) as kate:
        activate("LSP server start requested")
        xdotool("key", "Return")
        assert eventually(workplace.is_ready)
        activate("demo.py")
        xdotool("key", "ctrl+End")
        before = picture(workplace.home / "before.png")
        xdotool("type", "r")
        assert eventually(lambda: changed_pixels(before, picture(workplace.home / "menu.png")) > MENU_PIXELS)
        xdotool("key", "Return", "ctrl+s")
        assert eventually(lambda: "return a + b" in file.read_text()), file.read_text()
        assert kate.poll() is None
