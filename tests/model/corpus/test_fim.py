"""Training documents: the layouts that serving uses, holes at characters, nothing lost, the same again for the same seed."""

from random import Random

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from lowabs_model.corpus.fim import (
    END_ID,
    LARGEST_PARSED_FILE,
    PAD_ID,
    SENTINEL_IDS,
    Blocks,
    DocumentWriter,
    Unit,
    draw_hole,
    line_pieces,
    node_spans,
    pack,
    units_of,
)
from lowabs_model.corpus.shards import SourceFile
from lowabs_model.recipe import HoleRecipe

from lowabs_lsp.prompt.fim import PSM, SPECIAL_TOKENS, SPM, render
from lowabs_lsp.values import Context, Layout, Sentinel, Snippet

ALWAYS = HoleRecipe(rate=1.0, no_path=0.0, truncated_suffix=0.0)
FIRST = len(SPECIAL_TOKENS)


def encode(texts: list[str]) -> list[list[int]]:
    """A tokenizer of bytes, which tells every cut apart."""
    return [[FIRST + byte for byte in text.encode()] for text in texts]


def decode(tokens: list[int]) -> str:
    return bytes(token - FIRST for token in tokens).decode()


def source(text: str, path: str = "a.py", language: str = "python", repository: str = "owner/name") -> SourceFile:
    return SourceFile(repository=repository, path=path, language=language, license="MIT", commit="0", text=text)


PROGRAM = "".join(f"def f{n}(x):\n    if x > {n}:\n        return [x, {n}]\n    return f(x + 1)\n\n\n" for n in range(40))


def write(file: SourceFile, recipe: HoleRecipe, seed: int = 0, length: int = 400) -> list[list[int]]:
    writer = DocumentWriter([file], encode, recipe, length=length)
    return writer.write(Unit(0, 0, len(file.text)), Random(seed))


def parse(tokens: list[int], layout: Layout) -> tuple[str, str, str, str]:
    """A document's path, suffix, prefix and middle; in spm the prefix holds the middle too."""
    assert tokens[0] == SENTINEL_IDS[Sentinel.FILE]
    assert tokens[-1] == END_ID
    marks = [tokens.index(SENTINEL_IDS[sentinel]) for sentinel in (Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE)]
    path, first, second, third = (
        decode(tokens[a + 1 : b]) for a, b in zip([0, *marks], [*marks, len(tokens) - 1], strict=True)
    )
    return (path, second, third, "") if layout.order == "spm" else (path, second, first, third)


@given(seed=st.integers(0, 10_000), layout=st.sampled_from((SPM, PSM)))
def test_a_document_is_what_serving_renders_and_then_its_middle(seed: int, layout: Layout) -> None:
    recipe = evolve(ALWAYS, spm=float(layout is SPM))
    for tokens in write(source(PROGRAM), recipe, seed):
        path, suffix, prefix, middle = parse(tokens, layout)
        assert path == "a.py\n"
        assert prefix + middle + suffix in PROGRAM
        prompt = render(Context("a.py", "python", prefix, suffix), layout)
        rendered = [
            token
            for segment in prompt.segments
            for token in ([SENTINEL_IDS[segment]] if isinstance(segment, Sentinel) else encode([segment])[0])
        ]
        assert tokens == [*rendered, *encode([middle])[0], END_ID]


@given(text=st.text(alphabet="ab \n", max_size=300), size=st.integers(1, 40))
def test_pieces_are_the_text(text: str, size: int) -> None:
    pieces = line_pieces(text, size)
    assert "".join(text[start:end] for start, end in pieces) == text
    assert all(0 < end - start <= size for start, end in pieces)


@given(seed=st.integers(0, 1000), length=st.sampled_from((64, 200, 1000)))
def test_documents_hold_all_of_the_text_within_the_length(seed: int, length: int) -> None:
    documents = write(source(PROGRAM), HoleRecipe(truncated_suffix=0.0), seed, length)
    texts = [decode([token for token in tokens if token >= FIRST]) for tokens in documents]
    assert all(len(tokens) <= length for tokens in documents)
    assert sorted("".join(texts).replace("a.py\n", "")) == sorted(PROGRAM)


