"""From what departments ask to what a unit is asked: the least, with how each field is met.

Whether an element is asked is an outcome, never an input: it is asked only where nothing else gives
it and somebody's approved field rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import yaml

from yipan.report.dictionary.definitions import Definition
from yipan.report.dictionary.formulas import FormulaWrong, read_formula, solved_for
from yipan.report.dictionary.units import Conversion, Converter
from yipan.report.forms.burden import minutes_of_forms, minutes_of_page, timings
from yipan.report.forms.hypergraph import Derivation, Problem, Solution, solve
from yipan.report.requests.fields import Field, Form
from yipan.report.requests.matching import Match, Matcher, Relation

CUTOFF = "18:00"  # of the one page, unless a province sets another
PER_WEEK = {"daily": 7, "weekly": 1}
AVERAGE = "_avg"  # `masks_used_avg`: the mean of masks_used over the last days
AVERAGE_DAYS = 7


class How(StrEnum):
    """How a requested field is met, or why it is not."""

    ASKED = "asked"
    DERIVED = "derived"
    REGISTER = "register"
    EXTERNAL = "external"
    REJECTED = "rejected"
    RULING = "ruling"


MET = frozenset({How.ASKED, How.DERIVED, How.REGISTER, How.EXTERNAL})


@dataclass(frozen=True)
class Outcome:
    """What becomes of one requested field."""

    form: str
    field: Field
    match: Match
    how: How
    formula: str  # how the value is made, in ids and plain signs
    asked: tuple[str, ...]  # the asked elements it rests on
    cutoff: str  # at which cut-off it is met; empty: as asked for, whatever it is
    cutoff_differs: bool
    missing: tuple[str, ...] = ()  # names of its formula that nobody reports
    weekly: tuple[
        Definition, ...
    ] = ()  # what it rests on that is asked once a week, wanted oftener

    @property
    def element(self) -> Definition | None:
        """The element it is matched with."""
        return self.match.element

    @property
    def met(self) -> bool:
        """Whether the department receives it with no ruling."""
        return self.how in MET


@dataclass(frozen=True)
class Compiled:
    """The one form, and how every department's every field is met from it."""

    forms: tuple[Form, ...]
    dictionary: Mapping[str, Definition]
    outcomes: tuple[Outcome, ...]
    solution: Solution
    cutoff: str
    expressions: Mapping[str, str]  # derived element → its formula as used

    @cached_property
    def asked(self) -> list[Definition]:
        """What a unit is asked, in the order of the dictionary."""
        chosen = set(self.solution.asked)
        return [e for e in self.dictionary.values() if e.id in chosen]

    @cached_property
    def daily(self) -> list[Definition]:
        """What is on the daily page."""
        return [e for e in self.asked if e.ask_period == "daily"]

    @cached_property
    def weekly(self) -> list[Definition]:
        """What is on the weekly page."""
        return [e for e in self.asked if e.ask_period == "weekly"]

    @cached_property
    def elements(self) -> list[Definition]:
        """The distinct elements behind the fields, in the order of the dictionary."""
        used = {o.element.id for o in self.outcomes if o.element is not None}
        return [e for e in self.dictionary.values() if e.id in used]

    @property
    def from_registers(self) -> list[Definition]:
        """The elements that registers answer."""
        return [e for e in self.elements if e.from_register]

    @property
    def minutes_before(self) -> float:
        """A unit-day's minutes with every form sent apart (weekly forms by the day)."""
        daily = [f for f in self.forms if f.frequency != "weekly"]
        weekly = [f for f in self.forms if f.frequency == "weekly"]
        each = [[x.spec.measure for x in f.fields] for f in daily]
        seldom = [[x.spec.measure for x in f.fields] for f in weekly]
        return minutes_of_forms(each) + minutes_of_forms(seldom) / PER_WEEK["daily"]

    @property
    def minutes_after(self) -> float:
        """A unit-day's minutes with the one page."""
        return minutes_of_page(
            (e.measure for e in self.daily),
            (e.measure for e in self.weekly),
            prefilled=sum(e.source in ("person", "place", "stock") for e in self.from_registers),
            registers=any(e.source in ("person", "place", "stock") for e in self.from_registers),
        )

    def counts(self) -> dict[str, Any]:
        """Return the figures that are published of a compilation."""
        how = Counter(o.how for o in self.outcomes)
        kind = Counter(
            "derived"
            if e.id in self.solution.by and e.source in ("", "derived")
            else "external"
            if e.source == "external"
            else "rejected"
            if e.source == "reject"
            else ""
            for e in self.elements
        )
        return {
            "forms": len(self.forms),
            "fields": len(self.outcomes),
            "elements": len(self.elements),
            "asked_daily": len(self.daily),
            "asked_weekly": len(self.weekly),
            "from_registers": len(self.from_registers),
            "external": kind["external"],
            "derived": kind["derived"],
            "rejected": kind["rejected"],
            "met_without_ruling": sum(o.met for o in self.outcomes),
            "cutoff_differs": sum(o.cutoff_differs for o in self.outcomes),
            "needs_ruling": how[How.RULING],
            "minutes_before": round(self.minutes_before, 1),
            "minutes_after": round(self.minutes_after, 1),
        }


