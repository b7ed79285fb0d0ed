"""Places of real edits, completed as the server would, with what is right there: what confidence is fitted on."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.bench.replay.judgement import Part, right_parts
from lowabs_lsp.bench.replay.keys import Typing
from lowabs_lsp.bench.replay.session import FileSession, Session, draw_sessions, write_workspace
from lowabs_lsp.completer import Completer
from lowabs_lsp.errors import BenchError
from lowabs_lsp.postprocess.features import FEATURES
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.syntax.check import check_at
from lowabs_lsp.syntax.trees import Trees
from lowabs_lsp.values import Document, Engine

_Row = tuple[tuple[float, ...], bool, bool, int, int, int, int, int]
_Place = tuple[int, int, str, bool, list[tuple[str, tuple[float, ...]]]]
"""Which text, what of it is typed, what is still to come, whether the file parsed, and what might be shown."""

MOST_OF_TEXT, MOST_OF_SESSION = 100, 300
"""Keys of one text and of one commit, at most: what is long must not count for more than what is typed often."""


@define
class Recorder:
    """A judge that trusts nothing, so that it is asked about each statement less."""

    parts: list[tuple[str, tuple[float, ...]]] = field(factory=list)

    def probability(self, text: str, features: Sequence[float]) -> float:
        """None."""
        self.parts.append((text, tuple(features)))
        return 0.0

    def threshold(self, precision: float) -> float:
        """More than there is."""
        return 1.0


@frozen(eq=False)
class Places:
    """What might be shown behind each key: rows of one key are adjacent, the longest text first."""

    features: NDArray[np.float32]
    """[N, F]."""
    kept: NDArray[np.bool_]
    """[N]: all of the text is what was typed next."""
    key: NDArray[np.int32]
    """[N]: which key; keys of one text are numbered one after another."""
    at: NDArray[np.int32]
    """[N]: characters of the text that were typed so far."""
    text: NDArray[np.int32]
    """[N]: which text is typed."""
    agree: NDArray[np.int32]
    """[N]: how many characters the person may type until it differs."""
    size: NDArray[np.int32]
    """[N]: how many it has."""
    stood: NDArray[np.bool_]
    """[N]: the file parsed as it was, the line that is being written included."""
    keys: int
    """How many were pressed, silent ones too."""


def places_of(
    repository: Repository, engine: Engine, settings: Settings, *, keys: int, seed: int, seconds: float = float("inf")
) -> Places:
    """At most so many keys of a repository's commits, or what so many seconds yield."""
    rows: list[_Row] = []
    count, texts, last, until = 0, 0, (0, 0), time.monotonic() + seconds
    for session in draw_sessions(repository, revision="HEAD", seed=seed):
        for number, at, rest, stood, parts in _session_places(repository, session, engine, settings):
            count += 1
            texts += number != last[0] or at <= last[1]
            last = number, at
            for text, features in parts:
                agree, kept = _agreement(text, rest)
                rows.append((features, kept, stood, count, at, texts, agree, len(text)))
            if count >= keys or time.monotonic() > until:
                return _as_places(rows, count)
    return _as_places(rows, count)


def _agreement(text: str, rest: str) -> tuple[int, bool]:
    whole = any(offer.part is Part.WHOLE for offer in right_parts(text, rest))
    same = next((i for i, (a, b) in enumerate(zip(text, rest, strict=False)) if a != b), min(len(text), len(rest)))
    return same, whole


def _as_places(rows: Sequence[_Row], keys: int) -> Places:
    if not rows:
        raise BenchError("nothing was completed there; give repositories with more commits")
    features, kept, stood, *numbers = zip(*rows, strict=True)
    key, at, text, agree, size = (np.array(each, np.int32) for each in numbers)
    table = np.array(features, np.float32).reshape(-1, len(FEATURES))
    return Places(table, np.array(kept, bool), key, at, text, agree, size, np.array(stood, bool), keys)


def _session_places(repository: Repository, session: Session, engine: Engine, settings: Settings) -> Iterator[_Place]:
    """For each key of one commit."""
    with tempfile.TemporaryDirectory(prefix="lowabs-calibrate-") as folder:
        root = Path(folder).resolve() / "workspace"
        root.mkdir()
        write_workspace(repository, session, root)
        surroundings = Surroundings((root,), settings, engine.vocabulary)
        surroundings.files.build()
        completer = Completer(engine, settings, surroundings)
        completer.withheld = None  # each place is to be judged by what the model says of it
        try:
            done: list[Document] = []
            keys = (place for file in session.files for place in _file_places(file, completer, root, done))
            yield from islice(keys, MOST_OF_SESSION)
        finally:
            surroundings.stop()


def _file_places(file: FileSession, completer: Completer, root: Path, done: list[Document]) -> Iterator[_Place]:
    text, shift, number, trees = file.change.before, 0, 0, Trees()
    uri = (root / file.change.path).as_uri()
    for planned in file.edits:
        start = planned.edit.start + shift
        before, behind = text[:start], text[start + planned.edit.removed :]
        for piece in planned.pieces:
            if not piece.pasted:
                number += 1
                typing = Typing.begin(file.keyboard, before, piece.text)
                pressed = 0
                while not typing.done and pressed < MOST_OF_TEXT:
                    typing.press()
                    pressed += 1
                    if typing.surplus or not typing.rest.strip():
                        continue
                    written = before + piece.text[: typing.at]
                    document = Document(uri, file.change.path, file.change.language, written + behind)
                    recorder = Recorder()
                    completer.judge = recorder
                    completer.complete(document, len(written), workspace=done)
                    check = check_at(trees, document, len(written))
                    stood = check is not None and check.stands
                    yield number, typing.at, typing.rest.replace("\r\n", "\n"), stood, recorder.parts
            before += piece.text
        text = before + behind
        shift += len(planned.edit.text) - planned.edit.removed
    done.insert(0, Document(uri, file.change.path, file.change.language, text))
