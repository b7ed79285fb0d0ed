"""The declarations of what is used near the cursor are found in other files and out of sight."""

import pytest

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.declarations import AMBIGUOUS, declaration_text, used_declarations
from lowabs_lsp.context.place import Place
from lowabs_lsp.context.segments import Segment, SegmentBuilder
from lowabs_lsp.values import Document


def segment(files: dict[str, str]) -> Segment:
    builder = SegmentBuilder()
    for path, text in files.items():
        builder.add(path, text, Outliner().outline(path, text))
    return builder.build()


def found(marked: str, files: dict[str, str], start: int = 0) -> list[tuple[str, str]]:
    offset = marked.index("‸")
    text = marked.replace("‸", "")
    place = Place(Document("file:///w/pkg/a.py", "pkg/a.py", "python", text), offset, start, text[offset:])
    candidates = used_declarations(place, [segment({**files, "pkg/a.py": text})], lambda *_: True)
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    return [(c.snippet.path, c.snippet.text) for c in candidates]


def test_the_signature_of_a_function_is_found() -> None:
    files = {"lib.py": "def load(path: str) -> bytes:\n    return open(path).read()\n"}
    assert found("x = load(‸", files) == [("lib.py", "def load(path: str) -> bytes:\n")]


def test_the_nearest_use_comes_first() -> None:
    files = {"lib.py": "def far(): ...\ndef near(): ...\ndef nearer(): ...\n"}
    assert [text for _, text in found("far()\nnear(nearer(‸", files)] == [
        "def nearer(): ...\n",
        "def near(): ...\n",
        "def far(): ...\n",
    ]


def test_what_is_declared_on_screen_is_not_shown_again() -> None:
    assert found("def load(): ...\nload(‸", {}) == []


def test_what_is_declared_in_this_file_out_of_sight_is_shown() -> None:
    text = "def load(a): ...\n" + "\n" * 50 + "load(‸"
    assert found(text, {}, start=40) == [("pkg/a.py", "def load(a): ...\n")]


def test_a_name_that_is_declared_everywhere_is_left_aside() -> None:
    files = {f"{number}.py": "def run(): ...\n" for number in range(AMBIGUOUS + 1)}
    assert found("run(‸", files) == []


@pytest.mark.parametrize(
    ("marked", "path"),
    [
        ("from lib.two import run\nrun(‸", "lib/two.py"),
        ("import three\nrun(‸", "three/__init__.py"),
        ("run(‸", "pkg/one.py"),
    ],
)
def test_of_several_places_the_imported_one_is_taken_then_the_nearest(marked: str, path: str) -> None:
    files = dict.fromkeys(["lib/two.py", "pkg/one.py", "three/__init__.py"], "def run(): ...\n")
    assert [there for there, _ in found(marked, files)] == [path]


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("class A(B):\n    '''Docs\n    over lines.'''\n\n    x: int\n\n    @y\n    def m(\n        self,\n    ):\n        z = 1\n\n    def n(self): ...\n\nother = 1\n", 0, "class A(B):\n    x: int\n    def m(\n        self,\n    ):\n    def n(self): ...\n"),
        ("class A:\n    x = 1\n\n    def m(self, a):\n        return a\n", 3, "class A:\n    def m(self, a):\n"),
        ("type T struct {\n\tA int // a\n\tB string\n}\n\nfunc f() {}\n", 0, "type T struct {\n\tA int // a\n\tB string\n"),
        ("export interface I {\n  a: number\n  m(): void\n}\n", 0, "export interface I {\n  a: number\n  m(): void\n"),
        ("func f(\n\ta int,\n) error {\n\treturn nil\n}\n", 0, "func f(\n\ta int,\n) error {\n"),
        ("LIMIT = 10  # of lines\n", 0, "LIMIT = 10  # of lines\n"),
        ("X = '" + "x" * 500 + "'\n", 0, "X = '" + "x" * 155 + "\n"),
    ],
)  # fmt: skip
def test_a_declaration_is_shown_without_its_body(text: str, line: int, shown: str) -> None:
    assert declaration_text(text.split("\n"), line) == shown
