"""Beds of a run: who is admitted stays, and leaves at the stated pace."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.plan.scenarios.running import beds_occupied


def beds(admitted: np.ndarray, in_care: float = 0.0, severe: float = 0.0) -> np.ndarray:
    return beds_occupied(
        admitted=admitted,
        severe=np.full(admitted.shape, severe),
        in_care=np.full(admitted.shape[1], in_care),
        days_in_bed=12.0,
    )


def test_nobody_admitted_and_nobody_in_care_needs_no_bed() -> None:
    assert (beds(np.zeros((30, 2))) == 0).all()


def test_a_steady_inflow_fills_inflow_times_stay() -> None:
    steady = beds(np.ones((400, 1)))[-1, 0]
    assert steady == pytest.approx(12.0, abs=0.6)  # counted at the end of the day of admission


def test_who_is_in_care_leaves_by_half_in_stay_times_log_two() -> None:
    left = beds(np.zeros((20, 1)), in_care=100.0)[:, 0]
    assert left[7] > 50 > left[8]
    assert (np.diff(left) < 0).all()


def test_severe_patients_always_have_a_bed() -> None:
    assert (beds(np.zeros((5, 1)), severe=7.0) == 7.0).all()
