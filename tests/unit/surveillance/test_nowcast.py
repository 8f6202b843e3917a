"""The nowcast: refusals, laws, small counts, and figures on a published reporting triangle."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.delays import interval_censored_delay, mask_unknown
from yipan.engines.surveillance.nowcast import count_quantiles, nowcast

FIRST = date(2021, 4, 6)
LATEST = 15  # the days from which the reference counts its error
EVEN = tuple(np.round(np.arange(0.025, 0.999, 0.025), 3))


@pytest.fixture(scope="module")
def hospital(shared: Path) -> np.ndarray:
    """Hospitalisations of Germany by reference day and delay, complete as far as the file goes."""
    table = np.full((240, 41), np.nan)
    path = shared / "reference" / "nowcast" / "nowcast_input_germany_hosp_DE_allages.csv"
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            day = (date.fromisoformat(row["reference_date"]) - FIRST).days
            table[day, int(row["delay"])] = float(row["count"])
    return table


def weighted_interval_score(quantiles: np.ndarray, truth: np.ndarray) -> float:
    level = np.array(EVEN)[:, None]
    return float((2 * ((truth <= quantiles) - level) * (quantiles - truth)).mean())


def chain_ladder(known: np.ndarray, now: int) -> np.ndarray:
    """Quantiles of the plainest method: pooled factors, a negative binomial learnt from the past."""

    def point(table: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
        delays = table.shape[1]
        seen = np.nan_to_num(table)
        running = np.cumsum(seen, axis=1)
        missing = np.zeros(last + 1)
        for day in range(max(0, last - delays + 2), last + 1):
            total = running[day, last - day]
            for delay in range(last - day + 1, delays):
                old = np.arange(max(0, last - 60), last - delay + 1)
                below = running[old, delay - 1].sum()
                total *= running[old, delay].sum() / max(below, 1)
            missing[day] = total - running[day, last - day]
        return seen.sum(axis=1), missing

    seen, missing = point(known, now)
    spread = np.full(LATEST, 0.0)
    weight = np.full(LATEST, 1e-9)
    for past in range(now - 40, now - 9, 3):
        before, due = point(mask_unknown(known[:, None, :], now=past)[:, 0], past)
        for age in range(LATEST):
            day = past - age
            known_now = seen[day] - before[day]
            spread[age] += max((known_now - due[day]) ** 2 - due[day], 0)
            weight[age] += due[day] ** 2
    age = np.arange(LATEST)[::-1]
    return seen[-LATEST:] + count_quantiles(
        missing[-LATEST:], (spread / weight)[age], np.array(EVEN)
    )


def small_province(*, seed: int, now: int) -> tuple[np.ndarray, np.ndarray]:
    """158 places, about two thirds of them with almost nothing; delays of mean 7 days."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(0.2, size=158)
    curve = 60 * np.exp(-(((np.arange(now + 1) - 28) / 12) ** 2))
    truth = rng.poisson(curve[:, None] * share / share.sum())
    delay = interval_censored_delay(family="gamma", parameters=(2.8, 2.5), days=31)
    return truth, mask_unknown(rng.multinomial(truth, delay / delay.sum()).astype(float))


@pytest.mark.parametrize(
    "settings", [{"pending_days": 0}, {"half_life_days": 0.0}, {"probabilities": (0.0, 0.5)}]
)
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(OutOfRange, match="E802"):
        nowcast(mask_unknown(np.ones((5, 1, 3))), **settings)


@pytest.mark.parametrize("shape", [(5, 3), (0, 1, 3)])
def test_what_is_no_triangle_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeMismatch, match="triangle"):
        nowcast(np.ones(shape))


def test_an_unknown_cell_inside_the_known_part_is_refused() -> None:
    triangle = mask_unknown(np.ones((6, 2, 3)))
    triangle[1, 1, 0] = np.nan
    with pytest.raises(OutOfRange, match=r"triangle\[1, 1, 0\]"):
        nowcast(triangle)


def test_nobody_is_lost_and_complete_days_are_certain() -> None:
    _, known = small_province(seed=1, now=50)
    answer = nowcast(known)
    assert (answer.quantiles >= answer.reported).all()
    assert (np.diff(answer.quantiles, axis=0) >= 0).all()
    done = np.arange(51) <= 50 - 30
    np.testing.assert_array_equal(answer.mean[done], answer.reported[done])
    np.testing.assert_array_equal(answer.quantiles[0, done], answer.quantiles[-1, done])
    np.testing.assert_array_equal(answer.reported.sum(axis=1), np.nansum(known, axis=(1, 2)))


