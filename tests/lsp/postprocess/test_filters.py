"""Reasons to keep quiet."""

import pytest

from lowabs_lsp.postprocess.filters import may_insert, repeats_line_above, stands_below


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        ("x = ", "", True), ("f(", ")", True), ("f(", "):", True), ("if (a", ") {", True), ("'a", "',", True), ("", "", True),
        ("na", "me = 1", False), ("x = ", "y + 1", False), ("f(a, ", "b)", False), ("a", "_b", False),
    ],
)  # fmt: skip
def test_text_is_inserted_only_before_closers(before: str, after: str, may: bool) -> None:
    assert may_insert(before, after) is may


@pytest.mark.parametrize(
    ("text", "suffix", "stands"),
    [("return x", "\n    return x\n", True), ("return x", "\n    return y\n", False), ("}", "\n}\n", False), ("", "", False)],
)
def test_lines_that_stand_below_are_noticed(text: str, suffix: str, stands: bool) -> None:
    assert stands_below(text, suffix) is stands


@pytest.mark.parametrize(
    ("text", "prefix", "repeats"),
    [("import os", "import os\n", True), ("import re", "import os\n", False), ("os", "import os\nimport ", False)],
)
def test_saying_the_line_above_again_is_noticed(text: str, prefix: str, repeats: bool) -> None:
    assert repeats_line_above(text, prefix) is repeats
