"""Reporting delays: refusals, laws, and recovery of a known delay through truncation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, lognorm

from yipan.engines.errors import OutOfRange, ShapeMismatch, TooFewObservations
from yipan.engines.surveillance.delays import (
    Family,
    back_project,
    check_triangle,
    fit_delay,
    interval_censored_delay,
    mask_unknown,
    reported_share,
    reporting_triangle,
    reverse_hazards,
)

GAMMA = (2.8, 2.5)  # shape, scale in days: mean 7.0


def growing_line_list(*, now: int, seed: int, cases: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Onsets growing by 15 % a day and gamma delays, both known to the day; only what is out by now."""
    rng = np.random.default_rng(seed)
    chance = np.exp(0.15 * np.arange(now + 1))
    onset = rng.choice(now + 1, size=cases, p=chance / chance.sum()) + rng.random(cases)
    report = np.floor(onset + rng.gamma(GAMMA[0], GAMMA[1], cases)).astype(int)
    seen = report <= now
    return np.floor(onset).astype(int)[seen], report[seen]


@pytest.mark.parametrize(
    ("onset", "report"), [([3], [5]), ([], []), ([0, 0, 0], [4, 4, 4]), ([5, 5], [9, 12])]
)
def test_too_few_cases_to_fit_are_refused_not_guessed(onset: list[int], report: list[int]) -> None:
    with pytest.raises(TooFewObservations, match="E809"):
        fit_delay(onset, report, now=8)


def test_dates_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="report_day"):
        fit_delay([1, 2, 3], [4, 5], now=9)


@pytest.mark.parametrize("parameters", [(0.0, 2.0), (1.0, 0.0), (1.0, -1.0), (np.nan, 1.0)])
def test_a_gamma_that_does_not_exist_is_refused(parameters: tuple[float, float]) -> None:
    with pytest.raises(OutOfRange, match="E802"):
        interval_censored_delay(family="gamma", parameters=parameters, days=10)


@pytest.mark.parametrize(
    ("family", "parameters", "continuous"),
    [
        ("gamma", GAMMA, gamma(GAMMA[0], scale=GAMMA[1])),
        ("lognormal", (1.6, 0.5), lognorm(0.5, scale=np.exp(1.6))),
    ],
)
def test_the_censored_delay_equals_its_integral(family, parameters, continuous) -> None:
    ours = interval_censored_delay(family=family, parameters=parameters, days=80)
    for day in (0, 1, 5, 12):
        integral, _ = quad(lambda u, d=day: continuous.cdf(d + 1 - u) - continuous.cdf(d - u), 0, 1)
        assert ours[day] == pytest.approx(integral, abs=1e-8)
    assert ours.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("family", "off_days"),
    [("gamma", 0.6), ("nonparametric", 0.6), ("lognormal", 1.2)],  # the lognormal is not the truth
)
def test_right_truncation_in_growth_does_not_shorten_the_delay(
    family: Family, off_days: float
) -> None:
    onset, report = growing_line_list(now=45, seed=3)
    naive = float(np.mean(report - onset))
    fit = fit_delay(onset, report, now=45, family=family, max_delay_days=40)
    true_mean = GAMMA[0] * GAMMA[1]
    assert naive < true_mean - 1.0
    assert fit.mean_days == pytest.approx(true_mean, abs=off_days)
    assert fit.probability.sum() == pytest.approx(1)


def test_the_true_family_is_preferred_by_aic() -> None:
    onset, report = growing_line_list(now=60, seed=5, cases=6000)
    fits = [fit_delay(onset, report, now=60, family=f) for f in ("gamma", "lognormal")]
    assert fits[0].aic < fits[1].aic


def test_a_delay_that_shortens_is_followed() -> None:
    rng = np.random.default_rng(1)
    onset = np.repeat(np.arange(60), 20)
    report = onset + rng.poisson(np.where(onset < 30, 9, 4))
    drifting = fit_delay(onset, report, now=75, half_life_days=7)
    assert drifting.mean_days < fit_delay(onset, report, now=75).mean_days - 1


