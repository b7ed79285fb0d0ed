"""From the model card's table to a corpus by one command, offline: mirrors in a folder, a wheel in place of the index."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from lowabs_model.cli import main
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, CorpusError, read_shards
from lowabs_model.corpus.table import Row, fetch_package, fetch_table, read_table

MakeTree = Callable[[str, Mapping[str, str]], Path]
Module = Callable[[str], str]

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def head_of(git: Path) -> str:
    return subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=git, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def table(make_repository: MakeTree, module: Module, mit: str, tmp_path: Path) -> Path:
    """Two mirrors, the first of which has moved on since the table was written; and a row of which there is none."""
    moved = make_repository("mirrors/owner/moved", {"LICENSE": mit, "a.py": module("apple")})
    kept = make_repository("mirrors/owner/kept", {"LICENSE": mit, "b.py": module("berry")})
    commits = {"owner/moved": head_of(moved), "owner/kept": head_of(kept), "owner/gone": "0" * 40}
    (moved.parent / "later.py").write_text(module("later"))
    for words in (["add", "-A"], ["commit", "-qm", "Add a file"]):
        subprocess.run([*GIT, *words], cwd=moved.parent, check=True)
    lines = ["corpus\trepository\tcommit\tlicense\tsplit\tfiles\tbytes", f"shipped\towner/other\t{'1' * 40}\tMIT\ttrain\t1\t1"]
    for name, commit in commits.items():
        lines.append(f"second\t{name}\t{commit}\tMIT\t{'held-out' if name.endswith('kept') else 'train'}\t1\t1")
    (tmp_path / "sources.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "sources.tsv"


def test_one_command_from_table_to_corpus(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "built" / "corpus"
    words = ["--rows", "second", "--origin", str(tmp_path / "mirrors"), "--output", str(output), "--workers", "1", "--history"]
    assert main(["corpus", str(table), *words]) == 0
    rows = {row.name: row.commit for row in read_table(table, "second")}
    trained = [(file.repository, file.path, file.commit) for file in read_shards(output, TRAIN)]
    assert trained == [("owner/moved", "a.py", rows["owner/moved"])]
    assert [file.repository for file in read_shards(output, HELD_OUT)] == ["owner/kept"]
    assert "left out source=owner/gone commit=000" in caplog.text
    said = capsys.readouterr().out
    assert "train: 1 repositories, 1 files, 0.0 MB (python 0.0)" in said
    assert "left out: 2 no language" in said


def test_what_was_fetched_is_used_again_and_gets_its_history_when_asked(table: Path, tmp_path: Path) -> None:
    rows, mirrors, folder = read_table(table, "second")[:1], tmp_path / "mirrors", tmp_path / "fetched"
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], cwd=mirrors / "owner/moved", check=True, env=AUTHOR)
    rows = [Row("owner/moved", parent_of(mirrors / "owner/moved"), "train")]
    fetch_table(rows, folder, origin=str(mirrors))
    assert commits_of(folder / "owner+moved") == 1
    assert fetch_table(rows, folder, origin=str(tmp_path / "nowhere")).sources
    fetch_table(rows, folder, origin=str(mirrors), history=True)
    assert commits_of(folder / "owner+moved") == 2


AUTHOR = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def parent_of(repository: Path) -> str:
    asked = ["git", "rev-parse", "HEAD^"]
    return subprocess.run(asked, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()


def commits_of(git: Path) -> int:
    asked = ["git", f"--git-dir={git}", "rev-list", "--count", "HEAD"]
    return int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def test_a_distribution_comes_alone_as_its_makers_built_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mit: str) -> None:
    files = {
        "tiny_thing.py": "x = 1\n",
        "tiny_thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\nRequires-Dist: absent\n",
        "tiny_thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_thing-1.0.dist-info/licenses/LICENSE": mit,
    }
    record = "".join(f"{name},,\n" for name in (*files, "tiny_thing-1.0.dist-info/RECORD"))
    with ZipFile(tmp_path / "tiny_thing-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, "tiny_thing-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    folder = fetch_package(Row("pypi/tiny_thing", "1.0", "train"), tmp_path)
    assert sorted(entry.name for entry in folder.iterdir()) == ["tiny_thing-1.0.dist-info", "tiny_thing.py"]


def test_what_is_no_table_is_an_error_that_says_what_one_is(table: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no rows of 'third'; it has those of second, shipped"):
        read_table(table, "third")
    (tmp_path / "other.tsv").write_text("name\tplace\na\tb\n")
    with pytest.raises(CorpusError, match="its first line must name corpus, repository"):
        read_table(tmp_path / "other.tsv", None)
    with pytest.raises(CorpusError, match="cannot be read"):
        read_table(tmp_path / "absent.tsv", None)
    with pytest.raises(CorpusError, match="nothing of the table could be had"):
        fetch_table([Row("a/b", "0" * 40, "train")], tmp_path / "fetched", origin=str(tmp_path))
