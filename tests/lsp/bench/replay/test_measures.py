"""Figures follow from counts as docs/replay.md says."""

from pathlib import Path

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.judgement import Place
from lowabs_lsp.bench.replay.measures import (
    MachineCounts,
    SittingCounts,
    Tally,
    figures_of,
    machine_figures,
    quantile,
    rates,
    saved_interval,
    summed,
)
from lowabs_lsp.bench.replay.run import EVERY, policy_names

NOTHING = figures_of("nobody", [SittingCounts("c0ffee")])
DOCS = (Path(__file__).parents[4] / "docs" / "replay.md").read_text()
tallies = st.builds(Tally, **{attribute.name: st.integers(0, 50) for attribute in fields(Tally)})


def test_rates_are_shares_of_what_they_name() -> None:
    found = rates(
        Tally(
            keys=200,
            keys_accepted=60,
            acceptances=10,
            shown=30,
            wrong=12,
            lines=100,
            lines_answered=50,
            lines_exact=20,
            similarity=45,
        )
    )
    assert found == {
        "keys": 200,
        "keystrokes_saved": 0.25,
        "exact_match": 0.2,
        "exact_match_shown": 0.4,
        "edit_similarity": 0.45,
        "edit_similarity_shown": 0.9,
        "shown_per_100_keys": 15,
        "wrong_per_100_keys": 6,
        "wrong_share": 0.4,
        "acceptances_per_100_keys": 5,
    }


def test_nothing_is_no_share_of_nothing() -> None:
    assert set(rates(Tally()).values()) == {0}
    assert set(machine_figures(MachineCounts(), 0).values()) == {0}


@given(st.lists(st.tuples(st.sampled_from(["python", "go"]), st.sampled_from(Place), tallies), max_size=6))
def test_languages_and_places_add_up_to_the_whole(counted: list[tuple[str, Place, Tally]]) -> None:
    sittings = []
    for language, place, tally in counted:
        sitting = SittingCounts("c0ffee")
        sitting.at((language, place)).add(tally)
        sittings.append(sitting)
    figures = figures_of("ours", sittings or [SittingCounts("c0ffee")])
    keys = summed(tally for _, _, tally in counted).keys
    assert figures.total["keys"] == keys
    assert sum(rates["keys"] for rates in figures.by_language.values()) == keys
    assert sum(rates["keys"] for rates in figures.by_place.values()) == keys


def test_the_interval_is_around_the_share_and_narrower_with_more_commits() -> None:
    few, many = ([(saved, 100) for saved in (10, 20, 30, 40)] * times for times in (1, 25))
    (low, high), (lower, higher) = saved_interval(few), saved_interval(many)
    assert low < lower < 0.25 < higher < high
    assert saved_interval(few) == (low, high)


@pytest.mark.parametrize(
    ("values", "share", "value"), [([], 0.5, 0), ([3], 0.99, 3), (list(range(100)), 0.95, 95), ([2, 1], 0.5, 2)]
)
def test_quantiles_are_values_that_occur(values: list[float], share: float, value: float) -> None:
    assert quantile(values, share) == value


@pytest.mark.parametrize("name", [*policy_names(), EVERY])
def test_each_policy_is_in_the_docs(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("name", sorted({**rates(Tally()), **NOTHING.total, **machine_figures(MachineCounts(), 0)}))
def test_each_measure_is_in_the_docs(name: str) -> None:
    assert f"`{name}`" in DOCS
