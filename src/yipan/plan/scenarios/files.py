"""A scenario as plain files: one YAML and a few CSV tables, no database; every fault named with file, row and remedy."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from scipy.sparse import csr_array

from yipan.engines.economy.account import WEEKS_PER_YEAR
from yipan.engines.epidemic.parameters import diseases
from yipan.places.packages import path_of
from yipan.places.schema import AGE_GROUPS
from yipan.places.schema import SETTINGS as CONTACT_SETTINGS
from yipan.plan.errors import MalformedAssumptions, MalformedScenario
from yipan.plan.scenarios.asking import Limits, read_limits
from yipan.plan.scenarios.assumptions import (
    DEFAULT_PACK,
    SETTINGS,
    TIERS,
    Assumptions,
    load_pack,
    over_weeks,
    packs,
    read_assumptions,
    with_figures,
)
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.changes import Change, changed, read_changes
from yipan.plan.scenarios.standing import Province, Start, whole_people

SHIPPED = "henan-2020"
KEYS = {
    "format", "name", "start", "disease", "pack", "weeks", "members", "seed", "counties", "areas", "ages",
    "contacts", "sectors", "travel", "limits", "figures", "edits", "verify_members", "search_members",
}  # fmt: skip
SEARCHED = ("targeted", "robust", "uniform")
MOST_COUNTIES, MOST_WEEKS, MOST_MEMBERS = 5_000, 52, 100_000


@dataclass(frozen=True)
class Place:
    """A county or hospital area of a file; named like a unit of the board."""

    code: str
    name_zh: str
    name_en: str
    population: int

    @property
    def name(self) -> str:
        """The name in the language in use."""
        own = self.name_zh if (get_language() or "").startswith("zh") else self.name_en
        return own or self.name_zh or self.name_en or self.code


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario as read and checked."""

    name: str
    start: date
    members: int
    seed: int
    search_members: int
    verify_members: int
    limits: Limits
    build: Build
    edits: tuple[tuple[str, str, tuple[Change, ...]], ...]  # (option edited, reason, changes)


def read_scenario(path: Path) -> ScenarioFile:
    """Return the scenario that a file states, with the tables it names beside it.

    Raises MalformedScenario (P314) naming file, row (the header is row 1) and column; MalformedAssumptions
    (P301) and MalformedLimits (P309).
    """
    data = _yaml(path)
    for key in data:
        if key not in KEYS:
            raise _bad(_("“%s” is no entry of a scenario.") % key, path.name, _("Known: %s.") % ", ".join(sorted(KEYS)))  # fmt: skip
    if data.get("format", 1) != 1:
        raise _bad(_("This is format %s; the software reads 1.") % data.get("format"), path.name, _("Write format: 1."))  # fmt: skip
    for key in ("start", "counties", "areas", "sectors"):
        if key not in data:
            raise _bad(_("“%s” is missing.") % key, path.name, _("See the example of the format in the manual."))  # fmt: skip
    folder = path.parent
    weeks = _whole(data, "weeks", 8, 2, MOST_WEEKS, path.name)
    pack = _pack(data, folder, weeks, path.name)
    disease = str(data.get("disease", "sars_cov_2_wild"))
    if disease not in diseases():
        raise _bad(_("There is no parameter set for the disease “%s”.") % disease, path.name, _("Sets that ship: %s.") % ", ".join(diseases()))  # fmt: skip
    limits = read_limits(data.get("limits"), where=f"{path.name}: limits")
    province, staffed = _province(data, folder, pack)
    limits = _with_beds(limits, staffed, {c.code for c in province.cities}, {c.code for c in province.counties}, path.name)  # fmt: skip
    build = Build(province=province, assumptions=pack, disease=disease)
    edits = _edits(data.get("edits"), path.name)
    _check_edits(edits, build, path.name)
    return ScenarioFile(
        name=str(data.get("name", path.stem)),
        start=_day(data["start"], path.name),
        members=_whole(data, "members", 200, 20, MOST_MEMBERS, path.name),
        seed=_whole(data, "seed", 1, 0, 2**63 - 1, path.name),
        search_members=_whole(data, "search_members", 400, 20, MOST_MEMBERS, path.name),
        verify_members=_whole(data, "verify_members", 2000, 20, MOST_MEMBERS, path.name),
        limits=limits,
        build=build,
        edits=edits,
    )


# --- the YAML


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(_("There is no file %s.") % path.name, path.name, _("Check the name and the folder.")) from None  # fmt: skip
    except UnicodeDecodeError as fault:
        raise _bad(_("The file is not UTF-8."), path.name, _("Save it as UTF-8.")) from fault
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise _bad(_("The file is not YAML: %s.") % getattr(fault, "problem", fault), where, _("Check indentation and quotes there.")) from fault  # fmt: skip
    if not isinstance(data, dict):
        raise _bad(_("The file holds no entries."), path.name, _("Start with name, start, counties, areas, sectors."))  # fmt: skip
    return {str(key): value for key, value in data.items()}


