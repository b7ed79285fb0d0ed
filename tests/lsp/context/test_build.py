"""A context fits its budget exactly, holds still while a person types, and holds no secret."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.context.build import OVERHEAD, ContextBuilder
from lowabs_lsp.context.workspace import Workspace
from lowabs_lsp.engine.scripted import PLAIN_LAYOUT
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.settings import ContextSettings
from lowabs_lsp.values import Context, Document, Sentinel

ROOMY = ContextSettings(snippet_share=0.25, max_tokens=4000)
LIBRARY = "def load_table(path: str, *, strict: bool) -> Table:\n    return Table(path, strict)\n"
CALLER = "import library\n\n\ndef main():\n    table = load_table(\n"


def document(text: str, path: str = "main.py") -> Document:
    return Document(f"file:///w/{path}", path, "python", text)


def builder(settings: ContextSettings = ROOMY, root: Path | None = None) -> ContextBuilder:
    """One character is one token."""
    if root is None:
        return ContextBuilder(settings, len)
    workspace = Workspace([root])
    workspace.build()
    return ContextBuilder(settings, len, lambda: workspace.segments)


def spelled(context: Context) -> list[str]:
    """The prompt's tokens."""
    tokens: list[str] = []
    for segment in render(context, PLAIN_LAYOUT).segments:
        tokens += [segment] if isinstance(segment, Sentinel) else list(segment)
    return tokens


def typed(text: str, keys: str, build: ContextBuilder, recent: Sequence[Document] = (), path: str = "main.py") -> list[Context]:
    """The contexts while `keys` are typed at the mark in `text`."""
    before, _, behind = text.partition("‸")
    return [
        build.build(document(before + keys[:n] + behind, path), len(before) + n, room=4000, recent=recent)
        for n in range(len(keys) + 1)
    ]


def sources(context: Context) -> list[str]:
    return [snippet.path for snippet in context.snippets]


texts = st.lists(
    st.sampled_from(
        ["def load(a):", "    return load(a)", "class Table:", "import os", "", "x = load(1)", "é" * 60, "\tq", "y\r"]
    ),
    max_size=60,
).map("\n".join)


@given(
    text=texts,
    places=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    others=st.lists(texts, max_size=3),
    room=st.integers(0, 900),
    shares=st.tuples(st.floats(0, 2), st.floats(0, 2)),
)
@settings(deadline=None, max_examples=200)
def test_the_prompt_fits_its_budget(
    text: str, places: list[float], others: list[str], room: int, shares: tuple[float, float]
) -> None:
    chosen = ContextSettings(max_tokens=600, suffix_share=shares[0], snippet_share=shares[1])
    build = builder(chosen)
    recent = [document(other, f"{number}.py") for number, other in enumerate(others)]
    for place in places:
        offset = int(place * len(text))
        context = build.build(document(text), offset, room=room, recent=recent)
        assert len(spelled(context)) <= max(min(600, room), OVERHEAD + len("main.py"))
        assert text[:offset].replace("\r\n", "\n").endswith(context.prefix.rpartition("\n")[2])


@given(text=texts, others=st.lists(texts, min_size=1, max_size=2), place=st.floats(0, 1))
@settings(deadline=None)
def test_within_a_line_each_key_only_adds_to_the_prompt_unless_the_window_moves(
    text: str, others: list[str], place: float
) -> None:
    lines = text.split("\n")
    at = len("\n".join(lines[: int(place * len(lines)) + 1]).rstrip("\r"))
    recent = [document(other, f"{number}.py") for number, other in enumerate(others)]
    build = builder(ContextSettings(max_tokens=700))
    prompts = [spelled(context) for context in typed(f"{text[:at]}‸{text[at:]}", "value = load(", build, recent)]
    assert sum(after[: len(before)] != before for before, after in pairwise(prompts)) <= 1


@given(text=texts, others=st.lists(texts, max_size=2), keys=st.text(alphabet="load(\n ", max_size=20))
@settings(deadline=None)
def test_the_same_history_gives_the_same_contexts(text: str, others: list[str], keys: str) -> None:
    recent = [document(other, f"{number}.py") for number, other in enumerate(others)]
    assert typed(f"{text}‸", keys, builder(), recent) == typed(f"{text}‸", keys, builder(), recent)


def test_a_text_without_other_files_is_shown_whole() -> None:
    context = builder(ContextSettings()).build(document("a = 1\nb = 2\n"), 6, room=2000)
    assert (context.prefix, context.suffix, context.snippets) == ("a = 1\n", "b = 2\n", ())


def test_line_ends_are_told_and_taken_away() -> None:
    context = builder(ContextSettings()).build(document("a\r\nb\r\nc"), 3, room=2000)
    assert (context.prefix, context.suffix, context.newline) == ("a\n", "b\nc", "\r\n")


def test_a_prefix_that_is_cut_off_begins_with_imports_and_headers() -> None:
    body = "".join(f"        value_{number} = {number}\n" for number in range(300))
    text = f"import os\n\nclass Table:\n    def fill(self):\n{body}"
    context = builder(ContextSettings(max_tokens=2000)).build(document(text), len(text), room=2000)
    lead, rest = context.prefix[: len("import os\n\nclass Table:\n    def fill(self):\n")], context.prefix.split("\n", 5)[5]
    assert lead == "import os\n\nclass Table:\n    def fill(self):\n"
    assert text.endswith(rest)


