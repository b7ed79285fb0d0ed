"""What parses where the file parsed before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.syntax.check import check_at
from lowabs_lsp.syntax.grammars import LANGUAGES, grammar_of
from lowabs_lsp.syntax.trees import Trees
from lowabs_lsp.values import Document

CURSOR = "‸"


def admits(language: str, marked: str, text: str) -> bool:
    offset = marked.index(CURSOR)
    check = check_at(Trees(), Document("file:///w/a", "a", language, marked.replace(CURSOR, "")), offset)
    assert check is not None
    assert check.is_sound, "the case says nothing"
    return check.admits(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_grammar_is_installed(language: str) -> None:
    assert grammar_of(language) is not None


@pytest.mark.parametrize(
    ("language", "marked", "text", "well_formed"),
    [
        ("python", "x = ‸\ny = 2\n", "f(1)", True),
        ("python", "x = ‸\ny = 2\n", "f(1", False),
        ("python", "x = ‸\ny = 2\n", "f(1,", True),  # plainly goes on
        ("python", "x = ‸\ny = 2\n", "f(1))", False),
        ("python", "if‸\ny = 2\n", " y:", True),
        ("python", "‸\ny = 2\n", "if y:", False),  # what stands is not broken
        ("python", "‸\ny = 2\n", "if y:\n    x = 1", True),
        ("python", "‸\ny = 2\n", "if y:\nx = 1", False),
        ("python", "try‸\ny = 2\n", ":", True),
        ("python", "@‸\ny = 2\n", "cache", True),
        ("python", "def f():\n    ‸\n", "return f(a=1, 2)", False),  # only Python's own parser knows
        ("python", "x = f(‸)\n", "a, b", True),
        ("python", "x = f(‸)\n", "a b", False),
        ("shellscript", "if‸\necho done\n", ' [ -f "$1" ]; then', True),
        ("shellscript", "‸\necho done\n", "fi", False),
        ("shellscript", "for‸\necho done\n", " x in *; do", True),
        ("shellscript", "‸\necho done\n", 'echo "$HOME', False),
        ("json", '{\n  "a": 1,\n  ‸\n}\n', '"b": [1, 2]', True),
        ("json", '{\n  "a": 1,\n  ‸\n}\n', '"b": [1, 2}', False),
        ("yaml", "a:\n  ‸\nb: 1\n", "c: [1, 2]", True),
        ("yaml", "a:\n  ‸\nb: 1\n", "c: ]", False),
        ("toml", "[a]\n‸\n", "b = 1", True),
        ("toml", "[a]\nb = 1\n‸\n", "b = 2", False),  # twice the same key
        ("dockerfile", "FROM a\nRUN‸\n", " apt-get update && \\", True),
        ("dockerfile", "FROM a\n‸\n", "COPY --from", False),
        ("makefile", "all: a\n\n‸\n", "a: b\n\tcc b", True),
        ("makefile", "all: a\n\nifeq‸\n", " ($(A),1)", True),
        ("sql", "select a from b where ‸;", "c = 1", True),
        ("sql", "select a from b where ‸;", "c = = 1", False),
        ("python", "print(‸\ny = 2\n", "'a,", False),  # a string ends on its line
        ("python", "print(‸\ny = 2\n", '"""a,', True),
        ("json", "{\n  ‸\n}\n", '"a:', False),
        ("javascript", "x =‸\n", " 'a,", False),
        ("javascript", "x =‸\n", " `a,", True),
        ("shellscript", "echo 'a‸\n", " |", True),
        ("python", "x = f(‸)\n", "a=", False),  # what stands behind is in the way of what should follow
        ("python", "if a or ‸:\n    x = 1\n", "b['c': d,", False),
        ("python", "def f(a: Union[‸\n\ny = 2\n", "int, str]\n) -> None:", True),  # its last line alone is no header
        ("go", "package a\n\nfunc f() {\n\tif‸\n}\n", " x {", True),
        ("go", "package a\n\nfunc f() {\n\t‸\n}\n", "if x {", False),
        ("go", "package a\n\nfunc f() {\n\t‸\n}\n", "x := )", False),
    ],
)
def test_what_cannot_become_well_formed_is_told(language: str, marked: str, text: str, well_formed: bool) -> None:
    assert admits(language, marked, text) is well_formed


def test_a_file_that_does_not_parse_bears_anything() -> None:
    check = check_at(Trees(), Document("file:///w/a.py", "a.py", "python", "def (:\n\n"), 8)
    assert check is not None
    assert (check.is_sound, check.admits(")")) == (False, True)


def test_a_language_without_a_grammar_is_not_checked() -> None:
    assert check_at(Trees(), Document("file:///w/a", "a", "plaintext", "a"), 1) is None


TEXTS = st.text(st.sampled_from("ab(é= \n:\U0001f600"), max_size=30)


@given(texts=st.lists(TEXTS, max_size=5))
def test_a_tree_parsed_again_is_the_tree_parsed_anew(texts: list[str]) -> None:
    trees = Trees()
    for text in texts:
        document = Document("file:///w/a.py", "a.py", "python", text)
        again, anew = trees.parse(document), Trees().parse(document)
        assert again is not None
        assert anew is not None
        assert (again.data, again.is_sound) == (anew.data, anew.is_sound)


@pytest.mark.parametrize(
    ("language", "marked", "in_text"),
    [
        ("python", 'def f():\n    """Options:\n    ‸\n    """\n', True),
        ("python", "x = 'a‸b'\n", True),
        ("python", "x = 'ab'‸\n", False),
        ("python", "def f():\n    ‸\n", False),
        ("python", "# if x:‸\n", True),
        ("python", "# a comment\n‸\n", False),
        ("go", "package a\n\n/* a {‸\n*/\n", True),
        ("shellscript", "cat <<EOF\nif x; then‸\nEOF\n", True),
        ("yaml", "a:\n  ‸\n", False),
    ],
)
def test_strings_and_comments_are_no_code(language: str, marked: str, in_text: bool) -> None:
    offset = marked.index(CURSOR)
    check = check_at(Trees(), Document("file:///w/a", "a", language, marked.replace(CURSOR, "")), offset)
    assert check is not None
    assert check.is_in_text is in_text
