"""Each peer asks when and with what its sources say it does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.peers import copilot, llama_vim, tabby
from lowabs_lsp.bench.replay.peers.continue_dev import filtered, fitted_files, make_continue
from lowabs_lsp.bench.replay.peers.copilot import changed_hunks, in_context, is_repetitive, make_copilot, similar_snippets
from lowabs_lsp.bench.replay.peers.llama_vim import Chunk, Ring, cut_below, last_chunks, make_llama_vim, without_repetition
from lowabs_lsp.bench.replay.peers.pieces import Surroundings
from lowabs_lsp.bench.replay.peers.tabby import Debouncer, as_comments, clip_front, make_tabby
from lowabs_lsp.bench.replay.peers.tabby_filters import postprocessed
from lowabs_lsp.bench.replay.policy import Event, Happening, MakePolicy, Policy, Request, Timing
from lowabs_lsp.engine.scripted import PLAIN_LAYOUT, ScriptedEngine
from lowabs_lsp.prompt.fim import PSM
from lowabs_lsp.values import Document, Sentinel, never

CURSOR = "‸"
PEERS: dict[str, MakePolicy] = {
    "llama.vim": make_llama_vim,
    "continue": make_continue,
    "tabby": make_tabby(clips=True),
    "tabby-unclipped": make_tabby(clips=False),
    "copilot": make_copilot,
}
lines = st.lists(st.sampled_from(["def f():", "    return 1", "", "x = f(1)", "    # so", "ä" * 90, "}"]), max_size=60)
every_peer = pytest.mark.parametrize("make", PEERS.values(), ids=PEERS)


def document(text: str, path: str = "a.py", language: str = "python") -> Document:
    return Document(f"file:///{path}", path, language, text)


def request(
    marked: str, workspace: Sequence[Document] = (), key: Key = Key.CHARACTER, now: int = 0, language: str = "python"
) -> Request:
    offset = marked.index(CURSOR)
    return Request(document(marked.replace(CURSOR, ""), language=language), offset, workspace, key, now)


def here(marked: str) -> Surroundings:
    return Surroundings.of(request(marked))


def ask(make: MakePolicy, marked: str, says: str | Callable[[str], str], **changes: object) -> tuple[str, ScriptedEngine]:
    engine = ScriptedEngine(says, context_length=8192)
    policy = make(engine, Path(), "seed")
    return policy.complete(request(marked, **changes), never).text, engine  # type: ignore[arg-type]  # of any argument


def spelled(engine: ScriptedEngine) -> str:
    return engine.spell(engine.prompts[-1])


def tell(policy: Policy, happening: Happening, text: Document, offset: int = 0, pause: int = 0) -> None:
    policy.observe(Event(happening, text, offset, 0, pause))


# ------------------------------------------------------------------------------------------------------------ every peer


@every_peer
@given(above=lines, below=lines, other=lines, length=st.sampled_from([600, 1024, 3000]))
def test_a_prompt_fits_the_engine(make: MakePolicy, above: list[str], below: list[str], other: list[str], length: int) -> None:
    engine = ScriptedEngine("x" * 500, context_length=length)
    policy = make(engine, Path(), "seed")
    files = [document("\n".join(other), f"b{i}.py") for i in range(3)]
    for file in files:
        tell(policy, Happening.OPENED, file)
        tell(policy, Happening.FOCUSED, file, pause=5000)
        tell(policy, Happening.CHANGED, file)
        tell(policy, Happening.JUMPED, file, pause=5000)
    policy.complete(request("\n".join(above) + "\nvalue = ‸\n" + "\n".join(below), files), never)
    tokens = sum(1 if isinstance(segment, Sentinel) else len(segment) for segment in engine.prompts[0].segments)
    assert tokens < length


@every_peer
def test_the_prompt_holds_both_sides_of_the_cursor(make: MakePolicy) -> None:
    _, engine = ask(make, "before = 1\nvalue = ‸\nafter = 2\n", "1")
    assert "before = 1\nvalue = " in spelled(engine)
    assert "after = 2" in spelled(engine)


@every_peer
def test_what_is_typed_along_with_needs_no_model(make: MakePolicy) -> None:
    engine = ScriptedEngine("value + other", context_length=4096)
    policy = make(engine, Path(), "seed")
    first = policy.complete(request("the_total = ‸\n"), never).text
    second = policy.complete(request("the_total = value‸\n"), never).text
    assert (first, second.strip()) == ("value + other", "+ other")
    assert len(engine.prompts) == 1


@every_peer
def test_a_cancelled_answer_is_not_remembered(make: MakePolicy) -> None:
    engine = ScriptedEngine("value + other", context_length=4096)
    policy = make(engine, Path(), "seed")
    assert policy.complete(request("the_total = ‸\n"), lambda: True).text == ""
    assert policy.complete(request("the_total = ‸\n"), never).text == "value + other"


@every_peer
@pytest.mark.parametrize("says", ["", "\n", "  "])
def test_nothing_to_say_is_silence(make: MakePolicy, says: str) -> None:
    assert ask(make, "total = ‸\n", says)[0] == ""


@every_peer
def test_the_line_below_is_not_said_again(make: MakePolicy) -> None:
    assert ask(make, "total = 1\n‸\nother = total + 2\n", "other = total + 2")[0] == ""


# ------------------------------------------------------------------------------------------------------------- llama.vim


def test_llama_vim_is_silent_in_front_of_more_than_eight_characters() -> None:
    assert ask(make_llama_vim, "f(‸, valu2)", "x")[1].prompts != []
    assert ask(make_llama_vim, "f(‸, value2)", "x")[1].prompts == []


def test_llama_vim_asks_for_a_blank_line_from_its_beginning() -> None:
    text, engine = ask(make_llama_vim, "def f():\n    ‸\n", "    return 1")
    assert spelled(engine).endswith("def f():\n")
    assert text == "return 1"


def test_llama_vim_shows_what_was_seen_before_once_there_was_time() -> None:
    engine = ScriptedEngine("x", context_length=4096)
    policy = make_llama_vim(engine, Path(), "seed")
    other = document("seen = 1\nbefore = 2\nthis = 3\n", "b.py")
    tell(policy, Happening.FOCUSED, other)
    policy.complete(request("y = ‸"), never)
    assert "seen" not in spelled(engine)
    tell(policy, Happening.JUMPED, document("z = 1"), pause=3000)
    policy.complete(request("z = ‸"), never)
    assert "<|file|>b.py\nseen = 1\nbefore = 2" in spelled(engine)


def test_a_ring_drops_what_is_like_the_new() -> None:
    ring = Ring(Random(0))
    text = [f"line {i} of some words" for i in range(5)]
    ring.pick("a.py", text, evict=True)
    ring.pick("a.py", [*text, "end"], evict=True)
    ring.take_in(5)
    assert ring.chunks == [Chunk("a.py", (*text, "end"))]
    ring.evict(Chunk("b.py", tuple(text)))
    assert ring.chunks == []


def test_a_ring_is_short() -> None:
    ring = Ring(Random(0))
    for i in range(40):
        ring.pick("a.py", [f"name{i} other{i} third{i}"] * 3, evict=True)
        ring.take_in(1)
    assert len(ring.chunks) == llama_vim.RING
    assert ring.chunks[-1].lines[0].startswith("name39")


def test_the_newest_chunks_are_shown_and_of_the_oldest_the_end() -> None:
    chunks = [Chunk("a", ("11111", "22222")), Chunk("b", ("333",))]
    assert last_chunks(chunks, 100, len) == chunks
    assert last_chunks(chunks, 16, len) == [Chunk("a", ("22222",)), chunks[1]]
    assert last_chunks(chunks, 3, len) == []


def test_llama_vim_stops_where_the_indentation_ends() -> None:
    assert cut_below("a\n    b\n\n    c\nd", 4) == "a\n    b\n\n    c\n".rstrip("\n")
    assert cut_below("a\nb", 0) == "a\nb"


@pytest.mark.parametrize(
    ("text", "marked", "kept"),
    [
        ("1\n\n", "x = ‸\n", "1"),
        (")", "f(‸)\n", ""),
        ("\nb = 2", "a = 1‸\nb = 2\n", ""),
        ("b = 2\nc = 3", "‸\nb = 2\nc = 3\n", ""),
        ("b = 2\nd = 4", "‸\nb = 2\nc = 3\n", "b = 2\nd = 4"),
    ],
)
def test_llama_vim_does_not_say_what_stands_there(text: str, marked: str, kept: str) -> None:
    assert without_repetition(text, here(marked)) == kept


# -------------------------------------------------------------------------------------------------------------- Continue


def test_continue_waits() -> None:
    assert make_continue(ScriptedEngine(), Path(), "").timing(request("x‸")) == Timing(debounce=350)


def test_continue_shows_other_open_files_first() -> None:
    opened = [document("opened = 1\n", "b.py")]
    _, engine = ask(make_continue, "x = ‸", "1", workspace=opened)
    assert spelled(engine).startswith("<|file|>b.py\nopened = 1\n<|file|>a.py\n")


def test_continue_keeps_its_window_small() -> None:
    _, engine = ask(make_continue, "a = 1\n" * 200 + "‸" + "\nb = 2" * 200, "1")
    assert 250 < spelled(engine).count("a = 1") * 6 <= 307
    assert 150 < spelled(engine).count("b = 2") * 6 <= 204


def test_continue_trims_files_that_do_not_fit_and_gives_the_best_the_most() -> None:
    files = [document(letter * 2000, f"{letter}.py") for letter in "abcde"]
    snippets = fitted_files(files, 800, len)
    assert [snippet.path for snippet in snippets] == ["a.py", "b.py", "c.py", "d.py", "e.py"]
    sizes = [len(snippet.text) for snippet in snippets]
    assert sum(sizes) <= 800
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("text", "marked", "kept"),
    [
        ("a\nb\n\nc", "‸\n", "a\nb"),
        ("first\nbelow_it = 1\nmore", "‸\nbelow_it = 1\n", "first"),
        ("first\n}\nmore", "‸\n}\n", "first"),
        ("same\nsame\nsame\nother", "‸\n", "same"),
        ("above_it = 1", "above_it = 1\n‸", ""),
        (" x", "y = ‸", "x"),
        ("one\ntwo", "# say ‸", "one"),
        ("a, b)", "f(‸)", "a, b"),
        ("\n".join(f"some value {c}" for c in "abcdefghi"), "‸\n", ""),
    ],
)
def test_continue_filters(text: str, marked: str, kept: str) -> None:
    assert filtered(text, here(marked), "python") == kept


# ----------------------------------------------------------------------------------------------------------------- Tabby


def test_tabby_cuts_the_fim_prefix_off_its_own_prompt() -> None:
    marked = "long_line_of_code = 'with much text in it, ninety characters of it or so'\n" * 30 + "x = ‸\n" + "after = 1\n" * 30
    clipped, whole = (ask(make_tabby(clips=clips), marked, "1")[1].prompts[0].segments for clips in (True, False))
    assert Sentinel.PREFIX in whole
    assert Sentinel.PREFIX not in clipped


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 120), st.sampled_from([PSM, PLAIN_LAYOUT]))
def test_clipping_keeps_the_end_of_the_spelled_prompt(prefix: str, suffix: str, size: int, layout: object) -> None:
    chosen = PSM if layout is PSM else PLAIN_LAYOUT
    engine = ScriptedEngine(layout=chosen)
    segments = (Sentinel.PREFIX, prefix, Sentinel.SUFFIX, suffix, Sentinel.MIDDLE)
    spell = "".join(chosen.spelling[s] if isinstance(s, Sentinel) else s for s in segments).encode()
    clipped = "".join(chosen.spelling[s] if isinstance(s, Sentinel) else s for s in clip_front(segments, engine.layout, size))
    assert clipped == (spell[len(spell) - size :] if size < len(spell) else spell).decode(errors="ignore")


def test_tabby_sees_twenty_lines_on_either_side() -> None:
    _, engine = ask(make_tabby(clips=False), "a = 1\n" * 50 + "x = ‸\n" + "b = 2\n" * 50, "1")
    assert spelled(engine).count("a = 1\n") == 19
    assert spelled(engine).count("b = 2\n") == 19


def test_tabby_shows_snippets_as_comments() -> None:
    engine = ScriptedEngine("1", context_length=4096)
    policy = make_tabby(clips=True)(engine, Path(), "seed")
    viewed = document("helper = 1\n\nother = 2", "lib/b.py")
    tell(policy, Happening.FOCUSED, viewed)
    policy.complete(request("x = ‸"), never)
    assert "# Path: lib/b.py\n# helper = 1\n#\n# other = 2\nx = " in spelled(engine)
    assert as_comments([tabby.Excerpt("b.json", "{}")], None) == ""


def test_tabby_finds_changed_code_by_its_words() -> None:
    changed = tabby.ChangedCode()
    for path, word in (("b.py", "invoice"), ("c.py", "customer"), ("d.sh", "invoice")):
        language = "shellscript" if path.endswith(".sh") else "python"
        changed.change(document(f"{word}_total = {word}.total\n" * 3, path, language), 0)
    found = changed.search({"invoice"}, "a.py", "python")
    assert [excerpt.path for excerpt in found] == ["b.py"]


def test_tabby_waits_longer_inside_words_and_adapts_to_the_rhythm() -> None:
    debouncer = Debouncer()
    assert [debouncer.delay(now, score) for now, score in ((10_000, 0.0), (20_000, 0.5), (30_000, 1.0))] == [600, 450, 300]
    for now in range(30_100, 33_000, 100):
        last = debouncer.delay(now, 1.0)
    assert last == 150


@pytest.mark.parametrize(
    ("text", "marked", "kept"),
    [
        ("abc", "x = ‸\n", ""),
        ("value\nmore", "f(‸x)\n", ""),
        ("value + 1)", "f(‸)\n", "value + 1"),
        ("return 1\nx = 2", "def f():\n    ‸\n    y = 1\n", "return 1"),
        ("return 1\nx = 2", "def f():\n    ‸\ny = 1\n", "return 1\nx = 2"),
        ("return abc\n    x = 2\n}\ny", "{\n    ‸\n}\n", "return abc\n    x = 2"),
        ("below_it = 1", "‸\nbelow_it = 2\n", ""),
        ("echo done; echo done; echo done; echo done; ", "‸\n", ""),
        (" value", "x = ‸\n", "value"),
        (" values = 1 ", "x ‸\n", "values = 1"),
    ],
)
def test_tabby_postprocesses(text: str, marked: str, kept: str) -> None:
    assert postprocessed(text, here(marked), "python") == kept


# --------------------------------------------------------------------------------------------------------------- Copilot


def test_copilot_asks_at_once_and_shows_later() -> None:
    assert make_copilot(ScriptedEngine(), Path(), "").timing(request("x‸")) == Timing(debounce=0, hold=200)


@pytest.mark.parametrize(
    ("rest", "asks"), [("", True), (")", True), ("'];", True), ("):", True), (", b)", False), ("name", False)]
)
def test_copilot_asks_before_closing_brackets_only(rest: str, asks: bool) -> None:
    assert (ask(make_copilot, f"value = f(‸{rest}\n", "x")[1].prompts != []) is asks


def test_copilot_is_silent_in_a_nearly_empty_file() -> None:
    assert ask(make_copilot, "x = ‸", "1")[1].prompts == []


@pytest.mark.parametrize(
    ("marked", "language", "key", "text"),
    [
        ("def f():\n    ‸\n", "python", Key.ENTER, "a = 1\n    return a"),
        ("value = 1\nx = ‸\n", "python", Key.CHARACTER, "a = 1"),
        ("build() {\n    ‸\n}\n", "shellscript", Key.ENTER, "a = 1\n    return a"),
        ("function f() {\n    ‸\n}\n", "javascript", Key.ENTER, "a = 1"),
        ("function f() {\n    ‸\n}\n", "javascript", Key.ACCEPT, "a = 1\n    return a"),
        ("value = 1\nx = ‸\n", "python", Key.ACCEPT, "a = 1\n    return a"),
    ],
)
def test_copilot_wants_a_block_where_it_does(marked: str, language: str, key: Key, text: str) -> None:
    says = "    a = 1\n    return a\n\nmore" if "\n    ‸" in marked else "a = 1\n    return a\n\nmore"
    assert ask(make_copilot, marked, says, language=language, key=key)[0] == text


def test_copilot_shows_the_most_similar_window_of_each_open_file() -> None:
    noise = [f"unrelated{i} = {i}" for i in range(70)]
    wanted = ["def invoice_total(customer):", "    return customer.invoices"]
    files = [
        document("\n".join(noise + wanted), "b.py"),
        document("unrelated", "c.py"),
        document("invoice customer", "d.sh", "shellscript"),
        document("invoice customer\n" * 1000, "e.py"),
    ]
    (snippet,) = similar_snippets(request("invoice customer ‸", files), copilot.Windows())
    assert snippet.path == "b.py"
    assert snippet.text.endswith("\n".join(wanted) + "\n")
    assert snippet.text.count("\n") == copilot.WINDOW


def test_copilot_tells_of_edits_in_other_files() -> None:
    engine = ScriptedEngine("1", context_length=4096)
    policy = make_copilot(engine, Path(), "seed")
    tell(policy, Happening.OPENED, document("old_name = 1\nrest\n", "b.py"))
    tell(policy, Happening.SAVED, document("new_name = 1\nrest\n", "b.py"))
    policy.complete(request("value = 10\nx = ‸"), never)
    assert "<|file|>b.py\n+new_name = 1\n-old_name = 1 --- IGNORE ---\n rest\n" in spelled(engine)


def test_copilot_leaves_out_large_and_blank_edits() -> None:
    old = document("a\nb\nc\n")
    assert changed_hunks(old, document("a\n" + "x\n" * 11 + "b\nc\n")) == []
    assert changed_hunks(old, document("a\n\n\nb\nc\n")) == []


def test_copilot_keeps_the_suffix_while_it_is_nearly_the_same() -> None:
    engine = ScriptedEngine("1", context_length=4096)
    policy = make_copilot(engine, Path(), "seed")
    below = "first = other + more\n" + "line = value\n" * 20
    policy.complete(request("value = 10\nx = ‸\n" + below), never)
    policy.complete(request("value = 10\ny = ‸\n" + below.replace("more", "most")), never)
    assert "first = other + more" in spelled(engine)
    policy.complete(request("value = 10\nz = ‸\n" + below.replace("first", "second")), never)
    assert "second = other + more" in spelled(engine)


@pytest.mark.parametrize(
    ("tokens", "repetitive"), [([7] * 10, True), ([1, 2, 3] * 10, True), (list(range(60)), False), ([7] * 9, False)]
)
def test_copilot_hears_repetition(tokens: list[int], repetitive: bool) -> None:
    assert is_repetitive(tokens) is repetitive


@pytest.mark.parametrize(
    ("text", "marked", "kept"),
    [
        ("x;\n}", "{\n  ‸\n}\n", "x;"),
        ("if (a) {\n  b\n}", "‸\n} else {\n", "if (a) {\n  b"),
        ("a, b)", "f(‸)\n", "a, b"),
        ("below = 1", "‸\n\n  below = 1\n", ""),
        ("x\ny", "‸\nz\n", "x\ny"),
    ],
)
def test_copilot_fits_what_it_says_between_what_is_there(text: str, marked: str, kept: str) -> None:
    assert in_context(text, here(marked)) == kept
