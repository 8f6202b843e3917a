"""Pooled Rt: refusals, laws, and a known truth recovered; where it fails is written down, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.delays import mask_unknown
from yipan.engines.surveillance.nowcast import nowcast
from yipan.engines.surveillance.pooled import Hyperparameters, estimate_Rt_pooled
from yipan.engines.surveillance.renewal import infectivity
from yipan.engines.surveillance.reproduction import discretised_serial_interval, estimate_Rt_cori
from yipan.engines.surveillance.synthetic import SyntheticProvince, synthetic_province

REPLICATES = 4  # benchmarks/situation.py does 20
GROWTH, TURNING, AFTER, LATE = 20, 32, 40, 55
DROP = 28
WEIGHTS = np.array([0.0, 0.2, 0.3, 0.3, 0.2])
KNOWN = Hyperparameters(bend=0.05, spread=0.25, persistence=0.967, dispersion=0.5)


@dataclass(frozen=True)
class Judged:
    """Errors and hits of one day's estimates over the last fortnight, (day, place)."""

    covered: np.ndarray
    error: np.ndarray
    window_error: np.ndarray
    shifted_error: np.ndarray
    width: np.ndarray  # mean over places of log(upper / lower), (day,)
    silent: np.ndarray  # places without a case known
    enough: np.ndarray  # (day, place) windows with at least 11 local cases, as reported


def judge(province: SyntheticProvince, now: int) -> Judged:
    known = nowcast(mask_unknown(province.local_triangle, now=now))
    arrived = np.nansum(mask_unknown(province.imported_triangle, now=now), axis=2)
    imported = arrived / np.maximum(known.reported_share, 0.3)[:, None]
    pooled = estimate_Rt_pooled(
        known.reported, imported, province.generation_interval,
        completed=known.mean, reported_share=known.reported_share,
        reported_share_log_sd=known.reported_share_log_sd,
    )  # fmt: skip
    weights = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=now + 1)
    as_reported = estimate_Rt_cori(
        province.local_by_report()[: now + 1], province.imported_by_report()[: now + 1], weights
    )
    shifted = estimate_Rt_cori(known.mean, imported, weights)
    days = slice(now - 13, now + 1)
    truth = province.Rt[days]
    return Judged(
        covered=(pooled.quantiles[0, days] <= truth) & (truth <= pooled.quantiles[-1, days]),
        error=np.abs(pooled.median[days] - truth),
        window_error=np.abs(as_reported.quantiles[3, -14:] - truth),
        shifted_error=np.abs(shifted.quantiles[3, -14:] - truth),
        width=np.log(pooled.quantiles[-1, days] / pooled.quantiles[0, days]).mean(axis=1),
        silent=(known.reported + arrived).sum(axis=0) == 0,
        enough=as_reported.local_cases_in_window[-14:] >= 11,
    )


@pytest.fixture(scope="module")
def judged() -> dict[int, list[Judged]]:
    provinces = [synthetic_province(seed=seed) for seed in range(REPLICATES)]
    return {now: [judge(p, now) for p in provinces] for now in (GROWTH, TURNING, AFTER, LATE)}


def coverage(judged: list[Judged], silent: bool | None = None) -> float:
    hits = [
        one.covered if silent is None else one.covered[:, one.silent == silent] for one in judged
    ]
    return float(np.concatenate([h.ravel() for h in hits]).mean())


def error(judged: list[Judged], which: str, enough: bool = False) -> float:
    rows = [getattr(one, which)[one.enough] if enough else getattr(one, which) for one in judged]
    return float(np.concatenate([r.ravel() for r in rows]).mean())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"imported": np.zeros((8, 2))}, ShapeMismatch),
        ({"reported_local": -np.ones((8, 3))}, OutOfRange),
        ({"generation_interval": [0.5, 0.5]}, OutOfRange),
        ({"generation_interval": [0.0, 0.9, 0.9]}, OutOfRange),
        ({"reported_share": np.full(8, 1.2)}, OutOfRange),
        ({"completed": np.ones((9, 3))}, ShapeMismatch),
        ({"probabilities": (0.5, 1.0)}, OutOfRange),
    ],
)
def test_what_cannot_be_estimated_is_refused(change: dict, error: type[Exception]) -> None:
    call = {
        "reported_local": np.ones((8, 3)),
        "imported": np.zeros((8, 3)),
        "generation_interval": WEIGHTS,
        **change,
    }
    with pytest.raises(error):
        estimate_Rt_pooled(**call)


def test_three_days_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="at least 4 days"):
        estimate_Rt_pooled(np.ones((3, 2)), np.zeros((3, 2)), WEIGHTS)


def test_no_case_anywhere_gives_the_prior_and_no_more() -> None:
    nothing = np.zeros((20, 5))
    found = estimate_Rt_pooled(nothing, nothing, WEIGHTS, hyperparameters=KNOWN)
    assert np.isfinite(found.quantiles).all()
    assert found.median == pytest.approx(1.0)
    assert (found.quantiles[-1, -1] / found.quantiles[0, -1] > 5).all()


def test_renaming_the_places_changes_nothing() -> None:
    cases = synthetic_province(seed=3, days=30, places=6).local
    order = np.array([4, 0, 5, 1, 3, 2])
    call = {"generation_interval": WEIGHTS, "hyperparameters": KNOWN}
    here = estimate_Rt_pooled(cases, np.ones_like(cases), **call)
    there = estimate_Rt_pooled(cases[:, order], np.ones_like(cases), **call)
    np.testing.assert_allclose(here.median[:, order], there.median, rtol=1e-4)


