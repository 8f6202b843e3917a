"""Small specifications for documentation, tests and first steps."""

from __future__ import annotations

import numpy as np

from yipan.engines.epidemic.course import Branch, Course, Delay, Stage
from yipan.engines.epidemic.specification import Setting, Specification


def seir(*, latent_days: float = 3.0, infectious_days: float = 5.0, steps: int = 1) -> Course:
    """Return the course exposed → infectious → recovered, each of Erlang `steps`."""
    return Course(
        (
            Stage("exposed", Delay(latent_days, steps), (Branch("infectious"),)),
            Stage("infectious", Delay(infectious_days, steps), (Branch("recovered"),), 1.0),
            Stage("recovered"),
        )
    )


def one_town(
    *, people: int = 10_000, R0: float = 2.5, seeds: int = 10, days: int = 100, steps: int = 1
) -> Specification:
    """Return one town of one age group where everybody meets everybody: the textbook's SEIR.

    One contact a day, so β is R0 over the mean infectious period of 5 days.
    """
    return Specification(
        places=("town",),
        ages=("all",),
        population=np.array([[people]]),
        settings=(Setting("community", np.ones((1, 1)), local=True),),
        course=seir(steps=steps),
        days=days,
        transmission=np.asarray(R0 / 5.0),
        seeds={"infectious": np.array([[seeds]])},
    )
