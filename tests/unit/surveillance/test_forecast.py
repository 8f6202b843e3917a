"""Forecasts and their scores: refusals, laws, scores equal a library's, and Henan 2020 day by day."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import scoringrules

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.forecast import (
    HUB_PROBABILITIES,
    block_bootstrap_difference,
    forecast,
    log_weighted_interval_score,
    persistence,
    score_rolling_origins,
    shapes_under_control,
    weighted_interval_score,
)
from yipan.engines.surveillance.reproduction import discretised_serial_interval

LOW, HIGH = HUB_PROBABILITIES.index(0.025), HUB_PROBABILITIES.index(0.975)


def growing(days: int = 40, places: int = 3, rate: float = 0.05, seed: int = 1) -> np.ndarray:
    mean = 20 * np.exp(rate * np.arange(days))
    return np.random.default_rng(seed).poisson(mean[:, None] * np.ones(places))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"counts": np.ones((1, 3))}, ShapeMismatch),
        ({"horizon_days": 0}, ShapeMismatch),
        ({"counts": -np.ones((9, 3))}, OutOfRange),
        ({"shapes": np.ones((2, 9))}, ShapeMismatch),
        ({"shapes": np.zeros((2, 16))}, OutOfRange),
        ({"probabilities": (0.0,)}, OutOfRange),
    ],
)
def test_what_cannot_be_forecast_is_refused(change: dict, error: type[Exception]) -> None:
    call = {"counts": np.ones((9, 3)), "horizon_days": 7, "seed": 1, **change}
    with pytest.raises(error):
        forecast(call.pop("counts"), **call)


def test_quantiles_rise_and_none_is_negative() -> None:
    found = forecast(growing(), horizon_days=14, seed=1)
    assert (np.diff(found.quantiles, axis=0) >= 0).all()
    assert (found.quantiles >= 0).all()
    width = found.whole_quantiles[HIGH] - found.whole_quantiles[LOW]
    assert width[13] > width[0]  # the further, the less is known


def test_the_same_seed_gives_the_same_forecast() -> None:
    one, two = (forecast(growing(), horizon_days=7, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.quantiles, two.quantiles)


def test_no_case_anywhere_is_forecast_as_next_to_none() -> None:
    found = forecast(np.zeros((30, 18)), horizon_days=7, seed=1)
    assert found.whole_mean.max() < 1
    assert found.whole_quantiles[HUB_PROBABILITIES.index(0.5)].max() == 0


def test_a_scale_of_the_shapes_changes_nothing() -> None:
    shapes = np.abs(np.sin(np.linspace(0.5, 2, 47)))[None]
    one = forecast(growing(), horizon_days=7, seed=1, shapes=shapes)
    two = forecast(growing(), horizon_days=7, seed=1, shapes=900 * shapes)
    np.testing.assert_allclose(one.whole_quantiles, two.whole_quantiles)


def test_the_shape_that_fits_the_counts_gets_the_weight() -> None:
    days = np.arange(47)
    rising, falling = np.exp(0.08 * days), np.exp(-0.08 * days)
    found = forecast(growing(rate=0.08), horizon_days=7, seed=1, shapes=np.array([falling, rising]))
    assert found.shape_weights[1] > 0.9
    assert found.shape_weights.sum() == pytest.approx(1)


def test_the_interval_holds_what_it_promises_on_its_own_kind_of_epidemic() -> None:
    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        level = np.cumsum(rng.normal(0, 0.08, 57))
        counts = rng.negative_binomial(20, 20 / (20 + 60 * np.exp(level)))[:, None]
        found = forecast(counts[:50], horizon_days=7, seed=seed)
        low, high = found.whole_quantiles[LOW], found.whole_quantiles[HIGH]
        covered.append((low <= counts[50:, 0]) & (counts[50:, 0] <= high))
    assert 0.88 <= np.mean(covered) <= 1


def test_after_control_reports_peak_and_the_fall_is_steeper_the_lower_rt() -> None:
    interval = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=30)
    delay = interval_censored_delay(family="gamma", parameters=(6.0, 2.0), days=40)
    curves = shapes_under_control(
        days=60, control_day=5, source_closed_day=3, source_growth=0.1, Rt_before=2.0,
        Rt_after=(0.2, 0.9), generation_interval=interval, infection_to_report=delay,
    )  # fmt: skip
    peaks = curves.argmax(axis=1)
    assert (peaks > 8).all()  # long after the control: that is the delay
    assert curves[0, 40] / curves[0].max() < curves[1, 40] / curves[1].max()


def test_persistence_is_the_last_value_and_symmetric_until_zero() -> None:
    counts = np.array([[100], [104], [99], [101]])
    found = persistence(counts, horizon_days=3, seed=1)
    np.testing.assert_allclose(found[11, :, 0], 101, atol=1e-9)
    np.testing.assert_allclose(found[LOW] + found[HIGH], 202, atol=1e-9)
    assert (persistence([[5], [0]], horizon_days=2, seed=1) >= 0).all()


def test_the_score_is_the_librarys() -> None:
    rng = np.random.default_rng(3)
    quantiles = np.sort(rng.gamma(2, 10, (23, 40)), axis=0)
    truth = rng.gamma(2, 10, 40)
    ours = weighted_interval_score(quantiles, HUB_PROBABILITIES, truth)
    pinball = [
        scoringrules.quantile_score(truth, quantiles[i], level)
        for i, level in enumerate(HUB_PROBABILITIES)
    ]
    np.testing.assert_allclose(ours, 2 * np.mean(pinball, axis=0))
    alpha = 2 * np.array(HUB_PROBABILITIES[:11])
    theirs = scoringrules.weighted_interval_score(
        truth, quantiles[11], quantiles[:11].T, quantiles[:11:-1].T, alpha
    )
    np.testing.assert_allclose(ours, theirs)


def test_a_certain_and_right_forecast_scores_zero() -> None:
    quantiles = np.full((23, 5), 7.0)
    assert weighted_interval_score(quantiles, HUB_PROBABILITIES, np.full(5, 7.0)).max() == 0
    assert log_weighted_interval_score(quantiles, HUB_PROBABILITIES, np.full(5, 7.0)).max() == 0


def test_lopsided_levels_are_refused() -> None:
    with pytest.raises(OutOfRange, match="symmetric"):
        weighted_interval_score(np.ones((2, 3)), (0.1, 0.5), np.ones(3))


def test_the_bootstrap_interval_holds_the_mean() -> None:
    rng = np.random.default_rng(1)
    mean, low, high = block_bootstrap_difference(
        rng.normal(0, 1, 60), rng.normal(1, 1, 60), block_days=7, seed=1
    )
    assert low < mean < high < 0


SARS_2003 = {"interval": (8.4, 3.8), "incubation": (6.4, 4.1)}  # Lipsitch; Donnelly, both 2003
LI_2020 = {"interval": (7.5, 3.4), "incubation": (5.2, 3.9)}  # Li et al., 29 January 2020
DELAY = (5.0, 3.0)  # onset to report: SARS 2003, Donnelly et al. (2003), rounded
CLOSED, CONTROL, LI_PUBLISHED = 3, 5, 9  # 23, 25 and 29 January; day 0 is 20 January
FIRST, TURN, LAST, WEEK = 1, 31, 69, 7  # 21 January, 20 February, 29 March


@pytest.fixture(scope="module")
def henan() -> tuple[np.ndarray, np.ndarray]:
    """New cases by data day of the 18 cities, and of the province, as the commission published them."""
    path = files("yipan.places") / "packages" / "henan-2020" / "reported.csv"
    with Path(str(path)).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    days = sorted({row["day"] for row in rows})
    units = sorted({row["unit"] for row in rows})
    table = np.zeros((len(days), len(units)))
    for row in rows:
        table[days.index(row["day"]), units.index(row["unit"])] = float(row["confirmed"])
    new = np.maximum(np.diff(table, axis=0, prepend=0), 0)
    whole = units.index("410000")
    return np.delete(new, whole, axis=1), new[:, whole]


def gamma_delay(mean: float, sd: float) -> np.ndarray:
    shape = (mean / sd) ** 2
    pmf = interval_censored_delay(family="gamma", parameters=(shape, mean / shape), days=40)
    return pmf / pmf.sum()


def known_on(day: int) -> np.ndarray | None:
    """The shapes that could be drawn on a day: no date and no parameter published later."""
    if day < CLOSED:
        return None
    source = LI_2020 if day >= LI_PUBLISHED else SARS_2003
    mean, sd = source["interval"]
    report = np.convolve(gamma_delay(*source["incubation"]), gamma_delay(*DELAY))
    return shapes_under_control(
        days=day + 1 + WEEK,
        control_day=CONTROL if day >= CONTROL else day + 1 + WEEK,
        source_closed_day=CLOSED,
        source_growth=0.1,
        Rt_before=2.0,
        Rt_after=(0.2, 0.5, 0.9),
        generation_interval=discretised_serial_interval(mean_days=mean, sd_days=sd, days=30),
        infection_to_report=report / report.sum(),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "last"), [(FIRST, TURN), (TURN, LAST)], ids=["before 20 February", "from then on"]
)
def test_henan_day_by_day_beats_persistence(
    henan: tuple[np.ndarray, np.ndarray], first: int, last: int
) -> None:
    cities, _province = henan  # benchmarks/henan_replay.py scores the published total, too
    found = score_rolling_origins(
        cities, origins=range(first, last), horizon_days=WEEK, seed=1,
        shapes_at=known_on,
    )  # fmt: skip
    for ours, baseline in (
        (found.whole, found.whole_baseline),
        (found.place, found.place_baseline),
    ):
        mean, low, high = block_bootstrap_difference(ours, baseline, block_days=WEEK, seed=1)
        assert low < mean < high < 0


def test_an_origin_without_its_future_is_refused() -> None:
    with pytest.raises(OutOfRange, match="Origins"):
        score_rolling_origins(np.ones((10, 2)), origins=[5], horizon_days=7, seed=1)