def test_declarations_come_from_an_open_file() -> None:
    context = typed(CALLER.replace("(\n", "(‸\n"), "p", builder(), [document(LIBRARY, "library.py")])[-1]
    assert [(snippet.path, snippet.text) for snippet in context.snippets] == [("library.py", LIBRARY.split("\n")[0] + "\n")]


def test_declarations_come_from_the_files_on_disk(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    assert sources(typed(CALLER.replace("(\n", "(‸\n"), "p", builder(root=tmp_path))[-1]) == ["library.py"]


def test_an_open_document_is_shown_in_place_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    open_now = document(LIBRARY.replace("path: str", "stream: IO"), "library.py")
    context = typed(CALLER.replace("(\n", "(‸\n"), "p", builder(root=tmp_path), [open_now])[-1]
    assert [snippet.text for snippet in context.snippets] == ["def load_table(stream: IO, *, strict: bool) -> Table:\n"]


def test_files_of_another_kind_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "library.md").write_text(LIBRARY)
    assert sources(typed(CALLER.replace("(\n", "(‸\n"), "p", builder(root=tmp_path))[-1]) == []


def test_an_edit_in_another_file_is_shown() -> None:
    build, old = builder(), "".join(f"a{number} = {number}\n" for number in range(30))
    new = document(old.replace("a15 = 15", "renamed = 15"), "b.py")
    typed("x = 1\n‸", "y", build, [document(old, "b.py")])
    edited = typed("x = 1\n\n‸", "y", build, [new])[-1]
    assert [snippet.text for snippet in edited.snippets] == ["a13 = 13\na14 = 14\nrenamed = 15\na16 = 16\na17 = 17\n"]


@pytest.mark.parametrize("names", [(), ("scope",), ("similar", "edits"), ("declarations",)])
def test_a_source_that_is_switched_off_is_not_asked(names: tuple[str, ...]) -> None:
    build = builder(evolve(ROOMY, sources=names))
    context = typed(CALLER.replace("(\n", "(‸\n"), "p", build, [document(LIBRARY, "library.py")])[-1]
    assert any("declaration" in snippet.origin for snippet in context.snippets) is ("declarations" in names)


def test_without_a_share_there_are_no_snippets() -> None:
    build = builder(evolve(ROOMY, snippet_share=0.0))
    assert sources(typed(CALLER.replace("(\n", "(‸\n"), "p", build, [document(LIBRARY, "library.py")])[-1]) == []


def test_snippets_from_one_file_share_its_name() -> None:
    library = LIBRARY + "\n\ndef save_table(table: Table) -> None: ...\n"
    context = typed("save_table(load_table(‸", "p", builder(), [document(library, "library.py")])[-1]
    signatures = [f"{line}\n" for line in library.split("\n") if line.startswith("def")]
    assert [snippet.text for snippet in context.snippets] == ["\n".join(signatures)]


def test_a_suffix_that_is_nearly_the_same_stays() -> None:
    build, below = builder(), "".join(f"line {number}\n" for number in range(40))
    first = build.build(document(f"x\n{below}"), 1, room=4000)
    second = build.build(document(f"x\ny\n{below.replace('line 30', 'changed')}"), 3, room=4000)
    third = build.build(document(f"x\n{below.replace('line 1', 'changed')}"), 1, room=4000)
    assert second.suffix == first.suffix
    assert third.suffix != first.suffix


def test_no_planted_secret_is_in_any_context(tmp_path: Path, planted: Any) -> None:
    for number, plant in enumerate(planted.in_place):
        (tmp_path / f"{number}-{plant.path}").write_text(f"# load_table\n{plant.line.replace('{}', plant.secret)}\n")
    (tmp_path / "tokens.py").write_text("\n".join(f"load_table('{token}')" for token in planted.tokens))
    (tmp_path / ".env").write_text("load_table = needle\n")
    build = builder(evolve(ROOMY, snippet_share=0.6), tmp_path)
    recent = [document(file.read_text(), f"open-{file.name}") for file in sorted(tmp_path.iterdir())]
    seen = ""
    for plant in planted.in_place:
        text = f"{plant.line.replace('{}', plant.secret)}\n{planted.armoured}\n{planted.tokens[0]}\nx = load_table(‸)\n"
        for context in typed(text, "\npa", build, [document("load_table = needle", ".env"), *recent], plant.path):
            seen += "".join(spelled(context))
    assert [secret for secret in planted.secrets if secret in seen] == []
    assert "needle" not in seen
    assert "load_table" in seen


def test_a_withheld_document_shows_nothing_of_itself() -> None:
    build = builder()
    private = document("A=needle\n", ".env")
    assert build.withholds(private)
    assert "needle" not in build.build(private, 9, room=4000).prefix
    assert not build.withholds(document("A = 1\n"))


def test_a_cursor_in_a_secret_is_known() -> None:
    text = 'password = "hunter2"\nx = 1\n'
    build = builder()
    assert [build.is_in_secret(document(text), offset) for offset in (0, 11, 12, 15, 19, 20, 22)] == [
        False, False, True, True, True, False, False,
    ]  # fmt: skip
