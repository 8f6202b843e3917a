"""Scenarios from a YAML file and the tables beside it: one world, and the policies to try on it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.sparse import coo_array

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.laws import scaled_to_R0
from yipan.engines.epidemic.parameters import (
    Parameters,
    load_parameter_file,
    load_parameters,
)
from yipan.engines.epidemic.specification import Response, Setting, Specification
from yipan.engines.epidemic.strata import Strata, Vaccine
from yipan.engines.errors import (
    ControlOutOfRange,
    EngineError,
    MalformedScenario,
    OutOfRange,
    TravelNotConserved,
    UnknownPlace,
)

KEYS = frozenset(
    [
        "title",
        "disease",
        "people",
        "contacts",
        "local",
        "mixing",
        "journeys",
        "vaccinated",
        "response",
        "days",
        "start",
        "R0",
        "transmission",
        "figures",
        "seeds",
        "immune",
        "imports",
        "detection",
        "tracing",
        "controls",
        "scenarios",
    ]
)
"""What a file may say; anything else is refused, so that a misspelt word is not silently nothing."""

POLICY = frozenset({"title", "controls", "detection", "tracing", "response", "imports", "R0"})
"""What a scenario may change."""


VACCINE = ("against_infection", "against_severe", "against_transmission")

RESERVED = frozenset({"parts"})
"""Folders of the results that no scenario may be named after."""

MOST_DAYS = 3_660
"""Ten years: a longer run is a slip of the pen."""


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario file read: its policies as specifications of the same world, the first the base."""

    title: str
    start: date | None
    parameters: Parameters
    titles: Mapping[str, str]
    specifications: Mapping[str, Specification]


