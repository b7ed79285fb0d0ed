import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from lowabs_model.corpus.build import build_corpus
from lowabs_model.corpus.decontaminate import run_hashes
from lowabs_model.corpus.harvest import HarvestedFile, limit_tests, read_head
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, CorpusError, SourceFile, read_shards
from lowabs_model.corpus.statistics import sources_table

MakeTree = Callable[[str, Mapping[str, str]], Path]
Module = Callable[[str], str]


def files_of(corpus: Path, split: str) -> list[SourceFile]:
    return list(read_shards(corpus, split))


def paths_of(corpus: Path, split: str) -> set[str]:
    return {f"{file.repository}:{file.path}" for file in files_of(corpus, split)}


def statistics_of(corpus: Path) -> dict[str, dict[str, object]]:
    statistics: dict[str, dict[str, object]] = json.loads((corpus / "statistics.json").read_text())
    return statistics


@pytest.fixture
def sources(make_repository: MakeTree, make_tree: MakeTree, module: Module, mit: str, gpl: str) -> list[str]:
    """Two good repositories, a held-out one and three to refuse."""
    git = make_repository(
        "first+one",
        {
            "LICENSE": mit,
            "a.py": module("apple"),
            "run": "#!/bin/sh\n" + "".join(f'echo "step {n}" && make step-{n} || exit {n}\n' for n in range(9)),
            "vendor/v.py": module("vendored"),
            "theirs/LICENSE": gpl,
            "theirs/t.py": module("theirs"),
            "logo.png": "no code",
            "README.md": "# One\n\nWhat this is, how it is installed and\nwhat one does with it when it is.\n",
            "docs/README.md": "# Docs\n\nWhat is in which of the files of this folder\nand who keeps them.\n",
        },
    )
    folder = make_tree("two", {"LICENSE": mit, "b.py": module("berry"), "again.py": module("apple"), "held.py": module("held")})
    (folder / "latin.py").write_bytes("ä = 1\n".encode("latin-1") * 20)
    held = make_tree(
        "held",
        {
            "COPYING": mit,
            "h.py": module("held"),
            "sql/q.sql": "SELECT one, two\nFROM numbers_of_the_year\nWHERE three > 4\n  AND five < 6;\n",
        },
    )
    refused = {
        "gpl": {"LICENSE": gpl, "g.py": module("gnu")},
        "none": {"n.py": module("none")},
        "evaluation": {"LICENSE": mit, "e.py": module("e")},
    }
    for name, files in refused.items():
        make_tree(name, files)
    root = folder.parent
    return [
        f"first/one={git}",
        f"second/two@1.0={folder}",
        f"held/out={held}",
        f"not/free={root}/gpl",
        f"not/known={root}/none",
        f"openai/human-eval={root}/evaluation",
    ]


@pytest.fixture
def corpus(tmp_path: Path, sources: list[str]) -> Path:
    build_corpus(tmp_path / "corpus", sources, held_out=["Held/Out"], workers=1)
    return tmp_path / "corpus"


def test_good_files_of_allowed_repositories_make_the_training_split(corpus: Path) -> None:
    assert paths_of(corpus, TRAIN) == {"first/one:README.md", "first/one:a.py", "first/one:run", "second/two:b.py"}


def test_a_held_out_repository_and_its_copies_never_reach_the_training_split(corpus: Path, module: Module) -> None:
    assert paths_of(corpus, HELD_OUT) == {"held/out:h.py", "held/out:sql/q.sql"}
    assert module("held") not in {file.text for file in files_of(corpus, TRAIN)}


def test_files_carry_their_language_licence_and_commit(corpus: Path) -> None:
    by_path = {file.path: file for file in files_of(corpus, TRAIN)}
    assert (by_path["b.py"].language, by_path["b.py"].license, by_path["b.py"].commit) == ("python", "MIT", "1.0")
    assert (by_path["run"].language, len(by_path["run"].commit)) == ("shellscript", 40)


