"""When a person presses the keys of a text, and where the finger slips: log-normal pauses, drawn once for each character."""

from random import Random

from attrs import define, field, frozen

SLIPS = 0.01
"""Of the letters, how many come out as their neighbour first."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@frozen
class Pause:
    """A log-normal distribution of pauses."""

    median: float
    """In milliseconds."""
    spread: float
    """Standard deviation of the logarithm."""

    def draw(self, random: Random) -> int:
        """Whole milliseconds: no difference in the last digit of another machine's logarithm comes through."""
        return round(self.median * random.lognormvariate(0.0, self.spread))


INSIDE_WORD = Pause(130, 0.45)
WORD_START = Pause(200, 0.6)
SYMBOL = Pause(180, 0.5)
LINE_END = Pause(250, 0.6)
LINE_START = Pause(500, 0.8)
CORRECTION = Pause(280, 0.4)
JUMP = Pause(1500, 0.8)
"""Going to another place, or another file, and thinking of what to do there."""
PASTE = Pause(800, 0.5)
LEAVE = Pause(400, 0.5)
"""From the last key at a place until the person turns away from it."""


@frozen
class Beat:
    """What is drawn for one character of a text, whether it comes to be typed or not."""

    pause: int
    """Milliseconds before its key."""
    correction: int
    """Milliseconds before the key that takes something back in front of it."""
    slip: str
    """The wrong character that comes first, or nothing."""


@define
class Rhythm:
    """The beats of one text. The same seed and text give the same beats, whatever is completed on the way."""

    seed: str
    beats: list[Beat] = field(factory=list)

    @classmethod
    def of(cls, seed: str, before: str, text: str) -> "Rhythm":
        """The beats of `text`, which is typed behind `before`."""
        random = Random(seed)
        previous = before[-1:] or "\n"
        rhythm = cls(seed)
        for character in text:
            rhythm.beats.append(_beat(random, previous, character))
            previous = character
        return rhythm


def _beat(random: Random, previous: str, character: str) -> Beat:
    pause = _pause(previous, character).draw(random)
    correction = CORRECTION.draw(random)
    slips, side = random.random() < SLIPS, random.random() < 0.5
    return Beat(pause, correction, _neighbour(character, 1 if side else -1) if slips else "")


def _pause(previous: str, character: str) -> Pause:
    if character in "\r\n":
        return LINE_END
    if previous == "\n":
        return LINE_START
    if not (character.isalnum() or character == "_"):
        return SYMBOL
    return INSIDE_WORD if previous.isalnum() or previous == "_" else WORD_START


def _neighbour(character: str, side: int) -> str:
    """The letter beside this one on the keyboard; nothing for what is no plain letter."""
    for row in _ROWS:
        if (at := row.find(character.lower())) >= 0:
            other = row[at + side] if 0 <= at + side < len(row) else row[at - side]
            return other.upper() if character.isupper() else other
    return ""
