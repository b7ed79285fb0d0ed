import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.bench.people import RUN, Crowd, Waited, keys, summary


@settings(deadline=None, max_examples=10)
@given(person=st.integers(0, 50))
def test_a_person_types_on_one_character_at_a_time_and_the_rest_stays(person: int) -> None:
    run = list(itertools.islice(keys(person), RUN))
    assert run == list(itertools.islice(keys(person), RUN))
    for (text, offset), (later, further) in itertools.pairwise(run):
        assert further == offset + 1
        assert later[:offset] == text[:offset]
        assert later[further:] == text[offset:]


@given(times=st.lists(st.floats(0, 1e4), min_size=1, max_size=40))
def test_figures_are_of_what_was_waited_for(times: list[float]) -> None:
    waits = [Waited(at=0, milliseconds=time, tries=1, status=200, prompt_tokens=10, reused_tokens=9) for time in times]
    waits.append(Waited(at=1, milliseconds=0, tries=8, status=0))
    figures = summary(Crowd(("http://127.0.0.1",), people=3, seconds=10), waits)
    assert figures["longest_ms"] == round(max(times), 1)
    assert figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["longest_ms"]
    assert (figures["failed"], figures["tried_again"], figures["reused_share"]) == (1, 1, 0.9)