def test_whole_repositories_are_refused_with_their_reason(corpus: Path) -> None:
    assert statistics_of(corpus)["refused"] == {
        "not/free": "licence GPL",
        "not/known": "licence unknown",
        "openai/human-eval": "benchmark source",
    }


def test_every_dropped_file_is_counted_by_reason(corpus: Path) -> None:
    drops = statistics_of(corpus)["drops"]
    expected = {"no language": 4, "prose": 1, "vendored": 1, "nested licence": 2, "encoding": 1, "exact duplicate": 2}
    assert drops == expected


def test_statistics_count_what_the_shards_hold(corpus: Path) -> None:
    statistics = statistics_of(corpus)
    for split in (TRAIN, HELD_OUT):
        files = files_of(corpus, split)
        assert statistics["splits"][split] == {"files": len(files), "bytes": sum(file.size for file in files)}
    assert set(statistics["languages"]["train"]) == {"markdown", "python", "shellscript"}  # type: ignore[call-overload]  # Plain JSON.


def test_the_table_of_sources_names_each_repository_with_commit_and_licence(corpus: Path) -> None:
    header, *rows = [line.split("\t") for line in sources_table([corpus]).splitlines()]
    assert header == ["corpus", "repository", "commit", "license", "split", "files", "bytes"]
    assert [(row[1], row[3], row[4], row[5]) for row in rows] == [
        ("first/one", "MIT", "train", "3"),
        ("held/out", "MIT", "held-out", "2"),
        ("second/two", "MIT", "train", "1"),
    ]


def test_a_table_of_a_folder_that_is_no_corpus_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="build the corpus"):
        sources_table([tmp_path])


def test_planted_benchmark_items_and_secrets_never_get_through(
    make_tree: MakeTree, tmp_path: Path, module: Module, mit: str
) -> None:
    hashes = run_hashes(module("item"))
    item = np.zeros(len(hashes), np.uint32)
    np.savez(tmp_path / "block.npz", hash=hashes, item=item, size=np.array([len(hashes)], np.uint16))
    planted = {
        "LICENSE": mit,
        "clean.py": module("clean"),
        "item.py": module("before") + module("item") + module("after"),
        "name.py": module("name") + "# as in HumanEval\n",
        "mbpp/solutions.py": module("path"),
        "key.py": module("key") + "KEY = 'ghp_" + "a1B2" * 9 + "'\n",
    }
    build_corpus(tmp_path / "corpus", [str(make_tree("planted", planted))], blocklist=tmp_path / "block.npz", workers=1)
    assert paths_of(tmp_path / "corpus", TRAIN) == {"planted:clean.py"}
    assert statistics_of(tmp_path / "corpus")["drops"] == {"benchmark": 3, "secret": 1, "no language": 1}


def test_installed_copies_of_held_out_repositories_are_left_out(
    make_tree: MakeTree, tmp_path: Path, module: Module, mit: str
) -> None:
    site: dict[str, str] = {}
    for name in ("kept", "held", "held2"):
        site |= {
            f"{name}/x.py": module(name),
            f"{name}-1.dist-info/METADATA": f"Name: {name}\nVersion: 1\nLicense-Expression: MIT\n\n",
            f"{name}-1.dist-info/RECORD": f"{name}/x.py,,\n",
            f"{name}-1.dist-info/LICENSE": mit,
        }
    build_corpus(tmp_path / "corpus", [str(make_tree("site", site))], held_out=["some/held"], workers=1)
    assert paths_of(tmp_path / "corpus", TRAIN) == {"pypi/kept:kept/x.py"}
    assert statistics_of(tmp_path / "corpus")["refused"] == {"pypi/held": "held out", "pypi/held2": "held out"}


def test_two_workers_and_a_resumed_build_give_the_same_corpus(corpus: Path, tmp_path: Path, sources: list[str]) -> None:
    harvests = sorted((tmp_path / "harvest").iterdir())
    harvests[0].unlink()
    harvests[1].write_bytes(b"cut off")
    build_corpus(tmp_path / "again", sources, held_out=["held/out"], workers=2)
    for split in (TRAIN, HELD_OUT):
        assert files_of(tmp_path / "again", split) == files_of(corpus, split)
    assert statistics_of(tmp_path / "again") == statistics_of(corpus)


