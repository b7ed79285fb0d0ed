from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lowabs_model.corpus import shards
from lowabs_model.corpus.shards import CorpusError, SourceFile, by_shard, read_shards, shard_path, write_shards

FILE = SourceFile("owner/name", "a/b.py", "python", "MIT", "0" * 40, "x = 1\n")
TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=200), min_size=1, max_size=8)


@given(texts=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_equals_what_was_written(tmp_path: Path, texts: list[str]) -> None:
    files = [evolve(FILE, path=f"{number}.py", text=text) for number, text in enumerate(texts)]
    write_shards(tmp_path, "train", files)
    assert list(read_shards(tmp_path, "train")) == files


def test_a_split_is_cut_into_shards_where_one_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 2 * FILE.size)
    assert [len(shard) for shard in by_shard([FILE] * 5)] == [2, 2, 1]


def test_writing_again_removes_the_shards_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    assert write_shards(tmp_path, "train", [FILE] * 3) == 3
    assert write_shards(tmp_path, "train", [FILE]) == 1
    assert list(read_shards(tmp_path, "train")) == [FILE]


def test_writing_that_fails_leaves_no_shard(tmp_path: Path) -> None:
    broken = evolve(FILE, text="\ud800")
    with pytest.raises(UnicodeEncodeError):
        write_shards(tmp_path, "train", [broken])
    assert not list(tmp_path.glob("*.zst"))


def test_a_folder_without_the_split_is_an_error_that_names_the_command(tmp_path: Path) -> None:
    write_shards(tmp_path, "train", [FILE])
    with pytest.raises(CorpusError, match="lowabs-model corpus"):
        list(read_shards(tmp_path, "held-out"))


def test_a_damaged_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_shards(tmp_path, "train", [FILE])
    shard_path(tmp_path, "train", 0).write_bytes(b"no zstandard")
    with pytest.raises(CorpusError, match=r"train-00000\.jsonl\.zst is damaged"):
        list(read_shards(tmp_path, "train"))
