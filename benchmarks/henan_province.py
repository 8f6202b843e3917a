"""Henan of early 2020 as the two hands see it: from the data package, the pack of assumptions and a national table.

Not a benchmark itself; `two_hands.py` plans on it. People, ages, employment, beds, value added and published
counts come from the package `henan-2020`; assumptions from the pack `china_2020_02`; inputs of sectors from
the national input–output table of 42 sectors (a folder with io_2020_42.csv and io42_to_gb_section.csv),
made regional by Flegg's quotients: no table of Henan is public.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from yipan.engines.economy.account import WEEKS_PER_YEAR, spread_value_added
from yipan.engines.economy.optimise.bridge import DAYS, Draws, Hospital, Joint, as_one_place
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.regions import regionalise
from yipan.engines.epidemic.laws import scaled_to_R0
from yipan.engines.epidemic.parameters import load_parameters
from yipan.engines.epidemic.specification import Setting, Specification
from yipan.engines.epidemic.travel import COMMUTER_SHARE, distances_km, radiation

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BRANCHES = ("primary", "secondary", "tertiary")
PUBLIC_SECTIONS = {"venues": ("F", "H", "O", "R"), "transport": ("G",)}
APART = ("school", "community")
WORTH_OF_SCHOOL_WEEK = 300.0  # CNY a pupil: a planning value, measured by nobody
WORTH_OF_COMMUNITY_WEEK = 40.0  # CNY a resident: likewise
AWAY = 0.25  # of workers, at the start: a planning value
TRAINS_A_WEEK = 600_000.0
INFECTION_TO_REPORT_DAYS = 12.0
ELSEWHERE = 0.05
FAINT = 1e-3


def rows(folder: Any, name: str) -> list[dict[str, str]]:
    """Return a CSV file of a folder as dictionaries."""
    text = (folder / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@dataclass(frozen=True)
class Table:
    """The national table: technology, imports, value added, and each sector's section."""

    technology: Floats  # (sector, sector), made at home
    imported: Floats
    output: Floats  # 100 million CNY a year
    section: tuple[str, ...]
    names: tuple[str, ...]


def read_table(folder: Path) -> Table:
    """Return the national table of 42 sectors of 2020 (10,000 CNY in the file)."""
    lines = rows(folder, "io_2020_42.csv")
    codes = [f"{k:02d}" for k in range(1, 43)]
    by_origin = {(line["Code"], line["Origin"]): line for line in lines}
    output = np.array([float(by_origin["TI", "TOT"][c]) for c in codes])

    def flows(origin: str) -> Floats:
        return np.array([[float(by_origin[r, origin][c] or 0) for c in codes] for r in codes])

    sections = {line["Code"]: line["gb_section"] for line in rows(folder, "io42_to_gb_section.csv")}
    return Table(
        technology=np.maximum(flows("Domestic"), 0.0) / output,
        imported=np.maximum(flows("Imports"), 0.0) / output,
        output=output / 1e4,
        section=tuple(sections[c] for c in codes),
        names=tuple(by_origin[c, "Domestic"]["Description"] for c in codes),
    )


def blocks(table: Table) -> Table:
    """Return the table in the sections of GB/T 4754, for plans county by county over many weeks."""
    kept = sorted(set(table.section))
    join = np.array([[s == k for s in table.section] for k in kept], dtype=np.float64)
    output = join @ table.output
    flows, imports = table.technology * table.output, table.imported * table.output
    return Table(
        technology=join @ flows @ join.T / output,
        imported=join @ imports @ join.T / output,
        output=output,
        section=tuple(kept),
        names=tuple(kept),
    )


