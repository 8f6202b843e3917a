"""The problem as read: arrays from UK63.mat, parameters, bounds and dates from problem.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.io import loadmat

from yipan.engines.checks import Floats, Integers
from yipan.engines.errors import MalformedParameters

AGE_BANDS = ((0, 1), (1, 4), (4, 13), (13, 17))
"""Five-year bands, half-open, of the four age groups 0–4, 5–19, 20–64, 65+; the last band is 80+."""

INFANTS, PUPILS, ADULTS, OLD = range(4)
"""The age groups that stand after the sectors; ADULTS are those of 20–64 who do not work."""

KEPT_IN_BALANCE_1BASED = 56
"""Human health: in the balance of needs it stands at its lockdown opening, not at 0.8 of it.

The published statement has 0.8 of every sector. Both published optima break that, by 6.2 % of one row and
0.8 % of another, and meet this to nine digits; and the published bound of the economy alone, £881.3 bn, is
that of this reading (881.27) and not of the other (880.5). So this is what was optimised.
"""

HOSPITALITY_1BASED = (36, 58, 59, 60, 62)
WITHOUT_CUSTOMERS_1BASED = 63


@dataclass(frozen=True)
class Disease:
    """The disease's rates; `hospital_share` (group,) is of the symptomatic."""

    R0: float
    latent_days: float
    p_symptomatic: float
    asymptomatic_infectivity: float
    asymptomatic_days: float
    symptomatic_days: float
    hospital_days: float
    onset_to_hospital_days: float
    hospital_share: Floats
    seed_per_day: float

    @property
    def admission(self) -> Floats:
        """Rate of admission of the symptomatic, per day, shape (group,)."""
        return self.hospital_share / self.onset_to_hospital_days

    @property
    def leaving(self) -> Floats:
        """Rate at which the symptomatic leave their state, per day, shape (group,)."""
        return self.admission + (1.0 - self.hospital_share) / self.symptomatic_days

    @property
    def infectious_days(self) -> Floats:
        """Expected days of full infectivity of one infection, shape (group,)."""
        asymptomatic = (
            (1.0 - self.p_symptomatic) * self.asymptomatic_infectivity * self.asymptomatic_days
        )
        return asymptomatic + self.p_symptomatic / self.leaving


@dataclass(frozen=True)
class Problem:
    """UK-63 as arrays; groups are the sectors' workers, then the four age groups.

    Units: people in persons, contacts per person and day, `value_per_month` in million pounds a month,
    `times` in days of 2020.
    """

    people: Floats  # (group,) with every sector open
    value_per_month: Floats  # (sector,)
    needs: Floats  # (sector, sector): rows of the Leontief balance
    lockdown: Floats  # (sector,): openings of the lockdown as published (one is 1.01)
    remote: Floats  # (sector,)
    worker_contacts: Floats  # (sector,)
    customer_contacts: Floats  # (sector,)
    travel_contacts: Floats  # (sector,)
    community: Floats  # (4, 4): mean contacts by age group, scaled
    school: tuple[float, float]  # infants, pupils
    hospitality: tuple[float, float, float]  # adults, pupils, old
    hospitality_sectors: Integers
    without_customers: int
    education: int
    times: tuple[float, ...]
    behaviour: tuple[float, ...]
    periods: int
    months_per_period: float
    floor_factor: float
    disease: Disease

    @property
    def sectors(self) -> int:
        """Number of sectors."""
        return int(self.value_per_month.size)

    @property
    def idle(self) -> int:
        """Index of the adults who do not work: whoever a closed sector sends home."""
        return self.sectors + ADULTS

    @property
    def lower(self) -> Floats:
        """Least opening of each period and sector, shape (period, sector)."""
        return np.tile(self.floor_factor * np.minimum(self.lockdown, 1.0), (self.periods, 1))

    @property
    def upper(self) -> Floats:
        """Greatest opening, shape (period, sector): 1, or the lockdown's own where that is more.

        One sector (public administration) worked at 1.01 in the lockdown, and both published optima
        keep it there.
        """
        return np.tile(np.maximum(self.lockdown, 1.0), (self.periods, 1))

    @property
    def needs_limit(self) -> Floats:
        """Right-hand side of the Leontief balance over the horizon, shape (sector,)."""
        least = self.lower[0].copy()
        kept = KEPT_IN_BALANCE_1BASED - 1
        least[kept] = min(self.lockdown[kept], 1.0)
        horizon = self.periods * self.months_per_period
        limit: Floats = np.minimum(horizon * self.needs @ least, 0.0)
        return limit

    def value_bn(self, openings: Floats) -> float:
        """Return value added over the horizon in billion pounds."""
        return float(self.months_per_period * (openings @ self.value_per_month).sum() / 1000.0)


