"""A terminal that a program is driven in: keys go in by tmux, the screen comes out."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen
from workplace import Workplace, eventually, find_program


@frozen
class Terminal:
    """One running program and its screen."""

    tmux: tuple[str, ...]
    workplace: Workplace

    def _run(self, *arguments: str) -> str:
        command = [*self.tmux, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self.workplace.environment).stdout

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names, such as `Tab` or `C-g`."""
        self._run("send-keys", *names)

    def type(self, text: str) -> None:
        """Press the keys of `text`, each for itself."""
        self._run("send-keys", "-l", text)

    def screen(self) -> list[str]:
        """The lines on the screen, without blanks at their ends."""
        return [line.rstrip() for line in self._run("capture-pane", "-p").splitlines()]

    def shows(self, *lines: str, seconds: float = 120) -> list[str]:
        """The screen as soon as `lines` stand on it one below the other, else all of it when the time is over.

        Only `lines` come back where they are found, so that `shows(*lines) == lines` says it in an assertion.
        """

        def found() -> list[str]:
            screen = self.screen()
            starts = range(len(screen) - len(lines) + 1)
            return next((screen[i : i + len(lines)] for i in starts if screen[i : i + len(lines)] == list(lines)), [])

        return eventually(found, seconds) or self.screen()

    def is_over(self) -> bool:
        """Whether the program has ended."""
        command = [*self.tmux, "has-session"]
        return subprocess.run(command, check=False, capture_output=True, env=self.workplace.environment).returncode != 0


@contextmanager
def open_terminal(argv: Sequence[str], workplace: Workplace, *, width: int = 90, height: int = 24) -> Iterator[Terminal]:
    """Run `argv` in the project folder. What still runs in the end is ended. Skips where there is no tmux."""
    tmux = (str(find_program("tmux")), "-S", str(workplace.home / "tmux"), "-f", "/dev/null")
    size = ("-x", str(width), "-y", str(height))
    start = [*tmux, "set-option", "-s", "escape-time", "0", ";", "new-session", "-d", *size, *argv]
    subprocess.run(start, check=True, capture_output=True, cwd=workplace.project, env=workplace.environment)
    try:
        yield Terminal(tmux, workplace)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True, env=workplace.environment)
