"""What is kept of completions on this machine for its user alone: counts and reasons, never code."""

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attrs import asdict, fields, frozen

from lowabs_lsp.errors import LedgerError

FILE = "ledger.sqlite3"
MOST_REQUESTS = 500
"""Requests that are remembered one by one."""
PATIENCE = 2.0
"""Seconds to wait for another process that writes."""

_SCHEMA = """
create table if not exists requests (
    number integer primary key, at real, id text, method text, language text, reason text, ms real, tokens integer,
    prompt integer, reused integer, runs integer
);
create table if not exists counts (day text, language text, event text, number integer, primary key (day, language, event));
"""


@frozen
class RequestLine:
    """How one request ended."""

    at: float
    """Seconds since the epoch."""
    id: str
    method: str
    language: str
    reason: str
    ms: float
    tokens: int = 0
    prompt: int = 0
    reused: int = 0
    runs: int = 0


Counts = Mapping[tuple[str, str, str], int]
"""By day as YYYY-MM-DD, language and event."""


def state_folder() -> Path:
    """Where this user's programs keep what should last; `LOWABS_STATE` says otherwise."""
    if told := os.environ.get("LOWABS_STATE"):
        return Path(told)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "lowabs-lsp"


def private_folder(folder: Path) -> Path:
    """`folder`, made if need be, for this user alone. Raises LedgerError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}; set LOWABS_STATE to a folder that can be written") from error
    return folder


class Ledger:
    """One file that any number of processes write. Each call opens and closes it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def add(self, requests: Sequence[RequestLine], counts: Counts) -> None:
        """Write down what has happened. Raises LedgerError."""
        private_folder(self._file.parent)
        names = [attribute.name for attribute in fields(RequestLine)]
        with self._open() as database:
            database.executemany(
                f"insert into requests ({', '.join(names)}) values ({', '.join(f':{name}' for name in names)})",
                [asdict(request) for request in requests],
            )
            database.execute("delete from requests where number <= (select max(number) from requests) - ?", (MOST_REQUESTS,))
            database.executemany(
                "insert into counts values (?, ?, ?, ?) on conflict do update set number = number + excluded.number",
                [(*key, number) for key, number in counts.items()],
            )

    def last(self, count: int) -> list[RequestLine]:
        """The last requests, the oldest first. Raises LedgerError."""
        names = ", ".join(attribute.name for attribute in fields(RequestLine))
        rows = self._select(f"select {names} from requests order by number desc limit ?", (count,))
        return [RequestLine(*row) for row in reversed(rows)]

    def counts(self, since: str = "") -> dict[str, dict[str, int]]:
        """By language and event, from the day `since` on. Raises LedgerError."""
        found: dict[str, dict[str, int]] = {}
        query = "select language, event, sum(number) from counts where day >= ? group by language, event"
        for language, event, number in self._select(query, (since,)):
            found.setdefault(language, {})[event] = number
        return found

    def _select(self, query: str, parameters: Iterable[Any]) -> list[Any]:
        if not self._file.exists():
            return []
        with self._open() as database:
            return database.execute(query, tuple(parameters)).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._file.exists():
                self._file.touch(mode=0o600)
            with closing(sqlite3.connect(self._file, timeout=PATIENCE)) as database, database:
                database.executescript(_SCHEMA)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"{self._file}: {error}; delete the file if it is damaged") from error
