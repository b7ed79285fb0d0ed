"""Every configuration in editor-clients says to our server only what it understands, and every README what the user gets."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workplace import CLIENTS

from lowabs_lsp.prompt.languages import language_of
from lowabs_lsp.settings import load_settings

Json = Any  # whatever a file holds
READMES = sorted(CLIENTS.glob("*/README.md"))


def nested(dotted: dict[str, Json]) -> Json:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`, which is how clients send it."""
    whole: dict[str, Json] = {}
    for key, value in dotted.items():
        *path, name = key.split(".")
        place = whole
        for part in path:
            place = place.setdefault(part, {})
        place[name] = value
    return whole


def read(name: str) -> Json:
    """A JSON file of editor-clients."""
    return json.loads((CLIENTS / name).read_text())


def test_sublime_sends_settings_that_the_server_knows() -> None:
    client = read("sublime/LSP.sublime-settings")["clients"]["lowabs"]
    assert set(client) == {"enabled", "command", "selector", "settings"}
    load_settings(nested(client["settings"]))


def test_jetbrains_sends_settings_and_languages_that_the_server_knows() -> None:
    load_settings(read("jetbrains/settings.json"))
    mappings = read("jetbrains/template.json")["fileTypeMappings"]
    pairs = [(pattern, each["languageId"]) for each in mappings for pattern in each["fileType"]["patterns"]]
    assert [language_of(pattern.replace("*", "a")) for pattern, _ in pairs] == [language for _, language in pairs]


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Each code block in that language, with its README's folder."""
    for readme in READMES:
        for text in re.findall(rf"```{language}\n(.*?)```", readme.read_text(), re.DOTALL):
            yield readme.parent.name, text


def test_the_blocks_of_the_readmes_can_be_read() -> None:
    for _, text in blocks("json"):
        json.loads(text)
    for _, text in blocks("toml"):
        tomllib.loads(text)


def test_the_block_for_sublime_is_its_file() -> None:
    assert ("sublime", (CLIENTS / "sublime" / "LSP.sublime-settings").read_text()) in list(blocks("json"))


def test_jupyter_sends_settings_that_the_server_knows() -> None:
    [text] = [text for folder, text in blocks("json") if folder == "jupyter"]
    load_settings(nested(json.loads(text)["language_servers"]["lowabs"]["serverSettings"])["lowabs"])


def test_jupyter_starts_our_server_and_none_that_its_name_would_put_first() -> None:
    servers = read("jupyter/lowabs.json")["LanguageServerManager"]["language_servers"]
    assert {name: server["argv"] for name, server in servers.items()} == {
        "lowabs": ["lowabs-lsp"],
        "basedpyright": [],
        "jedi-language-server": [],
    }


def test_vscode_has_the_settings_of_its_readme() -> None:
    known = read("vscode/package.json")["contributes"]["configuration"]["properties"]
    [text] = [text for folder, text in blocks("json") if folder == "vscode"]
    assert set(json.loads(text)) <= set(known)


def test_kate_starts_our_server_with_settings_that_it_knows() -> None:
    assert {tuple(server["command"]) for server in read("kate/settings.json")["servers"].values()} == {("lowabs-lsp",)}
    [told] = re.findall(r'`"initializationOptions": (\{.*?\})`', (CLIENTS / "kate" / "README.md").read_text())
    load_settings(json.loads(told))


def test_zed_would_send_settings_that_the_server_knows() -> None:
    [text] = [text for folder, text in blocks("json") if folder == "zed"]
    load_settings(json.loads(text)["lsp"]["lowabs"]["settings"])


def test_helix_sends_settings_that_the_server_knows() -> None:
    [text] = [text for folder, text in blocks("toml") if folder == "helix" and "language-server" in text]
    load_settings(tomllib.loads(text)["language-server"]["lowabs"]["config"])


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_each_readme_says_what_one_gets_and_how_to_check(readme: Path) -> None:
    title, gets, *_ = readme.read_text().splitlines()
    assert title.startswith("# ")
    assert any(word in gets for word in ("**ghost text**", "**menu**", "**Not supported.**"))
    if "Not supported" not in gets:
        assert "lowabs-lsp doctor" in readme.read_text()
        assert "## Install" in readme.read_text()
        assert re.search(r"(?i)turn(ed)? (off in|a language off)", readme.read_text())


def test_each_file_that_a_readme_copies_is_there() -> None:
    copied = [name for readme in READMES for name in re.findall(r"editor-clients/[\w./-]+\w", readme.read_text())]
    assert len(copied) > 5
    assert [name for name in copied if not (CLIENTS.parent / name).exists()] == []
