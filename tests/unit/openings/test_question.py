"""The weekly model: the same by two ways, and never fewer infections for more steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towns import towns
from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.openings.question import taken


def test_infections_without_the_matrix_are_those_with_it() -> None:
    q = towns()
    e = q.contacts(np.tile(taken(np.ones((3, 2), int)), (2, 1, 1, 1)))
    by_matrix = q.operator(e[0]) @ q.infectious
    assert q.step(e[0], q.infectious) == pytest.approx(by_matrix)


def test_the_slope_is_the_difference() -> None:
    q = towns()
    e = np.full(3, 0.4)
    moved = e.copy()
    moved[1] += 1e-4
    difference = (q.step(moved, q.infectious) - q.step(e, q.infectious)) / 1e-4
    assert q.slope(q.infectious).toarray()[:, 1] == pytest.approx(difference, rel=1e-6)


def test_beds_keep_who_is_in_care_and_take_in_who_falls_ill() -> None:
    q = towns(in_care=np.array([8.0, 0.0]))
    ill = np.stack([q.infectious, np.zeros(3), np.zeros(3)])
    assert q.occupancy(ill)[:, 0].tolist() == [8.0, 4.0, 2.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_more_steps_never_mean_fewer_infections(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = towns(seed=seed % 7)
    low = rng.integers(0, 4, (2, 3, 2))
    high = np.minimum(low + rng.integers(0, 2, low.shape), 3)
    fewer, more = (q.trajectory(q.contacts(taken(levels))) for levels in (low, high))
    assert (more >= fewer - 1e-9).all()


def test_renaming_places_changes_nothing() -> None:
    q = towns(area=np.zeros(3, dtype=int), in_care=np.zeros(1), beds=np.full(1, 30.0))
    order = np.array([2, 0, 1])
    turned = q.but(
        **{name: getattr(q, name)[order] for name in ("people", "infectious", "always", "step_contacts", "step_value", "always_value", "step_workers", "hands", "returning", "arrivals", "least", "most")},
        mixing=q.mixing.toarray()[np.ix_(order, order)],
    )  # fmt: skip
    levels = np.array([[[1, 0], [2, 3], [0, 1]]] * 2)
    one = q.trajectory(q.contacts(taken(levels)))
    other = turned.trajectory(turned.contacts(taken(levels[:, order])))
    assert other == pytest.approx(one[:, order])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeMismatch):
        towns(beds=np.ones(5))
    with pytest.raises(OutOfRange):
        towns(infectious=np.zeros(3))
    with pytest.raises(OutOfRange):
        towns(least=np.full((3, 2), 2), most=np.full((3, 2), 1))