class Henan:
    """The province on one day, as known at the end of that day."""

    def __init__(self, day: date, table: Table, *, weeks: int = 12) -> None:
        self.day, self.table, self.weeks = day, table, weeks
        self.folder = files("yipan.places") / "packages" / "henan-2020"
        pack = files("yipan.plan.scenarios") / "packs" / "china_2020_02.yaml"
        self.pack = yaml.safe_load(pack.read_text(encoding="utf-8"))
        units = [
            u
            for u in rows(self.folder, "units.csv")
            if not u["valid_to"] or u["valid_to"] > day.isoformat()
        ]
        self.cities = [u for u in units if u["level"] == "city"]
        self.counties = [u for u in units if u["level"] == "county"]
        codes = [c["code"] for c in self.cities]
        self.city_of = np.array([codes.index(c["parent"]) for c in self.counties])

    def figure(self, key: str) -> float:
        """Return the pack's single value of a figure."""
        return float(self.pack["figures"][key]["value"])

    # --- people

    @cached_property
    def people(self) -> Integers:
        """People by county and age; where only the city was counted, in the city's shape."""
        table: dict[str, list[float]] = {}
        for row in rows(self.folder, "ages.csv"):
            table.setdefault(row["unit"], []).append(float(row["population"]))
        found = []
        for county, city in zip(self.counties, self.city_of, strict=True):
            shape = np.array(table.get(county["code"]) or table[self.cities[city]["code"]])
            known = float(county["population"] or shape.sum())
            found.append(np.rint(shape / shape.sum() * known))
        return np.array(found, dtype=np.int64)

    @cached_property
    def employed(self) -> Floats:
        """People employed by county and section, scaled from the census sample to a share of residents."""
        by_unit: dict[str, dict[str, float]] = {}
        for row in rows(self.folder, "sectors.csv"):
            if row["measure"] == "employment":
                by_unit.setdefault(row["unit"], {})[row["sector"]] = float(row["value"])
        sections = sorted(set(self.table.section))
        sample = np.array(
            [
                [
                    (by_unit.get(c["code"]) or by_unit.get(self.cities[i]["code"], {})).get(s, 0.0)
                    for s in sections
                ]
                for c, i in zip(self.counties, self.city_of, strict=True)
            ]
        )
        total = np.maximum(sample.sum(axis=1, keepdims=True), 1.0)
        return np.asarray(sample / total * 0.5 * self.people.sum(axis=1, keepdims=True))

    @cached_property
    def split(self) -> Floats:
        """Which share of a section's people and value a sector has, by national output (section, sector)."""
        sections = sorted(set(self.table.section))
        value = self.table.output * (
            1.0 - (self.table.technology + self.table.imported).sum(axis=0)
        )
        weight = np.array(
            [[v if s == k else 0.0 for s, v in zip(self.table.section, value, strict=True)] for k in sections]
        )  # fmt: skip
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    @cached_property
    def weekly_value(self) -> Floats:
        """Value added of an ordinary week by county and sector, 100 million CNY."""
        published = {
            (r["unit"], r["sector"]): float(r["value"])
            for r in rows(self.folder, "sectors.csv")
            if r["measure"] == "value_added"
        }
        region = np.array(
            [[published.get((c["code"], b), np.nan) for b in BRANCHES] for c in self.cities]
        )
        sections = sorted(set(self.table.section))
        branch = [BRANCHES.index(self.pack["sections"][s]["branch"]) for s in sections]
        spread = spread_value_added(
            region_value=region, employment=self.employed, region_of=self.city_of, branch_of=branch
        )
        return np.asarray(spread.value @ self.split / WEEKS_PER_YEAR)

    def of_sector(self, by_section: Mapping[str, float]) -> Floats:
        """Return a section's figure for each sector."""
        return np.array([by_section[s] for s in self.table.section])

    # --- the epidemic

    @cached_property
    def mixing(self) -> csr_array:
        """Shares of contact time by county: commuters of the radiation model spend half of theirs away."""
        where = np.array([[float(c["lon"]), float(c["lat"])] for c in self.counties])
        residents = self.people.sum(axis=1).astype(np.float64)
        far = distances_km(where[:, 0], where[:, 1])
        trips = radiation(residents, far, residents * COMMUTER_SHARE, keep=20)
        away = csr_array(diags_array(0.5 / residents) @ trips)
        home = 1.0 - np.asarray(away.sum(axis=1)).ravel()
        return csr_array(away + diags_array(home))

    def contacts(self) -> dict[str, Floats]:
        """Contacts by the engine's settings; what the survey calls other is split as the pack says."""
        given: dict[str, Floats] = {}
        ages = list(dict.fromkeys(r["age_participant"] for r in rows(self.folder, "contacts.csv")))
        for row in rows(self.folder, "contacts.csv"):
            if row["area"] != "overall":
                continue
            table = given.setdefault(row["setting"], np.zeros((len(ages), len(ages))))
            at = ages.index(row["age_participant"]), ages.index(row["age_contact"])
            table[at] = float(row["contacts_per_day"])
        transport = self.figure("other_contacts_in_transport")
        venues = self.figure("other_contacts_in_venues")
        return {
            "home": given["home"],
            "work": given["work"],
            "school": given["school"],
            "transport": given["other"] * transport,
            "venues": given["other"] * venues,
            "community": given["other"] * (1.0 - transport - venues),
        }

    @cached_property
    def base(self) -> Specification:
        """The engine's specification with the pack's responses, transmission at the disease's R0."""
        parameters = load_parameters("sars_cov_2_wild")
        contacts = self.contacts()
        ages = tuple(dict.fromkeys(r["age_group"] for r in rows(self.folder, "ages.csv")))
        spec = Specification(
            places=tuple(c["code"] for c in self.counties),
            ages=ages,
            population=self.people,
            settings=tuple(Setting(k, v, local=k == "home") for k, v in contacts.items()),
            course=parameters.course(ages, tuple(contacts)),
            days=self.weeks * DAYS,
            transmission=np.asarray(1.0),
            mixing=self.mixing,
            susceptibility=parameters.susceptibility(ages),
            dispersion=parameters.value("dispersion"),
            control_days=DAYS,
        )
        scaled = scaled_to_R0(as_one_place(spec), parameters.value("R0"))
        redirects = (
            parameters.redirect("detection", self.figure("found_share")),
            parameters.redirect("tracing", self.figure("traced_share")),
        )
        return spec.but(transmission=scaled.transmission, redirects=redirects)

    def counted(self) -> tuple[Floats, Floats, float, float]:
        """Return confirmed ever and in 14 days by city, the province's last week, and those in care."""
        ever: dict[tuple[str, str], float] = {}
        cured: dict[str, float] = {}
        for row in rows(self.folder, "reported.csv"):
            ever[row["unit"], row["day"]] = float(row["confirmed"] or 0)
            if row["level"] == "province" and row["day"] == self.day.isoformat():
                cured[row["unit"]] = float(row["cured"] or 0) + float(row["deaths"] or 0)
        province = next(iter(cured))

        def on(unit: str, back: int) -> float:
            return ever.get((unit, (self.day - timedelta(days=back)).isoformat()), 0.0)

        codes = [c["code"] for c in self.cities]
        now = np.array([on(c, 0) for c in codes])
        recent = np.maximum(now - np.array([on(c, 14) for c in codes]), 0.0)
        active = on(province, 0) - cured[province]
        return now, recent, on(province, 0) - on(province, 7), active

    @cached_property
    def joint(self) -> Joint:
        """The province for both engines."""
        now, recent, last_week, active = self.counted()
        residents = self.people.sum(axis=1).astype(np.float64)
        of_city = np.bincount(self.city_of, residents)
        inside = residents / of_city[self.city_of]

        def where(by_city: Floats) -> Floats:
            share = by_city / by_city.sum() if by_city.sum() > 0 else of_city / of_city.sum()
            return np.asarray(share[self.city_of] * inside)

        place = (1 - ELSEWHERE) * where(recent) + ELSEWHERE * residents / residents.sum()
        each = last_week / 7 * INFECTION_TO_REPORT_DAYS / 2 * self.figure("infections_per_case")
        ages = self.people / residents[:, None]
        expected = {
            "exposed": each * place[:, None] * ages,
            "awaiting_isolation": each * place[:, None] * ages,
        }
        beds = {
            r["unit"]: float(r["value"])
            for r in rows(self.folder, "figures.csv")
            if r["name"] == "beds"
        }
        per_head = sum(beds.get(c["code"], 0.0) for c in self.cities) / sum(
            of_city[i] for i, c in enumerate(self.cities) if c["code"] in beds
        )
        staffed = np.array(
            [beds.get(c["code"], per_head * of_city[i]) for i, c in enumerate(self.cities)]
        ) * self.figure("share_of_beds_staffed")
        workers = self.employed @ self.split
        remote = self.remote
        at_work = workers * (1 - remote)
        public = {}
        for setting, chosen in PUBLIC_SECTIONS.items():
            held = at_work * self.of_sector(
                {s: float(s in chosen) for s in set(self.table.section)}
            )
            public[setting] = held / held.sum(axis=1, keepdims=True)
        shares = {}
        for name, key in (("detection", "found_share"), ("tracing", "traced_share")):
            turn = load_parameters("sars_cov_2_wild").redirect(name, 0.5)
            said = self.pack["figures"][key]
            shares[turn.at] = (float(said["low"]), float(said["value"]), float(said["high"]))
        return Joint(
            base=self.base,
            expected=expected,
            work_shares=at_work / at_work.sum(axis=1, keepdims=True),
            public=public,
            apart=APART,
            hospital=Hospital(
                area=self.city_of,
                beds=staffed,
                in_care=active * where(now),
                days_in_bed=self.figure("days_in_bed"),
                admitted_share=self.figure("admitted_share"),
            ),
            home_left=self.figure("home_left"),
            masks=self.figure("masks_and_hygiene"),
            draws=Draws(0.15, shares),
        )

    @cached_property
    def remote(self) -> Floats:
        """Share of work done at a distance by sector: the pack's, scaled to China as it says."""
        by_section = {k: float(s["remote"]) for k, s in self.pack["sections"].items()}
        return np.asarray(self.of_sector(by_section) * self.figure("remote_scale"))

    # --- the question

    def question(self, *, tiers: bool) -> Question:
        """Return the planning question, four tiers by incidence or county by county."""
        joint = self.joint
        residents = self.people.sum(axis=1).astype(np.float64)
        ill = joint.expected["awaiting_isolation"].sum(axis=1)
        # who is ill and not yet found infects for half as long as a new infection, and is admitted within days
        infectious = np.maximum(joint.infectious() - 0.5 * ill, FAINT)
        table = self.table
        inputs = table.technology + table.imported
        value_share = np.clip(1.0 - inputs.sum(axis=0), 0.01, 1.0)
        capacity = self.weekly_value / value_share
        total = capacity.sum(axis=0)
        region = regionalise(table.technology, table.output, total * WEEKS_PER_YEAR)
        needed = region.own @ total
        final = np.maximum(total - needed, 0.02 * total) * 1.05
        workers = self.employed @ self.split
        present = workers * (1 - self.remote)
        incidence = infectious / residents
        order = np.quantile(incidence, [0.4, 0.7, 0.9])
        bed_share, delay, stay = joint.bed_law()
        pupils = self.people[:, 1:4].sum()
        return Question(
            weeks=self.weeks,
            people=residents,
            group=np.digitize(incidence, order) if tiers else np.arange(residents.size),
            area=self.city_of,
            mixing=self.mixing,
            infectious=infectious,
            household=joint.law.household,
            work_contacts=joint.work_contacts(),
            setting_contacts=joint.setting_contacts(),
            setting_value=np.array(
                [WORTH_OF_SCHOOL_WEEK * pupils / residents.sum(), WORTH_OF_COMMUNITY_WEEK]
            )
            / 1e8,
            least_setting=np.array([0.0, 0.05]),
            capacity=capacity,
            workers=workers,
            remote=self.remote,
            least=self.of_sector(
                {s: 0.6 if s in "ADQ" else 0.35 if s in "FGS" else 0.1 for s in set(table.section)}
            ),
            value_share=value_share,
            needs=region.own,
            final_use=final,
            stock=0.5 * total,
            most_stock=2.0 * total,
            least_stock=0.1 * total,
            imports=np.maximum(0.15 * total, 1.1 * np.maximum(needed - total, 0.0)),
            import_cost=np.full(total.size, 0.05),
            residents_at_work=present.sum(axis=1) * (1 - AWAY),
            returning=present.sum(axis=1) * AWAY,
            trains=TRAINS_A_WEEK,
            infectious_per_return=2e-6,
            protective_stock=float(present.sum()) * 8.0,
            protective_bought=float(present.sum()) * 2.0,
            protective_use=5.0,
            protective_sector=table.section.index("C"),
            protective_made=float(present.sum()) * 2.5 / total[table.section.index("C")],
            bed_share=bed_share,
            bed_delay=delay,
            stay=stay,
            beds=joint.hospital.beds,
            in_care=np.bincount(
                self.city_of, joint.hospital.in_care + ill, minlength=len(self.cities)
            ),
            end_R=1.0,
        )