def _pack(data: Mapping[str, Any], folder: Path, weeks: int, where: str) -> Assumptions:
    named = str(data.get("pack", DEFAULT_PACK))
    if named in packs():
        pack = load_pack(named)
    else:
        file = folder / named
        if not file.is_file():
            raise MalformedAssumptions(
                _("There is no pack of assumptions “%s”.") % named, where=where,
                remedy=_("Known: %s; or the name of a file beside the scenario.") % ", ".join(packs()),
            )  # fmt: skip
        pack = read_assumptions(_yaml(file), where=file.name)
    own = data.get("figures") or {}
    if not isinstance(own, Mapping):
        raise _bad(_("“figures” must be names and values."), where, _("Write a figure's name, then its value."))  # fmt: skip
    return over_weeks(with_figures(pack, own, where=f"{where}: figures"), weeks)


def _edits(data: Any, where: str) -> tuple[tuple[str, str, tuple[Change, ...]], ...]:
    found = []
    if data is not None and not isinstance(data, list):
        raise _bad(_("“edits” must be a list."), f"{where}: edits", _("See the example of the format in the manual."))  # fmt: skip
    for one in data or []:
        if not isinstance(one, Mapping) or not {"option", "reason", "changes"} <= set(one):
            raise _bad(_("An edit needs option, reason and changes."), f"{where}: edits", _("See the example of the format in the manual."))  # fmt: skip
        found.append((str(one["option"]), str(one["reason"]), tuple(read_changes(one["changes"]))))
    return tuple(found)


def _whole(data: Mapping[str, Any], key: str, default: int, low: int, high: int, where: str) -> int:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _bad(
            _("%(where)s is “%(value)s”.") % {"where": key, "value": str(value)[:40]}, where,
            _("Write a whole number from %(low)d to %(high)d.") % {"low": low, "high": high},
        )  # fmt: skip
    return value


def _check_edits(edits: tuple[tuple[str, str, tuple[Change, ...]], ...], build: Build, where: str) -> None:  # fmt: skip
    """Refuse an edit of an option, county, setting or week that is not there, before anything is computed."""
    known = [course.key for course in build.assumptions.courses] + list(SEARCHED)
    codes = [county.code for county in build.province.counties]
    untouched = np.full((build.weeks, len(codes), len(SETTINGS)), -1)
    for i, (option, _reason, changes) in enumerate(edits, start=1):
        if option not in known:
            raise _bad(_("There is no option “%s” to edit.") % option, f"{where}: edits", _("Options: %s.") % ", ".join(known))  # fmt: skip
        changed(untouched, codes, changes, weeks=build.weeks)
        known.append(f"edit-{i}")


def _day(value: Any, where: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _bad(_("“%s” is not a day.") % str(value)[:40], f"{where}: start", _("Write it as 2020-02-25.")) from None  # fmt: skip


# --- the tables


@dataclass(frozen=True)
class _Row:
    file: str
    number: int
    values: Mapping[str, str]

    def text(self, column: str) -> str:
        return (self.values.get(column) or "").strip()

    def number_of(self, column: str, *, low: float = 0.0, high: float = 1e13, default: float | None = None) -> float:  # fmt: skip
        raw = self.text(column)
        if not raw and default is not None:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = np.nan
        if not low <= value <= high:
            raise self.bad(column, raw, _("Write a number from %(low)g to %(high)g, without thousands separators.") % {"low": low, "high": high})  # fmt: skip
        return value

    def bad(self, column: str, raw: str, remedy: str) -> MalformedScenario:
        return MalformedScenario(
            _("%(column)s is “%(raw)s”.") % {"column": column, "raw": raw[:60]},
            where=_("%(file)s, row %(row)d") % {"file": self.file, "row": self.number},
            remedy=remedy,
        )


def _rows(folder: Path, file: Any, columns: Sequence[str]) -> Iterator[_Row]:
    path = folder / str(file)
    if not path.is_file():
        raise _bad(_("There is no file %s.") % file, str(file), _("Put it beside the scenario's file."))  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise _bad(_("The file is not UTF-8."), path.name, _("Save it as UTF-8.")) from fault
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or [])]
    if missing:
        raise _bad(_("The header lacks %s.") % ", ".join(missing), f"{path.name}, 1", _("Columns needed: %s.") % ", ".join(columns))  # fmt: skip
    for number, values in enumerate(reader, start=2):
        if any((v or "").strip() for v in values.values() if not isinstance(v, list)):
            yield _Row(path.name, number, values)


