"""Whatever the counts, the surveillance engines stay finite, ordered and indifferent to names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from yipan.engines.surveillance.delays import (
    back_project,
    interval_censored_delay,
    mask_unknown,
    reported_share,
    reverse_hazards,
)
from yipan.engines.surveillance.forecast import (
    HUB_PROBABILITIES,
    persistence,
    weighted_interval_score,
)
from yipan.engines.surveillance.importation import chance_of_dying_out, expected_travelling
from yipan.engines.surveillance.nowcast import nowcast
from yipan.engines.surveillance.pooled import Hyperparameters, estimate_Rt_pooled
from yipan.engines.surveillance.scan import circular_zones, scan
from yipan.engines.surveillance.severity import fatality_by_day

WEIGHTS = np.array([0.0, 0.2, 0.3, 0.3, 0.2])
KNOWN = Hyperparameters(bend=0.03, spread=0.25, persistence=0.967, dispersion=0.5)


def counts(*shape: int, high: int = 60) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.int64, shape, elements=st.integers(0, high))


@settings(max_examples=40, deadline=None)
@given(counts(25, 3, 8))
def test_a_nowcast_never_loses_a_report_and_is_ordered(table: np.ndarray) -> None:
    answer = nowcast(mask_unknown(table.astype(float)))
    assert np.isfinite(answer.mean).all()
    assert (answer.quantiles >= answer.reported).all()
    assert (np.diff(answer.quantiles, axis=0) >= 0).all()
    assert (np.diff(answer.pending_quantiles) >= 0).all()
    assert (answer.mean >= answer.reported).all()


@settings(max_examples=40, deadline=None)
@given(counts(20, 8), st.booleans())
def test_the_share_reported_is_a_distribution(table: np.ndarray, weekday: bool) -> None:
    known = mask_unknown(table[:, None, :].astype(float))[:, 0]
    share = reported_share(reverse_hazards(known, weekday=weekday))
    assert ((share >= 0) & (share <= 1)).all()
    assert (np.diff(share, axis=1) >= -1e-12).all()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["gamma", "lognormal"]),
    st.floats(0.3, 6.0),
    st.floats(0.2, 3.0),
)
def test_a_censored_delay_is_a_probability(family: str, first: float, second: float) -> None:
    kind = "gamma" if family == "gamma" else "lognormal"
    pmf = interval_censored_delay(family=kind, parameters=(first / 2, second), days=400)
    assert (pmf >= 0).all()
    assert pmf.sum() <= 1 + 1e-9


@settings(max_examples=60, deadline=None)
@given(counts(30, 2), st.booleans())
def test_back_projection_keeps_every_case(reported: np.ndarray, smooth: bool) -> None:
    delay = interval_censored_delay(family="gamma", parameters=(2.8, 2.5), days=31)
    onsets = back_project(reported, delay, smooth=smooth)
    np.testing.assert_allclose(onsets.sum(axis=0), reported.sum(axis=0), rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(counts(20, 4), counts(20, 4, high=5))
def test_pooled_rt_is_finite_and_ordered(local: np.ndarray, imported: np.ndarray) -> None:
    found = estimate_Rt_pooled(local, imported, WEIGHTS, hyperparameters=KNOWN)
    assert np.isfinite(found.mean).all()
    assert (found.quantiles > 0).all()
    assert (np.diff(found.quantiles, axis=0) > 0).all()


@settings(max_examples=60, deadline=None)
@given(counts(30), st.data())
def test_every_prefix_has_a_finite_fatality(cases: np.ndarray, data: st.DataObject) -> None:
    deaths = np.array([data.draw(st.integers(0, int(n))) for n in cases])
    delay = interval_censored_delay(family="lognormal", parameters=(2.577, 0.44), days=60)
    for day in fatality_by_day(cases, deaths, delay):
        assert 0 <= day.low <= day.high <= 1


@settings(max_examples=30, deadline=None)
@given(counts(8, 5, high=4), st.permutations(range(5)))
def test_the_best_cluster_does_not_depend_on_names(cases: np.ndarray, order: list[int]) -> None:
    lon = np.array([0.0, 1.0, 2.5, 4.6, 7.3])
    best = []
    for index in (np.arange(5), np.array(order)):
        zones = circular_zones(lon[index], np.zeros(5), max_places=3)
        found = scan(
            cases[:, index], zones, null="permutation", max_duration_days=4, simulations=0, seed=1
        )
        best.append(found.clusters[0].log_likelihood_ratio if found.clusters else 0.0)
    assert best[0] == pytest.approx(best[1], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts(12, 2), st.integers(1, 14))
def test_persistence_is_ordered_and_never_negative(cases: np.ndarray, horizon: int) -> None:
    found = persistence(cases, horizon_days=horizon, seed=1)
    assert (found >= 0).all()
    assert (np.diff(found, axis=0) >= 0).all()


@settings(max_examples=80, deadline=None)
@given(arrays(float, (23, 4), elements=st.floats(0, 500)), counts(4, high=500))
def test_the_score_is_never_negative_and_at_most_the_worst_error(
    quantiles: np.ndarray, truth: np.ndarray
) -> None:
    quantiles = np.sort(quantiles, axis=0)
    score = weighted_interval_score(quantiles, HUB_PROBABILITIES, truth)
    assert (score >= 0).all()
    assert (score <= 2 * np.abs(quantiles - truth).max(axis=0) + 1e-9).all()


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 8), st.floats(0.05, 50))
def test_a_chain_dies_out_surely_up_to_one_and_ever_less_above(Rt: float, k: float) -> None:
    chance = chance_of_dying_out(Rt, k)
    assert 0 <= chance <= 1
    assert (chance == 1.0) or Rt > 1
    assert chance_of_dying_out(Rt + 0.5, k) <= chance + 1e-9


@settings(max_examples=40, deadline=None)
@given(
    arrays(float, (3, 3), elements=st.floats(0, 900)),
    arrays(float, (6, 3), elements=st.floats(0, 0.05)),
    st.floats(0, 1),
)
def test_travel_is_conserved_and_a_control_never_adds(
    travel: np.ndarray, share: np.ndarray, control: float
) -> None:
    free = expected_travelling(travel, share, seed=1)
    limited = expected_travelling(travel, share, control=control, seed=1)
    np.testing.assert_allclose(free.arrivals.sum(), free.departures.sum())
    np.testing.assert_allclose(limited.pairs, (1 - control) * free.pairs, atol=1e-9)
    assert (np.diff(free.at_least_one, axis=0) >= -1e-12).all()
