"""From a province and its assumptions to what the engines are told: one specification a member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from yipan import __version__
from yipan.engines.epidemic.ensemble import run_ensemble
from yipan.engines.epidemic.laws import reproduction_number, scaled_to_R0
from yipan.engines.epidemic.parameters import Parameters, diseases, load_parameters
from yipan.engines.epidemic.specification import Setting, Specification
from yipan.places.schema import AGE_GROUPS
from yipan.plan.errors import DiseaseUnknown
from yipan.plan.scenarios.assumptions import SETTINGS, Assumptions
from yipan.plan.scenarios.openings import ENGINE_SETTINGS, Levels, contacts_left, levels_of
from yipan.plan.scenarios.standing import Province

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAYS = 7
MOST_TIME_ELSEWHERE = 0.5
FIRST_WORKING, LAST_WORKING = 4, 11  # age groups 20–24 … 55–59: who travels
ILL = "awaiting_isolation"
INCUBATING = "exposed"


@dataclass(frozen=True)
class Build:
    """Everything that the members and options of one scenario share."""

    province: Province
    assumptions: Assumptions
    disease: str
    school_share: Floats | None = None
    """Share of school contacts made, (week, county), in place of the schools' level; None: by level."""

    @cached_property
    def parameters(self) -> Parameters:
        """The disease's parameters; raises DiseaseUnknown (P302) where no set ships for it."""
        if self.disease not in diseases():
            raise DiseaseUnknown(
                _("There is no parameter set for the disease “%s”, so no plan can be computed.")
                % self.disease,
                where=self.disease,
                remedy=_("Sets that ship: %s.") % ", ".join(diseases()),
            )
        return load_parameters(self.disease)

    @cached_property
    def base(self) -> Specification:
        """The specification without controls and responses, its transmission scaled to the disease's R0."""
        province, ages = self.province, AGE_GROUPS
        contacts, shares = self._contacts(), self.parameters
        free = Specification(
            places=tuple(unit.code for unit in province.counties),
            ages=ages,
            population=province.people,
            settings=tuple(
                Setting(name, contacts[name], local=name == "home") for name in ENGINE_SETTINGS
            ),
            course=shares.course(ages, ENGINE_SETTINGS),
            days=self.assumptions.weeks * DAYS,
            transmission=np.asarray(1.0),
            mixing=self.mixing,
            susceptibility=shares.susceptibility(ages),
            dispersion=shares.value("dispersion"),
            control_days=DAYS,
        )
        one = scaled_to_R0(_as_one_place(free), shares.value("R0"))
        return free.but(transmission=one.transmission)

    def _contacts(self) -> dict[str, Floats]:
        """Contacts of the engine's settings: the survey's “other” is split by where it happens."""
        given = self.province.contacts
        transport = self.assumptions.value("other_contacts_in_transport")
        venues = self.assumptions.value("other_contacts_in_venues")
        return {
            "home": given["home"],
            "work": given["work"],
            "school": given["school"],
            "transport": given["other"] * transport,
            "venues": given["other"] * venues,
            "community": given["other"] * max(0.0, 1.0 - transport - venues),
        }

    @property
    def weeks(self) -> int:
        """Weeks that the scenario looks ahead."""
        return self.assumptions.weeks

    @cached_property
    def detected_share(self) -> float:
        """Share of infections that are found, from sixteen runs of the engine at the central figures.

        Under the first course of the pack; infections not yet found at the end make it a little low.
        """
        figures = self.assumptions.central()
        levels = levels_of(self.assumptions.courses[0], self.province.tiers)
        seeds = self.seeds(seed=0, member=0, figures=figures)
        told = self.specification(levels, figures=figures, seeds=seeds)
        ran = run_ensemble(
            told, members=16, seed=0, threads=1, summaries=("infections", "detected")
        )
        started = sum(float(table.sum()) for table in seeds.values()) * 16
        infected = float(ran.total("infections").sum()) + started
        return float(ran.total("detected").sum()) / max(infected, 1.0)

    @cached_property
    def mixing(self) -> csr_array:
        """Shares of contact time by county, rows sum to one: commuters spend part of theirs elsewhere.

        A commuter to another county makes one trip each way, so half of the trips between two
        counties are commuters of either.
        """
        people = self.province.residents
        per_head = diags_array(1.0 / np.maximum(people, 1.0)) @ self.province.trips
        away = csr_array(per_head * (0.5 * self.assumptions.value("time_elsewhere")))
        away.setdiag(0.0)
        out = np.asarray(away.sum(axis=1)).ravel()
        scale = np.minimum(1.0, MOST_TIME_ELSEWHERE / np.maximum(out, 1e-12))
        away = csr_array(diags_array(scale) @ away)
        home = 1.0 - np.asarray(away.sum(axis=1)).ravel()
        return csr_array(away + diags_array(home))

    @cached_property
    def staffed_beds(self) -> Floats:
        """Beds that can be staffed for the outbreak, by city; where none were published, by residents."""
        beds, people = self.province.beds, self._residents_by_city
        known = np.isfinite(beds)
        per_head = beds[known].sum() / people[known].sum() if known.any() else 0.0
        whole = np.where(known, beds, per_head * people)
        return np.asarray(whole * self.assumptions.value("share_of_beds_staffed"))

    @property
    def _residents_by_city(self) -> Floats:
        by_city: Floats = np.bincount(
            self.province.city_of,
            weights=self.province.residents,
            minlength=len(self.province.cities),
        ).astype(np.float64)
        return by_city

    # --- one member of one option

    def specification(
        self, levels: Levels, *, figures: Mapping[str, float], seeds: Mapping[str, Integers]
    ) -> Specification:
        """Return what the epidemic engine is told for one member of one option."""
        base = self.base
        controls = contacts_left(
            levels,
            assumptions=self.assumptions,
            employed=self.province.employed,
            figures=figures,
        )
        if self.school_share is not None:
            at = self.assumptions.at_levels("contacts", figures)
            left = at[0] + (at[-1] - at[0]) * self.school_share
            controls[..., ENGINE_SETTINGS.index("school")] = left * figures["masks_and_hygiene"]
        return base.but(
            transmission=base.transmission * figures["transmission_scale"],
            controls=controls,
            redirects=(
                self.parameters.redirect("detection", figures["found_share"]),
                self.parameters.redirect("tracing", figures["traced_share"]),
            ),
            imports=self.imports(levels, figures),
            seeds=seeds,
        )

    def imports(self, levels: Levels, figures: Mapping[str, float]) -> Floats:
        """Return expected infections from outside, shape (day, county, age), by level of transport.

        The province's weekly number at a level is shared out by people of working age, who travel.
        """
        at = np.array(self.assumptions.at_levels("imports", figures))
        transport = levels[..., SETTINGS.index("transport")]  # (week, county)
        travelling = np.zeros(self.province.people.shape)
        window = slice(FIRST_WORKING, LAST_WORKING + 1)
        travelling[:, window] = self.province.people[:, window]
        share = travelling / max(travelling.sum(), 1.0)
        weekly = at[transport][..., None] * share  # (week, county, age)
        return np.repeat(weekly / DAYS, DAYS, axis=0)

    def seeds(self, *, seed: int, member: int, figures: Mapping[str, float]) -> dict[str, Integers]:
        """Draw one member's infections at the start: Poisson by county, ages as the county's people.

        The expected numbers were computed for the central number of infections a case; a member that
        drew another takes its own.
        """
        rng = np.random.default_rng([seed, member, 1])
        start = self.province.start
        people = self.province.people
        scale = figures["infections_per_case"] / self.assumptions.value("infections_per_case")
        free = people.copy()
        drawn = {}
        for stage, expected in (
            (INCUBATING, start.incubating * scale),
            (ILL, start.ill * scale),
        ):
            table = np.zeros_like(people)
            for place in np.flatnonzero(expected > 0):
                n = min(int(rng.poisson(expected[place])), int(free[place].sum()))
                if n:
                    table[place] = rng.multivariate_hypergeometric(
                        free[place], n, method="marginals"
                    )
            free = free - table
            drawn[stage] = table
        return drawn

    def reproduction(self, levels: Levels, week: int) -> float:
        """Return R under one week's openings at the central figures, the province taken as one place."""
        figures = self.assumptions.central()
        controls = contacts_left(
            levels,
            assumptions=self.assumptions,
            employed=self.province.employed,
            figures=figures,
        )
        weights = self.province.residents / self.province.residents.sum()
        mean = np.einsum("cs,c->s", controls[week], weights)
        return reproduction_number(self.one_place().but(controls=mean[None, None, :]))

    def one_place(self) -> Specification:
        """Return the province as one place with the responses at their central figures."""
        figures = self.assumptions.central()
        return _as_one_place(self.base).but(
            redirects=(
                self.parameters.redirect("detection", figures["found_share"]),
                self.parameters.redirect("tracing", figures["traced_share"]),
            )
        )

    def as_record(self) -> dict[str, Any]:
        """Return what a scenario keeps of its inputs beside the pack: disease, start, what is inferred."""
        province = self.province
        return {
            "disease": {
                "name": self.disease,
                "words": dict(self.parameters.names),
                "figures": [
                    {
                        "key": figure.name,
                        "values": list(figure.values),
                        "bands": list(figure.bands),
                        "unit": figure.unit,
                        "low": figure.low,
                        "high": figure.high,
                        "source": self.parameters.sources[figure.source],
                        "note": figure.note,
                    }
                    for figure in self.parameters.figures.values()
                ],
            },
            "engine": {"version": __version__, "places": len(province.counties), "ages": 16},
            "start": {
                "incubating": round(float(province.start.incubating.sum()), 2),
                "ill": round(float(province.start.ill.sum()), 2),
                "in_hospital": round(float(province.start.in_hospital.sum()), 2),
            },
            "inferred": {
                "value_added_of": list(province.value_estimated),
                "beds_of": [
                    city.code
                    for city, beds in zip(province.cities, province.beds, strict=True)
                    if not np.isfinite(beds)
                ],
                "travel": province.travel_basis,
            },
        }


def _as_one_place(spec: Specification) -> Specification:
    """Return the same people and contacts in a single place, for R and its scale."""
    return spec.but(
        places=("all",),
        population=spec.population.sum(axis=0, keepdims=True),
        mixing=None,
        journeys=None,
        controls=None,
        imports=None,
        immune=None,
        kinds=None,
        redirects=(),
        seeds={},
    )
