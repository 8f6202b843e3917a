"""Whatever small world is specified, people are conserved, bytes are the same, and nothing leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Redirect, Stage
from yipan.engines.epidemic.ensemble import simulator
from yipan.engines.epidemic.specification import Setting, Specification

INFECTIONS, DEATHS = MEASURES.index("infections"), MEASURES.index("deaths")
HOSPITAL, ICU = MEASURES.index("hospital"), MEASURES.index("icu")
BACK_ENDS = ("events", "cells", "reference")


@st.composite
def worlds(draw: Any) -> Specification:
    """Draw a small world: places, ages, a course with beds, mixing, controls, redirects, imports."""
    P, A, days = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 15))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stays = draw(st.floats(0, 1))
    mixing = stays * np.eye(P) + (1 - stays) * rng.dirichlet(np.ones(P), P)
    population = rng.integers(5, 200, (P, A))
    seeds = rng.integers(0, 5, (P, A))
    ill = draw(st.floats(0, 1))
    course = Course(
        (
            Stage("exposed", Delay(draw(st.floats(0.1, 5)), draw(st.integers(1, 4))), (Branch("ill", ill), Branch("mild", 1 - ill))),
            Stage("mild", Delay(draw(st.floats(0.1, 5))), (Branch("recovered"),), draw(st.floats(0, 1))),
            Stage("ill", Delay(draw(st.floats(0.1, 9)), 2), (Branch("ward", 0.5), Branch("recovered", 0.5)), 1.0, {"work": 0.2}),
            Stage("ward", Delay(2.0), (Branch("icu", 0.5), Branch("recovered", 0.5)), 0.1, {}, frozenset({"hospital"})),
            Stage("icu", Delay(2.0, 2), (Branch("dead"),), 0.0, {}, frozenset({"hospital", "icu"})),
            Stage("recovered"),
            Stage("dead", counts=frozenset({"deaths"})),
        )
    )  # fmt: skip
    return Specification(
        places=tuple(f"p{i}" for i in range(P)),
        ages=tuple(f"a{i}" for i in range(A)),
        population=population,
        settings=(
            Setting("home", rng.uniform(0, 3, (A, A)), local=True),
            Setting("work", rng.uniform(0, 3, (A, A))),
        ),
        course=course,
        days=days,
        transmission=rng.uniform(0, draw(st.sampled_from([0.0, 0.2, 2.0])), days),
        mixing=mixing / mixing.sum(axis=1, keepdims=True),
        controls=rng.uniform(0, 1, (draw(st.integers(1, 3)), P, 2)),
        control_days=draw(st.integers(1, 7)),
        dispersion=draw(st.sampled_from([np.inf, 0.2, 5.0])),
        redirects=(Redirect("ill", "recovered", rng.uniform(0, 1, (days, P))),),
        imports=rng.uniform(0, 1, (days, P, A)) * draw(st.sampled_from([0, 1])),
        seeds={"exposed": np.minimum(seeds, population)},
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.sampled_from(BACK_ENDS), st.integers(0, 2**40))
def test_people_are_conserved_whatever_the_world(
    spec: Specification, back_end: str, seed: int
) -> None:
    counts = simulator(spec, seed=seed, back_end=back_end)(0)  # type: ignore[arg-type]
    assert counts.min() >= 0
    free = spec.population - spec.seeds["exposed"]
    assert (counts[INFECTIONS].sum(axis=0) <= free.sum(axis=1)).all()
    ever = counts[INFECTIONS].sum(axis=0) + spec.seeds["exposed"].sum(axis=1)
    assert (counts[DEATHS].sum(axis=0) <= ever).all()
    assert (counts[ICU] <= counts[HOSPITAL]).all()
    assert (counts[HOSPITAL] + counts[DEATHS].cumsum(axis=0) <= ever).all()
    again = simulator(spec, seed=seed, back_end=back_end)(0)  # type: ignore[arg-type]
    assert counts.tobytes() == again.tobytes()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.sampled_from(BACK_ENDS), st.integers(0, 2**40))
def test_where_nobody_is_infected_nobody_ever_is(
    spec: Specification, back_end: str, seed: int
) -> None:
    quiet = spec.but(seeds={}, imports=np.zeros_like(spec.imports))
    assert not simulator(quiet, seed=seed, back_end=back_end)(0).any()  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.sampled_from(("events", "cells")), st.integers(0, 2**40), st.data())
def test_a_full_control_stops_every_infection_from_its_day_on(
    spec: Specification, back_end: str, seed: int, data: Any
) -> None:
    day = data.draw(st.integers(0, spec.days - 1))
    controls = np.stack([spec.control(d) for d in range(spec.days)])
    controls[day:] = 0.0
    shut = spec.but(controls=controls, control_days=1, imports=np.zeros_like(spec.imports))
    counts = simulator(shut, seed=seed, back_end=back_end)(0)[INFECTIONS]  # type: ignore[arg-type]
    assert not counts[day:].any()