def read_scenarios(path: Path) -> ScenarioFile:
    """Return the scenarios of a YAML file; tables are CSV files named relative to it.

    Raises MalformedScenario (E814) for what no run understands, UnknownPlace (E803) for a place the
    table of people does not have, TravelNotConserved (E813) where a place's people would spend more
    than all their time elsewhere, and what Specification raises.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MalformedScenario(f"The file cannot be read: {error}.", where=path.name) from error
    if not isinstance(said, dict):
        raise MalformedScenario("The file holds no mapping of names to values.", where=path.name)
    _refuse_unknown(said, KEYS, path.name)
    try:
        return _Reader(path, said).read()
    except EngineError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise MalformedScenario(
            f"The file cannot be understood: {type(error).__name__}, {error}.",
            where=path.name,
            remedy="It needs disease, people, contacts, days, seeds, and R0 or transmission; "
            "see docs/reference/epidemic-model.md.",
        ) from error


class _Reader:
    """Reads one file; knows its places, ages and settings once `people` and `contacts` are read."""

    def __init__(self, path: Path, said: Mapping[str, Any]) -> None:
        self.path, self.said = path, said
        self.days = whole(said["days"], "days", least=1, most=MOST_DAYS)
        self.places, self.groups, self.population = self.people()
        self.strata = self.vaccinated()
        self.ages = self.groups
        if self.strata is not None:
            self.ages = self.strata.ages
            self.population = self.strata.people(self.population)

    def read(self) -> ScenarioFile:
        base = self.base()
        policies = self.said.get("scenarios") or {"base": {}}
        if not isinstance(policies, dict):
            raise MalformedScenario(
                "scenarios is no mapping of names to policies.", where="scenarios"
            )
        for name in policies:
            if not re.fullmatch(r"[\w-][\w .-]{0,63}", str(name)) or str(name) in RESERVED:
                raise MalformedScenario(
                    f"“{name}” cannot be the name of a scenario.",
                    where="scenarios",
                    remedy="It names a folder: letters, digits, - and _, at most 64; a title may say more.",
                )
        for name, policy in policies.items():
            if policy is not None and not isinstance(policy, dict):
                raise MalformedScenario("A policy is a mapping.", where=f"scenarios.{name}")
        return ScenarioFile(
            title=str(self.said.get("title", self.path.stem)),
            start=self.start(),
            parameters=self.parameters,
            titles={str(n): str((p or {}).get("title", n)) for n, p in policies.items()},
            specifications={str(n): self.policy(base, n, p or {}) for n, p in policies.items()},
        )

    def start(self) -> date | None:
        given = self.said.get("start")
        if given is None or type(given) is date:
            return given
        try:
            return date.fromisoformat(str(given))
        except ValueError as error:
            raise MalformedScenario(
                f"start is “{given}”, no date.", where="start", remedy="Write it like 2020-02-24."
            ) from error

    def base(self) -> Specification:
        contacts = self.contacts()
        self.parameters = parameters = self.disease().with_values(**self.said.get("figures", {}))
        local = set(self.said.get("local", ("home",) if "home" in contacts else ()))
        unknown = local - set(contacts)
        if unknown:
            raise MalformedScenario(
                f"local names {sorted(unknown)}, for which there are no contacts.", where="local"
            )
        names = tuple(contacts)
        beta = number(self.said.get("transmission", 1.0), "transmission")
        self.plain = plain = Specification(
            places=self.places,
            ages=self.groups,
            population=self.people()[2],
            settings=tuple(Setting(n, contacts[n], local=n in local) for n in names),
            course=parameters.course(self.groups, names),
            days=self.days,
            transmission=np.asarray(beta),
            mixing=self.mixing(),
            susceptibility=parameters.susceptibility(self.groups),
        )
        if {"R0", "transmission"} <= self.said.keys():
            raise MalformedScenario(
                "R0 and transmission are both given, and each sets the other.",
                where="transmission",
                remedy="Leave one of them out.",
            )
        if "transmission" not in self.said:
            R0 = number(self.said.get("R0", parameters.value("R0")), "R0")
            plain = scaled_to_R0(plain, R0)
        k = parameters.value("dispersion") if "dispersion" in parameters.figures else np.inf
        world = plain.but(dispersion=k, journeys=self.journeys())
        return self.divided(world).but(
            seeds=self.seeds(),
            immune=self.by_place_and_age(self.said.get("immune"), "persons"),
            imports=self.imports(self.said.get("imports")),
        )

    def divided(self, world: Specification) -> Specification:
        """Return the world with its age groups divided by vaccination; R0 is that of the undivided."""
        strata = self.strata
        if strata is None:
            return world
        names = world.setting_names
        return Specification(
            places=world.places,
            ages=strata.ages,
            population=self.population,
            settings=tuple(
                replace(s, contacts=strata.contacts(s.contacts)) for s in world.settings
            ),
            course=strata.course(self.parameters, self.groups, names),
            days=world.days,
            transmission=world.transmission,
            mixing=world.mixing,
            journeys=world.journeys,
            susceptibility=strata.weakened(world.susceptibility, strata.vaccine.against_infection),
            age_infectivity=strata.weakened(
                np.ones(len(self.groups)), strata.vaccine.against_transmission
            ),
            dispersion=world.dispersion,
        )

    def vaccinated(self) -> Strata | None:
        said = self.said.get("vaccinated")
        if said is None:
            return None
        _refuse_unknown(said, {"share", *VACCINE}, "vaccinated")
        shares = said["share"]
        if isinstance(shares, dict):
            shares = {str(a): number(v, "vaccinated.share") for a, v in shares.items()}
        else:
            shares = number(shares, "vaccinated.share")
        effects = {name: number(said.get(name, 0.0), f"vaccinated.{name}") for name in VACCINE}
        return Strata.of(self.groups, shares, Vaccine(**effects))

    def policy(self, base: Specification, name: str, said: Mapping[str, Any]) -> Specification:
        """Return the base under one policy; what a policy does not say, the file's top level says."""
        _refuse_unknown(said, POLICY, f"scenarios.{name}")
        whole_file = {**self.said, **said}
        redirects = []
        for response in ("detection", "tracing"):
            if response in whole_file:
                share = self.share_by_day(whole_file[response], f"{name}.{response}")
                redirects.append(self.parameters.redirect(response, share))
        spec = base.but(
            controls=self.controls(whole_file.get("controls", ()), base.setting_names, name),
            redirects=tuple(redirects),
            response=self.response(whole_file.get("response"), base.setting_names, name),
        )
        if "imports" in said:
            spec = spec.but(imports=self.imports(said["imports"]))
        if "R0" not in said:
            return spec
        R0 = number(said["R0"], f"{name}.R0")
        return spec.but(transmission=scaled_to_R0(self.plain, R0).transmission)

    def response(self, said: Any, settings: Sequence[str], name: str) -> Response | None:
        """Return what places do when a cluster is found in them."""
        if said is None:
            return None
        where = f"{name}.response"
        keys = {"cases", "window_days", "after_days", "lasts_days", "level", "settings"}
        _refuse_unknown(said, keys, where)
        what = self.settings(
            said.get("settings", [s for s in settings if s != "home"]), settings, where
        )
        left = np.ones(len(settings))
        left[what] = self.level(said["level"], where)
        return Response(
            cases=whole(said["cases"], f"{where}.cases", least=1),
            window_days=whole(said.get("window_days", 7), f"{where}.window_days", least=1),
            after_days=whole(said.get("after_days", 1), f"{where}.after_days"),
            lasts_days=whole(said.get("lasts_days", 14), f"{where}.lasts_days", least=1),
            left=left,
        )

    # --- parts

    def disease(self) -> Parameters:
        named = str(self.said["disease"])
        if named.endswith((".yaml", ".yml")):
            return load_parameter_file(self.path.parent / named)
        return load_parameters(named)

    def rows(self, table: str | Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a CSV file, or of a list written in the YAML itself."""
        if not isinstance(table, str):
            yield from table
            return
        with (self.path.parent / table).open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)

    def people(self) -> tuple[tuple[str, ...], tuple[str, ...], Integers]:
        rows = [
            (str(r["place"]), str(r["age"]), number(r["persons"], "people", least=0.0))
            for r in self.rows(self.said["people"])
        ]
        if not rows:
            raise MalformedScenario("people has no rows.", where=self.path.name)
        places = tuple(dict.fromkeys(p for p, _, _ in rows))
        ages = tuple(dict.fromkeys(a for _, a, _ in rows))
        table = np.zeros((len(places), len(ages)))
        (place, age), times = Counter((p, a) for p, a, _ in rows).most_common(1)[0]
        if times > 1:
            raise MalformedScenario(f"{place}, {age} stands twice.", where="people")
        for place, age, persons in rows:
            table[places.index(place), ages.index(age)] += persons
        return places, ages, table.round().astype(np.int64)

    def contacts(self) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for row in self.rows(self.said["contacts"]):
            table = found.setdefault(str(row["setting"]), np.full((len(self.groups),) * 2, np.nan))
            a, b = self.group(row["age_participant"]), self.group(row["age_contact"])
            if not np.isnan(table[a, b]):
                raise MalformedScenario(
                    f"{row['age_participant']} with {row['age_contact']} stands twice in setting {row['setting']}.",
                    where="contacts",
                )
            table[a, b] = number(row["contacts_per_day"], "contacts", least=0.0)
        if not found:
            raise MalformedScenario("contacts has no rows.", where="contacts")
        for setting, table in found.items():
            missing = np.argwhere(np.isnan(table))
            if missing.size:
                a, b = missing[0]
                raise MalformedScenario(
                    f"Setting {setting} has no contacts of {self.groups[a]} with {self.groups[b]}.",
                    where="contacts",
                    remedy="Every pair of the age groups in people needs a row; write 0 where nobody meets.",
                )
        return found

    def mixing(self) -> Any:
        if "mixing" not in self.said:
            return None
        rows = list(self.rows(self.said["mixing"]))
        start = np.array([self.place(r["from"]) for r in rows], dtype=np.int64)
        end = np.array([self.place(r["to"]) for r in rows], dtype=np.int64)
        share = np.array([number(r["share"], "mixing") for r in rows])
        away = np.bincount(start[start != end], share[start != end], len(self.places))
        over = np.flatnonzero(away > 1 + 1e-9)
        if over.size or (share < 0).any():
            i = int(over[0]) if over.size else int(start[(share < 0).argmax()])
            raise TravelNotConserved(
                f"The people of {self.places[i]} would spend {away[i]:g} of their time elsewhere.",
                where="mixing",
                remedy="Shares of one place's time are at least 0 and sum to at most 1; the rest is at home.",
            )
        others = start != end
        stays = np.arange(len(self.places))
        return coo_array(
            (
                np.concatenate([share[others], np.maximum(0.0, 1 - away)]),
                (np.concatenate([start[others], stays]), np.concatenate([end[others], stays])),
            ),
            shape=(len(self.places),) * 2,
        ).tocsr()

    def journeys(self) -> Any:
        """Return people per day who move for good."""
        if "journeys" not in self.said:
            return None
        rows = list(self.rows(self.said["journeys"]))
        start = [self.place(r["from"]) for r in rows]
        end = [self.place(r["to"]) for r in rows]
        persons = [number(r["persons_per_day"], "journeys", least=0.0) for r in rows]
        return coo_array((persons, (start, end)), shape=(len(self.places),) * 2).tocsr()

    def seeds(self) -> dict[str, Integers]:
        found: dict[str, Integers] = {}
        for row in self.rows(self.said["seeds"]):
            table = found.setdefault(
                str(row["stage"]), np.zeros(self.population.shape, dtype=np.int64)
            )
            table[self.place(row["place"]), self.age(row["age"])] += whole(row["persons"], "seeds")
        return found

    def by_place_and_age(self, table: Any, column: str) -> Any:
        if table is None:
            return None
        found = np.zeros(self.population.shape)
        for row in self.rows(table):
            found[self.place(row["place"]), self.age(row["age"])] += number(
                row[column], column, least=0.0
            )
        return found

    def imports(self, table: Any) -> Any:
        """Return expected imports (day, place, age); without an age they fall on people in proportion."""
        if table is None:
            return None
        found = np.zeros((self.days, *self.population.shape))
        for row in self.rows(table):
            day, i = whole(row["day"], "imports.day", least=None), self.place(row["place"])
            expected = number(row["infections"], "imports", least=0.0)
            if not 0 <= day < self.days:
                raise MalformedScenario(f"An import falls on day {day}.", where="imports")
            if row.get("age"):
                found[day, i, self.age(row["age"])] += expected
            else:
                found[day, i] += expected * self.population[i] / self.population[i].sum()
        arrived, live = found.sum(axis=(0, 2)), self.population.sum(axis=1)
        if (arrived > live).any():
            i = int(np.argmax(arrived > live))
            raise OutOfRange(
                f"{arrived[i]:,.0f} infections are imported to {self.places[i]}, where {live[i]:,} live.",
                where="imports",
                remedy="Imports are residents infected elsewhere: persons on a day, not rates.",
            )
        return found

    def controls(self, said: Any, settings: Sequence[str], name: str) -> Floats:
        """Return what is left of contacts by (day, place, setting); later lines of a policy win."""
        left = np.ones((self.days, len(self.places), len(settings)))
        for line in said or ():
            _refuse_unknown(
                line, {"from", "until", "places", "settings", "level"}, f"{name}.controls"
            )
            level = self.level(line["level"], f"{name}.controls")
            days = self.period(line, f"{name}.controls")
            where = self.some_places(line, f"{name}.controls")
            what = self.settings(line.get("settings", settings), settings, f"{name}.controls")
            left[np.ix_(days, where, what)] = level
        return left

    def level(self, said: Any, where: str) -> float:
        level = number(said, where)
        if not 0.0 <= level <= 1.0:
            raise ControlOutOfRange(
                f"A control leaves {level:g} of the contacts.",
                where=where,
                remedy="A level is from 0 (closed) to 1 (as before).",
            )
        return level

    def settings(self, named: Any, settings: Sequence[str], where: str) -> list[int]:
        if isinstance(named, str) or not named:
            raise MalformedScenario(f"settings is “{named}”, no list of settings.", where=where)
        unknown = [k for k in named if k not in settings]
        if unknown:
            raise MalformedScenario(
                f"There is no setting “{unknown[0]}”.",
                where=where,
                remedy=f"Settings are {', '.join(settings)}.",
            )
        return [list(settings).index(k) for k in named]

    def some_places(self, line: Mapping[str, Any], where: str) -> list[int]:
        named = line.get("places", self.places)
        if isinstance(named, str) or not named:
            raise MalformedScenario(f"places is “{named}”, no list of places.", where=where)
        return [self.place(p) for p in named]

    def period(self, line: Mapping[str, Any], where: str) -> range:
        """Return the days [from, until) of a line; days after the run's last are none of ours."""
        begin = whole(line.get("from", 0), f"{where}.from")
        end = whole(line.get("until", max(self.days, begin + 1)), f"{where}.until")
        if end <= begin:
            raise MalformedScenario(
                f"It begins on day {begin} and ends before day {end}.",
                where=where,
                remedy="Days are [from, until): until is the first day after it.",
            )
        return range(min(begin, self.days), min(end, self.days))

    def share_by_day(self, said: Any, where: str) -> Floats:
        """Return a share by (day, place): one number, or lines with from, places and share."""
        share = np.zeros((self.days, len(self.places)))
        if isinstance(said, int | float):
            share[:] = number(said, where)
            return share
        if not isinstance(said, list):
            raise MalformedScenario(f"“{said}” is no share and no list of lines.", where=where)
        for line in said:
            _refuse_unknown(line, {"from", "until", "places", "share"}, where)
            days, places = self.period(line, where), self.some_places(line, where)
            share[np.ix_(days, places)] = number(line["share"], where)
        return share

    def place(self, name: Any) -> int:
        if str(name) not in self.places:
            raise UnknownPlace(f"There is no place “{name}”.", where=self.path.name)
        return self.places.index(str(name))

    def group(self, name: Any) -> int:
        """Return the position of an age group before any division by vaccination."""
        if str(name) not in self.groups:
            raise MalformedScenario(
                f"There is no age group “{name}” in people.",
                where=self.path.name,
                remedy=f"Age groups are {', '.join(self.groups)}.",
            )
        return self.groups.index(str(name))

    def age(self, name: Any) -> int:
        if str(name) not in self.ages:
            raise MalformedScenario(
                f"There is no age group “{name}”.",
                where=self.path.name,
                remedy=f"Age groups are {', '.join(self.ages)}.",
            )
        return self.ages.index(str(name))


def number(said: Any, where: str, *, least: float | None = None) -> float:
    """Return a finite number, not below `least`; raises MalformedScenario (E814), OutOfRange (E802).

    >>> number("0.5", "share")
    0.5
    """
    try:
        value = float(said)
    except (TypeError, ValueError) as error:
        raise MalformedScenario(f"“{said}” is no number.", where=where) from error
    if isinstance(said, bool) or not np.isfinite(value):
        raise MalformedScenario(f"“{said}” is no number.", where=where)
    if least is not None and value < least:
        raise OutOfRange(f"{where} is {value:g}, below {least:g}.", where=where)
    return value


def whole(said: Any, where: str, *, least: int | None = 0, most: int | None = None) -> int:
    """Return a whole number from `least` to `most`; raises MalformedScenario (E814), OutOfRange (E802).

    >>> whole("12", "days")
    12
    """
    value = number(said, where)
    if value != int(value):
        raise OutOfRange(f"{where} is {value:g}, not a whole number.", where=where)
    if (least is not None and value < least) or (most is not None and value > most):
        raise OutOfRange(
            f"{where} is {int(value):,}.",
            where=where,
            remedy=f"It is from {least} to {most}."
            if most is not None
            else f"It is at least {least}.",
        )
    return int(value)


def _refuse_unknown(said: Any, known: frozenset[str] | set[str], where: str) -> None:
    if not isinstance(said, dict):
        raise MalformedScenario(f"“{said}” is no mapping of names to values.", where=where)
    unknown = sorted(set(said) - known)
    if unknown:
        raise MalformedScenario(
            f"“{unknown[0]}” means nothing here.",
            where=where,
            remedy=f"What may stand here: {', '.join(sorted(known))}.",
        )
