import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lowabs_model.corpus.shards import CorpusError
from lowabs_model.corpus.sources import Source, expand, open_tree

MakeTree = Callable[[str, Mapping[str, str]], Path]

FILES = {"LICENSE": "Unlicense", "src/a.py": "a = 1\n", "src/näme.py": "b = 2\n", "empty.py": ""}


def contents(place: Path) -> dict[str, str]:
    tree = open_tree(Source("o/n", place))
    return {path: data.decode() for path, data in tree.read(sorted(tree.sizes()))}


def test_a_git_directory_gives_the_files_of_its_newest_commit(make_repository: MakeTree) -> None:
    git = make_repository("repository", FILES)
    (git.parent / "later.py").write_text("not committed\n")
    assert contents(git) == contents(git.parent) == FILES


def test_a_bare_mirror_needs_no_work_tree_and_no_config(make_repository: MakeTree, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    subprocess.run(["git", "clone", "-q", "--bare", make_repository("repository", FILES), mirror], check=True)
    (mirror / "config").unlink()
    assert contents(mirror) == FILES


def test_the_commit_of_a_repository_is_its_hash(make_repository: MakeTree) -> None:
    git = make_repository("repository", FILES)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=git.parent, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert open_tree(Source("o/n", git)).commit == head


def test_a_plain_folder_gives_its_files_but_no_caches_and_links(make_tree: MakeTree) -> None:
    folder = make_tree("plain", FILES | {"node_modules/x.js": "x", "site-packages/y.py": "y"})
    (folder / "link.py").symlink_to(folder / "empty.py")
    assert contents(folder) == FILES


def test_a_file_that_vanishes_is_left_out(make_tree: MakeTree) -> None:
    folder = make_tree("plain", FILES)
    tree = open_tree(Source("o/n", folder))
    (folder / "src/a.py").unlink()
    assert dict(tree.read(["src/a.py", "empty.py"])) == {"empty.py": b""}


def test_installed_distributions_give_what_their_records_list(make_tree: MakeTree, mit: str) -> None:
    site = make_tree(
        "site-packages",
        {
            "a_b/x.py": "x = 1\n",
            "a_b/unlisted.py": "y = 1\n",
            "a_b-1.2.dist-info/METADATA": "Name: a-b\nVersion: 1.2\nLicense-Expression: MIT\n\n",
            "a_b-1.2.dist-info/RECORD": "a_b/x.py,,\na_b/gone.py,,\n../../bin/a,,\na_b-1.2.dist-info/METADATA,,\n",
            "a_b-1.2.dist-info/licenses/LICENSE": mit,
        },
    )
    (source,) = expand(str(site))
    tree = open_tree(source)
    assert (source.name, tree.commit, tree.licence().name) == ("pypi/a_b", "1.2", "MIT")
    assert dict(tree.read(tree.sizes())) == {"a_b/x.py": b"x = 1\n"}


def test_a_source_is_named_by_the_user_by_its_mirror_or_by_its_folder(tmp_path: Path) -> None:
    for folder in ("plain", "owner+name/repo"):
        (tmp_path / folder).mkdir(parents=True)
    assert expand(f"python/cpython@3.11={tmp_path}/plain") == [Source("python/cpython", tmp_path / "plain", "3.11")]
    assert expand(f"{tmp_path}/owner+name/repo") == [Source("owner/name", tmp_path / "owner+name/repo")]
    assert expand(f"{tmp_path}/plain") == [Source("plain", tmp_path / "plain")]


def test_a_text_file_lists_sources_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    listing = tmp_path / "sources.txt"
    listing.write_text(f"# all of them\n\no/n={tmp_path}/plain  # the only one\n")
    assert expand(str(listing)) == [Source("o/n", tmp_path / "plain")]


def test_a_place_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no source at .*/missing"):
        expand(str(tmp_path / "missing"))


def test_a_git_directory_without_a_commit_is_an_error(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "new"], check=True)
    with pytest.raises(CorpusError, match="git rev-parse failed"):
        open_tree(Source("o/n", tmp_path / "new"))
