"""The laws of an epidemic, held against equations that share nothing with the engines.

Numbers of runs are small here, with margins to match; `benchmarks/epidemic.py` runs them in full.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from unit.epidemic.worlds import group, three_towns
from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Stage
from yipan.engines.epidemic.ensemble import run_ensemble, simulator
from yipan.engines.epidemic.examples import one_town, seir
from yipan.engines.epidemic.specification import Response, Setting, Specification

INFECTIONS, THERE = MEASURES.index("infections"), MEASURES.index("hospital")


def infectious_till_the_end(spec: Specification) -> Specification:
    """Let the infectious count as patients, so that extinction can be read off a run."""
    stages = tuple(
        Stage(s.name, s.delay, s.branches, s.infectivity, s.presence, frozenset({"hospital"}))
        if s.delay
        else s
        for s in spec.course.stages
    )
    return spec.but(course=Course(stages, spec.course.start))


def extinct(spec: Specification, *, runs: int, seed: int, back_end: str = "events") -> float:
    """Return the share of runs in which nobody is infected at the end."""
    simulate = simulator(infectious_till_the_end(spec), seed=seed, back_end=back_end)  # type: ignore[arg-type]
    return float(np.mean([simulate(m)[THERE, -1].sum() == 0 for m in range(runs)]))


def within(share: float, probability: float, runs: int) -> bool:
    return abs(share - probability) < 3.9 * math.sqrt(probability * (1 - probability) / runs)


# --- extinction


def test_one_import_dies_out_as_the_birth_and_death_process_does() -> None:
    """Kendall (1948): P(extinct by t) = (e^{(λ−μ)t} − 1) / (R0 e^{(λ−μ)t} − 1), tending to 0.400."""
    growth = math.exp((2.5 - 1) / 5 * 22)
    exact = (growth - 1) / (2.5 * growth - 1)
    assert exact == pytest.approx(0.4, abs=0.001)
    assert within(extinct(group(days=22), runs=2_500, seed=1), exact, 2_500)


def test_a_fixed_period_dies_out_less_often() -> None:
    """Offspring are Poisson: q = exp(−R0 (1 − q))."""
    q = brentq(lambda q: math.exp(-2.5 * (1 - q)) - q, 0, 0.9)
    spec = group(days=15, infectious=Delay(5.0, family="fixed"))
    assert within(extinct(spec, runs=2_500, seed=2), q, 2_500)


def test_superspreading_makes_extinction_likely() -> None:
    """Given ν, the offspring of an exponential period are geometric: q = E[1 / (1 + ν R0 (1 − q))]."""
    k = 0.3
    nu = stats.gamma(k, scale=1 / k).ppf((np.arange(20_000) + 0.5) / 20_000)
    q = brentq(lambda q: np.mean(1 / (1 + nu * 2.5 * (1 - q))) - q, 0, 0.99)
    assert q > 0.7
    assert within(extinct(group(days=25, dispersion=k), runs=1_500, seed=3), q, 1_500)


@pytest.mark.parametrize("age", [0, 1])
def test_extinction_depends_on_the_age_of_the_import_as_the_multitype_process_says(
    age: int,
) -> None:
    contacts = np.array([[0.5, 0.1], [0.2, 0.1]])  # of one of age a with those of age b
    people = np.array([[10**9, 2 * 10**9]])
    seeds = np.zeros((1, 2), dtype=int)
    seeds[0, age] = 1
    spec = group(days=40).but(
        ages=("young", "old"),
        population=people,
        settings=(Setting("community", contacts),),
        susceptibility=None,
        age_infectivity=None,
        imports=None,
        immune=None,
        seeds={"infectious": seeds},
        transmission=np.asarray(0.5),
    )
    # An infective of age b infects those of age a at the rate β C[a, b] N[a] / N[b], for 5 days.
    m = 0.5 * 5 * contacts * people.T / people
    q = np.zeros(2)
    for _ in range(5_000):
        q = 1 / (1 + (1 - q) @ m)
    assert abs(q[0] - q[1]) > 0.1
    assert within(extinct(spec, runs=2_000, seed=4), q[age], 2_000)


# --- small outbreaks


def test_outbreaks_below_one_are_borel() -> None:
    """Total progeny with Poisson(0.8) offspring: P(n) = e^{−0.8 n} (0.8 n)^{n−1} / n!."""
    spec = group(R0=0.8, infectious=Delay(1.0, family="fixed"), days=60)
    simulate = simulator(spec, seed=5)
    sizes = np.array([simulate(m)[INFECTIONS].sum() + 1 for m in range(3_000)])
    n = np.arange(1, 9)
    borel = np.exp(-0.8 * n + (n - 1) * np.log(0.8 * n) - [math.lgamma(k + 1) for k in n])
    expected = 3_000 * np.append(borel, 1 - borel.sum())
    found = np.bincount(np.minimum(sizes, 9), minlength=10)[1:]
    assert stats.chisquare(found, expected).pvalue > 1e-3


def ball(N: int, phi) -> np.ndarray:
    """Return P(j of N susceptibles are infected by one infective): Ball (1986), solved row by row.

    `phi(θ)` is the Laplace transform of the infectious period times the rate to one given person.
    """
    P = np.zeros(N + 1)
    for j in range(N + 1):
        left = sum(math.comb(N - i, j - i) * P[i] / phi(N - j) ** (i + 1) for i in range(j))
        P[j] = (math.comb(N, j) - left) * phi(N - j) ** (j + 1)
    return P


@pytest.mark.parametrize("family", ["fixed", "erlang"])
def test_a_household_has_the_final_sizes_of_balls_table(family: str) -> None:
    rate = 1.6 / 6  # to each of six people, over a period of mean one
    spec = group(people=6, R0=1.6, infectious=Delay(1.0, family=family), days=40)
    simulate = simulator(spec, seed=6)
    sizes = [int(simulate(m)[INFECTIONS].sum()) for m in range(3_000)]
    phi = (lambda s: math.exp(-rate * s)) if family == "fixed" else (lambda s: 1 / (1 + rate * s))
    table = ball(5, phi)
    assert table.sum() == pytest.approx(1)
    found = np.bincount(sizes, minlength=6)
    assert stats.chisquare(found, 3_000 * table).pvalue > 1e-3


# --- large epidemics


def ages_16(*, people: int = 10**8, seeds: int = 5_000, **changes: object) -> Specification:
    """One place of sixteen ages with contacts that are not reciprocal."""
    a = np.arange(16)
    contacts = np.exp(-abs(a[:, None] - a) / 2.0) * (1 + 0.03 * a[:, None]) + 0.2
    population = (people * (1.3 - a / 16) / (1.3 - a / 16).sum()).astype(np.int64)[None]
    start = np.zeros((1, 16), dtype=np.int64)
    start[0, 6] = seeds
    spec = Specification(
        places=("one",),
        ages=tuple(f"a{k}" for k in a),
        population=population,
        settings=(Setting("all", contacts),),
        course=seir(),
        days=100,
        transmission=np.asarray(0.06),
        seeds={"infectious": start},
    )
    return spec.but(**changes)


def next_generation(spec: Specification, days: float) -> np.ndarray:
    """Return K[a, b]: infections of age a by one infected of age b, written out from the definition."""
    N = spec.population[0]
    return spec.transmission[0] * spec.settings[0].contacts * N[:, None] / N[None, :] * days


def test_the_final_size_by_age_solves_the_multigroup_equation() -> None:
    spec = ages_16(days=400)
    N, z = spec.population[0], np.full(16, 0.5)
    seeds = spec.seeds["infectious"][0]
    per_infected = spec.transmission[0] * spec.settings[0].contacts / N * 5.0
    for _ in range(3_000):
        z = 1 - np.exp(-per_infected @ (z * (N - seeds) + seeds))
    expected = z * (N - seeds)
    run = simulator(spec, seed=7)(0)[INFECTIONS].sum()
    assert run == pytest.approx(expected.sum(), rel=0.002)
    by_age = simulator(by_age_as_places(spec), seed=7)(0)[INFECTIONS].sum(axis=0)
    np.testing.assert_allclose(by_age, expected, rtol=0.002)


def by_age_as_places(spec: Specification) -> Specification:
    """Return the same epidemic with a place for each age, all meeting in the first place."""
    A = len(spec.ages)
    spread = {s: np.diag(t[0]) for s, t in spec.seeds.items()}
    meet = np.zeros((A, A))
    meet[:, 0] = 1.0
    return spec.but(
        places=spec.ages,
        population=np.diag(spec.population[0]),
        mixing=meet,
        seeds=spread,
        controls=None,
        imports=None,
        immune=None,
        kinds=None,
    )


@pytest.mark.parametrize("back_end", ["cells", "auto"])
def test_growth_has_the_rate_of_the_dominant_eigenvalue(back_end: str) -> None:
    spec = ages_16(people=10**11, seeds=3_000, days=60)
    K = next_generation(spec, 1.0)  # per day
    J = np.block([[-np.eye(16) / 3, K], [np.eye(16) / 3, -np.eye(16) / 5]])
    r = max(np.linalg.eigvals(J).real)
    daily = simulator(spec, seed=8, back_end=back_end)(0)[INFECTIONS].sum(axis=1)  # type: ignore[arg-type]
    late = np.log(daily[35:55])
    assert np.polyfit(np.arange(20), late, 1)[0] == pytest.approx(r, rel=0.005)


def ode(spec: Specification, steps: int) -> np.ndarray:
    """Return cumulative infections at the end of each day of a one-place SEIR with Erlang steps."""
    N, A = spec.population[0].astype(float), len(spec.ages)
    latent, infectious = (spec.course.stages[k].delay.mean_days for k in range(2))  # type: ignore[union-attr]
    C, beta = spec.settings[0].contacts, spec.transmission[0]

    def f(_t: float, y: np.ndarray) -> np.ndarray:
        S, E, ill = (
            y[:A],
            y[A : A * (1 + steps)].reshape(steps, A),
            y[A * (1 + steps) :].reshape(steps, A),
        )
        new = beta * S * (C @ (ill.sum(axis=0) / N))
        out_E, out_I = E * steps / latent, ill * steps / infectious
        in_E = np.vstack([new[None], out_E[:-1]])
        in_I = np.vstack([out_E[-1:], out_I[:-1]])
        return np.concatenate([-new, (in_E - out_E).ravel(), (in_I - out_I).ravel()])

    y = np.zeros(A * (1 + 2 * steps))
    y[:A] = N - spec.seeds["infectious"][0]
    y[A * (1 + steps) : A * (2 + steps)] = spec.seeds["infectious"][0]
    days = np.arange(1, spec.days + 1)
    found = solve_ivp(f, (0, spec.days), y, "LSODA", days, rtol=1e-10, atol=1e-3)
    return y[:A].sum() - found.y[:A].sum(axis=0)


@pytest.mark.parametrize(("steps_per_day", "tolerance"), [(1, 0.01), (4, 0.0005)])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_deterministic_limit_is_the_differential_equation(
    steps: int, steps_per_day: int, tolerance: float
) -> None:
    spec = ages_16(people=10**14, seeds=10**9, days=90, course=seir(steps=steps))
    run = simulator(spec, seed=9, back_end="cells", steps_per_day=steps_per_day)(0)
    found = run[INFECTIONS].sum(axis=1).cumsum()
    np.testing.assert_allclose(found[5:], ode(spec, steps)[5:], rtol=tolerance)


def test_halving_the_step_divides_the_error_by_more_than_four() -> None:
    spec = ages_16(people=10**15, seeds=10**10, days=40)
    exact = ode(spec, 1)[-1]
    error = [
        abs(simulator(spec, seed=9, back_end="cells", steps_per_day=q)(0)[INFECTIONS].sum() / exact - 1)
        for q in (1, 2, 4)
    ]  # fmt: skip
    assert error[0] < 0.01
    assert error[0] / error[1] > 4
    assert error[1] / error[2] > 4


# --- exact things


@pytest.mark.parametrize("back_end", ["events", "cells"])
def test_a_closed_border_gives_exactly_zero(back_end: str) -> None:
    spec = three_towns(mixing=None, imports=None)
    counts = simulator(spec, seed=1, back_end=back_end)(0)  # type: ignore[arg-type]
    assert counts[INFECTIONS, :, 0].sum() > 100
    assert counts[INFECTIONS, :, 2].sum() == 0


@pytest.mark.parametrize("back_end", ["events", "cells"])
def test_a_control_on_day_d_acts_on_day_d(back_end: str) -> None:
    controls = np.ones((60, 3, 2))
    controls[20:] = 0.0
    spec = three_towns(controls=controls, control_days=1, imports=None)
    counts = simulator(spec, seed=2, back_end=back_end)(0)[INFECTIONS].sum(axis=1)  # type: ignore[arg-type]
    free = simulator(three_towns(controls=None, imports=None), seed=2, back_end=back_end)(0)  # type: ignore[arg-type]
    assert (counts[:20] == free[INFECTIONS].sum(axis=1)[:20]).all()
    assert counts[19] > 0
    assert counts[20:].sum() == 0


@pytest.mark.parametrize("back_end", ["events", "cells", "auto"])
def test_nobody_is_lost_and_nobody_is_infected_twice(back_end: str) -> None:
    spec = three_towns(transmission=np.asarray(1.0), days=80, redirects=())
    counts = simulator(spec, seed=3, back_end=back_end)(0)  # type: ignore[arg-type]
    seeds = sum(t.sum() for t in spec.seeds.values())
    assert counts[INFECTIONS].sum() + seeds + spec.immune.sum() == spec.population.sum()


@pytest.mark.parametrize("back_end", ["events", "cells", "auto", "reference"])
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(back_end: str) -> None:
    spec = three_towns(days=25)
    one, two, more = (
        run_ensemble(spec, members=n, seed=5, threads=t, back_end=back_end)  # type: ignore[arg-type]
        for n, t in ((6, 1), (6, 3), (9, 2))
    )
    for m in MEASURES:
        assert one.daily[m].tobytes() == two.daily[m].tobytes() == more.daily[m][:6].tobytes()
        assert one.place_mean[m].tobytes() == two.place_mean[m].tobytes()
    other = run_ensemble(spec, members=6, seed=6, back_end=back_end)  # type: ignore[arg-type]
    assert other.daily["infections"].tobytes() != one.daily["infections"].tobytes()


def test_where_nothing_is_random_events_and_reference_are_equal() -> None:
    """Fixed delays, no transmission: seeds go through beds like clockwork."""
    fixed = Delay(2.4, family="fixed")
    course = Course(
        (
            Stage("exposed", fixed, (Branch("ward"),), 1.0),
            Stage("ward", fixed, (Branch("dead"),), 0.0, {}, frozenset({"hospital", "onsets"})),
            Stage("dead", counts=frozenset({"deaths"})),
        )
    )
    spec = one_town(days=9, seeds=0).but(
        course=course, transmission=np.asarray(0.0), seeds={"exposed": np.array([[7]])}
    )
    events, plain = (simulator(spec, seed=1, back_end=b)(0) for b in ("events", "reference"))
    assert (events == plain).all()
    assert events[THERE, :, 0].tolist() == [0, 0, 7, 7, 0, 0, 0, 0, 0]
    assert events[MEASURES.index("deaths"), :, 0].tolist() == [0, 0, 0, 0, 7, 0, 0, 0, 0]


def test_policies_are_paired_until_they_differ() -> None:
    """Two policies that part on day 20 share every member's first twenty days, and differ less than strangers."""
    tight = np.ones((60, 3, 2))
    tight[20:] = 0.7
    free, held, strange = (
        run_ensemble(three_towns(controls=c, control_days=1), members=60, seed=s, back_end="events")
        for c, s in ((np.ones((60, 3, 2)), 1), (tight, 1), (tight, 2))
    )
    assert (free.daily["infections"][:, :20] == held.daily["infections"][:, :20]).all()
    paired = free.total("infections") - held.total("infections")
    unpaired = free.total("infections") - strange.total("infections")
    assert paired.std() < 0.8 * unpaired.std()


