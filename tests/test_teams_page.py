"""What docs/teams.md says of settings is what they are."""

import json
import re
from pathlib import Path

import pytest

from lowabs_lsp.settings import EngineSettings, load_settings, settings_table

PAGE = (Path(__file__).parents[1] / "docs" / "teams.md").read_text()


@pytest.mark.parametrize("snippet", re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
def test_every_settings_snippet_parses(snippet: str) -> None:
    assert load_settings(json.loads(snippet)).engine.url


def test_every_kind_of_server_has_its_row() -> None:
    (kind,) = [row for row in settings_table(EngineSettings) if row.key == "kind"]
    assert set(re.findall(r"^\| `([a-z.-]+)` \|.*\|.*\|.*\|$", PAGE, re.MULTILINE)) >= set(kind.choices) - {"auto"}


def test_every_layout_is_named() -> None:
    (layout,) = [row for row in settings_table(EngineSettings) if row.key == "layout"]
    assert all(f"`{name}`" in PAGE for name in layout.choices)


def test_the_default_deadline_is_the_one_told() -> None:
    assert f"`engine.deadline` ({EngineSettings().deadline:,} ms)" in PAGE
