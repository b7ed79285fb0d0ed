"""Layouts: what the sequence looks like, and that typing only appends."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.prompt.fim import PSM, SPM, render
from lowabs_lsp.values import Context, Layout, Sentinel, Snippet

CONTEXT = Context(
    path="a/b.py", language="python", prefix="pre", suffix="suf", snippets=(Snippet("c.py", "x = 1\n", "open file"),)
)


def test_the_serving_layout_is_files_then_suffix_then_prefix() -> None:
    assert render(CONTEXT, SPM).segments == (
        Sentinel.FILE, "c.py\nx = 1\n", Sentinel.FILE, "a/b.py\n",
        Sentinel.PREFIX, Sentinel.SUFFIX, "suf", Sentinel.MIDDLE, "pre",
    )  # fmt: skip


def test_the_third_party_layout_is_files_then_prefix_then_suffix() -> None:
    prompt = render(CONTEXT, PSM)
    assert prompt.segments[4:] == (Sentinel.PREFIX, "pre", Sentinel.SUFFIX, "suf", Sentinel.MIDDLE)
    assert not prompt.heal


@given(prefix=st.text(), typed=st.text())
def test_typing_only_appends_to_the_serving_layout(prefix: str, typed: str) -> None:
    before, after = (render(Context("p", "python", text, "suffix"), SPM).segments for text in (prefix, prefix + typed))
    assert before[:-1] == after[:-1]
    assert str(after[-1]).startswith(str(before[-1]))


def test_a_model_that_knows_no_middle_is_shown_the_prefix_alone() -> None:
    layout = Layout(order="prefix", spelling={}, stops=("</s>",), begin="<s>")
    prompt = render(CONTEXT, layout)
    assert prompt.segments == ("pre",)
    assert prompt.heal


def test_a_model_without_a_token_for_files_is_shown_none() -> None:
    layout = Layout(order="psm", spelling=dict.fromkeys((Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE), "x"), stops=())
    assert render(CONTEXT, layout).segments == (Sentinel.PREFIX, "pre", Sentinel.SUFFIX, "suf", Sentinel.MIDDLE)


def test_what_leads_a_prefix_stands_before_it_in_either_order() -> None:
    psm, spm = (render(CONTEXT, evolve(layout, lead=" ")).segments for layout in (PSM, SPM))
    assert psm[5] == spm[-1] == " pre"
