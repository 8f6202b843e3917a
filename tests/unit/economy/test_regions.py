"""A national table made regional: nothing is lost, nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.economy.regions import regionalise, technical_coefficients
from yipan.engines.errors import OutOfRange

A = np.array([[0.1, 0.2, 0.0], [0.3, 0.1, 0.2], [0.1, 0.2, 0.3]])
NATION = np.array([100.0, 200.0, 300.0])


def test_inputs_above_the_output_are_refused() -> None:
    with pytest.raises(OutOfRange, match="Sector 1"):
        technical_coefficients([[1.0, 60.0], [1.0, 60.0]], [10.0, 100.0])


def test_a_region_larger_than_its_nation_is_refused() -> None:
    with pytest.raises(OutOfRange):
        regionalise(A, NATION, [50.0, 250.0, 10.0])


def test_own_and_imported_are_the_technology() -> None:
    made = regionalise(A, NATION, [5.0, 40.0, 10.0])
    np.testing.assert_allclose(made.own + made.imported, A)
    assert (made.own >= 0).all()
    assert (made.imported >= 0).all()


def test_the_nation_as_its_own_region_imports_nothing() -> None:
    assert np.abs(regionalise(A, NATION, NATION).imported).max() == 0


def test_what_a_region_does_not_make_it_imports() -> None:
    made = regionalise(A, NATION, [0.0, 40.0, 60.0])
    assert (made.own[0] == 0).all()


def test_a_smaller_region_with_the_same_mix_imports_more() -> None:
    large, small = (regionalise(A, NATION, NATION * share) for share in (0.5, 0.05))
    assert (small.own <= large.own + 1e-12).all()
    assert small.own.sum() < large.own.sum()
    np.testing.assert_allclose(regionalise(A, NATION, NATION * 0.05, delta=0).own, A)


def test_relabelling_sectors_relabels_the_table() -> None:
    order = [2, 0, 1]
    part = np.array([5.0, 40.0, 10.0])
    turned = regionalise(A[np.ix_(order, order)], NATION[order], part[order])
    np.testing.assert_allclose(turned.own, regionalise(A, NATION, part).own[np.ix_(order, order)])
