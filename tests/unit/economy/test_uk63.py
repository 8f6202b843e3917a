"""UK-63: derivatives against differences, laws of the model, the published optima, and a cold start."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from yipan.cli import main
from yipan.engines.economy.uk63.contacts import contact_derivatives, contacts, people_at
from yipan.engines.economy.uk63.course import Epidemic
from yipan.engines.economy.uk63.optimum import _Search, economics_only, optimise
from yipan.engines.economy.uk63.problem import Problem, read_openings, read_problem
from yipan.engines.errors import MalformedParameters, OutOfRange

PUBLISHED = {"A1": (861.774, 12_004.0, 12_000), "B2": (853.782, 18_005.0, 18_000)}


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "reference" / "uk63"


@pytest.fixture(scope="module")
def problem(folder: Path) -> Problem:
    return read_problem(folder)


@pytest.fixture(scope="module")
def epidemic(problem: Problem) -> Epidemic:
    return Epidemic(problem)


def some_openings(problem: Problem) -> np.ndarray:
    return np.random.default_rng(2).uniform(0.7, 0.95, (problem.periods, problem.sectors))


# ---- refusals


def test_a_folder_without_the_problem_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MalformedParameters, match="UK63"):
        read_problem(tmp_path)


def test_a_problem_that_lacks_a_parameter_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "UK63.mat").write_bytes((folder / "UK63.mat").read_bytes())
    text = (folder / "problem.yaml").read_text(encoding="utf-8")
    (tmp_path / "problem.yaml").write_text(text.replace("latent_days", "latent_weeks"))
    with pytest.raises(MalformedParameters, match="latent_days"):
        read_problem(tmp_path)


def test_a_limit_of_nobody_is_refused(problem: Problem) -> None:
    with pytest.raises(OutOfRange, match="hospital limit"):
        optimise(problem, hospital_limit=0.0)


# ---- laws


def test_nobody_is_lost_when_sectors_close(problem: Problem) -> None:
    for opening in some_openings(problem):
        assert people_at(problem, opening).sum() == pytest.approx(problem.people.sum())


def test_opening_a_sector_adds_contacts(problem: Problem) -> None:
    half = np.full(problem.sectors, 0.5)
    fewer = people_at(problem, half) @ contacts(problem, half, problem.remote).sum(axis=1)
    more = people_at(problem, 2 * half) @ contacts(problem, 2 * half, problem.remote).sum(axis=1)
    assert more > fewer


def test_working_at_home_lessens_contacts(problem: Problem) -> None:
    opening = np.ones(problem.sectors)
    at_work = contacts(problem, opening, np.zeros(problem.sectors))
    at_home = contacts(problem, opening, problem.remote)
    assert (at_home <= at_work + 1e-12).all()


def test_slopes_of_contacts_equal_differences(problem: Problem) -> None:
    opening = some_openings(problem)[0]
    slopes = contact_derivatives(problem, opening, problem.remote)
    for k in range(0, problem.sectors, 6):
        step = np.zeros(problem.sectors)
        step[k] = 1e-6
        up = contacts(problem, opening + step, problem.remote)
        down = contacts(problem, opening - step, problem.remote)
        np.testing.assert_allclose(slopes[k], (up - down) / 2e-6, atol=1e-8)


def test_slopes_of_occupancy_and_R_equal_differences(problem: Problem, epidemic: Epidemic) -> None:
    openings = some_openings(problem)
    path = epidemic.run(openings, gradients=True)
    assert path.d_occupancy is not None
    assert path.d_R_end is not None
    for period, sector in ((0, 3), (0, 54), (1, 35), (2, 54), (2, 5)):
        step = np.zeros_like(openings)
        step[period, sector] = 1e-5
        up = epidemic.run(openings + step, step_days=2.0)
        down = epidemic.run(openings - step, step_days=2.0)
        k = period * problem.sectors + sector
        difference = (up.occupancy - down.occupancy) / 2e-5
        np.testing.assert_allclose(path.d_occupancy[:, k], difference, rtol=1e-5, atol=1e-3)
        assert path.d_R_end[k] == pytest.approx((up.R_end - down.R_end) / 2e-5, rel=1e-4, abs=1e-8)


def test_what_a_later_period_opens_changes_nothing_before(
    problem: Problem, epidemic: Epidemic
) -> None:
    path = epidemic.run(some_openings(problem), gradients=True)
    assert path.d_occupancy is not None
    before = path.days <= problem.times[4]
    assert (path.d_occupancy[before][:, 2 * problem.sectors :] == 0).all()


def test_half_the_step_changes_occupancy_by_less_than_a_millionth(
    problem: Problem, epidemic: Epidemic
) -> None:
    coarse = epidemic.run(some_openings(problem), step_days=0.5)
    fine = epidemic.run(some_openings(problem), step_days=0.25)
    assert coarse.peak == pytest.approx(fine.peak, rel=1e-6)


# ---- what was published


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_optimum_simulated_again_gives_its_figures(
    folder: Path, problem: Problem, epidemic: Epidemic, name: str
) -> None:
    value_bn, peak, _limit = PUBLISHED[name]
    openings = read_openings(folder / f"{name}.mat", problem)
    path = epidemic.run(openings)
    assert problem.value_bn(openings) == pytest.approx(value_bn, abs=0.01)
    assert path.peak == pytest.approx(peak, rel=1e-3)
    assert path.R_end == pytest.approx(1.0, abs=5e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_optimum_meets_the_bounds_and_the_balance_we_optimise_under(
    folder: Path, problem: Problem, name: str
) -> None:
    openings = read_openings(folder / f"{name}.mat", problem)
    assert (openings >= problem.lower - 1e-6).all()
    assert (openings <= problem.upper + 1e-6).all()
    needed = problem.months_per_period * problem.needs @ openings.sum(axis=0)
    assert (needed <= problem.needs_limit + 1e-6 * np.abs(problem.needs_limit).max()).all()


def test_the_bound_of_the_economy_alone_is_the_published_one(problem: Problem) -> None:
    assert economics_only(problem) == pytest.approx(881.3, abs=0.05)


def test_limits_that_nobody_can_meet_are_answered_with_what_lacks(problem: Problem) -> None:
    found = optimise(problem, hospital_limit=12_000.0, education_floor=1.0)
    assert not found.feasible
    assert found.beds_short > 1_000
    assert found.R_over > 0.01
    assert np.isnan(found.price_per_bed_m)


def test_the_search_starts_within_the_balance_of_needs(problem: Problem) -> None:
    start = _Search(problem, 12_000.0, 1.0, None).fewest_at_work()
    needed = problem.months_per_period * problem.needs @ start.sum(axis=0)
    assert (needed <= problem.needs_limit + 1e-6 * np.abs(problem.needs_limit).max()).all()
    assert (start >= problem.lower - 1e-9).all()


@pytest.mark.slow
def test_a_cold_start_reaches_the_published_optimum(folder: Path) -> None:
    arguments = ["validate", "uk63", "--data", str(folder), "--hospital-limit", "18000"]
    ran = CliRunner().invoke(main, [*arguments, "--education-floor", "0.8", "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    assert told["gdp_bn"] >= 853.7
    assert told["peak_hospital"] <= 18_010
    assert told["r_end"] <= 1.0005
    assert told["upper_bound_bn"] == pytest.approx(881.27, abs=0.01)
    assert told["feasible"] is True
    assert told["price_per_bed_m"] > 0
    assert told["price_per_0_01_r_bn"] > 0
