"""Laws of the travel models: totals, symmetry, nearness, and that labels mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from yipan.engines.epidemic.travel import daily_trips, distances_km, gravity, radiation
from yipan.engines.errors import OutOfRange, ShapeMismatch

MODELS = pytest.mark.parametrize("model", [radiation, gravity], ids=["radiation", "gravity"])


def places(seed: int, n: int = 12) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    people = np.round(rng.lognormal(12, 1, n))
    return people, distances_km(rng.uniform(110, 116, n), rng.uniform(31, 36, n))


seeds = st.integers(0, 10_000)


# ---- refusals ----


@MODELS
def test_a_negative_population_is_refused(model: object) -> None:
    with pytest.raises(OutOfRange) as refused:
        model([1, -1], np.ones((2, 2)), [1, 1])  # type: ignore[operator]
    assert refused.value.where == "population[1]"


@MODELS
def test_distances_of_other_places_are_refused(model: object) -> None:
    with pytest.raises(ShapeMismatch):
        model([1, 1], np.ones((3, 3)), [1, 1])  # type: ignore[operator]


def test_a_latitude_beyond_the_pole_is_refused() -> None:
    with pytest.raises(OutOfRange):
        distances_km([0.0], [91.0])


# ---- distances ----


def test_distances_agree_with_known_ones() -> None:
    # Zhengzhou and Wuhan, about 467 km apart in a straight line.
    far = distances_km([113.625, 114.305], [34.747, 30.593])
    assert far[0, 1] == pytest.approx(466.5, abs=2)
    assert distances_km([0.0, 180.0], [0.0, 0.0])[0, 1] == pytest.approx(20015.1, abs=0.1)


@given(seeds)
def test_distances_are_symmetric_and_obey_the_triangle(seed: int) -> None:
    _people, far = places(seed)
    assert np.allclose(far, far.T, atol=1e-9)
    assert (np.diag(far) == 0).all()
    assert (far[:, None, :] <= far[:, :, None] + far[None, :, :] + 1e-6).all()


# ---- laws of both models ----


@MODELS
@given(seed=seeds, keep=st.sampled_from([None, 1, 3, 50]))
@settings(max_examples=40)
def test_rows_sum_to_those_who_leave(model: object, seed: int, keep: int | None) -> None:
    people, far = places(seed)
    leaving = 0.12 * people
    flows = model(people, far, leaving, keep=keep)  # type: ignore[operator]
    assert np.allclose(flows.sum(axis=1), leaving)
    assert (flows.toarray() >= 0).all()
    assert (flows.diagonal() == 0).all()


@MODELS
@given(seed=seeds, keep=st.sampled_from([None, 4]))
@settings(max_examples=40)
def test_renaming_places_changes_nothing(model: object, seed: int, keep: int | None) -> None:
    people, far = places(seed)
    order = np.random.default_rng(seed + 1).permutation(len(people))
    flows = model(people, far, people, keep=keep).toarray()  # type: ignore[operator]
    renamed = model(people[order], far[np.ix_(order, order)], people[order], keep=keep)  # type: ignore[operator]
    assert np.allclose(renamed.toarray(), flows[np.ix_(order, order)])


@MODELS
def test_equal_places_equally_far_share_alike(model: object) -> None:
    far = np.ones((5, 5)) - np.eye(5)
    flows = model([7] * 5, far, [4] * 5).toarray()  # type: ignore[operator]
    assert np.allclose(flows, far)


@MODELS
@given(seed=seeds)
@settings(max_examples=30)
def test_trips_out_and_back_are_symmetric(model: object, seed: int) -> None:
    people, far = places(seed)
    flows = model(people, far, 0.1 * people)  # type: ignore[operator]
    trips = daily_trips(flows).toarray()
    assert np.allclose(trips, trips.T)
    assert trips.sum() == pytest.approx(2 * flows.sum())


@MODELS
def test_a_place_without_people_sends_and_attracts_nobody(model: object) -> None:
    people, far = places(1)
    people[3] = 0
    flows = model(people, far, 0.1 * people).toarray()  # type: ignore[operator]
    assert flows[3].sum() == flows[:, 3].sum() == 0


@MODELS
def test_one_place_alone_sends_nobody(model: object) -> None:
    assert model([100], [[0]], [10]).sum() == 0  # type: ignore[operator]
    assert model([100, 0], [[0, 1], [1, 0]], [10, 0]).sum() == 0  # type: ignore[operator]


@MODELS
@given(seed=seeds)
@settings(max_examples=30)
def test_nobody_is_kept_who_is_smaller_than_one_left_out(model: object, seed: int) -> None:
    people, far = places(seed)
    whole = model(people, far, people).toarray()  # type: ignore[operator]
    kept = model(people, far, people, keep=4).toarray() > 0  # type: ignore[operator]
    for row, chosen in zip(whole, kept, strict=True):
        assert chosen.sum() >= 4
        assert row[chosen].min() >= row[~chosen].max() * (1 - 1e-6)


# ---- radiation ----


def test_radiation_equals_the_papers_equation_pair_by_pair() -> None:
    """The slow, obvious way: s_ij summed for each pair (Simini et al. 2012, eq. 2)."""
    people, far = places(5, n=9)
    total, flows = people.sum(), radiation(people, far, people).toarray()
    for i in range(9):
        for j in range(9):
            if i == j:
                continue
            m, n = people[i], people[j]
            s = sum(people[k] for k in range(9) if k not in (i, j) and far[i, k] < far[i, j])
            finite = 1 - m / total
            assert flows[i, j] == pytest.approx(m / finite * m * n / ((m + s) * (m + n + s)))


def test_a_city_in_between_takes_the_commuters_of_a_village_behind_it() -> None:
    far = np.array([[0, 10, 20.0], [10, 0, 10], [20, 10, 0]])
    quiet = radiation([1000, 1000, 1000], far, [100, 100, 100]).toarray()
    busy = radiation([1000, 100_000, 1000], far, [100, 100, 100]).toarray()
    assert busy[0, 2] < quiet[0, 2] / 50


def test_a_place_parted_in_two_attracts_no_more_than_whole() -> None:
    whole = radiation([500, 300, 200], [[0, 1, 2], [1, 0, 1], [2, 1, 0]], [50, 0, 0]).toarray()
    parted = radiation(
        [500, 100, 200, 200],
        [[0, 1, 1, 2], [1, 0, 0, 1], [1, 0, 0, 1], [2, 1, 1, 0]],
        [50, 0, 0, 0],
    ).toarray()
    assert parted[0, 1] + parted[0, 2] == pytest.approx(whole[0, 1])
    assert parted[0, 3] == pytest.approx(whole[0, 2])


# ---- gravity ----


def test_gravity_falls_by_its_range() -> None:
    far = np.array([[0, 10, 92.0], [10, 0, 82], [92, 82, 0]])
    flows = gravity([1, 1, 1], far, [1, 1, 1]).toarray()
    assert flows[0, 1] / flows[0, 2] == pytest.approx(np.e)


def test_very_far_places_still_get_their_travellers() -> None:
    far = np.array([[0, 90_000.0], [90_000.0, 0]])
    assert gravity([5, 5], far, [2, 3]).toarray().tolist() == [[0, 2], [3, 0]]
