"""Vaccinated people as strata of their own: each age group in two, those who are and those who are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.epidemic.course import Branch, Course
from yipan.engines.epidemic.parameters import Parameters
from yipan.engines.errors import OutOfRange

MARK = " vaccinated"
SEVERITY = ("hospital_share", "infection_fatality", "symptomatic_fatality", "fatality")
"""Figures of a disease that a vaccine against severe illness lowers, where the disease has them."""


@dataclass(frozen=True)
class Vaccine:
    """What a vaccine does, each a share in [0, 1]: of infections, severe courses and infectivity prevented.

    A leaky vaccine: every exposure of everybody vaccinated is that much less likely to infect.
    """

    against_infection: float = 0.0
    against_severe: float = 0.0
    against_transmission: float = 0.0

    def __post_init__(self) -> None:
        """Raise OutOfRange (E802) for what is no share."""
        for name, value in vars(self).items():
            as_floats(value, f"vaccinated.{name}", shape=(), high=1.0)


@dataclass(frozen=True)
class Strata:
    """Age groups divided: `ages` their names, `age` (stratum,) the group each comes from, `vaccinated`
    (stratum,) 0 or 1, `share` (stratum,) its part of the group."""

    ages: tuple[str, ...]
    age: Integers
    vaccinated: Integers
    share: Floats
    vaccine: Vaccine

    @classmethod
    def of(
        cls, ages: tuple[str, ...], shares: Mapping[str, float] | float, vaccine: Vaccine
    ) -> Strata:
        """Divide age groups by the share vaccinated, one number or one an age; empty strata are left out.

        Raises OutOfRange (E802) for a share outside [0, 1] or an age that there is not.

        >>> Strata.of(("0-19", "20+"), {"20+": 0.5}, Vaccine(0.9)).ages
        ('0-19', '20+', '20+ vaccinated')
        """
        if not isinstance(shares, Mapping):
            shares = dict.fromkeys(ages, float(shares))
        unknown = [a for a in shares if a not in ages]
        if unknown:
            raise OutOfRange(
                f"There is no age group “{unknown[0]}”.",
                where="vaccinated.share",
                remedy=f"Age groups are {', '.join(ages)}.",
            )
        rows = []
        for k, name in enumerate(ages):
            share = float(as_floats(shares.get(name, 0.0), "vaccinated.share", shape=(), high=1.0))
            rows += [(name, k, 0, 1.0 - share)] if share < 1.0 else []
            rows += [(name + MARK, k, 1, share)] if share > 0.0 else []
        names, age, vaccinated, part = zip(*rows, strict=True)
        return cls(tuple(names), np.array(age), np.array(vaccinated), np.array(part), vaccine)

    def people(self, population: Integers) -> Integers:
        """Divide (place, age) among the strata, whole people, nobody lost; shape (place, stratum)."""
        divided = np.floor(population[:, self.age] * self.share + 0.5).astype(np.int64)
        for k in range(population.shape[1]):
            here = np.flatnonzero(self.age == k)
            divided[:, here[0]] = population[:, k] - divided[:, here[1:]].sum(axis=1)
        return divided

    def contacts(self, contacts: Floats) -> Floats:
        """Divide contacts (…, age, age): people meet the strata of an age by their share in it."""
        return np.asarray(contacts[..., self.age, :][..., self.age] * self.share)

    def course(
        self, parameters: Parameters, ages: tuple[str, ...], settings: tuple[str, ...]
    ) -> Course:
        """Return the course with the severity of each stratum."""
        left = 1.0 - self.vaccine.against_severe
        courses = (
            parameters.course(ages, settings),
            parameters.scaled(left, SEVERITY).course(ages, settings),
        )
        stages = []
        for plain, mild in zip(courses[0].stages, courses[1].stages, strict=True):
            branches = []
            for one, other in zip(plain.branches, mild.branches, strict=True):
                both = np.stack([courses[0].shares(b, len(ages)) for b in (one, other)])
                branches.append(Branch(one.to, tuple(both[self.vaccinated, self.age].tolist())))
            stages.append(replace(plain, branches=tuple(branches)))
        return Course(tuple(stages), courses[0].start)

    def weakened(self, by_age: Floats, prevented: float) -> Floats:
        """Return a figure by age for each stratum, less what the vaccine prevents; shape (stratum,)."""
        return np.asarray(by_age[self.age] * (1.0 - prevented * self.vaccinated))
