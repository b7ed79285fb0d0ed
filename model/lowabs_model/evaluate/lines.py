"""Line completion by CodeXGLUE's protocol (arXiv 2102.04664) on held-out repositories, by language and by what is known."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from attrs import frozen

from lowabs_lsp.bench.replay.judgement import edit_similarity
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.values import Engine
from lowabs_model.evaluate.infilling import mean
from lowabs_model.evaluate.repositories import TreeFile, by_language, read_trees, tree_without, without_twins
from lowabs_model.evaluate.serving import Fill, Hole, MemoryAlone, fill_shown, settings_of

SYSTEM = frozenset({"shellscript", "dockerfile", "yaml", "toml", "ini", "makefile", "sql"})
"""Languages of system-level files; all others are code."""
PLACES_PER_FILE = 5
LONGEST_REST = 160
"""Characters of a line that are asked for at most: nobody waits for more."""
TOKEN = re.compile(r"\w+|[^\w\s]")
"""Where a cursor may stand does not depend on the vocabulary of the model."""


@frozen
class LinePlace:
    """From a token to the end of its line."""

    file: TreeFile
    start: int
    end: int

    @property
    def rest(self) -> str:
        """What is to be completed."""
        return self.file.text[self.start : self.end]

    def hole(self, *, below: bool = True) -> Hole:
        """The cursor; `below` shows the lines behind it."""
        text = self.file.text
        return Hole(self.file.path, text[: self.start], text[self.end :] if below else "", self.file.language)


@frozen
class Way:
    """What the completer is given to go by."""

    name: str
    settings: Settings
    below: bool = True
    model: bool = True


def ways() -> tuple[Way, ...]:
    """From the model and what is above the cursor to all that ships."""
    plain = settings_of(memory=False, snippets=0.0, one_line=True)
    return (
        Way("model, text above", plain, below=False),
        Way("model, and text below", plain),
        Way("model, and other files", settings_of(memory=False, snippets=0.25, one_line=True)),
        Way("memory alone", settings_of(one_line=True), model=False),
        Way("as shipped", settings_of(one_line=True)),
    )


@frozen
class LineScore:
    """Of one way on one language, one family or everything. Shares are from 0 to 1."""

    exact_match: float
    edit_similarity: float
    places: int


Scores = dict[str, dict[str, LineScore]]
"""By language (and `code`, `system`, `all`), then by way."""


def evaluate_lines(engine: Engine, roots: Sequence[Path], *, limit: int, tick: Callable[[], None] = lambda: None) -> Scores:
    """Complete up to `limit` lines of each language in these work trees, in every way. Raises BenchmarkError.

    The files that are asked about are on nobody's disk, and have no twin there: nothing can look the answer up.
    """
    places = [place for group in by_language(without_twins(read_trees(roots))).values() for place in line_places(group, limit)]
    judged: dict[tuple[str, str], list[tuple[bool, float]]] = {}
    for root in roots:
        here = [place for place in places if place.file.root == root]
        with tree_without(root, {place.file.path for place in here}) as tree:
            for way in ways() if here else ():
                fill = _fill(engine, way, tree)
                for place in here:
                    said, rest = fill(place.hole(below=way.below)).strip(), place.rest.strip()
                    judged.setdefault((place.file.language, way.name), []).append((said == rest, edit_similarity(said, rest)))
                    tick()
    return _scores(judged)


def line_places(files: Sequence[TreeFile], limit: int, seed: int = 0) -> list[LinePlace]:
    """A few places of each file, until there are `limit`."""
    found: list[LinePlace] = []
    for file in files:
        found += list(_places_of(file, Random(f"{seed} {file.path}")))[: min(PLACES_PER_FILE, limit - len(found))]
        if len(found) == limit:
            break
    return found


def _places_of(file: TreeFile, random: Random) -> Iterator[LinePlace]:
    starts = [token.start() for token in TOKEN.finditer(file.text)]
    for start in sorted(random.sample(starts, min(3 * PLACES_PER_FILE, len(starts)))):
        line = file.text.find("\n", start)
        end = len(file.text) if line < 0 else line
        if end - start <= LONGEST_REST:
            yield LinePlace(file, start, end)


def _fill(engine: Engine, way: Way, tree: Path) -> Fill:
    """A new session in the workspace, in which every file is visited once: it cannot have learnt an answer before."""
    surroundings = Surroundings((tree,), way.settings, engine.vocabulary)
    if way.settings.memory.enabled or way.settings.context.snippet_share > 0:
        surroundings.files.build()
    return fill_shown(engine if way.model else MemoryAlone(engine), way.settings, surroundings)


def _scores(judged: Mapping[tuple[str, str], Sequence[tuple[bool, float]]]) -> Scores:
    scores: Scores = {}
    for language in dict.fromkeys(language for language, _ in judged):
        family = "system" if language in SYSTEM else "code"
        for row in (language, family, "all"):
            scores.setdefault(row, {})
    for row, cells in scores.items():
        for way in dict.fromkeys(way for _, way in judged):
            answers = [a for (language, w), given in judged.items() if w == way and _is_in(language, row) for a in given]
            cells[way] = LineScore(mean(exact for exact, _ in answers), mean(similar for _, similar in answers), len(answers))
    ends = ("code", "system", "all")
    return {row: scores[row] for row in (*(r for r in scores if r not in ends), *(r for r in ends if r in scores))}


def _is_in(language: str, row: str) -> bool:
    return row in ("all", language) or row == ("system" if language in SYSTEM else "code")
