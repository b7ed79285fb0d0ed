import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lowabs_model.corpus.build import build_corpus
from lowabs_model.corpus.history import MAX_CANDIDATES, MAX_VERSIONS, Version, historic_files, new_share, parse_log, spread
from lowabs_model.corpus.shards import read_shards
from lowabs_model.corpus.sources import GitTree

MakeTree = Callable[[str, Mapping[str, str]], Path]
Commit = Callable[[Mapping[str, str]], str]


def script(*words: str) -> str:
    return "#!/bin/sh\n" + "".join(f'{word}_start --with "{word}" --until {word}_is_ready || exit 1\n' for word in words)


@pytest.fixture
def repository(make_repository: MakeTree, mit: str) -> Path:
    return make_repository("o+n", {"LICENSE": mit})


@pytest.fixture
def commit(repository: Path) -> Commit:
    """Write files, commit them, and return the commit's hash."""

    def write(files: Mapping[str, str]) -> str:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        for path, text in files.items():
            (repository.parent / path).write_text(text)
        for arguments in (["add", "-A"], ["commit", "-qm", "Change files"]):
            subprocess.run([*git, *arguments], cwd=repository.parent, check=True)
        return subprocess.run(
            [*git, "rev-parse", "HEAD"], cwd=repository.parent, check=True, capture_output=True, text=True
        ).stdout.strip()

    return write


def kept(repository: Path) -> list[tuple[str, str, str]]:
    return [(revision, path, data.decode()) for revision, path, data in historic_files(GitTree(repository))]


def test_a_version_that_says_much_else_is_kept_and_one_that_differs_little_is_not(repository: Path, commit: Commit) -> None:
    old = commit({"run.sh": script("alpha", "beta", "gamma")})
    commit({"run.sh": script("delta", "epsilon", "zeta", "eta")})
    commit({"run.sh": script("delta", "epsilon", "zeta", "theta")})
    assert kept(repository) == [(old, "run.sh", script("alpha", "beta", "gamma"))]


def test_lines_that_stand_in_another_file_today_are_not_new(repository: Path, commit: Commit) -> None:
    commit({"run.sh": script("alpha", "beta")})
    commit({"run.sh": script("gamma"), "start.sh": script("alpha", "beta")})
    assert kept(repository) == []


def test_a_deleted_file_is_history_too(repository: Path, commit: Commit) -> None:
    old = commit({"gone.sh": script("alpha", "beta"), "other.sh": script("gamma")})
    (repository.parent / "gone.sh").unlink()
    commit({})
    assert kept(repository) == [(old, "gone.sh", script("alpha", "beta"))]


def test_a_few_versions_of_one_path_are_kept(repository: Path, commit: Commit) -> None:
    for number in range(MAX_VERSIONS + 3):
        commit({"run.sh": script(f"alpha{number}", f"beta{number}")})
    assert len(kept(repository)) == MAX_VERSIONS


def test_only_system_level_files_have_history(repository: Path, commit: Commit) -> None:
    commit({"run.py": script("alpha"), "vendored.txt": script("beta")})
    commit({"run.py": script("gamma"), "vendored.txt": script("delta")})
    assert kept(repository) == []


def test_a_log_is_read_line_by_line() -> None:
    log = [
        "c1",
        "",
        ":100644 100755 old1 new1 M\ta/run.sh",
        ":000000 120000 0 link A\tlink.sh",
        ':000000 100644 0 q A\t"q.sh"',
        "c2",
    ]
    assert list(parse_log(log)) == [Version("c1", "a/run.sh", "new1")]


def test_candidates_are_spread_from_the_newest_to_the_oldest() -> None:
    versions = [Version(str(number), "a.sh", "") for number in range(100)]
    chosen = spread(versions)
    assert (len(chosen), chosen[0], chosen[-1]) == (MAX_CANDIDATES, versions[0], versions[-1])
    assert spread(versions[:5]) == versions[:5]


def test_the_share_of_new_lines_is_counted_in_bytes() -> None:
    assert new_share(b"  known\nanother\n", {b"known"}) == 7 / 12
    assert new_share(b"", set()) == 0


def test_a_corpus_with_history_names_the_commit_of_each_version(repository: Path, commit: Commit, tmp_path: Path) -> None:
    old = commit({"run.sh": script("alpha", "beta", "gamma")})
    new = commit({"run.sh": script("delta", "epsilon", "zeta")})
    build_corpus(tmp_path / "corpus", [str(repository)], workers=1, history=True)
    files = [(file.commit, file.path, file.text) for file in read_shards(tmp_path / "corpus", "train")]
    assert files == [(new, "run.sh", script("delta", "epsilon", "zeta")), (old, "run.sh", script("alpha", "beta", "gamma"))]


def test_a_held_out_repository_gives_no_history(repository: Path, commit: Commit, tmp_path: Path) -> None:
    for word in ("alpha", "beta"):
        commit({"run.sh": script(word, word + "s", word + "t")})
    build_corpus(tmp_path / "corpus", [f"o/n={repository}"], held_out=["o/n"], workers=1, history=True)
    assert [file.path for file in read_shards(tmp_path / "corpus", "held-out")] == ["run.sh"]
