"""Outcomes from daily sums: refusals, always an answer, a known truth held, and where it says little."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.stays import stays_from_counts

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]


def hospital(seed: int, *, people: int, risk: float, until: int) -> Counts:
    """Daily admitted, died and cured as known after `until` days: death takes 18 days, cure 13.2."""
    rng = np.random.default_rng(seed)
    came = rng.uniform(0, 30, people)
    dies = rng.random(people) < risk
    left = came + np.where(dies, rng.gamma(4, 4.5, people), rng.gamma(6, 2.2, people))

    def by_day(when: np.ndarray) -> np.ndarray:
        return np.bincount(when.astype(int), minlength=until)[:until]

    return by_day(came), by_day(left[dies]), by_day(left[~dies])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"died": [0, -1]}, OutOfRange),
        ({"died": [0, 0.5]}, OutOfRange),
        ({"cured": [3, 3]}, OutOfRange),
        ({"cured": [0]}, ShapeMismatch),
        ({"confidence": 1.0}, OutOfRange),
    ],
)
def test_counts_that_cannot_be_are_refused(change: dict, error: type[Exception]) -> None:
    call = {"admitted": [5, 0], "died": [0, 0], "cured": [0, 1], "seed": 1, **change}
    with pytest.raises(error):
        stays_from_counts(**call)


@pytest.mark.parametrize("admitted", [[0, 0], [9, 0], [1]])
def test_without_an_end_everything_stays_possible(admitted: list[int]) -> None:
    found = stays_from_counts(admitted, [0] * len(admitted), [0] * len(admitted), seed=1)
    assert found.note == "no_information"
    _middle, low, high = found.fatality
    assert 0 <= low < 0.1
    assert 0.9 < high <= 1
    assert np.isfinite(found.days).all()


@pytest.mark.parametrize(("people", "risk", "until"), [(600, 0.15, 25), (300, 0.3, 70)])
def test_a_known_truth_is_held(people: int, risk: float, until: int) -> None:
    held = []
    for seed in range(14):
        found = stays_from_counts(*hospital(seed, people=people, risk=risk, until=until), seed=1)
        truth = ((found.fatality, risk), (found.days_to_death, 18.0), (found.days_to_cure, 13.2))
        held.append([low <= value <= high for (_middle, low, high), value in truth])
        assert found.draws > 100
    assert (np.mean(held, axis=0) >= 0.85).all()


def test_deaths_over_those_who_ended_would_have_been_wrong() -> None:
    held = []
    for seed in range(6):
        came, dead, well = hospital(seed, people=3000, risk=0.3, until=18)
        found = stays_from_counts(came, dead, well, seed=1)
        assert dead.sum() / (dead.sum() + well.sum()) < 0.26
        held.append(found.fatality[1] <= 0.3 <= found.fatality[2])
    assert np.mean(held) >= 0.8


def test_early_it_says_little_and_later_more() -> None:
    width = []
    for until in (16, 30, 60):
        found = stays_from_counts(*hospital(3, people=400, risk=0.15, until=until), seed=1)
        width.append(found.fatality[2] - found.fatality[1])
    assert width[0] > 1.5 * width[1] > 1.5 * width[2]
    assert width[0] > 0.3


def test_the_same_seed_gives_the_same() -> None:
    counts = hospital(1, people=80, risk=0.1, until=30)
    assert stays_from_counts(*counts, seed=4) == stays_from_counts(*counts, seed=4)