def read_problem(directory: Path) -> Problem:
    """Return the problem in a folder with `UK63.mat` and `problem.yaml`.

    Raises MalformedParameters (E808) naming what is absent or does not fit.
    """
    for name in ("UK63.mat", "problem.yaml"):
        if not (directory / name).is_file():
            raise MalformedParameters(
                f"{name} is not there.",
                where=str(directory),
                remedy="The folder must hold UK63.mat and problem.yaml.",
            )
    try:
        arrays = loadmat(directory / "UK63.mat", squeeze_me=True, struct_as_record=False)["data"]
        said = yaml.safe_load((directory / "problem.yaml").read_text(encoding="utf-8"))
        return _problem(arrays, said)
    except (KeyError, AttributeError, ValueError, TypeError, NotImplementedError) as fault:
        raise MalformedParameters(
            f"The problem cannot be read: {fault!r}.", where=str(directory)
        ) from fault


def read_openings(path: Path, problem: Problem) -> Floats:
    """Return stored openings (`xoptim` of a .mat file), shape (period, sector)."""
    try:
        stored = np.asarray(loadmat(path, squeeze_me=True)["xoptim"], dtype=np.float64)
        return stored.reshape(problem.periods, problem.sectors)
    except (FileNotFoundError, KeyError, ValueError) as fault:
        raise MalformedParameters(
            f"The stored openings cannot be read: {fault}.", where=str(path)
        ) from fault


def _problem(arrays: Any, said: Mapping[str, Any]) -> Problem:
    def array(name: str) -> Floats:
        return np.atleast_1d(np.asarray(getattr(arrays, name), dtype=np.float64))

    def number(name: str) -> float:
        return float(array(name)[0])

    people_by_band = array("Npop")
    sectors = array("obj").size
    horizon = said["horizon"]
    return Problem(
        people=array("NNs"),
        value_per_month=array("obj"),
        needs=array("G"),
        lockdown=array("xmin"),
        remote=array("wfhAv"),
        worker_contacts=array("B"),
        customer_contacts=array("C"),
        travel_contacts=array("travelA3"),
        community=_community(array("CM"), people_by_band, number("comm")),
        school=(number("schoolA1"), number("schoolA2")),
        hospitality=(number("hospA3"), number("hospA2"), number("hospA4")),
        hospitality_sectors=np.array(HOSPITALITY_1BASED, dtype=np.int64) - 1,
        without_customers=WITHOUT_CUSTOMERS_1BASED - 1,
        education=int(said["education"]["sector_index_1based"]) - 1,
        times=tuple(float(t) for t in said["time_days"]),
        behaviour=tuple(float(m) for m in said["behaviour_multiplier_on_contacts"]),
        periods=int(horizon["periods"]),
        months_per_period=float(horizon["months_per_period"]),
        floor_factor=0.8,
        disease=_disease(said["disease"], people_by_band, sectors),
    )


def _disease(said: Mapping[str, Any], people_by_band: Floats, sectors: int) -> Disease:
    days = said["infectious_days"]
    by_band = np.asarray(said["ihr_by_5y_age_0_80plus"], dtype=np.float64)
    grouped = _by_group(by_band, _pooled(people_by_band, by_band.size)) / said["p_symptomatic"]
    return Disease(
        R0=float(said["R0"]),
        latent_days=float(said["latent_days"]),
        p_symptomatic=float(said["p_symptomatic"]),
        asymptomatic_infectivity=float(said["asymptomatic_relative_infectiousness"]),
        asymptomatic_days=float(days["asymptomatic"]),
        symptomatic_days=float(days["symptomatic"]),
        hospital_days=float(days["hospital"]),
        onset_to_hospital_days=float(days["onset_to_hospital"]),
        hospital_share=np.concatenate([np.full(sectors, grouped[ADULTS]), grouped]),
        seed_per_day=float(str(said["seed_force_of_infection"]).split()[0]),
    )


def _pooled(people: Floats, bands: int) -> Floats:
    """Return people by so many bands, the oldest pooled."""
    return np.concatenate([people[: bands - 1], [people[bands - 1 :].sum()]])


def _by_group(
    values: Floats, people: Floats, bands: Sequence[tuple[int, int]] = AGE_BANDS
) -> Floats:
    """Return means over the four age groups, weighted by people."""
    return np.array([people[a:b] @ values[a:b] / people[a:b].sum() for a, b in bands])


def _community(contacts: Floats, people_by_band: Floats, mean: float) -> Floats:
    """Pool a 16 × 16 contact matrix to the four groups and scale it to a mean number of contacts."""
    bands = contacts.shape[0]
    people = _pooled(people_by_band, bands)
    edges = [(a, min(b, bands)) for a, b in AGE_BANDS]
    columns = np.stack([contacts[:, a:b].sum(axis=1) for a, b in edges], axis=1)
    pooled = np.stack([people[a:b] @ columns[a:b] / people[a:b].sum() for a, b in edges])
    of_group = np.array([people[a:b].sum() for a, b in edges])
    average = of_group @ pooled.sum(axis=1) / of_group.sum()
    return np.asarray(mean * pooled / average)
