"""The look by lines, where each token of a prompt is looked at in turn."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.attention import segments_of
from lowabs_lsp.engine.generate import encode
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.explain.attention import Line, look
from lowabs_lsp.explain.parts import Kind
from lowabs_lsp.prompt.fim import PSM, SPM, render
from lowabs_lsp.recording import RecordingEngine
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Attention, Cancelled, Context, Layout, Prompt, Snippet, never

TINY = Path(__file__).parents[2] / "data" / "tiny"
LINES = st.lists(st.sampled_from(["", "a = 1", "    b", "def f():", "}", "\tdéfi"]), max_size=6)
LAYOUTS = [SPM, PSM, Layout("prefix", {}, SPM.stops), evolve(PSM, begin="<|repo_name|>")]
SNIPPETS = (Snippet("b.py", "b = 1\n\nc = 2\n", "open file"), Snippet("lib/c.py", "class C:\n    pass\n", "open file"))
SAID = [300, 301]


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine.open(TINY, EngineSettings(threads=1))


class Pointing(ScriptedEngine):
    """Looks at one token alone, of a prompt that the tests' model reads."""

    def __init__(self, engine: LocalEngine, layout: Layout) -> None:
        super().__init__(layout=layout)
        self.model, self.vocabulary = evolve(engine.model, layout=layout), engine.vocabulary
        self.pointed = 0

    def attention(self, prompt: Prompt, said: Sequence[int], cancelled: Cancelled = never) -> Attention:
        read = encode(self.model, prompt)[0]
        weights = np.zeros((1, 1, len(said), len(read) + len(said) - 1), np.float32)
        weights[..., self.pointed] = 1
        return Attention(weights, (*read, *said[:-1]), segments_of(self.model, prompt)[: len(read)])


def visible(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("layout", LAYOUTS, ids=["spm", "psm", "prefix", "begin"])
@settings(deadline=None, max_examples=8)
@given(above=LINES, below=LINES)
def test_each_token_is_of_the_line_that_it_stands_in(
    engine: LocalEngine, layout: Layout, above: list[str], below: list[str]
) -> None:
    context = Context("src/a.py", "python", "\n".join(["#", *above, "x = y"]), "\n".join([")", *below]), SNIPPETS)
    pointing = Pointing(engine, layout)
    tokens = encode(pointing.model, render(context, layout))[0]
    seen: defaultdict[Line, bytes] = defaultdict(bytes)
    for pointing.pointed in range(1, len(tokens)):
        looked = {line: share for line, share in look(pointing, context, SAID, [True, False]).lines.items() if share}
        assert list(looked.values()) in ([], [1.0])
        for line in looked:
            seen[line] += engine.spell(tokens[pointing.pointed])
    texts = {(Kind.ABOVE, 0): context.prefix, (Kind.BELOW, 0): context.suffix if layout.order != "prefix" else ""}
    texts |= {(Kind.SNIPPET, n): snippet.text for n, snippet in enumerate(SNIPPETS) if layout.order != "prefix"}
    expected = {(*place, n): line for place, text in texts.items() for n, line in enumerate(text.split("\n"))}
    if layout.order == "prefix":
        expected[Kind.ABOVE, 0, 0] = ""  # the first token, which is told apart
    if layout.ends_in_prefix:
        expected[Kind.ABOVE, 0, len(above) + 1] = "x ="  # the last token may be a torn one
    got = {line: visible(text.decode()) for line, text in seen.items()}
    assert {line: text for line, text in got.items() if text} == {
        line: visible(text) for line, text in expected.items() if visible(text)
    }


@pytest.mark.parametrize("pointed", [0, -1])
def test_the_first_token_and_the_suggestion_are_no_lines(engine: LocalEngine, pointed: int) -> None:
    pointing = Pointing(engine, SPM)
    pointing.pointed = pointed
    seen = look(pointing, Context("a.py", "python", "x = ", ""), SAID, [True, True])
    assert (seen.first_token, seen.suggestion) == ((1.0, 0.0) if pointed == 0 else (0.0, 1.0))
    assert not any(seen.lines.values())


def test_only_what_is_shown_counts(engine: LocalEngine) -> None:
    context = Context("a.py", "python", "import os\nx = ", "")
    whole, first, second = (look(engine, context, SAID, shown) for shown in ([True, True], [True, False], [False, True]))
    for line, share in whole.lines.items():
        weighed = (1 - first.first_token) * first.lines[line] + (1 - second.first_token) * second.lines[line]
        assert share * (1 - whole.first_token) == pytest.approx(weighed / 2)


def test_recorded_or_not_it_tells_the_same(engine: LocalEngine) -> None:
    context = Context("a.py", "python", "import os\nx = ", "")
    assert look(RecordingEngine(engine), context, SAID, [True, True]) == look(engine, context, SAID, [True, True])


def test_an_engine_that_does_not_tell(engine: LocalEngine) -> None:
    with pytest.raises(EngineError, match="does not tell where its model looks"):
        look(ScriptedEngine("x"), Context("a.py", "python", "x = ", ""), SAID, [True, True])
