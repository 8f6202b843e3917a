"""The window estimator of Rt: refusals, laws, and equality with the published implementation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.reproduction import (
    MIN_LOCAL_CASES,
    discretised_serial_interval,
    enough_cases,
    estimate_Rt_cori,
)

QUANTILE_COLUMNS = ("q025", "q05", "q25", "median", "q75", "q95", "q975")
SETTINGS = {
    "Flu2009_nonparam": (None, 7),
    "Flu2009_param_2.6_1.5": (1.5, 7),
    "Flu2009_param_win1": (1.5, 1),
    "Flu2009_param_win14": (1.5, 14),
    "Flu1918_nonparam": (None, 7),
    "Flu1918_param_2.6_1": (1.0, 7),
    "Flu1918_param_win1": (1.0, 1),
    "Flu1918_param_win14": (1.0, 14),
}


def read(path: Path, column: str, **wanted: str) -> np.ndarray:
    with path.open(encoding="utf-8") as lines:
        rows = [r for r in csv.DictReader(lines) if all(r[k] == v for k, v in wanted.items())]
    return np.array([np.nan if r[column] in {"NA", ""} else float(r[column]) for r in rows])


def growing(days: int = 30, places: int = 2) -> np.ndarray:
    return np.random.default_rng(5).poisson(20, (days, places))


@pytest.mark.parametrize("case", SETTINGS)
def test_every_window_equals_the_published_implementation(case: str, shared: Path) -> None:
    folder = shared / "reference" / "rt"
    sd, window = SETTINGS[case]
    flu = case.split("_")[0]
    cases = read(folder / f"epiestim_input_{flu}.csv", "I")[:, None]
    if sd is None:
        weights = read(folder / f"epiestim_si_{flu}.csv", "w")
    else:
        weights = discretised_serial_interval(mean_days=2.6, sd_days=sd, days=cases.size)
    ours = estimate_Rt_cori(cases, np.zeros_like(cases), weights, window_days=window)
    table = folder / "epiestim_reference.csv"
    assert (ours.t_start + 1 == read(table, "t_start", case=case)).all()
    assert (ours.t_end == read(table, "t_end", case=case)).all()
    columns = dict(zip(QUANTILE_COLUMNS, ours.quantiles[:, :, 0], strict=True))
    for name, values in {"mean": ours.mean[:, 0], "sd": ours.sd[:, 0], **columns}.items():
        theirs = read(table, name, case=case)
        assert (np.isnan(values) == np.isnan(theirs)).all(), name
        np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-6, err_msg=name)


def test_the_serial_interval_is_a_probability_with_the_asked_mean() -> None:
    weights = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=80)
    assert weights[0] == 0
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert weights @ np.arange(80) == pytest.approx(7.5, abs=1e-6)


@pytest.mark.parametrize(("mean", "sd"), [(1.0, 1.0), (2.6, 0.0), (float("nan"), 1.0)])
def test_an_impossible_serial_interval_is_refused(mean: float, sd: float) -> None:
    with pytest.raises(OutOfRange, match="E802"):
        discretised_serial_interval(mean_days=mean, sd_days=sd, days=10)


def test_negative_cases_are_refused_with_their_place() -> None:
    cases = growing().astype(float)
    cases[4, 1] = -3
    with pytest.raises(OutOfRange, match=r"local\[4, 1\].*-3"):
        estimate_Rt_cori(cases, np.zeros_like(cases), [0, 1.0])


def test_unknown_cases_are_refused_rather_than_guessed() -> None:
    cases = growing().astype(float)
    cases[0, 0] = np.nan
    with pytest.raises(OutOfRange):
        estimate_Rt_cori(cases, np.zeros_like(cases), [0, 1.0])


@pytest.mark.parametrize("weights", [[], [0.2, 0.8], [0, 0.9, 0.9]])
def test_a_serial_interval_that_is_no_probability_is_refused(weights: list[float]) -> None:
    with pytest.raises(OutOfRange):
        estimate_Rt_cori(growing(), np.zeros_like(growing()), weights)


def test_imports_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="imported"):
        estimate_Rt_cori(growing(), growing(places=3), [0, 1.0])


def test_fewer_days_than_a_window_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="no window"):
        estimate_Rt_cori(growing(7), np.zeros((7, 2)), [0, 1.0])


def test_places_do_not_see_each_other() -> None:
    cases = growing(places=5)
    weights = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=30)
    together = estimate_Rt_cori(cases, np.zeros_like(cases), weights)
    alone = estimate_Rt_cori(cases[:, 3:4], np.zeros((30, 1)), weights)
    np.testing.assert_allclose(together.mean[:, 3:4], alone.mean)


def test_imported_cases_infect_but_are_not_counted_as_infected() -> None:
    cases = growing()
    weights = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=30)
    as_local = estimate_Rt_cori(cases, np.zeros_like(cases), weights)
    as_imports = estimate_Rt_cori(cases - cases // 2, cases // 2, weights)
    late = as_local.t_end > 10
    assert (as_imports.mean[late] < as_local.mean[late]).all()


def test_with_no_infectivity_the_prior_returns_and_must_not_be_shown() -> None:
    nothing = np.zeros((30, 1))
    weights = discretised_serial_interval(mean_days=7.5, sd_days=3.4, days=30)
    windows = estimate_Rt_cori(nothing, nothing, weights)
    assert np.nanmax(np.abs(windows.mean - 5)) == pytest.approx(0)
    assert not enough_cases(windows).any()


def test_eleven_local_cases_are_the_fewest_that_make_the_posterior_precise() -> None:
    def relative_sd(cases: int) -> float:
        return (1 + cases) ** -0.5

    assert relative_sd(MIN_LOCAL_CASES) <= 0.3 < relative_sd(MIN_LOCAL_CASES - 1)
