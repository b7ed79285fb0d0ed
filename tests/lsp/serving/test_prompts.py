import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.scripted import PLAIN_LAYOUT, ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.prompt.fim import fim_segments
from lowabs_lsp.serving.jobs import Job
from lowabs_lsp.serving.prompts import PromptWriter, raw_prompt
from lowabs_lsp.values import Decoding, Layout, Prompt, Sentinel, Snippet

PSM = evolve(PLAIN_LAYOUT, order="psm")
TEXTS = st.text("ab \n", max_size=20)


def spell(*segments: Sentinel | str) -> str:
    return "".join(PLAIN_LAYOUT.spelling[s] if isinstance(s, Sentinel) else s for s in segments)


@settings(deadline=None, max_examples=50)
@given(prefix=TEXTS, suffix=TEXTS, written=st.sampled_from([PLAIN_LAYOUT, PSM]), wanted=st.sampled_from([PLAIN_LAYOUT, PSM]))
def test_a_spelled_prompt_comes_out_in_the_models_own_order(prefix: str, suffix: str, written: Layout, wanted: Layout) -> None:
    text = spell(Sentinel.FILE, "a.py\n", *fim_segments(written, prefix, suffix))
    own = Prompt((Sentinel.FILE, "a.py\n", *fim_segments(wanted, prefix, suffix)), heal=wanted is PLAIN_LAYOUT)
    assert raw_prompt(text, wanted) == own


@pytest.mark.parametrize("text", ["def f(", "", spell(Sentinel.FILE, "a.py\nx = ")])
def test_a_plain_prompt_stays_as_it_is(text: str) -> None:
    prompt = raw_prompt(text, PLAIN_LAYOUT)
    assert spell(*prompt.segments) == text
    assert not prompt.heal


def test_an_order_that_cannot_be_told_is_left_alone() -> None:
    text = spell(Sentinel.SUFFIX, "b", Sentinel.MIDDLE, "a")
    assert raw_prompt(text, PLAIN_LAYOUT).segments == (Sentinel.SUFFIX, "b", Sentinel.MIDDLE, "a")


@settings(deadline=None, max_examples=50)
@given(
    prefix=st.text("ab \n", max_size=400),
    suffix=st.text("ab \n", max_size=400),
    snippets=st.lists(st.builds(Snippet, st.just("b.py"), st.text("ab\n", max_size=100), st.just("client")), max_size=4),
)
def test_whatever_is_asked_fits_and_keeps_the_cursor(prefix: str, suffix: str, snippets: list[Snippet]) -> None:
    engine = ScriptedEngine(context_length=200)
    decoding = Decoding(max_tokens=16)
    prompt, cut = PromptWriter(engine).write(Job(prefix, suffix, decoding, path="a.py", snippets=tuple(snippets)))
    texts = [segment for segment in prompt.segments if not isinstance(segment, Sentinel)]
    sentinels = len(prompt.segments) - len(texts)
    assert sum(map(engine.count_tokens, texts)) + sentinels + decoding.max_tokens <= engine.context_length
    assert prefix.endswith(texts[-1])
    assert suffix.startswith(texts[-2])
    kept = [segment.partition("\n")[2] for segment in texts[:-3]]
    assert kept == [snippet.text for snippet in snippets][len(snippets) - len(kept) :]
    assert cut == ((texts[-1], texts[-2], len(kept)) != (prefix, suffix, len(snippets)))


def test_a_very_long_line_is_cut_without_counting_all_of_it() -> None:
    counted: list[int] = []
    engine = ScriptedEngine(context_length=200)

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text)

    engine.count_tokens = count  # type: ignore[method-assign]  # counts are what is tested
    PromptWriter(engine).write(Job("x" * 1_000_000, "y" * 1_000_000, Decoding()))
    assert sum(counted) < 200_000


def test_a_plain_prompt_that_cannot_fit_is_refused_before_it_is_encoded() -> None:
    with pytest.raises(EngineError, match="does not fit a context of 200 tokens; cut it"):
        PromptWriter(ScriptedEngine(context_length=200)).write(Job("x" * 10_000, None, Decoding()))