# --- journeys and responses


@pytest.mark.parametrize("back_end", ["events", "cells", "reference"])
def test_journeys_bring_an_epidemic_to_a_place_that_nobody_mixes_with(back_end: str) -> None:
    """Of infected people of the big town a known share is in the small one at the end of their course."""
    course = Course(
        (
            Stage("infectious", Delay(4.0), (Branch("ill"),), 0.0),
            Stage("ill", counts=frozenset({"onsets"})),
        )
    )
    people = np.array([[40_000, 20_000], [8_000, 12_000], [1_500, 500]])
    journeys = np.array([[0.0, 1_200.0, 0.0], [1_200.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    start = np.array([[3_000, 3_000], [0, 0], [0, 0]])
    spec = three_towns(
        population=people, course=course, redirects=(), imports=None, mixing=None, immune=None,
        journeys=journeys, seeds={"infectious": start}, days=60,
    )  # fmt: skip
    simulate = simulator(spec, seed=1, back_end=back_end, steps_per_day=4)  # type: ignore[arg-type]
    onsets = simulate(0)[MEASURES.index("onsets")].sum(axis=0)
    # A chain of two places with rates 0.02 and 0.06 a day, stopped at the rate 1/4.
    Q = np.array([[-0.02, 0.02], [0.06, -0.06]])
    expected = np.linalg.solve(0.25 * np.eye(2) - Q, 0.25 * np.eye(2))[0, 1]
    assert onsets.sum() == 6_000
    assert onsets[2] == 0
    assert within(onsets[1] / 6_000, expected * (1.03 if back_end == "reference" else 1.0), 6_000)


@pytest.mark.parametrize("back_end", ["events", "cells", "reference"])
def test_a_response_that_leaves_nothing_ends_infection_where_it_acts(back_end: str) -> None:
    """The day after its cluster is seen nobody is infected in that town, and on the days after it ends some are."""
    rule = Response(cases=1, window_days=3, lasts_days=200, left=np.zeros(2))
    spec = three_towns(
        mixing=None, imports=None, response=rule, redirects=three_towns().redirects[:1]
    )
    counts = simulator(spec, seed=4, back_end=back_end)(0)  # type: ignore[arg-type]
    infections, detected = counts[INFECTIONS], counts[MEASURES.index("detected")]
    for i in (0, 1):
        seen = np.flatnonzero(detected[:, i])
        if seen.size:
            assert infections[seen[0] + 1 :, i].sum() == 0
    assert infections[:, 0].sum() > 0
