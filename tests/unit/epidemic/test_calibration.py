"""Fitting recovers a known truth, reproduces what was reported, and refuses what cannot be fitted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from yipan.engines.epidemic.calibration import distance, fit, reported
from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Stage
from yipan.engines.epidemic.ensemble import simulator
from yipan.engines.epidemic.examples import one_town
from yipan.engines.epidemic.specification import Specification
from yipan.engines.errors import OutOfRange

DELAY = np.array([0.1, 0.3, 0.3, 0.2, 0.1])
PRIOR = {"R0": (0.5, 4.0), "found": (0.05, 1.0)}


def build(parameters: Mapping[str, float]) -> Specification:
    """A town where a share of the infectious is found as they fall ill."""
    found = parameters["found"]
    course = Course(
        (
            Stage("exposed", Delay(3.0, 2), (Branch("seen", found), Branch("unseen", 1 - found))),
            Stage("seen", Delay(4.0), (Branch("recovered"),), 1.0, {}, frozenset({"detected"})),
            Stage("unseen", Delay(4.0), (Branch("recovered"),), 1.0),
            Stage("recovered"),
        )
    )
    return one_town(people=3_000, seeds=0, days=49).but(
        course=course,
        transmission=np.asarray(parameters["R0"] / 4.0),
        seeds={"exposed": np.array([[20]])},
    )


def reports(truth: Mapping[str, float], seed: int) -> np.ndarray:
    counts = simulator(build(truth), seed=seed)(0)[MEASURES.index("detected")]
    return reported(counts, DELAY, rng=np.random.default_rng(seed))


def test_reports_are_the_detected_later_and_nobody_twice() -> None:
    detected = np.random.default_rng(1).poisson(20, (60, 3))
    seen = reported(detected, DELAY, rng=np.random.default_rng(2))
    assert (seen.cumsum(axis=0) <= detected.cumsum(axis=0)).all()
    assert seen[:40].sum() > 0.9 * detected[:38].sum()
    half = reported(detected, DELAY / 2, rng=np.random.default_rng(2))
    assert half.sum() == pytest.approx(seen.sum() / 2, rel=0.05)


def test_distance_is_one_of_a_table_to_itself_and_grows() -> None:
    table = np.full((14, 2), 9)
    assert distance(table, table, window_days=7) == 0.0
    near, far = table + 1, table + 9
    assert 0 < distance(table, near, window_days=7) < distance(table, far, window_days=7)


def test_the_posterior_holds_the_truth_and_reproduces_the_reports() -> None:
    inside = 0
    truths = [{"R0": 1.6, "found": 0.5}, {"R0": 2.4, "found": 0.3}, {"R0": 2.0, "found": 0.8}]
    for seed, truth in enumerate(truths):
        data = reports(truth, seed=100 + seed)
        posterior = fit(
            build, data, prior=PRIOR, delay=DELAY, particles=40, generations=4, seed=seed
        )
        assert list(posterior.tolerances) == sorted(posterior.tolerances, reverse=True)
        for name in PRIOR:
            low, high = posterior.quantiles(name, [0.025, 0.975])
            inside += low <= truth[name] <= high
            assert high - low < PRIOR[name][1] - PRIOR[name][0]
        low, high = np.quantile(posterior.reported.sum(axis=(1, 2)), [0.05, 0.95])
        assert low <= data.sum() <= high
    assert inside >= 5  # of six, at 95 % each


def test_the_same_seed_fits_the_same() -> None:
    data = reports({"R0": 1.6, "found": 0.5}, seed=7)
    one, two = (
        fit(build, data, prior=PRIOR, delay=DELAY, particles=20, generations=2, seed=3)
        for _ in range(2)
    )
    assert one.values.tobytes() == two.values.tobytes()
    assert one.draw(seed=1, n=3) == two.draw(seed=1, n=3)


def test_a_forecast_goes_on_from_the_run_that_was_fitted() -> None:
    """The member that reproduced the reports does so again, to the person, when it is run for longer."""
    data = reports({"R0": 1.8, "found": 0.6}, seed=8)
    posterior = fit(build, data, prior=PRIOR, delay=DELAY, particles=15, generations=2, seed=4)
    assert posterior.members.shape == (15,)
    for parameters, member in posterior.draw_runs(seed=1, n=4):
        spec = build(parameters)
        fitted = simulator(spec, seed=4)(member)
        longer = simulator(spec.but(days=80), seed=4)(member)
        flows = slice(0, 4)  # stocks of the last day know no leaving after it
        assert (longer[flows, : spec.days] == fitted[flows]).all()
        assert longer[0].sum() >= fitted[0].sum()


def test_the_newest_reports_always_count_in_the_distance() -> None:
    """Windows end on the last day, and the whole counts as much as the places."""
    one = np.zeros((10, 2), dtype=np.int64)
    newest, oldest = one.copy(), one.copy()
    newest[-1, 0] = oldest[0, 0] = 9
    assert distance(one, newest, window_days=7) > 0
    assert distance(one, oldest, window_days=7) == 0
    moved, more = one.copy(), one.copy()
    moved[-1], more[-1] = (9, 16), (25, 16)
    here = np.zeros_like(one)
    here[-1] = (16, 9)
    assert distance(here, moved, window_days=7) < distance(here, more, window_days=7)


@pytest.mark.parametrize(
    "wrong",
    [{"particles": 3}, {"prior": {}}, {"prior": {"R0": (2.0, 1.0)}}, {"delay": [0.9, 0.9]}],
)
def test_what_cannot_be_fitted_is_refused(wrong: dict[str, object]) -> None:
    given = {"prior": PRIOR, "delay": DELAY, "particles": 10, "seed": 1, **wrong}
    with pytest.raises(OutOfRange):
        fit(build, np.zeros((49, 1)), **given)  # type: ignore[arg-type]
