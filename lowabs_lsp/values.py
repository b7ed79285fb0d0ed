"""The nouns that cross layers: frozen values, and the Protocols on which two layers agree."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

Cancelled = Callable[[], bool]
"""Asked between steps, and from another thread during one; true means: nobody waits for the answer any more."""

Observer = Callable[[str], None]
"""Told the text so far, on the engine's thread, after each step that added to it. Must return at once."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
else:
    FloatArray = Any  # numpy takes a tenth of a second and 12 MB, which a process without an engine does without


def never() -> bool:
    """A `Cancelled` for callers who wait for the answer whatever it takes."""
    return False


@frozen
class Document:
    """The text of a file as its editor shows it."""

    uri: str
    path: str
    """Relative to the workspace root with forward slashes, or the bare file name outside of one."""
    language: str
    """LSP language identifier, such as `python` or `shellscript`."""
    text: str
    version: int | None = None


@frozen
class Snippet:
    """Text from elsewhere that the model is shown."""

    path: str
    text: str
    origin: str
    """Why it is shown, in words for a reader: "open file", "declaration of parse", ..."""


@frozen
class Context:
    """What the model is shown of the world around a cursor, within the token budget."""

    path: str
    language: str
    prefix: str
    """The text that ends at the cursor."""
    suffix: str
    """The text that begins at the cursor."""
    snippets: tuple[Snippet, ...] = ()
    """Stable first: what changes least stands first, so that its keys and values stay in the cache."""
    newline: str = "\n"
    """How the document ends its lines; `prefix`, `suffix` and snippets end theirs with a line feed alone."""


class Sentinel(StrEnum):
    """The special tokens of a prompt, by their role; a `Layout` knows how its model spells them."""

    FILE = "file"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    MIDDLE = "middle"


Segment = Sentinel | str


@frozen
class Layout:
    """How a model family wants a fill-in-the-middle prompt written."""

    order: str
    """`spm`: suffix first and the middle continues the prefix. `psm`: prefix, suffix, then the middle. `prefix`: no suffix."""
    spelling: dict[Sentinel, str]
    """Each sentinel's token. A role that the model lacks is left out of its prompts."""
    stops: tuple[str, ...]
    """Special tokens that end the middle."""
    begin: str = ""
    """Special token with which every prompt begins; the engine puts it there."""
    lead: str = ""
    """What stands before a prompt's text or prefix: a space, where the model's tokenizer put one before every text."""

    @property
    def ends_in_prefix(self) -> bool:
        """Whether the prompt ends where a person types, so that its last token may be a torn one."""
        return self.order in ("spm", "prefix")

    @property
    def special_tokens(self) -> frozenset[str]:
        """Every special token that the layout names."""
        return frozenset(filter(None, (*self.spelling.values(), *self.stops, self.begin)))


@frozen
class Prompt:
    """A rendered prompt: sentinels and plain texts in order; generation continues after the last segment."""

    segments: tuple[Segment, ...]
    heal: bool = True
    """The last segment ends where a person types: its last token may be a torn one, to be taken back and enforced."""


@frozen
class Decoding:
    """How to continue one prompt."""

    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    """The text ends just before the first of these."""
    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    deadline: float | None = None
    """`time.monotonic()` second after which the tokens so far are returned."""
    observer: Observer | None = field(default=None, eq=False, repr=False)
    """Hears the text grow, if the engine can tell. It changes nothing."""


class Stop(StrEnum):
    """Why a generation ended."""

    END = "end"
    """The model closed the middle."""
    TEXT = "text"
    """One of `Decoding.stop` came."""
    LENGTH = "length"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"


@frozen
class Timings:
    """Wall time of one generation, in milliseconds."""

    encode: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0


@frozen
class Generated:
    """What the engine said after a prompt."""

    text: str
    """What follows the prompt; healed text that repeats the prompt's end is already taken away."""
    tokens: tuple[int, ...]
    """The generated token ids, healing tokens included."""
    logprobs: tuple[float, ...]
    """Natural-log probability of each token under the model."""
    stop: Stop
    ends: tuple[int, ...] = ()
    """Bytes of `text`, as UTF-8, that were there once each token was. Empty where an engine cannot tell."""
    chances: tuple[float, ...] = ()
    """Natural-log probability of each token among those that could come there: a healing token repeats what was typed."""
    entropies: tuple[float, ...] = ()
    """Of each token's distribution, in nats."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    """How many of `prompt_tokens` were found in the key/value cache."""
    model_runs: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    """Of `drafted_tokens`, how many verification kept."""
    timings: Timings = field(factory=Timings)


@frozen(eq=False)
class Attention:
    """Where a model looked when it chose some tokens behind a prompt."""

    weights: FloatArray
    """[layers,heads,T,S]: of each of the T tokens, how the look was shared among the S tokens before it; rows add up to 1."""
    tokens: tuple[int, ...]
    """All S of them: the prompt's, then those that were chosen but the last."""
    segments: tuple[int, ...]
    """For each token of the prompt, the number of the segment that it is of; -1 for one that the model wants in front."""


