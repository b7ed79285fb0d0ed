import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lowabs_model.evaluate.items import BenchmarkError, Skipped, read_items, text_of

from .conftest import write_lines


def prompt(raw: dict[str, Any]) -> str:
    return text_of(raw, "prompt")


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
def test_broken_lines_are_told_by_number_and_skipped(tmp_path: Path, name: str) -> None:
    lines = [{"prompt": "one"}, "{broken", "", "[1]", {"other": 1}, {"prompt": 3}, {"prompt": "two"}]
    items, skipped = read_items(write_lines(tmp_path / name, lines), prompt)
    assert items == ["one", "two"]
    assert [(fault.line, fault.problem.partition(" (")[0]) for fault in skipped] == [
        (2, "is not JSON"), (4, "is not a JSON object"), (5, "has no 'prompt'"), (6, "'prompt' is not a text"),
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_a_broken_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b'{"prompt": "\xff"}\n{"prompt": "good"}\n')
    items, skipped = read_items(tmp_path / "f", prompt)
    assert items == ["good"]
    assert [fault.line for fault in skipped] == [1]


@given(texts=st.lists(st.text(), min_size=1))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    file = tmp_path_factory.mktemp("items") / "f.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    assert read_items(file, prompt) == (texts, [])


def test_a_file_without_items_says_what_is_wrong_with_the_first_line(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="holds no item; line 1: is not JSON"):
        read_items(write_lines(tmp_path / "f", ["{"]), prompt)


def test_a_file_that_is_not_there_or_is_cut(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be read"):
        read_items(tmp_path / "f", prompt)
    (tmp_path / "f.gz").write_bytes(gzip.compress(b'{"prompt": "a"}\n' * 100)[:-12])
    with pytest.raises(BenchmarkError, match="cannot be read"):
        read_items(tmp_path / "f.gz", prompt)


def test_a_fault_is_a_value() -> None:
    assert Skipped(3, "is not JSON") == Skipped(3, "is not JSON")
