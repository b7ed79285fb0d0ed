"""A sitting types a commit, in the workspace of the commit's parent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lowabs_lsp.bench.replay.edits import apply_edits
from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.bench.replay.session import Session, pick_sessions, write_workspace
from lowabs_lsp.errors import BenchError


def sessions(path: Path, count: int = 10, seed: int = 0) -> list[Session]:
    with Repository(path) as repository:
        return pick_sessions(repository, count=count, revision="HEAD", seed=seed)


def test_the_edits_of_a_sitting_make_its_commit(shop: Path) -> None:
    for session in sessions(shop):
        for file in session.files:
            assert apply_edits(file.change.before, [planned.edit for planned in file.edits]) == file.change.after
            assert all("".join(p.text for p in planned.pieces) == planned.edit.text for planned in file.edits)


def test_the_same_seed_gives_the_same_sittings(shop: Path) -> None:
    assert sessions(shop, seed=3) == sessions(shop, seed=3)
    assert sessions(shop, count=2, seed=3) == sessions(shop, seed=3)[:2]


def test_moved_code_is_pasted(make_repository: Callable[..., Path]) -> None:
    block = "def price_of(count, each):\n    total = count * each\n    return round(total, 2)\n"
    path = make_repository(
        {"a.py": "import math\n\n\n" + block + "\n\nx = 1\n", "b.py": "y = 2\n"},
        {"a.py": "import math\n\n\nx = 1\n", "b.py": "y = 2\n\n\n" + block + "\n\nlast_of_all = price_of(1, 2)\n"},
    )
    (session,) = sessions(path)
    pasted = {piece.text for file in session.files for edit in file.edits for piece in edit.pieces if piece.pasted}
    assert len(pasted) == 1
    assert block in pasted.pop()


def test_a_commit_with_next_to_nothing_to_type_is_left_out(make_repository: Callable[..., Path]) -> None:
    with pytest.raises(BenchError, match="no commit of HEAD can be replayed"):
        sessions(make_repository({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}))


def test_the_workspace_is_that_of_the_parent(make_repository: Callable[..., Path], tmp_path: Path) -> None:
    text = "".join(f"value_{i} = {i}\n" for i in range(20))
    path = make_repository(
        {"old/a.py": text, "data.bin": b"\0\1", "b.py": "b = 1\n"},
        {"old/a.py": None, "new/a.py": text + "one_more_value = 1000\n", "b.py": "b = 2\n"},
    )
    (session,) = sessions(path)
    with Repository(path) as repository:
        write_workspace(repository, session, tmp_path)
    found = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert found == {"new/a.py": text.encode(), "data.bin": b"\0\1", "b.py": b"b = 1\n"}