def _areas(folder: Path, file: Any) -> tuple[list[Place], dict[str, float], dict[str, float]]:
    places, beds, care = [], {}, {}
    for row in _rows(folder, file, ("code", "staffed_beds")):
        code = row.text("code")
        if not code or code in beds:
            raise row.bad("code", code, _("Each area needs a code of its own."))
        beds[code] = row.number_of("staffed_beds")
        care[code] = row.number_of("in_care", default=0.0)
        places.append(Place(code, row.text("name_zh"), row.text("name_en"), 0))
    if not places:
        raise _bad(_("The table has no rows."), str(file), _("One row for each hospital area."))
    return places, beds, care


def _province(
    data: Mapping[str, Any], folder: Path, pack: Assumptions
) -> tuple[Province, dict[str, float]]:
    cities, staffed, care = _areas(folder, data["areas"])
    at = {city.code: i for i, city in enumerate(cities)}
    counties: list[Place] = []
    tiers, city_of, ill, incubating, in_care = [], [], [], [], []
    for row in _rows(folder, data["counties"], ("code", "area", "tier", "population", "ill", "incubating")):  # fmt: skip
        code, area, tier = row.text("code"), row.text("area"), row.text("tier")
        if not code or code in {c.code for c in counties}:
            raise row.bad("code", code, _("Each county needs a code of its own."))
        if area not in at:
            raise row.bad("area", area, _("It must be the code of an area: %s.") % ", ".join(list(at)[:12]))  # fmt: skip
        if tier not in TIERS:
            raise row.bad("tier", tier, _("Known tiers: %s.") % ", ".join(TIERS))
        people = int(row.number_of("population", low=1, high=2e9))
        counties.append(Place(code, row.text("name_zh"), row.text("name_en"), people))
        tiers.append(tier)
        city_of.append(at[area])
        ill.append(row.number_of("ill"))
        incubating.append(row.number_of("incubating"))
        if ill[-1] + incubating[-1] > people:
            raise row.bad("ill", row.text("ill"), _("There cannot be more ill and incubating than people."))  # fmt: skip
        in_care.append(row.number_of("in_care", default=0.0))
    if not 1 <= len(counties) <= MOST_COUNTIES:
        raise _bad(_("The table has %d rows.") % len(counties), str(data["counties"]), _("One row for each county, at most %d.") % MOST_COUNTIES)  # fmt: skip
    idle = sorted(set(range(len(cities))) - set(city_of))
    if idle:
        raise _bad(_("Area %s has no county.") % cities[idle[0]].code, str(data["areas"]), _("Give each hospital area its counties, or leave it out."))  # fmt: skip
    residents = np.array([c.population for c in counties], dtype=np.float64)
    employed, value = _sectors(folder, data["sectors"], counties, pack)
    care_by_area = np.array([care[city.code] for city in cities])
    here = np.array(in_care)
    city_index = np.array(city_of, dtype=np.int64)
    if here.sum() == 0:
        # Patients known by area only lie where the area's people live.
        within = np.bincount(city_index, residents, minlength=len(cities))
        here = residents / np.maximum(within[city_index], 1.0) * care_by_area[city_index]
    province = Province(
        counties=cast(Any, tuple(counties)),
        city_codes=tuple(cities[i].code for i in city_of),
        cities=cast(Any, tuple(cities)),
        city_of=city_index,
        tiers=tuple(tiers),
        people=_ages(folder, data.get("ages"), counties, residents),
        employed=employed,
        weekly_value=value / WEEKS_PER_YEAR,
        value_estimated=(),
        beds=np.array([staffed[city.code] for city in cities]),
        contacts=_contacts(folder, data.get("contacts")),
        trips=_trips(folder, data.get("travel"), counties),
        travel_basis="file" if data.get("travel") else "none",
        start=Start(
            incubating=np.array(incubating, dtype=np.float64),
            ill=np.array(ill, dtype=np.float64),
            in_hospital=here,
        ),
    )
    return province, staffed


def _with_beds(
    limits: Limits, staffed: Mapping[str, float], areas: set[str], counties: set[str], where: str
) -> Limits:
    """Put the areas' own staffed beds into the limits; the limits' own entries and factor go before."""
    unknown = sorted(set(limits.beds_of) - areas)
    if unknown:
        raise _bad(_("limits.beds_of names the area “%s”, which is not there.") % unknown[0], where, _("Known areas: %s.") % ", ".join(sorted(areas)[:12]))  # fmt: skip
    poor = sorted(set(limits.poverty_counties) - counties)
    if poor:
        raise _bad(_("limits.poverty_counties names the county “%s”, which is not there.") % poor[0], where, _("Use codes of the table of counties."))  # fmt: skip
    beds = {code: n * limits.beds_factor for code, n in staffed.items()} | dict(limits.beds_of)
    return Limits(**{**vars(limits), "beds_of": beds, "beds_factor": 1.0})


