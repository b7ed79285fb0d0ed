import json
from pathlib import Path

import pytest

from lowabs_lsp.bench.engine import Typist, as_markdown, interleave, measure_engine, sample_text
from lowabs_lsp.engine.local import LocalEngine

TINY = Path(__file__).parents[2] / "data" / "tiny"


def test_the_figures_are_json_and_complete() -> None:
    figures = measure_engine(str(TINY), repeats=2)
    assert json.loads(json.dumps(figures)) == figures
    assert all(0 < t["minimum_ms"] <= t["median_ms"] for t in figures["timings"].values())
    kinds = {name.split()[0] for name in figures["timings"]}
    assert kinds == {"prefill", "decode", "verify", "keystroke"}
    for name in figures["timings"]:
        assert f"| {name} |" in as_markdown(figures)


def test_a_keystroke_appends_to_a_warm_prompt() -> None:
    typist = Typist(LocalEngine.open(TINY))
    before = typist.prompt_tokens
    pressed = [typist.press() for _ in range(20)]
    assert all(each.prompt_tokens - each.reused_tokens < 20 for each in pressed)
    assert before <= pressed[-1].prompt_tokens < before + 60


def test_steps_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    timings = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["a", "b"] * 3
    assert timings["a"]["repeated"] == 2


@pytest.mark.parametrize("word", ["import", "def "])
def test_the_sample_is_source_code(word: str) -> None:
    assert word in sample_text()