@given(seed=st.integers(0, 1000), text=st.text(min_size=1, max_size=200), kind=st.sampled_from(("line", "node", "span")))
def test_a_hole_lies_in_the_text(seed: int, text: str, kind: str) -> None:
    recipe = HoleRecipe(**{name: float(name == kind) for name in ("line", "node", "span")})
    start, end = draw_hole(text, [], recipe, Random(seed))
    assert 0 <= start <= end <= len(text)


def test_a_line_hole_ends_where_a_line_ends() -> None:
    recipe = HoleRecipe(line=1.0, node=0.0, span=0.0)
    for seed in range(200):
        _, end = draw_hole(PROGRAM, [], recipe, Random(seed))
        assert end == len(PROGRAM) or PROGRAM[end] == "\n"


def test_python_holes_are_syntax_nodes() -> None:
    text = "café = 'é'\nif café:\n    print(café, [1, 2])\n"
    found = {text[start:end] for start, end in node_spans(source(text))}
    assert found == {"café = 'é'", "if café:\n    print(café, [1, 2])", "print(café, [1, 2])", "[1, 2]"}


def test_holes_of_other_languages_are_nodes_of_their_grammar() -> None:
    text = 'package é\n\n// a comment\nfunc add(a int, b int) int {\n\treturn sum(a, b) + len("a string")\n}\n'
    found = {text[start:end] for start, end in node_spans(source(text, "a.go", "go"))}
    whole = text[text.index("func") : -1]
    assert {whole, whole[whole.index("{") :], 'return sum(a, b) + len("a string")', "sum(a, b)", "(a int, b int)"} <= found
    assert not {"a", "add", "// a comment", '"a string"', text} & found


