"""What has been said so far behind a prompt, and the rules that end it."""

from lowabs_lsp.engine.tokenizer import Tokenizer, complete_text
from lowabs_lsp.values import Decoding, Stop


class Continuation:
    """Grows token by token until `stop` is set."""

    def __init__(self, tokenizer: Tokenizer, decoding: Decoding, *, owed: bytes, room: int) -> None:
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.ends: list[int] = []
        self.chances: list[float] = []
        self.entropies: list[float] = []
        self.owed = owed
        """Bytes of the prompt that are still to be repeated, since their tokens were taken back."""
        self.stop: Stop | None = None
        self._bytes_of = tokenizer.bytes_of
        self._ends = frozenset(tokenizer.special.values())  # none of them is text, so each ends the middle
        self._stops = [text.encode() for text in decoding.stop if text]
        self._written = bytearray()
        self._left = decoding.max_tokens
        """Tokens that may still come; those which only repeat the prompt's end are not counted."""
        self._room = room
        """Tokens that the context still holds."""
        if min(self._left, self._room) <= 0:
            self.stop = Stop.LENGTH

    @property
    def text(self) -> str:
        """What is new behind the prompt, in whole characters."""
        return complete_text(bytes(self._written))

    @property
    def left(self) -> int:
        """How many tokens may still come at most."""
        return min(self._left, self._room)

    def take(self, token: int, logprob: float, chance: float = 0.0, entropy: float = 0.0) -> None:
        """Append a token and apply the rules, the more telling first."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.chances.append(chance)
        self.entropies.append(entropy)
        self._apply(token)
        self.ends.append(len(self._written))

    def _apply(self, token: int) -> None:
        if token in self._ends:
            self.stop = Stop.END
            return
        spelled = self._bytes_of[token]
        repeats_only = bool(self.owed) and len(spelled) <= len(self.owed)
        new, self.owed = spelled[len(self.owed) :], self.owed[len(spelled) :]
        self._left -= not repeats_only
        self._room -= 1
        if self._write(new):
            self.stop = Stop.TEXT
        elif self.left <= 0:
            self.stop = Stop.LENGTH

    def _write(self, new: bytes) -> bool:
        """Append bytes; true, and cut, when one of the stop texts is complete. It may have begun in an earlier token."""
        checked = len(self._written)
        self._written += new
        places = [self._written.find(stop, max(0, checked - len(stop) + 1)) for stop in self._stops]
        first = min((place for place in places if place >= 0), default=None)
        if first is not None:
            del self._written[first:]
        return first is not None
