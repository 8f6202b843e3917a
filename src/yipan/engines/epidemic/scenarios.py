"""Scenarios from a YAML file and the tables beside it: one world, and the policies to try on it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from yipan.engines.epidemic.specification import Setting, Specification
from yipan.engines.errors import (
    ControlOutOfRange,
    EngineError,
    MalformedScenario,
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

POLICY = frozenset({"title", "controls", "detection", "tracing", "imports", "R0"})
"""What a scenario may change."""


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
    except (OSError, yaml.YAMLError) as error:
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
        self.days = int(said["days"])
        self.places, self.ages, self.population = self.people()

    def read(self) -> ScenarioFile:
        base = self.base()
        policies = self.said.get("scenarios") or {"base": {}}
        return ScenarioFile(
            title=str(self.said.get("title", self.path.stem)),
            start=self.said.get("start"),
            parameters=self.parameters,
            titles={n: str((p or {}).get("title", n)) for n, p in policies.items()},
            specifications={str(n): self.policy(base, n, p or {}) for n, p in policies.items()},
        )

    def base(self) -> Specification:
        contacts = self.contacts()
        parameters = self.disease().with_values(**self.said.get("figures", {}))
        self.parameters = parameters
        local = set(self.said.get("local", ("home",)))
        unknown = local - set(contacts)
        if unknown:
            raise MalformedScenario(
                f"local names {sorted(unknown)}, for which there are no contacts.", where="local"
            )
        names = tuple(contacts)
        spec = Specification(
            places=self.places,
            ages=self.ages,
            population=self.population,
            settings=tuple(Setting(n, contacts[n], local=n in local) for n in names),
            course=parameters.course(self.ages, names),
            days=self.days,
            transmission=np.asarray(float(self.said.get("transmission", 1.0))),
            mixing=self.mixing(),
            susceptibility=parameters.susceptibility(self.ages),
            dispersion=parameters.value("dispersion")
            if "dispersion" in parameters.figures
            else np.inf,
            seeds=self.seeds(),
            immune=self.by_place_and_age(self.said.get("immune"), "persons"),
            imports=self.imports(self.said.get("imports")),
        )
        if "transmission" in self.said:
            return spec
        return scaled_to_R0(spec, float(self.said.get("R0", parameters.value("R0"))))

    def policy(self, base: Specification, name: str, said: Mapping[str, Any]) -> Specification:
        """Return the base under one policy; what a policy does not say, the file's top level says."""
        _refuse_unknown(said, POLICY, f"scenarios.{name}")
        whole = {**self.said, **said}
        redirects = []
        for response in ("detection", "tracing"):
            if response in whole:
                share = self.share_by_day(whole[response], f"{name}.{response}")
                redirects.append(self.parameters.redirect(response, share))
        spec = base.but(
            controls=self.controls(whole.get("controls", ()), base.setting_names, name),
            redirects=tuple(redirects),
        )
        if "imports" in said:
            spec = spec.but(imports=self.imports(said["imports"]))
        return scaled_to_R0(spec, float(said["R0"])) if "R0" in said else spec

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
        rows = [(str(r["place"]), str(r["age"]), float(r["persons"])) for r in self.rows(self.said["people"])]  # fmt: skip
        if not rows:
            raise MalformedScenario("people has no rows.", where=self.path.name)
        places = tuple(dict.fromkeys(p for p, _, _ in rows))
        ages = tuple(dict.fromkeys(a for _, a, _ in rows))
        table = np.zeros((len(places), len(ages)))
        for place, age, persons in rows:
            table[places.index(place), ages.index(age)] += persons
        return places, ages, table.round().astype(np.int64)

    def contacts(self) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for row in self.rows(self.said["contacts"]):
            table = found.setdefault(str(row["setting"]), np.zeros((len(self.ages),) * 2))
            a, b = self.age(row["age_participant"]), self.age(row["age_contact"])
            table[a, b] = float(row["contacts_per_day"])
        return found

    def mixing(self) -> Any:
        if "mixing" not in self.said:
            return None
        rows = list(self.rows(self.said["mixing"]))
        start = np.array([self.place(r["from"]) for r in rows], dtype=np.int64)
        end = np.array([self.place(r["to"]) for r in rows], dtype=np.int64)
        share = np.array([float(r["share"]) for r in rows])
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

    def seeds(self) -> dict[str, Integers]:
        found: dict[str, Integers] = {}
        for row in self.rows(self.said["seeds"]):
            table = found.setdefault(
                str(row["stage"]), np.zeros(self.population.shape, dtype=np.int64)
            )
            table[self.place(row["place"]), self.age(row["age"])] += int(row["persons"])
        return found

    def by_place_and_age(self, table: Any, column: str) -> Any:
        if table is None:
            return None
        found = np.zeros(self.population.shape)
        for row in self.rows(table):
            found[self.place(row["place"]), self.age(row["age"])] += float(row[column])
        return found

    def imports(self, table: Any) -> Any:
        """Return expected imports (day, place, age); without an age they fall on people in proportion."""
        if table is None:
            return None
        found = np.zeros((self.days, *self.population.shape))
        for row in self.rows(table):
            day, i, number = int(row["day"]), self.place(row["place"]), float(row["infections"])
            if not 0 <= day < self.days:
                raise MalformedScenario(f"An import falls on day {day}.", where="imports")
            if row.get("age"):
                found[day, i, self.age(row["age"])] += number
            else:
                found[day, i] += number * self.population[i] / self.population[i].sum()
        return found

    def controls(self, said: Any, settings: Sequence[str], name: str) -> Floats:
        """Return what is left of contacts by (day, place, setting); later lines of a policy win."""
        left = np.ones((self.days, len(self.places), len(settings)))
        for line in said or ():
            _refuse_unknown(
                line, {"from", "until", "places", "settings", "level"}, f"{name}.controls"
            )
            level = float(line["level"])
            if not 0.0 <= level <= 1.0:
                raise ControlOutOfRange(
                    f"A control leaves {level:g} of the contacts.",
                    where=f"{name}.controls",
                    remedy="A level is from 0 (closed) to 1 (as before).",
                )
            begin, end = int(line.get("from", 0)), int(line.get("until", self.days))
            where = [self.place(p) for p in line.get("places", self.places)]
            what = line.get("settings", settings)
            unknown = [k for k in what if k not in settings]
            if unknown:
                raise MalformedScenario(
                    f"There is no setting “{unknown[0]}”.", where=f"{name}.controls"
                )
            left[np.ix_(range(begin, min(end, self.days)), where, [settings.index(k) for k in what])] = level  # fmt: skip
        return left

    def share_by_day(self, said: Any, where: str) -> Floats:
        """Return a share by (day, place): one number, or lines with from, places and share."""
        share = np.zeros((self.days, len(self.places)))
        if isinstance(said, int | float):
            share[:] = float(said)
            return share
        for line in said:
            _refuse_unknown(line, {"from", "until", "places", "share"}, where)
            begin, end = int(line.get("from", 0)), int(line.get("until", self.days))
            places = [self.place(p) for p in line.get("places", self.places)]
            share[np.ix_(range(begin, min(end, self.days)), places)] = float(line["share"])
        return share

    def place(self, name: Any) -> int:
        if str(name) not in self.places:
            raise UnknownPlace(f"There is no place “{name}”.", where=self.path.name)
        return self.places.index(str(name))

    def age(self, name: Any) -> int:
        if str(name) not in self.ages:
            raise MalformedScenario(
                f"There is no age group “{name}”.",
                where=self.path.name,
                remedy=f"Age groups are {', '.join(self.ages)}.",
            )
        return self.ages.index(str(name))


def _refuse_unknown(said: Mapping[str, Any], known: frozenset[str] | set[str], where: str) -> None:
    unknown = sorted(set(said) - known)
    if unknown:
        raise MalformedScenario(
            f"“{unknown[0]}” means nothing here.",
            where=where,
            remedy=f"What may stand here: {', '.join(sorted(known))}.",
        )