def test_the_triangle_holds_every_case_once_and_its_zeros_are_explicit() -> None:
    onset, report = growing_line_list(now=30, seed=1)
    place = np.arange(onset.size) % 4
    triangle = reporting_triangle(onset, report, place, days=31, places=5, max_delay_days=40)
    assert np.nansum(triangle) == onset.size
    assert (np.nansum(triangle, axis=(0, 2)) == np.bincount(place, minlength=5)).all()
    assert np.nansum(triangle[:, 4]) == 0
    assert np.isfinite(triangle[:, 4]).sum() == np.isfinite(triangle[:, 0]).sum()


def test_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OutOfRange, match=r"place\[1\]"):
        reporting_triangle([0, 0], [1, 1], [0, 3], days=2, places=3)


def test_what_a_day_knows_is_not_changed_by_what_comes_later() -> None:
    onset, report = growing_line_list(now=30, seed=2)
    whole = reporting_triangle(onset, report, np.zeros_like(onset), days=31, places=1)
    then = report <= 20
    of_then = reporting_triangle(
        onset[then], report[then], np.zeros(then.sum(), int), days=21, places=1
    )
    np.testing.assert_array_equal(mask_unknown(whole, now=20), of_then)


def test_a_negative_count_is_refused_with_its_cell() -> None:
    triangle = np.zeros((3, 1, 2))
    triangle[1, 0, 1] = -2
    with pytest.raises(OutOfRange, match=r"triangle\[1, 0, 1\].*-2"):
        check_triangle(triangle)


def test_the_share_reported_rises_to_one() -> None:
    onset, report = growing_line_list(now=50, seed=4)
    counts = reporting_triangle(onset, report, np.zeros_like(onset), days=51, places=1)[:, 0]
    share = reported_share(reverse_hazards(counts))
    assert (np.diff(share, axis=1) >= 0).all()
    assert (share[:, -1] == 1).all()
    assert (share > 0).all()


def test_without_any_case_the_share_is_the_priors() -> None:
    pmf = interval_censored_delay(family="gamma", parameters=GAMMA, days=31)
    pmf = pmf / pmf.sum()
    nothing = mask_unknown(np.zeros((10, 1, 31)))[:, 0]
    share = reported_share(reverse_hazards(nothing, prior_delay=pmf, prior_cases=1e6))
    np.testing.assert_allclose(share[-1], np.cumsum(pmf), atol=1e-3)


def test_a_day_without_reporting_is_learnt_as_a_weekday() -> None:
    rng = np.random.default_rng(2)
    onset = np.repeat(np.arange(100), 40)
    report = onset + rng.geometric(0.3, onset.size) - 1
    report = report + (report % 7 == 6)  # nothing is reported on day 6 of the week
    counts = reporting_triangle(onset, report, np.zeros_like(onset), days=98, places=1)[:, 0]
    hazards = reverse_hazards(counts)
    day, delay = np.arange(98)[:, None], np.arange(counts.shape[1])[None, :]
    silent = ((day + delay) % 7 == 6) & (delay >= 1) & (delay <= 6)
    open_days = ((day + delay) % 7 == 2) & (delay >= 1) & (delay <= 6)
    assert hazards[silent].mean() < 0.25 * hazards[open_days].mean()


@pytest.mark.parametrize("smooth", [True, False])
def test_back_projection_keeps_every_reported_case(smooth: bool) -> None:
    rng = np.random.default_rng(6)
    reported = rng.poisson(5, (40, 3))
    pmf = interval_censored_delay(family="gamma", parameters=GAMMA, days=31)
    onsets = back_project(reported, pmf, smooth=smooth)
    np.testing.assert_allclose(onsets.sum(axis=0), reported.sum(axis=0))
    assert (onsets >= 0).all()


def test_back_projection_finds_the_day_the_onsets_fell() -> None:
    pmf = interval_censored_delay(family="gamma", parameters=GAMMA, days=31)
    days = np.arange(90)
    onsets = np.where(days < 45, 200 * np.exp(0.1 * (days - 45)), 200 * np.exp(-0.1 * (days - 45)))
    reported = np.convolve(onsets, pmf)[:90]
    found = back_project(reported[:, None], pmf)[:, 0]
    assert abs(int(np.argmax(found)) - 45) <= 1
    assert int(np.argmax(reported)) >= 50
    np.testing.assert_allclose(found[20:60], onsets[20:60], rtol=0.25)
