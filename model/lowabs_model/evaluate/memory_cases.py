"""Places to predict for measuring and fitting the workspace memory: what commits added, and whole files."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from random import Random

from attrs import frozen

from lowabs_lsp.bench.replay.history import Commit, FileChange, Repository, can_be_typed
from lowabs_lsp.prompt.languages import language_of

LARGEST_FILE = 100_000
SHORTEST_TARGET = 24
"""Characters; shorter additions are mostly a changed word."""
LONGEST_TARGET = 6_000
EARLIER_COMMITS = 4
"""Whose added lines count as recent edits."""


@frozen
class Case:
    """`target` is to be predicted, token by token, between prefix and suffix."""

    path: str
    prefix: str
    target: str
    suffix: str
    edits: tuple[str, ...]
    """Lines that the same hand has just added to other files, oldest first."""
    workspace: Mapping[str, str]
    """Texts of all other files."""


def commit_cases(repository: Repository, *, commits: int, seed: int = 0) -> Iterator[Case]:
    """What a number of commits added, each file with the commit's earlier files already changed."""
    taken = 0
    for commit in repository.commits("HEAD", seed):
        if not any(added_runs(change) for change in commit.files):
            continue
        yield from _cases_of(repository, commit)
        taken += 1
        if taken == commits:
            return


def file_cases(files: Mapping[str, str], *, count: int, seed: int = 0) -> Iterator[Case]:
    """A number of files from their start, with all the others as the workspace."""
    code = [path for path, text in sorted(files.items()) if is_code(path, text) and len(text) >= 500]
    chosen = Random(seed).sample(code, min(count, len(code)))
    others = {path: text for path, text in files.items() if path not in chosen}
    for path in chosen:
        yield Case(path, "", files[path][:LONGEST_TARGET], "", (), others)


def workspace_files(repository: Repository, revision: str) -> dict[str, str]:
    """The texts of a revision that a memory would be told of."""
    found = {}
    for path, data in repository.files(revision):
        if len(data) <= LARGEST_FILE and b"\0" not in data:
            found[path.as_posix()] = data.decode(errors="replace")
    return found


def is_code(path: str, text: str) -> bool:
    """Whether a person writes such a file by hand in a language that we know."""
    return can_be_typed(FileChange(path, language_of(path, text), before="", after=text, is_new=True, old_path=path))


def added_runs(change: FileChange) -> list[tuple[int, int]]:
    """Character ranges of the new text: runs of lines that are not in the old one."""
    before, after = change.before.splitlines(keepends=True), change.after.splitlines(keepends=True)
    offsets = [0]
    for line in after:
        offsets.append(offsets[-1] + len(line))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    runs = [(offsets[j], offsets[k]) for kind, _, _, j, k in matcher.get_opcodes() if kind in ("insert", "replace")]
    return [(start, stop) for start, stop in runs if len(change.after[start:stop].strip()) >= SHORTEST_TARGET]


def _cases_of(repository: Repository, commit: Commit) -> Iterator[Case]:
    workspace = workspace_files(repository, f"{commit.id}^")
    edits = [
        change.after[start:stop]
        for back in range(EARLIER_COMMITS, 0, -1)
        for change in repository.commit(f"{commit.id}~{back}").files
        for start, stop in added_runs(change)
    ]
    for change in commit.files:
        workspace.pop(change.old_path, None)
        room = LONGEST_TARGET
        for start, stop in added_runs(change):
            end = min(stop, start + room)
            if end > start:
                text = change.after
                yield Case(change.path, text[:start], text[start:end], text[stop:], tuple(edits), dict(workspace))
            room -= end - start
        workspace[change.path] = change.after
        edits += [change.after[start:stop] for start, stop in added_runs(change)]
