"""Small worlds that the laws are tried on."""

from __future__ import annotations

from typing import Any

import numpy as np

from yipan.engines.epidemic.course import Branch, Course, Delay, Redirect, Stage
from yipan.engines.epidemic.examples import one_town
from yipan.engines.epidemic.specification import Setting, Specification


def group(
    *,
    people: int = 10**9,
    R0: float = 2.5,
    latent: Delay | None = None,
    infectious: Delay = Delay(5.0),  # noqa: B008  # frozen
    **changes: Any,
) -> Specification:
    """One homogeneous group, infected at the rate R0 / mean; SIR unless there is a latent stage."""
    stages = [
        Stage("infectious", infectious, (Branch("recovered"),), 1.0),
        Stage("recovered"),
    ]
    if latent is not None:
        stages.insert(0, Stage("exposed", latent, (Branch("infectious"),)))
    return one_town(people=people, seeds=0).but(
        course=Course(tuple(stages)),
        transmission=np.asarray(R0 / infectious.mean_days),
        **{"seeds": {"infectious": np.array([[1]])}, **changes},
    )


def ill() -> Course:
    """A course with every kind of thing in it: branches by age, Erlang steps, beds, deaths, presence."""
    return Course(
        (
            Stage("exposed", Delay(3.0, 2), (Branch("mild", (0.7, 0.4)), Branch("ill", (0.3, 0.6)))),
            Stage("mild", Delay(4.0), (Branch("recovered"),), 0.5),
            Stage(
                "ill",
                Delay(4.0, 3),
                (Branch("recovered", (0.8, 0.5)), Branch("ward", (0.2, 0.5))),
                1.0,
                {"work": 0.3},
                frozenset({"onsets"}),
            ),
            Stage(
                "found",
                Delay(2.0, 2),
                (Branch("recovered", (0.8, 0.5)), Branch("ward", (0.2, 0.5))),
                0.4,
                {"work": 0.0, "home": 0.5},
                frozenset({"onsets", "detected"}),
            ),
            Stage("ward", Delay(6.0, 2), (Branch("recovered", 0.7), Branch("icu", 0.3)), 0.0, {}, frozenset({"hospital"})),
            Stage("icu", Delay(5.0), (Branch("dead", 0.5), Branch("recovered", 0.5)), 0.0, {}, frozenset({"hospital", "icu"})),
            Stage("quarantined", Delay(3.0, 2), (Branch("recovered"),), 0.05),
            Stage("recovered"),
            Stage("dead", counts=frozenset({"deaths"})),
        )
    )  # fmt: skip


def three_towns(*, days: int = 60, **changes: Any) -> Specification:
    """Three unequal towns, two unequal ages, two settings, redirects, controls by week, imports, seeds."""
    population = np.array([[30_000, 20_000], [8_000, 12_000], [1_500, 500]])
    rng = np.random.default_rng(3)
    imports = np.zeros((days, 3, 2))
    imports[5:15, 2, 0] = 0.4
    spec = Specification(
        places=("big", "middle", "small"),
        ages=("young", "old"),
        population=population,
        settings=(
            Setting("home", np.array([[2.0, 1.5], [0.5, 1.2]]), local=True),
            Setting("work", np.array([[5.0, 3.5], [1.0, 4.0]])),
        ),
        course=ill(),
        days=days,
        transmission=np.linspace(0.075, 0.09, days),
        mixing=np.array([[0.9, 0.08, 0.02], [0.2, 0.8, 0.0], [0.3, 0.0, 0.7]]),
        controls=rng.uniform(0.6, 1.0, (-(-days // 7), 3, 2)),
        control_days=7,
        susceptibility=np.array([0.8, 1.1]),
        age_infectivity=np.array([0.9, 1.2]),
        redirects=(
            Redirect("ill", "found", rng.uniform(0.2, 0.6, (days, 3))),
            Redirect("exposed", "quarantined", np.full((days, 3), 0.1)),
        ),
        imports=imports,
        seeds={"exposed": np.array([[60, 40], [0, 5], [0, 0]]), "ill": np.array([[40, 40], [0, 0], [0, 0]])},
        immune=np.array([[3_000, 0], [0, 1_000], [0, 0]]),
    )  # fmt: skip
    return spec.but(**changes)
