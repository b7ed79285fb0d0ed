from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from lowabs_model.corpus.decontaminate import (
    EMPTY,
    Blocklist,
    is_benchmark_source,
    mentions_benchmark,
    read_blocklist,
    run_hashes,
)
from lowabs_model.corpus.shards import CorpusError

Module = Callable[[str], str]


def blocklist_of(items: list[str]) -> Blocklist:
    rows = sorted((int(value), number) for number, item in enumerate(items) for value in run_hashes(item))
    return Blocklist(
        hash=np.array([value for value, _ in rows], np.uint64),
        item=np.array([number for _, number in rows], np.uint32),
        size=np.array([len(run_hashes(item)) for item in items], np.uint16),
    )


def test_a_hash_is_that_of_ten_tokens_joined_by_blanks() -> None:
    tokens = [f"t{number}" for number in range(60)]
    runs = [" ".join(tokens[start : start + 10]) for start in range(51)]
    hashes = [int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "little") for run in runs]
    assert run_hashes("  ".join(tokens)).tolist() == sorted(value for value in hashes if value % 4 == 0)


def test_tokens_are_words_and_single_signs() -> None:
    assert run_hashes("a.b(c)+1 == d[0]").tolist() == run_hashes("a . b ( c )\n+ 1 = = d [ 0 ]").tolist()


@pytest.mark.parametrize("count", range(10))
def test_fewer_than_ten_tokens_have_no_run(count: int) -> None:
    assert run_hashes("token " * count).size == 0


def test_an_item_planted_in_other_code_is_caught(module: Module) -> None:
    blocklist = blocklist_of([module("other"), module("item"), module("third")])
    assert blocklist.holds_item(module("before") + module("item") + module("after"))
    assert not blocklist.holds_item(module("before") + module("after"))


def test_a_third_of_an_item_is_caught_and_a_twentieth_is_not() -> None:
    words = [f"w{number}" for number in range(600)]
    blocklist = blocklist_of([" ".join(words)])
    assert blocklist.holds_item(" ".join(words[:240]))
    assert not blocklist.holds_item(" ".join(words[:30]))


def test_one_shared_hash_is_not_enough() -> None:
    text = " ".join(f"w{number}" for number in range(200))
    (first, *_) = run_hashes(text).tolist()
    single = Blocklist(np.array([first], np.uint64), np.array([0], np.uint32), np.array([1], np.uint16))
    assert not single.holds_item(text)


def test_the_empty_blocklist_holds_nothing(module: Module) -> None:
    assert not EMPTY.holds_item(module("any"))


def test_a_blocklist_is_read_as_written(tmp_path: Path, module: Module) -> None:
    made = blocklist_of([module("item")])
    np.savez_compressed(tmp_path / "b.npz", hash=made.hash, item=made.item, size=made.size)
    assert read_blocklist(tmp_path / "b.npz").holds_item(module("item"))


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_blocklist_is_an_error_that_says_what_one_is(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.npz").write_bytes(data)
    with pytest.raises(CorpusError, match="hash, item and size"):
        read_blocklist(tmp_path / "b.npz")


@pytest.mark.parametrize(
    "name",
    [
        "openai/human-eval-infilling",
        "nuprl/MultiPL-E",
        "evalplus/evalplus",
        "TellinaTool/nl2bash",
        "google-research/google-research",
    ],
)
def test_repositories_of_benchmarks_are_known_by_name(name: str) -> None:
    assert is_benchmark_source(name)


@pytest.mark.parametrize("name", ["encode/httpx", "huggingface/evaluate-on-hub", "pytorch/rlhf"])
def test_other_repositories_are_not(name: str) -> None:
    assert not is_benchmark_source(name)


def test_a_file_that_speaks_of_a_benchmark_is_known_by_path_or_text() -> None:
    assert mentions_benchmark("scripts/mbpp/run.py", "")
    assert mentions_benchmark("run.py", "from human_eval.data import read_problems")
    assert mentions_benchmark("run.py", "# scores on HumanEval")
    assert not mentions_benchmark("human/evaluate.py", "a human evaluation")
