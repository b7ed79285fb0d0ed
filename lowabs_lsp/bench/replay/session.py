"""A commit as one sitting at the keyboard: which files in which order, what is edited in each, and in what workspace."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from random import Random

from attrs import frozen

from lowabs_lsp.bench.replay.edits import Edit, Piece, edits_between, find_pastes, removed_lines
from lowabs_lsp.bench.replay.history import Commit, FileChange, Repository
from lowabs_lsp.bench.replay.keys import Keyboard, Typing
from lowabs_lsp.errors import BenchError

FEWEST_KEYS, MOST_KEYS = 20, 3000
"""A commit is replayed if so many keys type it: less says nothing, more is mostly a rename or a reformat."""
MOST_FILES = 8


@frozen
class PlannedEdit:
    """One edit and how its text comes in."""

    edit: Edit
    pieces: tuple[Piece, ...]


@frozen
class FileSession:
    """The edits of one file, from top to bottom."""

    change: FileChange
    edits: tuple[PlannedEdit, ...]

    @property
    def keyboard(self) -> Keyboard:
        """The editor's settings for this file."""
        return Keyboard.of(self.change.language, self.change.before or self.change.after)


@frozen
class Session:
    """What is edited in one sitting, in order. The workspace is what the commit's parent holds."""

    commit: str
    files: tuple[FileSession, ...]
    keys: int
    """How many keys type all that is typed, without slips and completions."""

    @property
    def parent(self) -> str:
        """The revision the workspace is taken from."""
        return f"{self.commit}^"


def pick_sessions(repository: Repository, *, count: int, revision: str, seed: int) -> list[Session]:
    """The first `count` commits in the order that `seed` draws which a person could have typed. Raises BenchError."""
    if not (sessions := list(islice(draw_sessions(repository, revision=revision, seed=seed), count))):
        raise BenchError(
            f"{repository.path}: no commit of {revision} can be replayed; "
            f"wanted are changes of {FEWEST_KEYS} to {MOST_KEYS} keys in at most {MOST_FILES} files of known languages"
        )
    return sessions


def draw_sessions(repository: Repository, *, revision: str, seed: int) -> Iterator[Session]:
    """All commits that a person could have typed, in the order that `seed` draws, each read when it is its turn."""
    for commit in repository.commits(revision, seed):
        if len(commit.files) <= MOST_FILES:
            session = plan_session(commit, seed)
            if FEWEST_KEYS <= session.keys <= MOST_KEYS:
                yield session


def plan_session(commit: Commit, seed: int) -> Session:
    """The sitting that makes a commit: its files in an order that `seed` draws, each from top to bottom."""
    files = list(commit.files)
    Random(f"{seed}/{commit.id}/files").shuffle(files)
    cut = [*commit.deleted, *(lines for change in commit.files for lines in removed_lines(change.before, change.after))]
    planned = tuple(FileSession(change, _plan(change, cut)) for change in files)
    return Session(commit.id, planned, sum(map(_count_keys, planned)))


def _plan(change: FileChange, cut: list[str]) -> tuple[PlannedEdit, ...]:
    edits = edits_between(change.before, change.after)
    return tuple(PlannedEdit(edit, tuple(find_pastes(edit.text, cut))) for edit in edits)


def _count_keys(file: FileSession) -> int:
    typed = (piece.text for planned in file.edits for piece in planned.pieces if not piece.pasted)
    return sum(len(Typing.begin(file.keyboard, "", text).key_ends) for text in typed)


def write_workspace(repository: Repository, session: Session, root: Path) -> None:
    """Put the files of the commit's parent under `root`; those that the commit moves lie at their new place already."""
    moved = {file.change.old_path: file.change.path for file in session.files if file.change.old_path != file.change.path}
    for path, data in repository.files(session.parent):
        target = root / PurePosixPath(moved.get(str(path), str(path)))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
