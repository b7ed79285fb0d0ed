"""Kate with exactly the file of editor-clients/kate, on a virtual screen: the menu opens as one types, and its item is taken."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from workplace import CLIENTS, Script, Workplace, eventually, find_editor, find_program

pytestmark = pytest.mark.editor

KATERC = "[Kate Plugins]\nlspclientplugin=true\n\n[General]\nShow welcome view for new window=false\n"
QUIET = {"QT_QPA_PLATFORM": "xcb", "QT_LOGGING_RULES": "*=false"}


@frozen
class Screen:
    """A virtual screen with its own keyboard."""

    environment: dict[str, str]

    def xdotool(self, *arguments: str) -> str:
        """Do something with the keyboard or the windows. xdotool fails where it finds no window."""
        command = [str(find_program("xdotool")), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=self.environment).stdout

    def has_manager(self) -> bool:
        """Whether the window manager is at work: until then there is no desktop."""
        return int(self.xdotool("get_num_desktops") or 0) > 0

    def window(self, title: str) -> str:
        """Kate's window whose title matches, once it is there."""

        def found() -> list[str]:
            windows = self.xdotool("search", "--onlyvisible", "--class", "kate").split()
            return [window for window in windows if re.search(title, self.xdotool("getwindowname", window).strip())]

        windows = eventually(found)
        assert windows, f"no window {title!r}"
        return windows[0]

    def activate(self, title: str) -> None:
        """Give the keyboard to a window."""

        def is_active() -> bool:
            window = self.window(title)
            self.xdotool("windowactivate", window)
            return self.xdotool("getactivewindow").strip() == window

        assert eventually(is_active)


@contextmanager
def running(command: Sequence[str], workplace: Workplace, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=workplace.project, env=environment, stdout=nowhere, stderr=nowhere) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def open_screen(workplace: Workplace) -> Iterator[Screen]:
    """A screen of its own, with a window manager, which the keyboard focus needs."""
    number, tell = os.pipe()
    command = [str(find_program("Xvfb")), "-displayfd", str(tell), "-screen", "0", "900x500x24", "-noreset"]
    with subprocess.Popen(command, pass_fds=[tell], stderr=subprocess.DEVNULL) as server:
        os.close(tell)
        with os.fdopen(number) as display:
            environment = workplace.environment | QUIET | {"DISPLAY": f":{display.readline().strip()}"}
        try:
            screen = Screen(environment)
            with running([str(find_program("openbox"))], workplace, environment):
                assert eventually(screen.has_manager)  # it may not take over what was there before it
                yield screen
        finally:
            server.terminate()


@contextmanager
def open_kate(program: Path, workplace: Workplace, file: Path) -> Iterator[tuple[Screen, subprocess.Popen[bytes]]]:
    """Kate in `file`, the shipped configuration copied to where its README says."""
    (workplace.config / "kate" / "lspclient").mkdir(parents=True)
    shutil.copy(CLIENTS / "kate" / "settings.json", workplace.config / "kate" / "lspclient")
    (workplace.config / "katerc").write_text(KATERC)
    kate = ["dbus-run-session", "--", str(program), "--startanon", "-b", "-n", str(file)]
    with ExitStack() as stack:
        screen = stack.enter_context(open_screen(workplace))
        yield screen, stack.enter_context(running(kate, workplace, screen.environment))


def test_the_menu_opens_by_itself_and_its_item_is_taken(
    scripted: Callable[[Script], Workplace], tell: Callable[[str, str, str], None]
) -> None:
    program, workplace = find_editor("kate"), scripted({"    r": "eturn a + b"})  # Kate asks once, with a word's first letter
    file = workplace.write("demo.py", "def add(a, b):\n    ")
    with open_kate(program, workplace, file) as (screen, kate):
        screen.activate("LSP server start requested")
        screen.xdotool("key", "Return")
        workplace.wait_for_model()
        assert eventually(lambda: "documentSymbol" in workplace.log())  # the view has its server now
        screen.activate("demo.py")
        screen.xdotool("key", "ctrl+End")
        screen.xdotool("type", "r")
        assert screen.window("^Kate$")  # what its menu is called
        screen.xdotool("key", "Return", "ctrl+s")
        assert eventually(lambda: "return a + b" in file.read_text()), file.read_text()
        assert kate.poll() is None
    tell("kate", "menu", "return a + b")
