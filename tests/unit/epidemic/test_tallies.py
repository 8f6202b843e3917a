"""Quantiles by place and day are those of the runs, though no run is held; parts add up in any order."""

from __future__ import annotations

import numpy as np
import pytest

from unit.epidemic.worlds import three_towns
from yipan.engines.epidemic import tallies
from yipan.engines.epidemic.course import MEASURES
from yipan.engines.epidemic.ensemble import PROBABILITIES, run_ensemble, simulator
from yipan.engines.epidemic.executors import run_in_parts
from yipan.engines.errors import OutOfRange

SPEC = three_towns(days=40, transmission=np.asarray(0.2))


def test_quantiles_are_those_of_the_runs_within_two_in_a_hundred() -> None:
    result = run_ensemble(SPEC, members=60, seed=1, place_quantiles=("infections", "hospital"))
    run = simulator(SPEC, seed=1)
    held = np.stack([run(m) for m in range(60)])
    assert held.max() > 500
    for measure in ("infections", "hospital"):
        exact = np.quantile(
            held[:, MEASURES.index(measure)], PROBABILITIES, axis=0, method="inverted_cdf"
        )
        found = result.place_quantiles(measure)
        assert (found[exact <= 50] == exact[exact <= 50]).all()
        assert (abs(found - exact) <= 0.021 * exact + 0.5).all()
    with pytest.raises(OutOfRange, match="deaths"):
        result.place_quantiles("deaths")


def test_tallies_of_parts_are_the_tally_of_the_whole() -> None:
    one, two = (
        run_in_parts(SPEC, members=23, seed=1, part=part, place_quantiles=("deaths", "icu"))
        for part in (23, 5)
    )
    whole = run_ensemble(SPEC, members=23, seed=1, threads=3, place_quantiles=("deaths", "icu"))
    for measure in ("deaths", "icu"):
        assert one.place_tallies[measure].tobytes() == two.place_tallies[measure].tobytes()
        assert one.place_tallies[measure].tobytes() == whole.place_tallies[measure].tobytes()
        assert (whole.place_tallies[measure].sum(axis=2) == 23).all()


def test_bins_are_in_order_and_narrow() -> None:
    bins = np.array([tallies.bin_of(k) for k in range(20_000)])
    assert (np.diff(bins) >= 0).all()
    assert (np.diff(bins) <= 1).all()
    for b in np.unique(bins[1_000:]):
        within = np.flatnonzero(bins == b)
        assert within[-1] / within[0] < 1.041


def test_what_has_no_room_is_refused_before_it_runs() -> None:
    people = np.full(50_000, 10_000)
    assert not tallies.fits(days=365, people=people, members=10, measures=1)
    with pytest.raises(OutOfRange, match="MiB"):
        tallies.empty(days=365, people=people, members=10, measures=("deaths",))