def test_renaming_the_places_changes_nothing() -> None:
    _, known = small_province(seed=2, now=40)
    order = np.random.default_rng(0).permutation(158)
    np.testing.assert_allclose(nowcast(known).mean[:, order], nowcast(known[:, order]).mean)


def test_no_case_at_all_gives_next_to_nothing_and_stays_finite() -> None:
    answer = nowcast(mask_unknown(np.zeros((30, 158, 21))))
    assert np.isfinite(answer.mean).all()
    assert answer.pending_mean < 1
    assert answer.quantiles[3].max() == 0


def test_one_day_of_one_case_stays_finite() -> None:
    triangle = mask_unknown(np.zeros((1, 3, 21)))
    triangle[0, 1, 0] = 1
    answer = nowcast(triangle)
    assert np.isfinite(answer.quantiles).all()
    assert np.isfinite(answer.pending_quantiles).all()


@pytest.mark.parametrize("now", [30, 42])
def test_quiet_counties_are_not_over_predicted(now: int) -> None:
    expected = happened = 0.0
    for seed in range(6):
        truth, known = small_province(seed=seed, now=now)
        answer = nowcast(known)
        quiet = np.nansum(known, axis=(0, 2)) <= 1
        assert quiet.sum() > 40
        expected += (answer.mean - answer.reported)[:, quiet].sum()
        happened += (truth - answer.reported)[:, quiet].sum()
    assert expected < 1.35 * happened + 5


@pytest.mark.parametrize("now", [25, 32, 45])
def test_intervals_of_the_whole_and_its_places_hold_what_they_promise(now: int) -> None:
    place, whole, pending = [], [], []
    for seed in range(8):
        truth, known = small_province(seed=100 + seed, now=now)
        answer = nowcast(known)
        open_days = slice(-14, None)
        low, high = answer.quantiles[0, open_days], answer.quantiles[-1, open_days]
        place.append(((low <= truth[open_days]) & (truth[open_days] <= high)).mean())
        total = truth.sum(axis=1)[open_days]
        low, high = answer.whole_quantiles[0, open_days], answer.whole_quantiles[-1, open_days]
        whole.append(((low <= total) & (total <= high)).mean())
        missing = (truth.sum(axis=1) - answer.reported.sum(axis=1))[-7:].sum()
        pending.append(answer.pending_quantiles[0] <= missing <= answer.pending_quantiles[-1])
    assert np.mean(place) > 0.95  # counts are discrete: at least what is promised
    assert 0.88 < np.mean(whole) <= 1
    assert np.mean(pending) >= 0.75


def test_the_published_error_is_beaten_on_its_own_day(hospital: np.ndarray) -> None:
    now = (date(2021, 10, 1) - FIRST).days
    truth = np.nansum(hospital, axis=1)[now - LATEST + 1 : now + 1]
    answer = nowcast(mask_unknown(hospital[:, None, :], now=now))
    assert np.abs(answer.whole_quantiles[3, -LATEST:] - truth).mean() < 28.2


def test_over_many_days_it_is_sharper_than_the_chain_ladder_and_calibrated(
    hospital: np.ndarray,
) -> None:
    total = np.nansum(hospital, axis=1)
    ours, theirs, in_95, in_50 = [], [], [], []
    for now in range(70, 200, 6):
        truth = total[now - LATEST + 1 : now + 1]
        known = mask_unknown(hospital[:, None, :], now=now)
        answer = nowcast(known, probabilities=EVEN).whole_quantiles[:, -LATEST:]
        ours.append(weighted_interval_score(answer, truth))
        theirs.append(weighted_interval_score(chain_ladder(known[:, 0], now), truth))
        in_95.append((answer[0] <= truth) & (truth <= answer[-1]))
        in_50.append((answer[9] <= truth) & (truth <= answer[29]))
    assert len(ours) >= 20
    assert np.mean(ours) < np.mean(theirs)
    assert 0.90 <= np.mean(in_95) <= 0.98
    assert 0.43 <= np.mean(in_50) <= 0.57
