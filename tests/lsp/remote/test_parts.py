"""What is taken out of a prompt is what was put in, in every layout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.prompt.families import FAMILIES, layout_of
from lowabs_lsp.prompt.fim import PSM, SPM, render
from lowabs_lsp.remote.parts import Parts
from lowabs_lsp.values import Context, Layout, Prompt, Snippet

layouts = st.sampled_from(list(FAMILIES.values()))
names = st.text("abc/._", min_size=1, max_size=8)
contexts = st.builds(
    Context,
    path=names,
    language=st.just("python"),
    prefix=st.text(max_size=20),
    suffix=st.text(max_size=20),
    snippets=st.lists(st.builds(Snippet, path=names, text=st.text(max_size=20), origin=st.just("open")), max_size=3).map(tuple),
)


@given(contexts, st.sampled_from([SPM, PSM]))
def test_a_prompt_is_taken_apart_into_what_it_was_made_of(context: Context, layout: Layout) -> None:
    parts = Parts.of(render(context, layout))
    files = tuple((snippet.path, snippet.text) for snippet in context.snippets)
    assert parts == Parts(context.prefix, context.suffix, context.path, files)


@given(contexts, layouts)
def test_a_prompt_is_put_together_in_another_layout_as_if_it_had_been_from_the_start(context: Context, other: Layout) -> None:
    assert Parts.of(render(context, SPM)).render(other) == render(context, other)


@given(st.text(max_size=20), layouts)
def test_a_plain_prompt_stays_plain(text: str, layout: Layout) -> None:
    parts = Parts.of(Prompt((text,), heal=False))
    assert (parts.render(layout), parts.spell(layout)) == (Prompt((text,), heal=False), text)


@given(contexts)
def test_spelled_out_it_is_what_an_engine_reads(context: Context) -> None:
    for layout in (FAMILIES["lowabs"], FAMILIES["qwen"], FAMILIES["starcoder"]):
        prompt = render(context, layout)
        assert Parts.of(prompt).spell(layout) == ScriptedEngine(layout=layout).spell(prompt)


def test_without_a_sentinel_for_files_there_are_none() -> None:
    context = Context("a.py", "python", "x = ", "\ny", (Snippet("b.py", "z = 1", "open"),))
    spelled = Parts.of(render(context, FAMILIES["lowabs"])).spell(FAMILIES["codellama"])
    assert spelled == "<PRE> x =  <SUF>\ny <MID>"


@given(contexts)
def test_shortening_ends(context: Context) -> None:
    parts = Parts.of(render(context, FAMILIES["lowabs"]))
    for _ in range(40):
        parts = parts.shortened()
    assert len(parts.prefix) + len(parts.suffix) <= 6


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-Coder-1.5B", "qwen"),
        ("qwen2.5-coder:7b-base", "qwen"),
        ("bigcode/starcoder2-3b", "starcoder"),
        ("ibm-granite/granite-3b-code-base", "granite"),
        ("01-ai/Yi-Coder-1.5B", "qwen"),
        ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek"),
        ("codellama/CodeLlama-7b-hf", "codellama"),
        ("google/codegemma-2b", "codegemma"),
        ("models/lowabs-default.gguf", "lowabs"),
        ("gpt-3.5-turbo-instruct", None),
        ("deepseek-chat", None),
        ("", None),
    ],
)
def test_a_models_name_tells_its_layout(name: str, family: str | None) -> None:
    assert layout_of(name) == (FAMILIES[family] if family else None)
