"""What the README promises stays true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lowabs_lsp.cli import _parser
from lowabs_lsp.settings import settings_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def settings_as_markdown() -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for row in settings_table():
        kind = " or ".join(f"`{choice}`" for choice in row.choices) if row.choices else row.type
        default = list(row.default) if isinstance(row.default, tuple) else row.default
        shown = str(default).lower() if isinstance(default, bool) else f"{default!r}".replace("'", '"')
        rows.append(f"| `{row.key}` | {kind} | `{shown}` | {row.doc} |")
    return "\n".join(rows)


def test_the_settings_table_is_the_settings() -> None:
    shown = re.search(r"<!-- settings -->\n(.*)<!-- /settings -->", README, re.DOTALL)
    assert shown
    assert shown[1] == settings_as_markdown() + "\n"


@pytest.mark.parametrize("line", re.findall(r"^\$ lowabs-lsp (.*)$", README, re.MULTILINE))
def test_every_command_shown_is_understood(line: str) -> None:
    from lowabs_lsp.cli import _with_command

    words = _with_command(shlex.split(line, comments=True))
    assert callable(_parser().parse_args(words).run)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_every_file_linked_is_there(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_second_command_is_what_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "poe check" in script
    assert ".[train]" in script
    assert "torch==2.13.0" in script


def test_the_first_command_completes_a_real_file_as_it_says() -> None:
    place = re.search(r"lowabs-lsp complete (examples/\S+)", README)
    promised = re.search(r"It prints `(.+?)`", README)
    assert place
    assert promised
    command = [sys.executable, "-m", "lowabs_lsp", "complete", place[1]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, promised[1] + "\n")
