"""Changed regions are remembered as they read now."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.edits import AROUND, FILES, LONGEST, EditLog, trimmed
from lowabs_lsp.values import Document

NUMBERED = [f"line {number}" for number in range(100)]


def see(log: EditLog, lines: list[str], path: str = "a.py") -> None:
    log.observe(Document(f"file:///w/{path}", path, "python", "\n".join(lines)))


def replaced(first: int, end: int, *new: str) -> list[str]:
    return [*NUMBERED[:first], *new, *NUMBERED[end:]]


def latest(log: EditLog, most: int = 9) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(edit.path, edit.first, edit.lines) for edit in log.latest(most)]


def test_the_first_look_and_an_unchanged_text_are_no_edits() -> None:
    log = EditLog()
    see(log, NUMBERED)
    see(log, list(NUMBERED))
    assert latest(log) == []


def test_an_edit_is_shown_with_its_surroundings() -> None:
    log = EditLog()
    see(log, NUMBERED)
    see(log, replaced(50, 51, "new"))
    assert latest(log) == [("a.py", 48, ("line 48", "line 49", "new", "line 51", "line 52"))]


def test_changes_near_each_other_are_one_edit_and_far_ones_are_two() -> None:
    log = EditLog()
    see(log, NUMBERED)
    for lines in (replaced(10, 11, "a"), [*replaced(10, 11, "a")[:13], "b", *NUMBERED[14:]]):
        see(log, lines)
    assert len(latest(log)) == 1
    see(log, [*lines[:80], "c", *NUMBERED[81:]])
    assert [first for _, first, _ in latest(log)] == [78, 8]


def test_an_edit_moves_with_what_is_inserted_or_deleted_above_it() -> None:
    log = EditLog()
    see(log, NUMBERED)
    see(log, replaced(50, 51, "new"))
    see(log, ["top"] * 3 + replaced(50, 51, "new"))
    assert [first for _, first, lines in latest(log) if "new" in lines] == [51]
    see(log, replaced(50, 51, "new")[20:])
    assert [first for _, first, lines in latest(log) if "new" in lines] == [28]


def test_the_latest_edit_comes_first_over_all_files() -> None:
    log = EditLog()
    for path in ("a.py", "b.py"):
        see(log, NUMBERED, path)
    for path in ("b.py", "a.py"):
        see(log, replaced(5, 6, "new"), path)
    assert [edit.path for edit in log.latest(9)] == ["a.py", "b.py"]
    assert [edit.path for edit in log.latest(1)] == ["a.py"]


def test_a_text_that_was_replaced_by_a_program_is_no_edit() -> None:
    log = EditLog()
    see(log, NUMBERED)
    see(log, replaced(5, 6, *["generated"] * (LONGEST + 2)))
    assert latest(log) == []


def test_the_oldest_files_are_forgotten() -> None:
    log = EditLog()
    for number in range(FILES + 1):
        see(log, NUMBERED, f"{number}.py")
        see(log, replaced(5, 6, "new"), f"{number}.py")
    assert {edit.path for edit in log.latest(99)} == {f"{number}.py" for number in range(1, FILES + 1)}


@given(versions=st.lists(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30), min_size=2, max_size=8))
def test_edits_lie_within_the_text_as_it_is(versions: list[list[str]]) -> None:
    log = EditLog()
    for lines in versions:
        see(log, lines)
        text = "\n".join(lines).split("\n")
        for edit in log.latest(9):
            assert edit.lines == tuple(text[edit.first : edit.first + len(edit.lines)])


def test_blank_lines_at_the_ends_are_trimmed() -> None:
    assert trimmed(["", " ", "a", "", "b", ""]) == ("a", "", "b")
    assert trimmed(["", " "]) == ()
    assert AROUND > 0
