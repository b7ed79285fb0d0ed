"""What is written down is there for the next process, and no more of it than is wanted."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from lowabs_lsp.errors import LedgerError
from lowabs_lsp.ledger import FILE, MOST_REQUESTS, Ledger, RequestLine, state_folder


def line(number: int) -> RequestLine:
    return RequestLine(at=float(number), id=f"a-{number}", method="inlineCompletion", language="go", reason="shown", ms=1.5)


def test_requests_come_back_the_oldest_first(tmp_path: Path) -> None:
    Ledger(tmp_path / "new").add([line(1), line(2), line(3)], {})
    assert Ledger(tmp_path / "new").last(2) == [line(2), line(3)]


def test_only_the_last_requests_are_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for start in range(0, MOST_REQUESTS + 100, 100):
        ledger.add([line(number) for number in range(start, start + 100)], {})
    kept = ledger.last(10 * MOST_REQUESTS)
    assert (len(kept), kept[0]) == (MOST_REQUESTS, line(100))


def test_counts_add_up_by_language_and_event(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([], {("2026-01-01", "go", "shown"): 2, ("2026-01-02", "go", "shown"): 3})
    ledger.add([], {("2026-01-02", "go", "shown"): 4, ("2026-01-02", "c", "typed"): 1})
    assert ledger.counts() == {"go": {"shown": 9}, "c": {"typed": 1}}
    assert ledger.counts("2026-01-02") == {"go": {"shown": 7}, "c": {"typed": 1}}


def test_nothing_written_is_nothing_read(tmp_path: Path) -> None:
    assert (Ledger(tmp_path).last(5), Ledger(tmp_path).counts(), list(tmp_path.iterdir())) == ([], {}, [])


def add_many(folder: Path) -> None:
    for _ in range(20):
        Ledger(folder).add([line(1)], {("2026-01-01", "go", "shown"): 1})


def test_processes_may_write_at_once(tmp_path: Path) -> None:
    workers = [get_context("spawn").Process(target=add_many, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert Ledger(tmp_path).counts() == {"go": {"shown": 40}}


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Ledger(tmp_path / "new").add([line(1)], {})
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "new", tmp_path / "new" / FILE)] == [0, 0]


def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database " * 100)
    with pytest.raises(LedgerError, match="delete the file"):
        Ledger(tmp_path).last(1)


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="LOWABS_STATE"):
        Ledger(tmp_path / "file" / "folder").add([line(1)], {})


def test_the_folder_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWABS_STATE", "/somewhere")
    assert state_folder() == Path("/somewhere")
    monkeypatch.delenv("LOWABS_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setattr("sys.platform", "linux")
    assert state_folder() == Path("/state/lowabs-lsp")
