"""What this workspace keeps saying: the sources, kept up to date, as the engine's draft and mixer."""

from collections.abc import Collection, Mapping, Sequence
from threading import Lock

from lowabs_lsp.memory.draft import propose
from lowabs_lsp.memory.evidence import REACH, Evidence, Source, gather
from lowabs_lsp.memory.gates import load_gates
from lowabs_lsp.memory.mix import Mixed, learn, mix
from lowabs_lsp.memory.open_file import NEAREST, OpenFile
from lowabs_lsp.memory.shelf import BYTES_PER_TOKEN, Shelf
from lowabs_lsp.memory.text_tokens import Encode
from lowabs_lsp.values import FloatArray

FULL = 0.97
"""Share of the tokens at most, from which on there is no room for a whole document."""
MOST_EDITS = 6000
"""Tokens of new lines that are remembered beyond the files they stand in."""
KNOWN_BY = 16
"""Tokens by which a place is found again in the text."""
RECENT = 256
"""Tokens in front of the cursor in which such places are looked for."""
MOST_OPEN = 64
"""Mixtures that wait for the text to show what was right."""


class WorkspaceMemory:
    """Implements `Draft` and `Mixer`.

    `update` and `remove` may be called by any thread at any time. Everything else belongs to the engine's thread: `look`
    before a generation, then `propose` and `mix` while it runs. These see what was there at the last `look`, so within
    one generation the same tokens always get the same answer, drafted or not.
    """

    def __init__(self, vocabulary: int, encode: Encode, *, megabytes: float = 64) -> None:
        """`vocabulary` is the number of token ids. `encode` is given whole files, and lines of the open one.

        `megabytes` bound the index of the workspace, which takes twice as much for the moment of an update.
        """
        self._vocabulary, self._encode = vocabulary, encode
        self._most = int(megabytes * 1e6 / BYTES_PER_TOKEN)
        self._writing = Lock()
        self._shelf = Shelf.empty(vocabulary)
        self._edits = Shelf.empty(vocabulary)
        self._edit = 0
        self._key: str | None = None
        self._file: OpenFile | None = None
        self._sources: tuple[Source, ...] = (Source(self._shelf.index),)
        self._seen: dict[tuple[int, ...], Evidence] = {}
        self._open: dict[tuple[int, ...], Mixed] = {}
        self._gates, self._draft_gates = load_gates("mix"), load_gates("alone")

    @property
    def nbytes(self) -> int:
        """Memory held by the indexes, in bytes."""
        return sum(source.index.nbytes for source in self._sources)

    @property
    def is_full(self) -> bool:
        """Whether a further document drives another one out."""
        return len(self._shelf.index.text) >= self._most * FULL

    def update(self, documents: Mapping[str, str]) -> None:
        """These keys now have these texts. A whole workspace at once takes little longer than its tokenization."""
        tokens = {key: self._encode(text) for key, text in documents.items()}
        with self._writing:
            self._shelf = self._shelf.put(tokens).within(self._most)

    def remove(self, keys: Collection[str]) -> None:
        """Forget all that the documents of these keys have taught."""
        with self._writing:
            self._shelf = self._shelf.without(keys)

    def look(self, key: str, prefix: str, suffix: str, *, learns: bool = True) -> None:
        """The cursor is in the document `key`, between these texts. Learns from what has been typed since, if it was typed."""
        if self._file is None or key != self._key:
            self._remember_edits()
            self._key, self._file = key, OpenFile(self._vocabulary, self._encode, prefix, suffix)
        else:
            self._file.move(prefix, suffix)
        shelf = self._shelf
        workspace = Source(shelf.index, hidden=shelf.spans.get(key, (0, 0)))
        self._sources = (workspace, self._file.source, Source(self._edits.index))
        self._seen.clear()
        if learns:
            self._learn(self._file.prefix_tokens[-RECENT:].tolist())

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """Up to `count` guesses, fewer where the memory is not sure."""
        return propose(self.evidence, tokens, count, self._draft_gates)

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        """The model's log-probabilities [V], and what the sources say, as one distribution."""
        mixed = mix(self.evidence(tokens), logprobs, self._gates)
        if mixed is None:
            return logprobs
        self._open[tuple(tokens[-KNOWN_BY:])] = mixed
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        return mixed.logprobs

    def evidence(self, tokens: Sequence[int]) -> Evidence:
        """What the sources have behind `tokens`."""
        context = tuple(tokens[-REACH:])
        if context not in self._seen:
            self._seen[context] = gather(self._sources, context)
        return self._seen[context]

    def _learn(self, typed: Sequence[int]) -> None:
        """Let the gates learn from every mixture of which the text has since shown the next token beyond doubt."""
        if not self._open:
            return
        for place in range(KNOWN_BY, len(typed) - NEAREST):
            mixed = self._open.pop(tuple(typed[place - KNOWN_BY : place]), None)
            if mixed is not None:
                self._gates = learn(self._gates, mixed, typed[place])

    def _remember_edits(self) -> None:
        if self._file is None:
            return
        edits = {f"{self._edit + n}": self._encode(lines) for n, lines in enumerate(self._file.new_lines())}
        self._edit += len(edits)
        self._edits = self._edits.put(edits).within(MOST_EDITS)
