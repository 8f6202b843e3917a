"""What theory says a run must do: R0, growth, final size, extinction; computed apart from the engines."""

from __future__ import annotations

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.epidemic.specification import Specification
from yipan.engines.errors import OutOfRange


def infectious_days(specification: Specification, *, day: int = 0, place: int = 0) -> Floats:
    """Return the expected infectiousness of one infection by setting and age of the infected.

    Shape (setting, age), in days of full infectivity: Σ over stages of the probability of reaching the
    stage × its mean days × infectivity × presence, with the redirects of that day and place.
    """
    spec, course = specification, specification.course
    A = len(spec.ages)
    turned = {at: (to, share) for at, to, share in spec.redirected(day, place)}
    reached = {name: np.zeros(A) for name in course.names}

    def enter(name: str, probability: Floats) -> None:
        to, share = turned.get(name, (name, 0.0))
        for stage_name, part in ((name, 1 - share), (to, share)):
            if part == 0.0:
                continue
            reached[stage_name] = reached[stage_name] + probability * part
            for branch in course.stages[course.index(stage_name)].branches:
                enter(branch.to, probability * part * course.shares(branch, A))

    enter(course.entry, np.ones(A))
    days = np.zeros((len(spec.settings), A))
    for stage in course.stages:
        if stage.delay is not None:
            for k, setting in enumerate(spec.setting_names):
                weight = stage.infectivity * stage.presence.get(setting, 1.0)
                days[k] += reached[stage.name] * stage.delay.mean_days * weight
    by_age: Floats = days * spec.age_infectivity
    return by_age


def expected_infections(specification: Specification, infected: Floats, *, day: int = 0) -> Floats:
    """Return the infections that newly infected persons cause in a wholly susceptible population.

    The next-generation operator under the transmission, controls and redirects of one day for ever;
    `infected` and the result have shape (place, age), persons.
    """
    spec = specification
    by_place = np.stack(
        [infectious_days(spec, day=day, place=i) for i in range(len(spec.places))]
        if spec.redirects
        else [infectious_days(spec, day=day)]
    )
    result = np.zeros(infected.shape)
    for k, setting in enumerate(spec.settings):
        X = infected * by_place[:, k]
        X = X if setting.local else np.asarray(spec.mixing.T @ X)
        N = spec.present[k]
        met = np.einsum(
            "jab,jb->ja",
            spec.contacts[k][spec.kinds],
            np.divide(X, N, out=np.zeros_like(X), where=N > 0),
        )
        met *= spec.control(day)[:, k, None]
        result += met if setting.local else np.asarray(spec.mixing @ met)
    susceptible = spec.population - spec.immune
    caused: Floats = result * susceptible * spec.susceptibility * spec.transmission[day]
    return caused


def reproduction_number(specification: Specification, *, day: int = 0) -> float:
    """Return R of one day's conditions for ever: the spectral radius of the next-generation operator.

    By power iteration, to 1e-10.

    >>> from yipan.engines.epidemic.examples import one_town
    >>> round(reproduction_number(one_town(R0=2.5)), 9)
    2.5
    """
    infected = specification.population / specification.population.sum()
    R = 0.0
    for _ in range(10_000):
        following = expected_infections(specification, infected, day=day)
        total = float(following.sum())
        if total == 0.0:
            return 0.0
        infected = following / total
        if abs(total - R) <= 1e-10 * total:
            return total
        R = total
    return R


def scaled_to_R0(specification: Specification, R0: float) -> Specification:
    """Return the specification with β scaled so that R is `R0` without controls, redirects or immunity.

    A transmission that varies by day keeps its shape: its first day is the one scaled to R0.
    Raises OutOfRange (E802) if nobody transmits.
    """
    spec = specification
    free = spec.but(
        controls=None, redirects=(), seeds={}, immune=None, transmission=spec.transmission
    )
    R = reproduction_number(free)
    if R <= 0.0 or not R0 >= 0.0:
        raise OutOfRange(
            f"R is {R:g} and cannot be scaled to {R0:g}.",
            where="transmission",
            remedy="Give a positive transmission, contacts and infectivity.",
        )
    return spec.but(transmission=spec.transmission * (R0 / R))
