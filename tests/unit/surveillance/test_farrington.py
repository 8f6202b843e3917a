"""The flexible Farrington test: refusals, false alarms as promised, and what it must see."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.farrington import farrington_flexible

WEEKS = 5 * 52 + 4


def seasonal(
    *, seed: int, places: int = 1, level: float = 20.0, trend: float = 0.0, size: float = 10.0
) -> np.ndarray:
    """Weekly negative-binomial counts with a yearly wave, weeks first."""
    week = np.arange(WEEKS)
    mean = level * np.exp(0.5 * np.sin(2 * np.pi * week / 52) + trend * (week - WEEKS) / 52)
    rng = np.random.default_rng(seed)
    return rng.negative_binomial(size, (size / (size + mean))[:, None], (WEEKS, places))


@pytest.mark.parametrize(
    "change",
    [{"years_back": 1}, {"half_window_weeks": 11}, {"skip_weeks": -1}, {"alpha": 0.0}],
)
def test_impossible_settings_are_refused(change: dict) -> None:
    with pytest.raises(OutOfRange, match="E802"):
        farrington_flexible(seasonal(seed=1), **change)


def test_fewer_weeks_than_the_years_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="fewer than"):
        farrington_flexible(seasonal(seed=1)[10:])


def test_negative_counts_are_refused() -> None:
    counts = seasonal(seed=1)
    counts[3, 0] = -1
    with pytest.raises(OutOfRange, match=r"counts\[3, 0\]"):
        farrington_flexible(counts)


def test_false_alarms_are_about_as_rare_as_promised() -> None:
    found = farrington_flexible(seasonal(seed=4, places=1500))
    # The mean is estimated and plugged in, so a little more than alpha is to be expected.
    assert 0.003 < found.alarm.mean() < 0.025


@pytest.mark.parametrize("trend", [-0.15, 0.0, 0.15])
def test_level_season_and_trend_are_found(trend: float) -> None:
    found = farrington_flexible(seasonal(seed=5, places=400, trend=trend))
    season = np.exp(0.5 * np.sin(2 * np.pi * (WEEKS - 1) / 52))
    # A seasonal level is the mean of seven weeks, so the wave's slope within it is lost.
    assert np.median(found.expected) == pytest.approx(20 * season, rel=0.1)
    if trend == 0:
        assert found.dispersion.mean() == pytest.approx(1 + 20 / 10, rel=0.25)


def test_an_outbreak_raises_an_alarm() -> None:
    counts = seasonal(seed=6, places=40)
    counts[-1] += 45
    found = farrington_flexible(counts)
    assert found.alarm.mean() > 0.9
    assert (found.score[found.alarm] > 1).all()


def test_a_former_outbreak_does_not_hide_a_new_one() -> None:
    counts = seasonal(seed=7, places=40)
    clean = farrington_flexible(counts)
    counts[WEEKS - 1 - 52 : WEEKS + 1 - 52] += 120
    marred = farrington_flexible(counts)
    assert np.median(marred.upper / clean.upper) < 1.5
    assert np.median(marred.expected / clean.expected) < 1.2


def test_four_cases_are_no_alarm_however_rare() -> None:
    counts = np.zeros((WEEKS, 2), dtype=int)
    counts[-1] = (4, 5)
    found = farrington_flexible(counts)
    assert found.alarm.tolist() == [False, True]
    assert np.isfinite(found.score).all()


def test_it_equals_the_published_implementation() -> None:
    """Against farringtonFlexible of R's surveillance 1.20.3, trend always tried, nbPlugin, alpha 0.01."""
    counts = seasonal(seed=9, places=60)
    counts[-60:-56, :10] += 100
    found = farrington_flexible(counts)
    assert found.expected[:5].round(2).tolist() == [23.85, 26.36, 26.1, 21.93, 21.42]
    assert found.upper[:5].tolist() == [50, 56, 55, 48, 48]