def _sectors(
    folder: Path, file: Any, counties: Sequence[Place], pack: Assumptions
) -> tuple[np.ndarray, np.ndarray]:
    order = {c.code: i for i, c in enumerate(counties)}
    sections = list(pack.sections)
    employed, value = np.zeros((len(order), len(sections))), np.zeros((len(order), len(sections)))
    for row in _rows(folder, file, ("code", "section", "employed", "value_added_100m")):
        code, section = row.text("code"), row.text("section")
        if code not in order:
            raise row.bad("code", code, _("It must be the code of a county."))
        if section not in sections:
            raise row.bad("section", section, _("Known sections: %s.") % ", ".join(sections))
        employed[order[code], sections.index(section)] += row.number_of("employed")
        value[order[code], sections.index(section)] += row.number_of("value_added_100m")
    empty = [c.code for c in counties if value[order[c.code]].sum() <= 0]
    if empty:
        raise _bad(_("County %s has no value added.") % empty[0], str(file), _("Give each county at least one section with value added a year."))  # fmt: skip
    return employed, value


def _ages(folder: Path, file: Any, counties: Sequence[Place], residents: np.ndarray) -> np.ndarray:
    """People by county and age; without a table the shape of the package that ships."""
    order = {c.code: i for i, c in enumerate(counties)}
    shape = np.zeros((len(order), len(AGE_GROUPS)))
    if file:
        for row in _rows(folder, file, ("code", "age_group", "population")):
            code, group = row.text("code"), row.text("age_group")
            if code not in order:
                raise row.bad("code", code, _("It must be the code of a county."))
            if group not in AGE_GROUPS:
                raise row.bad("age_group", group, _("Age groups: %s.") % ", ".join(AGE_GROUPS))
            shape[order[code], AGE_GROUPS.index(group)] += row.number_of("population")
        empty = [c.code for c in counties if shape[order[c.code]].sum() <= 0]
        if empty:
            raise _bad(_("County %s has no ages.") % empty[0], str(file), _("Give each county people by age, or leave the table out."))  # fmt: skip
    else:
        with (path_of(SHIPPED) / "ages.csv").open(encoding="utf-8") as source:
            for line in csv.DictReader(source):
                shape[:, AGE_GROUPS.index(line["age_group"])] += float(line["population"])
    return whole_people(shape / shape.sum(axis=1, keepdims=True) * residents[:, None])


def _contacts(folder: Path, file: Any) -> dict[str, np.ndarray]:
    """Contacts by setting; without a table those of the package that ships."""
    tables = {s: np.zeros((len(AGE_GROUPS), len(AGE_GROUPS))) for s in CONTACT_SETTINGS}
    if not file:
        with (path_of(SHIPPED) / "contacts.csv").open(encoding="utf-8") as source:
            for line in csv.DictReader(source):
                if line["area"] == "overall":
                    a, b = (AGE_GROUPS.index(line[k]) for k in ("age_participant", "age_contact"))
                    tables[line["setting"]][a, b] = float(line["contacts_per_day"])
        return tables
    for row in _rows(folder, file, ("setting", "age_participant", "age_contact", "contacts_per_day")):  # fmt: skip
        setting = row.text("setting")
        if setting not in tables:
            raise row.bad("setting", setting, _("Known settings: %s.") % ", ".join(tables))
        ages = [row.text(k) for k in ("age_participant", "age_contact")]
        for name in ages:
            if name not in AGE_GROUPS:
                raise row.bad("age", name, _("Age groups: %s.") % ", ".join(AGE_GROUPS))
        tables[setting][AGE_GROUPS.index(ages[0]), AGE_GROUPS.index(ages[1])] = row.number_of("contacts_per_day", high=1e4)  # fmt: skip
    return tables


def _trips(folder: Path, file: Any, counties: Sequence[Place]) -> csr_array:
    order = {c.code: i for i, c in enumerate(counties)}
    n = len(order)
    if not file:
        return csr_array((n, n))
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row in _rows(folder, file, ("origin", "destination", "trips_per_day")):
        for column, into in (("origin", rows), ("destination", columns)):
            code = row.text(column)
            if code not in order:
                raise row.bad(column, code, _("It must be the code of a county."))
            into.append(order[code])
        values.append(row.number_of("trips_per_day", high=1e9))
    return csr_array((values, (rows, columns)), shape=(n, n))


def _bad(message: str, where: str, remedy: str) -> MalformedScenario:
    return MalformedScenario(message, where=where, remedy=remedy)
