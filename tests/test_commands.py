"""docs/commands.md is what the commands say of themselves. `python tests/test_commands.py` writes it anew."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lowabs_model import cli as pipeline

from lowabs_lsp import cli as server

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"

MACHINE = {"workers"}
"""What has another default on another machine."""

INTRODUCTION = """# Commands
Every command and option, as `--help` has them; written by `python tests/test_commands.py`.

`lowabs-lsp --print-completion bash|zsh|tcsh` prints what completes all this in your shell:
```sh
lowabs-lsp --print-completion bash > ~/.local/share/bash-completion/completions/lowabs-lsp
lowabs-lsp --print-completion zsh > ~/.zfunc/_lowabs-lsp   # with fpath+=~/.zfunc in ~/.zshrc
lowabs-lsp --print-completion tcsh > ~/.lowabs-lsp.tcsh    # with source ~/.lowabs-lsp.tcsh in ~/.tcshrc
```
"""


def commands(parser: argparse.ArgumentParser, about: str) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """A parser and all below it, each with the line that tells what it is for."""
    yield parser, about
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            abouts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield from commands(below, abouts[name])


def every_command() -> list[tuple[argparse.ArgumentParser, str]]:
    """Those of both programs."""
    parsers = server._parser(), pipeline.make_parser()
    return [each for parser in parsers for each in commands(parser, parser.description or "")]


def spelled(action: argparse.Action) -> str:
    """An argument or option as one would type it."""
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else None
    value = action.metavar or choices or (action.dest.upper() if action.option_strings else action.dest)
    shown = " ".join(value) if isinstance(value, tuple) else value
    if not action.option_strings:
        return shown
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {shown}")


def meaning(action: argparse.Action) -> str:
    """What an option is for, and what it is where it is left out."""
    plain = (
        isinstance(action.default, bool) or action.default in (None, "", [], (), argparse.SUPPRESS) or action.dest in MACHINE
    )
    return (action.help or "").replace("%%", "%") + ("" if plain else f" (default: `{action.default}`)")


def section(parser: argparse.ArgumentParser, about: str) -> str:
    """One command: its name, what it is for, how it is called, and its options."""
    shown = [each for each in parser._actions if each.help != argparse.SUPPRESS and "-h" not in each.option_strings]
    given = [each for each in shown if not isinstance(each, argparse._SubParsersAction)]
    operands = [spelled(each) for each in given if not each.option_strings]
    options = ["[OPTION]..."] if any(each.option_strings for each in given) else []
    below = ["COMMAND ..."] if len(given) < len(shown) else []
    rows = ["| `{}` | {} |".format(*(text.replace("|", "\\|") for text in (spelled(each), meaning(each)))) for each in given]
    table = "\n".join(["| | |", "|---|---|", *rows]) + "\n" if rows else ""
    epilog = f"\n{parser.epilog}\n" if parser.epilog and below else ""
    return f"## {parser.prog}\n{about}\n```\n{' '.join([parser.prog, *options, *operands, *below])}\n```\n{table}{epilog}"


def page() -> str:
    """The whole of docs/commands.md."""
    return "\n".join([INTRODUCTION, *(section(*each) for each in every_command())])


def test_the_page_of_the_commands_is_what_they_say_of_themselves() -> None:
    assert PAGE.read_text() == page()


@pytest.mark.parametrize(("parser", "about"), every_command(), ids=lambda each: getattr(each, "prog", ""))
def test_the_help_of_a_command_names_what_the_page_has_of_it(parser: argparse.ArgumentParser, about: str) -> None:
    said = parser.format_help()
    assert about
    assert [each for each in parser._actions if each.help != argparse.SUPPRESS and spelled(each).split()[0] not in said] == []


@pytest.mark.parametrize("shell", server.SHELLS)
def test_each_shell_is_given_its_completion(shell: str) -> None:
    argv = [sys.executable, "-m", "lowabs_lsp", "--print-completion", shell]
    script = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert [name for name in server._COMMANDS if name not in script] == []


if __name__ == "__main__":
    PAGE.write_text(page())
