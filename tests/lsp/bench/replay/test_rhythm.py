"""The rhythm is a person's, and the same one whatever is completed."""

from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.rhythm import INSIDE_WORD, LINE_START, SLIPS, Rhythm


@given(st.text(max_size=50), st.text(max_size=5), st.integers())
def test_one_seed_is_one_rhythm(text: str, before: str, seed: int) -> None:
    rhythm = Rhythm.of(str(seed), before, text)
    assert rhythm == Rhythm.of(str(seed), before, text)
    assert len(rhythm.beats) == len(text)


def test_pauses_are_those_of_their_places() -> None:
    beats = Rhythm.of("seed", "", "abcdefgh\n" * 500).beats
    assert abs(median(beat.pause for i, beat in enumerate(beats) if i % 9 not in (0, 8)) - INSIDE_WORD.median) < 10
    assert abs(median(beat.pause for beat in beats[9::9]) - LINE_START.median) < 75


def test_slips_are_rare_and_never_the_right_letter() -> None:
    text = "the quick brown Fox" * 1000
    slips = [(beat.slip, character) for beat, character in zip(Rhythm.of("s", "", text).beats, text, strict=True) if beat.slip]
    letters = sum(map(str.isalpha, text))
    assert 0.5 * SLIPS * letters < len(slips) < 1.5 * SLIPS * letters
    assert all(slip != character and slip.isupper() == character.isupper() for slip, character in slips)
