import json
from pathlib import Path
from typing import Any

import pytest

from lowabs_lsp.alike import common_start
from lowabs_lsp.bench.contender import Task, line_length
from lowabs_lsp.bench.engine import (
    EngineBench,
    make_task,
    measure_engine,
    multiply_adds,
    peer_entries,
    sample_text,
    steps_to_ask,
)
from lowabs_lsp.bench.engine_report import as_markdown, draw_plots
from lowabs_lsp.engine.bundle import OpenBundle, open_bundle
from lowabs_lsp.errors import BenchError

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return measure_engine(EngineBench(model=str(TINY), threads=1, rounds=1, cancels=2, idle_seconds=0))


@pytest.fixture(scope="module")
def bundle() -> OpenBundle:
    return open_bundle(TINY)


@pytest.fixture(scope="module")
def task(bundle: OpenBundle) -> Task:
    return make_task(bundle, threads=1)


def test_the_figures_are_json_and_complete(figures: dict[str, Any]) -> None:
    assert json.loads(json.dumps(figures)) == figures
    (own,) = figures["contenders"].values()
    kinds = {name.split()[0] for name in own["timings"]}
    assert kinds == {"prefill", "decode", "verify", "batch", "edit"}
    assert all(0 < t["minimum_ms"] <= t["median_ms"] for t in own["timings"].values())
    assert own["peak_resident_mb"] > 1
    assert figures["cancel_ms"]["times"] <= 2
    assert figures["idle"]["seconds"] == 0
    assert figures["profile_ms"]["MatMulIntegerToFloat"] < figures["profile_ms"]["run"]
    assert figures["roofline"]["bandwidth_gb_s"] > 0


def test_the_tables_name_every_step_and_every_contender(figures: dict[str, Any]) -> None:
    text = as_markdown(figures)
    for name, own in figures["contenders"].items():
        assert f"| {name} |" in text
        assert all(f" {step} |" in text for step in own["timings"])


def test_two_plots_are_drawn_beside_the_tables(figures: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = draw_plots(figures, tmp_path, "engine")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(drawn)
    assert len(drawn) == 2
    assert all(f"({name})" in as_markdown(figures, drawn) for name in drawn)


def test_an_edit_adds_a_dozen_tokens_to_the_one_before(task: Task) -> None:
    for before, after in zip(task.edits, task.edits[1:], strict=False):
        assert after.prefix.startswith(before.prefix)
        assert after.suffix == before.suffix
        assert len(before.tokens) - common_start(list(before.tokens), list(after.tokens)) <= 4
        assert abs(len(after.tokens) - len(before.tokens) - 12) <= 4


def test_everything_that_is_asked_fits_the_context(bundle: OpenBundle, task: Task) -> None:
    room = bundle.manifest.context_length
    assert len(task.tokens) == room
    for step in steps_to_ask(task):
        assert step.count <= (room if step.kind == "prefill" else room - task.behind)
    assert all(len(edit.tokens) + task.line_tokens <= room for edit in task.edits)


def test_a_line_ends_with_its_newline_or_where_no_more_is_asked_for(task: Task) -> None:
    end = task.line_ends[0]
    other = next(i for i in range(1000) if i not in task.line_ends)
    assert line_length([other, end, other], task) == 2
    assert line_length([other] * 3, task) == 3
    assert line_length([other] * 100, task) == task.line_tokens


def test_multiply_adds_are_those_of_the_matrices_and_of_attention(bundle: OpenBundle) -> None:
    size = bundle.manifest.architecture
    head = size.vocabulary * size.width
    one, two = multiply_adds(bundle, 1) - head, multiply_adds(bundle, 2) - head
    assert two - 2 * one == pytest.approx(size.layers * 2 * size.heads * size.head_dim)  # the second token sees two
    matrices = size.width * (size.heads + 2 * size.kv_heads) * size.head_dim + size.heads * size.head_dim * size.width
    assert one == size.layers * (matrices + 3 * size.width * size.feed_forward + 2 * size.heads * size.head_dim)


def test_an_unknown_peer_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"--peers ollama: unknown; known are llama\.cpp"):
        peer_entries(EngineBench(peers=("ollama",), checkpoint=tmp_path))


def test_peers_want_the_same_weights() -> None:
    with pytest.raises(BenchError, match="--checkpoint DIR"):
        peer_entries(EngineBench(peers=("transformers",)))


@pytest.mark.parametrize("word", ["import", "def "])
def test_the_sample_is_source_code(word: str) -> None:
    assert word in sample_text()