class Reason(StrEnum):
    """The one reason with which each completion request ends."""

    SHOWN = "shown"
    CACHED = "cached"
    """Shown here before."""
    TYPED_THROUGH = "typed-through"
    """The rest of what was shown before; the keys since then are its beginning."""
    EMPTY = "empty"
    """The model had nothing to insert here."""
    REPETITION = "filtered:repetition"
    SUFFIX = "filtered:suffix"
    """The suggestion stands behind the cursor already."""
    SYNTAX = "filtered:syntax"
    """The file parsed before, and would not with the suggestion."""
    SECRET = "filtered:secret"
    """A password, a key or a token would stand in the file."""
    DOUBTFUL = "below-threshold"
    """It is less likely to be right than the setting `completion.precision` asks for."""
    DELETING = "deleting"
    """Characters of a word have just been taken back."""
    MID_WORD = "mid-word"
    """The cursor is inside of a word, or of text that nothing can be inserted into."""
    DEADLINE = "deadline"
    """Nothing complete was there when the time was over."""
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """A later request, or a change of the text, made it pointless."""
    PAUSED = "paused"
    DISABLED = "disabled"
    EXCLUDED = "excluded"
    """The file is private, binary, minified or excluded by the user."""
    NO_DOCUMENT = "no-document"
    LOADING = "loading"
    """The model was not there in time."""
    NO_MODEL = "no-model"
    FAILED = "failed"


@frozen
class Completion:
    """What a user gets: text to insert at the cursor, or silence with its reason."""

    text: str
    reason: Reason
    generated: Generated | None = None
    confidence: float | None = None
    """The probability that all of `text`, or of what was withheld as doubtful, is right; None where none was computed."""
    features: tuple[float, ...] = ()
    """What `confidence` was computed from, to be handed back when it turns out whether the text was kept."""
    others: tuple[str, ...] = ()
    """What else might stand there, the likelier first, where a person has asked."""


@frozen
class Limits:
    """What one completion may cost, beyond what the settings say."""

    max_tokens: int | None = None
    deadline: float | None = None
    """`time.monotonic()` second after which what is there must do."""
    observer: Observer | None = None
    """Hears the text grow before it is post-processed."""
    is_ahead: bool = False
    """Nobody has typed the text at the cursor yet: nothing is to be learnt from it."""
    is_explicit: bool = False
    """The person has asked for it: what is shown need not be likely to be right."""


UNLIMITED = Limits()


class Draft(Protocol):
    """A source of guesses that the engine verifies; a wrong guess costs time, never correctness."""

    def propose(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """Return up to `count` guesses for the tokens that follow `tokens`."""
        ...


class Mixer(Protocol):
    """A second opinion on the next token."""

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        """Return the log-probabilities [V] after `tokens`, given the model's own [V]."""
        ...


@frozen
class Vocabulary:
    """The tokens of a model, for those who count them."""

    size: int
    """Ids are below it."""
    encode: Callable[[str], Sequence[int]]
    """The ids of a text, special tokens read as plain text. Any thread may call it."""
    spell: Callable[[int], bytes] | None = None
    """The bytes of a token; none for a special one."""


class Engine(Protocol):
    """Continues prompts on some machine. One caller at a time."""

    @property
    def layout(self) -> Layout:
        """How this engine's model wants its prompts."""
        ...

    @property
    def context_length(self) -> int:
        """How many tokens the prompt and its continuation may have together."""
        ...

    @property
    def description(self) -> str:
        """For the log and `doctor`: the model, its weights and the device in one line."""
        ...

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The model's tokens; None where they are not at hand, as those of a model behind HTTP."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has on its own."""
        ...

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """Continue `prompt`. Raises EngineError when the model cannot run."""
        ...
