"""Where snippets come from, which of them are chosen within which share of the room, and in what order they are shown."""

from collections.abc import Callable, Sequence

from attrs import evolve, field, frozen

from lowabs_lsp.context.declarations import used_declarations
from lowabs_lsp.context.edits import EditLog, trimmed
from lowabs_lsp.context.open_index import OpenIndex
from lowabs_lsp.context.place import Place, family_of
from lowabs_lsp.context.rank import Candidate, choose
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.context.similar import ALIKE, similar
from lowabs_lsp.values import Snippet

DECLARATIONS, SIMILAR, EDITS = 6, 8, 3
"""Snippets of each source at most."""
EDIT_LINES = 12
"""Of one recent edit, at most."""


@frozen
class Choice:
    """The snippets of each source, in the order of the prompt: what changes least while a person types comes first."""

    declarations: tuple[Snippet, ...] = ()
    similar: tuple[Snippet, ...] = ()
    edits: tuple[Snippet, ...] = ()

    @property
    def snippets(self) -> tuple[Snippet, ...]:
        """All of them; neighbours from one file are one, and say once what they stand under."""
        merged: list[Snippet] = []
        header = ""
        for snippet in (*self.declarations, *self.similar, *self.edits):
            first, _, rest = snippet.text.partition("\n")
            if merged and merged[-1].path == snippet.path:
                last = merged.pop()
                text = last.text + (rest if rest and first == header else f"\n{snippet.text}")
                merged.append(Snippet(last.path, text, f"{last.origin}; {snippet.origin}"))
            else:
                merged.append(snippet)
            header = first
        return tuple(merged)


@frozen
class Sources:
    """What snippets are taken from. Frozen, but its parts are not: they follow what happens in the editor."""

    names: tuple[str, ...]
    """Which sources are asked: those of `ContextSettings.sources`."""
    edits: EditLog
    open_documents: OpenIndex
    segments: Callable[[], Sequence[Segment]] = field(default=tuple)
    """The index of the files on disk, as it is now."""

    def choose(self, place: Place, last: Choice, *, budget: int, cost: Callable[[Snippet], int]) -> Choice:
        """Choose for `place` within `budget` tokens; of what was shown `last`, as much as is worth it stays.

        Declarations and edits have a quarter of the room each at most; similar code has the rest.
        """
        segments = (*self.open_documents.segments, *self.segments())
        wanted = self._wanted(place)
        choice = Choice()
        left = budget
        if "declarations" in self.names:
            found = used_declarations(place, segments, wanted)
            chosen = choose(found, last.declarations, budget=budget // 4, most=DECLARATIONS, cost=cost)
            choice, left = evolve(choice, declarations=chosen), left - sum(map(cost, chosen))
        if "edits" in self.names:
            found = recent_edits(place, self.edits)
            chosen = choose(found, last.edits, budget=min(left, budget // 4), most=EDITS, cost=cost)
            choice, left = evolve(choice, edits=chosen), left - sum(map(cost, chosen))
        if "similar" in self.names:
            elsewhere = frozenset(line.strip() for snippet in choice.snippets for line in snippet.text.split("\n"))
            found = similar(place, segments, wanted, elsewhere)
            choice = evolve(choice, similar=choose(found, last.similar, budget=left, most=SIMILAR, cost=cost))
        return choice

    def _wanted(self, place: Place) -> Callable[[Segment, str], bool]:
        """Files of the same kind; of an open one, what its editor shows and not what is on disk."""
        ours = frozenset(map(id, self.open_documents.segments))

        def is_wanted(segment: Segment, path: str) -> bool:
            is_current = id(segment) in ours or not self.open_documents.holds(path)
            return is_current and family_of(path) == place.family

        return is_wanted


def recent_edits(place: Place, log: EditLog) -> list[Candidate]:
    """What was changed lately out of sight, the latest first."""
    candidates = []
    for rank, edit in enumerate(log.latest(2 * EDITS)):
        lines = trimmed(edit.lines)[:EDIT_LINES]
        if place.shows(lines) <= ALIKE:
            text = "".join(f"{line.rstrip()}\n" for line in lines)
            candidates.append(Candidate(1 / (1 + rank), Snippet(edit.path, text, f"recent edit, line {edit.first + 1}")))
    return candidates