def test_a_generation_interval_that_does_not_change_is_the_plain_one() -> None:
    cases = synthetic_province(seed=3, days=20, places=4).local
    np.testing.assert_allclose(
        infectivity(cases, WEIGHTS), infectivity(cases, np.tile(WEIGHTS, (20, 1)))
    )


def test_a_shorter_generation_interval_lowers_Rt_in_growth() -> None:
    cases = np.round(5 * 1.15 ** np.arange(30))[:, None] * np.ones(3)
    imported = np.zeros_like(cases)
    short, long = np.array([0.0, 0.7, 0.3]), np.array([0.0, 0.1, 0.2, 0.3, 0.2, 0.2])
    slow, fast = (
        estimate_Rt_pooled(cases, imported, w, hyperparameters=KNOWN) for w in (long, short)
    )
    assert (fast.median[15:] < slow.median[15:]).all()


def test_imported_cases_lower_Rt() -> None:
    cases = np.full((30, 3), 6.0)
    local = estimate_Rt_pooled(cases, 0 * cases, WEIGHTS, hyperparameters=KNOWN)
    mixed = estimate_Rt_pooled(cases / 2, cases / 2, WEIGHTS, hyperparameters=KNOWN)
    assert (mixed.median[10:] < local.median[10:]).all()


def test_one_place_alone_agrees_with_the_window_where_cases_are_many() -> None:
    rng = np.random.default_rng(2)
    cases = np.zeros((50, 1))
    cases[:5] = 300
    for day in range(5, 50):
        cases[day] = rng.poisson(1.2 * infectivity(cases[: day + 1], WEIGHTS)[-1])
    found = estimate_Rt_pooled(cases, np.zeros_like(cases), WEIGHTS)
    assert found.median[10:45, 0] == pytest.approx(1.2, abs=0.1)


def test_the_spread_of_infection_is_recovered() -> None:
    province = synthetic_province(seed=11)
    found = estimate_Rt_pooled(province.local, province.imported, province.generation_interval)
    assert 0.2 < found.hyperparameters.dispersion < 0.7
    assert 0.15 < found.hyperparameters.spread < 0.4


@pytest.mark.slow
def test_over_all_days_the_interval_holds_what_it_promises(judged) -> None:
    together = [one for day in judged.values() for one in day]
    assert 0.90 <= coverage(together) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("now", [GROWTH, AFTER, LATE])
def test_in_growth_and_in_decline_it_is_covered_with_cases_and_without(judged, now: int) -> None:
    assert coverage(judged[now], silent=False) > 0.85
    assert coverage(judged[now], silent=True) > 0.80


@pytest.mark.slow
def test_the_day_of_an_abrupt_drop_is_smoothed_over(judged) -> None:
    # A curve that may jump still takes a part of the fall for the day before and the day after.
    first = DROP - (TURNING - 13)
    of_that_day = np.mean([one.covered[first].mean() for one in judged[TURNING]])
    of_others = np.mean([np.delete(one.covered, first, axis=0).mean() for one in judged[TURNING]])
    assert of_that_day < 0.85
    assert of_others > 0.88


@pytest.mark.slow
def test_four_days_after_an_abrupt_drop_it_says_that_it_does_not_know(judged) -> None:
    # Of the onsets after the drop next to none is reported: the intervals are wide, and hold.
    assert np.mean([one.covered[-4:].mean() for one in judged[TURNING]]) > 0.80
    late, turning = (np.mean([one.width[-1] for one in judged[now]]) for now in (LATE, TURNING))
    assert turning > 1.5  # of log Rt: more than a factor of 4 from end to end
    assert np.mean([one.width[3] for one in judged[TURNING]]) < 0.8 * turning
    assert late > 1.0


@pytest.mark.slow
def test_a_small_fall_among_few_cases_is_missed_at_first() -> None:
    provinces = [
        synthetic_province(seed=seed, Rt_before=1.5, Rt_after=0.8, imports=120.0)
        for seed in range(3)
    ]
    soon, later = ([judge(p, now) for p in provinces] for now in (TURNING, AFTER))
    assert coverage(soon) < 0.90
    assert coverage(later) > 0.88


@pytest.mark.slow
def test_an_error_in_the_share_reported_widens_the_interval() -> None:
    province = synthetic_province(seed=5, days=40, places=20)
    call = {
        "imported": province.imported,
        "generation_interval": province.generation_interval,
        "hyperparameters": KNOWN,
        "reported_share": np.linspace(1.0, 0.2, 40),
    }
    sure, unsure = (
        estimate_Rt_pooled(province.local, reported_share_log_sd=sd, **call)
        for sd in (np.zeros(40), np.linspace(0.0, 0.5, 40))
    )
    width = [np.log(one.whole_quantiles[-1] / one.whole_quantiles[0]) for one in (sure, unsure)]
    assert (width[1] >= width[0] - 1e-6).all()
    assert width[1][-5:].min() > width[0][-5:].max()


@pytest.mark.slow
@pytest.mark.parametrize("now", [GROWTH, TURNING, AFTER, LATE])
def test_its_error_is_at_most_half_of_the_windows(judged, now: int) -> None:
    ours = error(judged[now], "error")
    assert ours <= 0.5 * error(judged[now], "window_error")
    assert ours < error(judged[now], "shifted_error")


@pytest.mark.slow
def test_where_the_window_has_enough_cases_it_is_still_beaten(judged) -> None:
    together = [one for day in judged.values() for one in day]
    ours = error(together, "error", enough=True)
    assert ours <= 0.5 * error(together, "window_error", enough=True)
    assert ours < error(together, "shifted_error", enough=True)
