"""Explanations by the tests' model."""

import math
from pathlib import Path

import pytest
from attrs import evolve

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.bundle import ATTENTION, OpenBundle, open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.explain.command import as_text
from lowabs_lsp.explain.explanation import EXPLICIT, Explanation, explain
from lowabs_lsp.explain.page import as_html, percent, times
from lowabs_lsp.settings import EngineSettings, Settings, load_settings
from lowabs_lsp.values import Document

TINY = Path(__file__).parents[2] / "data" / "tiny"
TEXTS = ["import ", "def add(a, b):\n    return ", "for i in range(10):\n    print(", "import os\nimport sys\n\nimport "]


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine.open(TINY, EngineSettings(threads=1))


def document_of(text: str) -> Document:
    return Document("file:///w/a.py", "a.py", "python", text)


def explained(engine: LocalEngine, text: str, settings: Settings | None = None) -> Explanation:
    return explain(Completer(engine, settings or Settings()), document_of(text), len(text))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_explained_is_what_is_shown(engine: LocalEngine, text: str) -> None:
    completion = Completer(engine, Settings()).complete(document_of(text), len(text), limits=EXPLICIT)
    explanation = explained(engine, text)
    assert (explanation.text, explanation.others) == (completion.text, completion.others)
    assert completion.generated is not None
    spell = engine.spell
    said = [spell(token).decode(errors="replace") or "⟨end⟩" for token in completion.generated.tokens]
    assert [token.text for token in explanation.tokens] == said


@pytest.mark.parametrize("text", TEXTS)
def test_made_to_say_it_the_model_finds_it_as_likely_as_when_it_said_it(engine: LocalEngine, text: str) -> None:
    completion = Completer(engine, Settings()).complete(document_of(text), len(text), limits=EXPLICIT)
    assert completion.generated is not None
    for token, chance in zip(explained(engine, text).tokens, completion.generated.chances, strict=True):
        assert token.probability == pytest.approx(math.exp(chance), abs=2e-4)


def test_without_a_memory_the_model_is_alone(engine: LocalEngine) -> None:
    explanation = explained(engine, TEXTS[1], load_settings({"memory": {"enabled": False}}))
    assert explanation.memory_effect == 0
    assert all(token.probability == token.model_probability for token in explanation.tokens)


def test_each_part_has_its_effect(engine: LocalEngine) -> None:
    explanation = explained(engine, TEXTS[3])
    assert [part.lines for part in explanation.parts] == [("import os",), ("import sys",), ("",)]
    assert any(part.effect != 0 for part in explanation.parts)


@pytest.mark.parametrize("text", TEXTS)
def test_the_look_is_shared_among_the_parts_and_what_is_none(engine: LocalEngine, text: str) -> None:
    explanation = explained(engine, text)
    attention = explanation.attention
    assert attention is not None
    assert (attention.layers, attention.heads, explanation.attention_note) == (2, 2, "")
    for part in explanation.parts:
        assert len(part.line_attention) == len(part.lines)
        assert part.attention == pytest.approx(sum(part.line_attention), abs=1e-4)
    parts = sum(part.attention or 0.0 for part in explanation.parts)
    assert parts + attention.cursor_line + attention.suggestion + attention.rest == pytest.approx(1, abs=1e-3)
    assert 0 < attention.first_token < 1


def test_the_terminal_shows_both_and_says_what_each_is(engine: LocalEngine) -> None:
    explanation = explained(engine, TEXTS[3])
    told = "\n".join(as_text(explanation))
    part = max(explanation.parts, key=lambda part: abs(part.effect))
    assert part.attention is not None
    assert f"{times(part.effect):>8}  {percent(part.attention):>6}  a.py:{part.first_line}  {part.lines[0]}" in told
    assert "what they changed" in told
    assert "where the model looked, not why" in told


def test_a_model_folder_without_an_attention_graph_says_so_in_a_line() -> None:
    manifest = open_bundle(TINY).manifest
    graphs = {kind: graph for kind, graph in manifest.graphs.items() if kind != ATTENTION}
    bare = LocalEngine(OpenBundle(TINY, evolve(manifest, graphs=graphs)), EngineSettings(threads=1))
    explanation = explained(bare, TEXTS[3])
    assert explanation.attention is None
    assert {part.attention for part in explanation.parts} == {None}
    assert any(part.effect != 0 for part in explanation.parts)
    assert list(as_text(explanation))[-1] == (
        "Where the model looked is not known: this model folder has no attention graph; "
        "export or import the model again to have one."
    )


def test_silence_is_explained_by_its_reason(engine: LocalEngine) -> None:
    explanation = explain(Completer(engine, Settings()), document_of("name = 1"), 2)
    assert (explanation.text, explanation.reason, explanation.tokens) == ("", "mid-word", ())
    assert "nothing (mid-word)" in as_html(explanation)


def test_an_engine_that_cannot_spell_says_so() -> None:
    with pytest.raises(EngineError, match=r"engine\.url"):
        explain(Completer(ScriptedEngine("x"), Settings()), document_of("a = "), 4)


@pytest.mark.parametrize(
    ("effect", "said"), [(0.0, "×1.0"), (math.log(3), "×3.0"), (-math.log(4), "×0.2"), (5.0, "×148"), (9.0, "×1000+")]
)
def test_effects_are_said_as_factors(effect: float, said: str) -> None:
    assert times(effect) == said


def test_nothing_of_a_text_becomes_markup(engine: LocalEngine) -> None:
    text = "# <script>alert(1)</script> & ${x} $code\nimport "
    page = as_html(explained(engine, text))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; ${x} $code" in page
