"""Lets the tests of this folder import what they share, makes the workplaces that they drive editors in, and tells what was seen."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # importlib mode, in which tests run, has no import by folder

from workplace import EDITORS, Script, Workplace, scripted_workplace

VERSION_OPTIONS = {"jupyter": ["lab", "--version"]}
"""How an editor is asked for its version, where not by `--version` alone."""

Tell = Callable[[str, str, str], None]


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[Script], Workplace]:
    """Makes the test's workplace: the scripted engine says what a script tells it."""
    return lambda script: scripted_workplace(tmp_path, script)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Puts into the table at the end of a run: an editor and the way it was used, what was seen in it, and which text was accepted."""
    return lambda editor, seen, accepted: record_property("editor", (editor, seen, accepted))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was seen in the editors, a line for each."""
    rows = [*_seen(terminalreporter), *_missing(terminalreporter)]
    if not rows:
        return
    table = [("editor", "version", "seen", "accepted", "seconds"), *sorted(rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    terminalreporter.section("editors")
    for row in table:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())


def _seen(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, ...]]:
    for report in reporter.getreports("passed"):
        for name, value in report.user_properties:
            if report.when == "call" and name == "editor":
                editor, seen, accepted = value
                yield editor, _version(editor.partition(" ")[0]), seen, accepted, f"{report.duration:.1f}"


def _missing(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, ...]]:
    """The editors whose tests were skipped, each with the reason."""
    for reason in EDITORS.glob("*.reason"):
        if any(reason.stem in str(report.longrepr) for report in reporter.getreports("skipped")):
            yield reason.stem, "-", "not installed", reason.read_text().strip(), "-"


def _version(editor: str) -> str:
    argv = [EDITORS / "bin" / editor, *VERSION_OPTIONS.get(editor, ["--version"])]
    environment = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen"}
    said = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment).stdout
    found = re.search(r"(?:Code )(\d[\d.]+)", said) or re.search(r"(\d+\.[\d.]*\d)", said)
    return found[1] if found else "?"
