"""The plain reference obeys the laws by itself, since everything else is held against it."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.epidemic.course import FLOWS, MEASURES, Redirect
from yipan.engines.epidemic.ensemble import run_ensemble
from yipan.engines.epidemic.examples import one_town, seir
from yipan.engines.epidemic.laws import reproduction_number, scaled_to_R0
from yipan.engines.epidemic.reference import simulate
from yipan.engines.epidemic.specification import Setting, Specification
from yipan.engines.errors import OutOfRange

INFECTIONS = MEASURES.index("infections")


def two_towns(**changes: object) -> Specification:
    """Two towns with a little exchange; only the first has seeds."""
    spec = Specification(
        places=("north", "south"),
        ages=("young", "old"),
        population=np.array([[3000, 2000], [2000, 2000]]),
        settings=(Setting("community", np.array([[8.0, 2.0], [3.0, 5.0]])),),
        course=seir(),
        days=40,
        transmission=np.asarray(0.05),
        mixing=np.array([[0.9, 0.1], [0.1, 0.9]]),
        seeds={"infectious": np.array([[20, 0], [0, 0]])},
    )
    return spec.but(**changes)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    spec = two_towns()
    first, again, other = (simulate(spec, seed=s, member=3) for s in (7, 7, 8))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_a_closed_border_gives_exactly_zero() -> None:
    counts = simulate(two_towns(mixing=None), seed=1)
    assert counts[INFECTIONS, :, 0].sum() > 0
    assert counts[INFECTIONS, :, 1].sum() == 0


def test_nobody_is_infected_twice() -> None:
    counts = simulate(two_towns(transmission=np.asarray(1.0)), seed=1)
    assert counts[INFECTIONS].sum() <= 9000 - 20


def test_a_full_control_on_day_ten_stops_infections_on_day_ten() -> None:
    controls = np.ones((40, 2, 1))
    controls[10:] = 0.0
    by_day = simulate(two_towns(controls=controls), seed=2)[INFECTIONS].sum(axis=1)
    assert by_day[9] > 0
    assert by_day[10:].sum() == 0


def test_everybody_redirected_to_recovery_infects_nobody() -> None:
    stop = Redirect("exposed", "recovered", np.asarray(1.0))
    imports = np.full((40, 2, 2), 1.0)
    counts = simulate(
        two_towns(redirects=(stop,), seeds={}, imports=imports), seed=3
    )[INFECTIONS]  # fmt: skip
    assert counts.sum() == pytest.approx(160, abs=5 * np.sqrt(160))


def test_the_final_size_of_a_large_town_solves_its_equation() -> None:
    spec = one_town(people=200_000, seeds=200, days=150)
    share = simulate(spec, seed=4)[INFECTIONS].sum() / (200_000 - 200)
    z = 0.9
    for _ in range(200):  # S∞ = exp(−R0 (all ever infected)); seeds infect too
        z = 1 - np.exp(-2.5 * (z * (1 - 1e-3) + 1e-3))
    assert share == pytest.approx(z, abs=0.004)


def test_R0_scales_the_transmission_whatever_controls_hold() -> None:
    held = two_towns(controls=np.full((1, 2, 1), 0.5))
    scaled = scaled_to_R0(held, 3.0)
    assert reproduction_number(scaled) == pytest.approx(1.5)
    with pytest.raises(OutOfRange, match="cannot be scaled"):
        scaled_to_R0(two_towns(transmission=np.asarray(0.0)), 2.0)


def test_an_ensemble_keeps_what_it_says_and_each_member_alone() -> None:
    spec = two_towns()
    some, more = (run_ensemble(spec, members=n, seed=5, back_end="reference") for n in (2, 4))
    assert (some.daily["infections"] == more.daily["infections"][:2]).all()
    for measure in FLOWS:
        assert (more.place_totals[measure].sum(axis=1) == more.total(measure)).all()
    assert more.quantiles("infections").shape == (5, 40)
    np.testing.assert_allclose(
        more.place_mean["infections"].sum(axis=1), more.daily["infections"].mean(axis=0)
    )


@pytest.mark.parametrize("wrong", [{"members": 0}, {"threads": 0}, {"summaries": ("beds",)}])
def test_an_ensemble_of_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(OutOfRange):
        run_ensemble(two_towns(), **{"members": 1, "seed": 1, **wrong})  # type: ignore[arg-type]