@dataclass(frozen=True)
class Auxiliary:
    """A quantity that formulas name and that is no element: computed, or read from a register."""

    id: str
    zh: str
    en: str
    formula: str
    register: str
    note: str


@lru_cache(maxsize=1)
def auxiliaries() -> dict[str, Auxiliary]:
    """Return the auxiliary quantities this system knows how to compute."""
    text = files("yipan.report.dictionary").joinpath("auxiliaries.yaml").read_text("utf-8")
    return {
        row["id"]: Auxiliary(
            row["id"], row["zh"], row["en"], row.get("formula", ""), row.get("register", ""),
            row["note"],
        )
        for row in yaml.safe_load(text)
    }  # fmt: skip


class Ways:
    """Every way to know an element of one dictionary without asking for it."""

    def __init__(self, dictionary: Mapping[str, Definition]) -> None:
        self.dictionary = dictionary
        self.rules: list[Derivation] = []
        self.missing: dict[str, tuple[str, ...]] = {}  # element → names that nobody reports
        for element in dictionary.values():
            if element.formula:
                self._read(element)

    def _read(self, element: Definition) -> None:
        try:
            formula = read_formula(element.formula)
        except FormulaWrong as fault:
            self.missing[element.id] = (str(fault),)
            return
        body, missing = self.inputs(formula.inputs)
        if missing:
            self.missing[element.id] = missing
            return
        self.rules.append(Derivation(element.id, body, element.formula))
        if not (formula.additive and formula.inputs <= self.dictionary.keys()):
            return
        # A plain sum gives any one of its terms from the total and the others.
        for wanted in sorted(formula.inputs):
            others = body - {wanted} | {element.id}
            self.rules.append(Derivation(wanted, others, solved_for(formula, element.id, wanted)))

    def inputs(self, names: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return (elements that names stand for, names that stand for nothing)."""
        found: set[str] = set()
        missing: list[str] = []
        for name in sorted(names):
            helper = auxiliaries().get(name)
            if name in self.dictionary:
                found.add(name)
            elif name.endswith(AVERAGE) and name.removesuffix(AVERAGE) in self.dictionary:
                found.add(name.removesuffix(AVERAGE))
            elif helper is not None and helper.formula:
                inner, lacking = self.inputs(read_formula(helper.formula).inputs)
                found |= inner
                missing += lacking
            elif helper is None:
                missing.append(name)
        return frozenset(found), tuple(missing)


def cost_of(element: Definition) -> int:
    """Return what asking an element costs a unit: seconds a week, a whole number above zero."""
    return max(1, round(timings().seconds(element.measure) * PER_WEEK[element.ask_period]))


def compile_forms(
    forms: Sequence[Form],
    dictionary: Mapping[str, Definition],
    conversions: Iterable[Conversion] = (),
    *,
    cutoff: str = CUTOFF,
) -> Compiled:
    """Return the least that must be asked so that every approvable field is met, and how.

    `cutoff` is that of the one page. The order of forms, fields and elements changes nothing but the order of
    what is listed.
    """
    matcher = Matcher(dictionary, Converter(conversions))
    matches = [(form, x, matcher.match(x.spec)) for form in forms for x in form.fields]
    ways = Ways(dictionary)
    wanted = {
        m.element.id
        for _form, _x, m in matches
        if m.element is not None and not m.needs_ruling and m.relation is not Relation.REJECTED
    }
    solution = solve(
        Problem(
            wanted=frozenset(wanted),
            known=frozenset(
                e.id for e in dictionary.values() if e.from_register or e.source == "external"
            ),
            askable={e.id: cost_of(e) for e in dictionary.values() if e.askable},
            derivations=tuple(ways.rules),
        )
    )
    rests = _rests_on(solution)
    outcomes = [
        _outcome(form, x, match, solution, ways, rests, cutoff) for form, x, match in matches
    ]
    return Compiled(
        forms=tuple(forms),
        dictionary=dictionary,
        outcomes=tuple(outcomes),
        solution=solution,
        cutoff=cutoff,
        expressions={n: rule.name for n, rule in solution.by.items()},
    )


def _rests_on(solution: Solution) -> dict[str, frozenset[str]]:
    """Return the asked elements that each known element rests on."""
    rests: dict[str, frozenset[str]] = {n: frozenset({n}) for n in solution.asked}
    for head, rule in solution.by.items():
        rests[head] = frozenset().union(*(rests.get(n, frozenset()) for n in rule.body))
    return rests


def _outcome(
    form: Form,
    x: Field,
    match: Match,
    solution: Solution,
    ways: Ways,
    rests: Mapping[str, frozenset[str]],
    cutoff: str,
) -> Outcome:
    element = match.element
    asked = tuple(sorted(rests.get(element.id, ()))) if element is not None else ()
    how = _how(match, solution)
    if how not in MET:
        missing = ways.missing.get(element.id, ()) if element is not None else ()
        return Outcome(form.code, x, match, how, "", (), "", False, missing)
    assert element is not None
    differs = bool(asked and x.spec.cutoff and x.spec.cutoff.strip() != cutoff)
    return Outcome(
        form=form.code,
        field=x,
        match=match,
        how=how,
        formula=_expression(element, x, match, solution),
        asked=asked,
        cutoff=cutoff if asked else "",
        cutoff_differs=differs,
        weekly=tuple(
            ways.dictionary[n]
            for n in asked
            if ways.dictionary[n].ask_period == "weekly" and form.frequency == "daily"
        ),
    )


def _how(match: Match, solution: Solution) -> How:
    element = match.element
    if match.relation is Relation.REJECTED:
        return How.REJECTED
    if element is None or match.needs_ruling or element.id in solution.unmet:
        return How.RULING
    if element.from_register:
        return How.REGISTER
    if element.source == "external":
        return How.EXTERNAL
    if element.id in solution.asked:
        changed = match.relation in (Relation.UNIT, Relation.MEASURE)
        return How.DERIVED if changed else How.ASKED
    return How.DERIVED


def _expression(element: Definition, x: Field, match: Match, solution: Solution) -> str:
    text = solution.by[element.id].name if element.id in solution.by else element.id
    plain = text == element.id
    if match.relation is Relation.POPULATION:
        text, plain = f"{text} where population = {x.spec.population}", False
    if match.relation is Relation.MEASURE:
        text, plain = f"{text} as {x.spec.measure}", False
        if element.id in solution.asked:
            text = f"{element.id} - {element.id}[t-1]"
    if match.conversion is not None:
        inner = text if plain else f"({text})"
        text = f"{inner} × {match.conversion.factor:g}"
    return text
