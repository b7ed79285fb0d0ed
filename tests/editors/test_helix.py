"""Helix with exactly the file of editor-clients/helix: the menu opens as one types, and its item is taken."""

import shutil
import subprocess
import tomllib
from collections.abc import Callable

import pytest
from terminal import open_terminal
from workplace import CLIENTS, Script, Workplace, eventually, find_editor

pytestmark = pytest.mark.editor
LANGUAGES = CLIENTS / "helix" / "languages.toml"


def test_the_menu_opens_by_itself_and_its_item_is_taken(
    scripted: Callable[[Script], Workplace], tell: Callable[[str, str, str], None]
) -> None:
    program, workplace = find_editor("helix"), scripted({"return": " a + b"})
    file = workplace.write("demo.py", "def add(a, b):\n    return\n")
    (workplace.config / "helix").mkdir(parents=True)
    shutil.copy(LANGUAGES, workplace.config / "helix")
    with open_terminal([str(program), str(file)], workplace) as helix:
        workplace.wait_for_model()
        helix.type("jA")
        assert eventually(lambda: " INS " in " ".join(helix.screen())), helix.screen()
        helix.keys("BSpace")
        helix.type("n")
        assert eventually(lambda: any("return a + b" in line for line in helix.screen())), helix.screen()
        helix.keys("C-n", "Enter")
        assert eventually(lambda: "return a + b" in " ".join(helix.screen()[:2])), helix.screen()
        helix.keys("Escape", "Escape")
        assert eventually(lambda: " NOR " in " ".join(helix.screen())), helix.screen()
        helix.type(":wq")
        helix.keys("Enter")
        assert eventually(helix.is_over), helix.screen()
    assert file.read_text() == "def add(a, b):\n    return a + b\n"
    tell("helix", "menu", "return a + b")


def servers(language: str, workplace: Workplace) -> list[str]:
    """What Helix says it starts for a language."""
    argv = [str(find_editor("helix")), "--health", language]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, env=workplace.environment).stdout
    listed = said.partition("Configured language servers")[2].partition("Configured debug adapter")[0]
    return [line.split()[1].rstrip(":") for line in listed.splitlines() if len(line.split()) > 1 and line[:1].isspace()]


def test_every_language_keeps_the_servers_that_helix_has_for_it(scripted: Callable[[Script], Workplace]) -> None:
    workplace = scripted({})
    languages = [language["name"] for language in tomllib.loads(LANGUAGES.read_text())["language"]]
    before = {name: servers(name, workplace) for name in languages}
    (workplace.config / "helix").mkdir(parents=True, exist_ok=True)  # Helix makes it as well
    shutil.copy(LANGUAGES, workplace.config / "helix")
    after = {name: servers(name, workplace) for name in languages}
    assert {name: sorted({*listed, "lowabs"}) for name, listed in before.items()} == {k: sorted(v) for k, v in after.items()}