def test_no_parser_is_asked_for_a_very_long_file() -> None:
    block = "func f() {\n\tg(1, 2)\n}\n"
    text = block * (LARGEST_PARSED_FILE // len(block) + 1)
    assert {text[start:end] for start, end in node_spans(source(text, "a.go", "go"))} == {"g(1, 2)"}


@pytest.mark.parametrize("text", ["def broken(:\n    x\n", "if x\n    y = 1\n    z = 2\nend\n"])
def test_what_is_no_python_has_indented_blocks(text: str) -> None:
    spans = node_spans(source(text))
    assert [text[start:end] for start, end in spans] == ["x" if "broken" in text else "y = 1\n    z = 2"]


def test_a_truncated_suffix_is_shorter_than_what_follows() -> None:
    recipe = evolve(ALWAYS, spm=0.0, truncated_suffix=1.0)
    empty = 0
    for tokens in write(source(PROGRAM), recipe, length=300):
        _, suffix, prefix, middle = parse(tokens, PSM)
        assert prefix + middle + suffix in PROGRAM
        empty += not suffix
    assert empty > 0


def test_another_file_of_the_repository_comes_first_as_serving_places_it() -> None:
    files = [source(PROGRAM), source("NOTE\n" * 50, "b.txt", "plaintext"), source("FOREIGN\n" * 50, "c.txt", repository="o/n")]
    writer = DocumentWriter(files, encode, evolve(ALWAYS, spm=1.0, cross_file=1.0), length=500)
    opened = 0
    for tokens in writer.write(Unit(0, 0, len(PROGRAM)), Random(1)):
        if tokens.count(SENTINEL_IDS[Sentinel.FILE]) == 2:
            opened += 1
            own = tokens.index(SENTINEL_IDS[Sentinel.FILE], 1)
            _, suffix, prefix, _ = parse(tokens[own:], SPM)
            snippet = decode(tokens[1:own])
            assert snippet.startswith("b.txt\n")
            shown = (Snippet("b.txt", snippet.removeprefix("b.txt\n"), "open file"),)
            prompt = render(Context("a.py", "python", prefix, suffix, shown), SPM)
            assert prompt.segments[1] == snippet
    assert opened > 3


def test_tasks_are_a_kind_of_holes_where_they_are_asked_for() -> None:
    text = "".join(f'def f{n}(x):\n    """Say {n} of x."""\n    return [x, {n}]\n\n\n' for n in range(30))
    bodies = {f"return [x, {n}]" for n in range(30)}
    recipe = evolve(ALWAYS, line=0.0, node=0.0, span=0.0, task=1.0, spm=0.0)
    asked = {parse(tokens, PSM)[3] for tokens in write(source(text), recipe)}
    assert len(asked) > 3
    assert asked <= bodies
    assert not {parse(tokens, PSM)[3] for tokens in write(source(text), evolve(ALWAYS, spm=0.0, span=1.0, line=0.0))} <= bodies


def test_of_other_files_the_one_most_alike_is_shown() -> None:
    others = [source(f"word{n} = other{n}\n" * 50, f"{n}.txt", "plaintext") for n in range(3)]
    files = [source(PROGRAM), *others, source("def f9(x):\n    return f9(x + 1)\n" * 30, "alike.txt", "plaintext")]
    writer = DocumentWriter(files, encode, evolve(ALWAYS, spm=1.0, cross_file=1.0), length=500)
    shown = [
        decode([token for token in tokens if token >= FIRST]).partition("\n")[0]
        for tokens in writer.write(Unit(0, 0, len(PROGRAM)), Random(1))
    ]
    assert shown.count("alike.txt") > len(shown) / 2


def test_sentinels_in_a_source_file_stay_text() -> None:
    text = "print('<|fim_middle|>')\n" * 20
    for tokens in write(source(text), evolve(ALWAYS, spm=0.0)):
        assert tokens.count(SENTINEL_IDS[Sentinel.MIDDLE]) == 1


@given(st.lists(st.integers(1, 50), max_size=60))
def test_packing_keeps_every_document_whole(sizes: list[int]) -> None:
    documents = [[FIRST + number % 90] * (size - 1) + [END_ID] for number, size in enumerate(sizes)]
    rows = pack(documents, 50)
    found: list[list[int]] = []
    for row in rows.tolist():
        while row and row[0] != PAD_ID:
            cut = row.index(END_ID) + 1
            found.append(row[:cut])
            row = row[cut:]
        assert set(row) <= {PAD_ID}
    assert sorted(found) == sorted(documents)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.5])
def test_an_epoch_sees_each_language_as_often_as_its_weight(weight: float) -> None:
    files = [source("x\n" * 6000, f"{n}.py") for n in range(400)] + [source("y\n" * 6000, "b.sh", "shellscript")]
    units = units_of(files, {"python": weight}, Random(0))
    python = [unit for unit in units if unit.file < 400]
    assert len(python) / 400 == pytest.approx(weight, rel=0.15)
    assert len(units) - len(python) == 1


@settings(max_examples=10)
@given(number=st.integers(0, 30))
def test_a_block_is_the_same_whoever_asks(number: int) -> None:
    files = [source(PROGRAM, f"{n}.py") for n in range(20)]
    first, second = (Blocks(files, encode, weights={}, seed=7) for _ in range(2))
    first.rows(3, 200, ALWAYS)
    assert np.array_equal(first.rows(number, 200, ALWAYS), second.rows(number, 200, ALWAYS))


def test_blocks_of_an_epoch_hold_every_unit_once() -> None:
    files = [source(f"# {n}\n" * 3000, f"{n}.py") for n in range(150)]
    blocks = Blocks(files, encode, weights={}, seed=7)
    count = -(-len(units_of(files, {}, Random(0))) // blocks.units_per_block)
    seen = [unit for number in range(count) for unit in blocks._units(number)]
    assert sorted((unit.file, unit.start) for unit in seen) == sorted(
        (unit.file, unit.start) for unit in units_of(files, {}, Random(0))
    )