def test_a_harvest_stands_in_for_a_repository_that_is_gone(corpus: Path, tmp_path: Path) -> None:
    harvest = tmp_path / "harvest" / "second+two.jsonl.zst"
    build_corpus(tmp_path / "other", [str(harvest)], workers=1, cache=tmp_path / "empty")
    assert paths_of(tmp_path / "other", TRAIN) == {"second/two:again.py", "second/two:b.py", "second/two:held.py"}
    assert corpus.is_dir()


def test_a_harvest_made_without_the_blocklist_is_never_taken_for_checked(
    make_tree: MakeTree, tmp_path: Path, module: Module, mit: str
) -> None:
    hashes = run_hashes(module("item"))
    np.savez(tmp_path / "b.npz", hash=hashes, item=np.zeros(len(hashes), np.uint32), size=np.array([len(hashes)], np.uint16))
    source = f"{make_tree('o', {'LICENSE': mit, 'clean.py': module('clean'), 'item.py': module('item')})}"
    build_corpus(tmp_path / "unchecked", [source], workers=1)
    with pytest.raises(CorpusError, match="another blocklist"):
        build_corpus(tmp_path / "corpus", [str(tmp_path / "harvest/o.jsonl.zst")], blocklist=tmp_path / "b.npz", workers=1)
    build_corpus(tmp_path / "checked", [source], blocklist=tmp_path / "b.npz", workers=1)
    assert paths_of(tmp_path / "unchecked", TRAIN) == {"o:clean.py", "o:item.py"}
    assert paths_of(tmp_path / "checked", TRAIN) == {"o:clean.py"}


def test_a_repository_that_has_changed_is_harvested_again(
    make_repository: MakeTree, tmp_path: Path, module: Module, mit: str
) -> None:
    source = str(make_repository("o+n", {"LICENSE": mit, "a.py": module("a")}))
    build_corpus(tmp_path / "before", [source], workers=1)
    make_repository("o+n", {"b.py": module("b")})
    build_corpus(tmp_path / "after", [source], workers=1)
    assert paths_of(tmp_path / "after", TRAIN) - paths_of(tmp_path / "before", TRAIN) == {"o/n:b.py"}


def test_a_source_that_cannot_be_read_is_refused_and_the_others_are_built(tmp_path: Path, sources: list[str]) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "broken" / "objects").mkdir()
    build_corpus(tmp_path / "corpus", [f"a/broken={tmp_path}/broken", *sources], workers=1)
    assert read_head(tmp_path / "harvest" / "a+broken.jsonl.zst").refusal == "unreadable"
    assert "first/one:a.py" in paths_of(tmp_path / "corpus", TRAIN)


def test_a_blocklist_that_is_none_stops_the_build_before_it_begins(tmp_path: Path, sources: list[str]) -> None:
    (tmp_path / "block.npz").write_text("nothing")
    with pytest.raises(CorpusError, match="is no blocklist"):
        build_corpus(tmp_path / "corpus", sources, blocklist=tmp_path / "block.npz", workers=1)
    assert not (tmp_path / "corpus").exists()


def test_tests_keep_to_a_share_of_the_bytes_but_system_level_text_does_not() -> None:
    def file(path: str, language: str) -> HarvestedFile:
        return HarvestedFile(path, language, "x" * 100, path, "")

    code = [file(f"a{n}.py", "python") for n in range(13)]
    tests = [file(f"tests/test_{n}.py", "python") for n in range(50)]
    scripts = [file(f"tests/{n}.bats", "shellscript") for n in range(50)]
    kept = limit_tests([*code, *tests])
    assert len(kept) == 20
    assert limit_tests(kept) == kept
    assert limit_tests(scripts) == scripts
