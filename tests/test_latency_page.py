"""The table of docs/latency.md names tests that there are."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "latency.md").read_text()
NAMED = re.findall(r"`((?:e2e|lsp)/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)


def test_each_of_the_sixteen_has_one() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 17))
    assert all(re.search(r"`(?:e2e|lsp)/", row) for row in rows)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_it_is_there(file: str, test: str) -> None:
    assert f"def {test or 'test_'}" in (TESTS / file).read_text()
