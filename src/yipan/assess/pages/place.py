"""One county or city at a moment: its numbers, its tier in words, what would change it, who lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.context import Board
from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.assess import queries
from yipan.assess.gaps.queries import heard_below
from yipan.assess.models import Assessment, Tier, TierChange, UnitSituation
from yipan.assess.outlook import words as closer_words
from yipan.assess.outlook.arrivals import under_control
from yipan.assess.shown import exact, hides, situations_shown
from yipan.assess.situation import words as sentences
from yipan.assess.situation.figures import peak, whole
from yipan.assess.tiers.packs import Pack, pack_named
from yipan.assess.tiers.words import (
    Chance,
    RuleLine,
    WhatIf,
    chances_in_words,
    reason,
    rule_lines,
    what_would_change,
)
from yipan.kernel import words
from yipan.kernel.time import days
from yipan.places import queries as places
from yipan.places.models import Level, PublishedCount, Unit
from yipan.report import queries as reports
from yipan.report.models import Value
from yipan.report.values.queries import recent_values

CONTROL = 50  # per cent of travel stopped, before a reader chooses another


@dataclass(frozen=True)
class Neighbour:
    """A county that touches this one, with its situation where the person may read it."""

    unit: Unit
    situation: UnitSituation | None


@dataclass(frozen=True)
class Travel:
    """Infected people expected to come and to leave in the coming days, and what a control changes."""

    days: int
    basis: str
    a_day: str
    leaving_a_day: str
    origins: list[tuple[str, str]]  # name, share of those who come
    neighbours: list[tuple[str, str]]  # name, expected over the days
    effect: str


class Place:
    """What a page says of one county or city; each part is read when the page asks for it."""

    def __init__(
        self,
        *,
        board: Board,
        scope: Scope,
        assessment: Assessment,
        situation: UnitSituation,
        control: int = CONTROL,
    ) -> None:
        self.control = control
        self.board, self.scope = board, scope
        self.assessment, self.situation = assessment, situation
        self.unit = situation.unit

    # ---- sentences ----

    @property
    def headline(self) -> str:
        """The page's sentence: the county's tier and the numbers behind it."""
        s, name = self.situation, self.unit.name
        if s.confirmed is None:
            return _("%(name)s has not been heard from.") % {"name": name}
        hidden = hides(s)
        told = _("small counts, not shown here") if hidden else _counts(s)
        counted = {"name": name, "counts": told}
        if not s.tier:
            return _("%(name)s: %(counts)s.") % counted
        if s.tier == Tier.NO_DATA:
            day = words.day(self.assessment.data_day)
            return _("%(name)s has no data for %(day)s; before that %(counts)s.") % {
                **counted,
                "day": day,
            }
        if s.tier == Tier.UNDECIDED:
            return _("%(name)s is undecided: %(counts)s.") % counted
        return _("%(name)s is %(tier)s: %(counts)s.") % {**counted, "tier": Tier(s.tier).label}

    @property
    def lead(self) -> str:
        """The line under it: people, what would change the tier first, when it was last heard."""
        parts = []
        if self.unit.population:
            parts.append(_("%s people.") % words.people(self.unit.population))
        if self.what_if:
            first = self.what_if[0]
            parts.append(
                _("%(condition)s, it becomes %(tier)s.")
                % {"condition": first.condition, "tier": Tier(first.tier).label}
            )
        if self.situation.reported_at is not None:
            heard = words.clock(self.situation.reported_at, self.board.time.zone)
            parts.append(_("Last heard from %s.") % heard)
        return sentences.join(parts)

    @property
    def lead_with_rt(self) -> str:
        """The line under a city's sentence: its people, and what its Rt says."""
        return sentences.join([self.lead, self.rt_words + _(".")])

    @cached_property
    def exact(self) -> bool:
        """Whether the person may see small counts of it, and so its daily curve and its reports."""
        return exact(self.scope, self.unit)

    # ---- the tier ----

    @property
    def pack(self) -> Pack:
        """The rules by which this assessment decided."""
        return pack_named(self.assessment.method["tiers"]["name"])

    @property
    def tier_reason(self) -> str:
        """Why the tier is what it is."""
        return reason(self.situation.tier, self.situation.trace, self.pack)

    @property
    def rules(self) -> list[RuleLine]:
        """Each rule of the pack with the values it used."""
        return rule_lines(self.situation.trace, self.pack)

    @cached_property
    def what_if(self) -> list[WhatIf]:
        """What would give the county another tier."""
        if not self.situation.tier or not self.exact:
            return []
        return what_would_change(
            self.situation.trace,
            self.pack,
            last_case=self.situation.last_case_day,
            day=self.assessment.data_day,
        )

    @property
    def chances(self) -> list[Chance]:
        """The probability of each tier, counting what is not yet reported; empty: cannot be said."""
        return chances_in_words(self.situation.chances)

    @cached_property
    def history(self) -> list[TierChange]:
        """The changes of its tier, the latest first."""
        return list(
            queries.tier_history(self.board.incident, self.unit, scope=self.scope, at=self.board.at)
        )

    # ---- counts ----

    @cached_property
    def series(self) -> dict[str, Any]:
        """The county's curve: counts by data day, cases by onset, and its Rt, as known at the moment."""
        if self.unit.level == Level.CITY:
            return self._city_series()
        span = [*days(self._first, self.assessment.data_day), self.assessment.data_day]
        if not self.exact:
            return _without_days(span, self.assessment.series["incomplete_from"])
        new = reports.daily_counts(
            self.board.incident,
            units=[self.unit],
            element="confirmed_new",
            first=span[0],
            last=span[-1],
            known_at=self.assessment.known_at,
        )[:, 0]
        return {
            **_without_days(span, self.assessment.series["incomplete_from"]),
            "confirmed_new": [whole(n) for n in new],
            "onset": self._onset(span),
        }

    def _city_series(self) -> dict[str, Any]:
        whole_series = self.assessment.series
        span = [date.fromisoformat(d) for d in whole_series["dates"]]
        return {
            "dates": whole_series["dates"],
            "incomplete_from": whole_series["incomplete_from"],
            "onset": self._onset(span) if self._sees_days else None,
            "expected": None,
            **whole_series["cities"][self.unit.code],
        }

    @property
    def _sees_days(self) -> bool:
        """Cases of a city by day of onset are published by nobody: small ones need their own right."""
        return self.scope.may(Action.ASSESS_READ, self.unit, sensitivity=HOUSEHOLD)

    @property
    def _first(self) -> date:
        return date.fromisoformat(self.assessment.series["dates"][0])

    def _onset(self, span: list[date]) -> list[int] | None:
        """Cases by onset day are counts of the whole unit; the list itself is read with another right."""
        cases = reports.cases(self.board.incident, known_at=self.assessment.known_at)
        inside = np.isin(
            cases.unit, list(places.subtree(self.unit).order_by().values_list("pk", flat=True))
        )
        dated = inside & ~np.isnat(cases.onset_day)
        dated &= cases.report_day <= np.datetime64(self.assessment.data_day, "D")
        if not dated.any():
            return None
        index = (cases.onset_day[dated] - np.datetime64(span[0], "D")).astype(np.int64)
        kept = index[(index >= 0) & (index < len(span))]
        return [int(n) for n in np.bincount(kept, minlength=len(span))]

    @property
    def curve_title(self) -> str:
        """The finding over the curve."""
        s = self.situation
        if not self.exact:
            return _("Counts of single days are shown to those responsible for the place")
        if not s.confirmed:
            return _("No case has been confirmed.")
        new = np.array([np.nan if n is None else n for n in self.series["confirmed_new"]])
        top = peak(new, [date.fromisoformat(d) for d in self.series["dates"]])
        last = words.day(s.last_case_day) if s.last_case_day else ""
        if top is None or s.last_case_day is None:
            return _("%s confirmed in all") % words.count(s.confirmed)
        return ngettext(
            "%(n)s case in all, the last on %(day)s",
            "%(n)s cases in all, the last on %(day)s",
            s.confirmed,
        ) % {"n": words.count(s.confirmed), "day": last}

    @property
    def city_open(self) -> bool:
        """Whether the person may open the page of its city."""
        return self.city is not None and self.scope.may(Action.ASSESS_READ, self.city.unit)

    @cached_property
    def city(self) -> UnitSituation | None:
        """The situation of its city, whose Rt may say more."""
        if self.unit.level != Level.COUNTY or self.unit.parent is None:
            return None
        return queries.of_units(self.assessment, [self.unit.parent_id or 0]).get(
            self.unit.parent_id or 0
        )

    @property
    def rt_words(self) -> str:
        """What its own Rt says."""
        return sentences.rt_finding(self.situation.rt or {"note": "no_data"})

    @property
    def pooled_rt(self) -> Mapping[str, Any] | None:
        """Its Rt by day of onset, pooled with the other counties; None where nothing is said of it."""
        found = self.assessment.outlook.get("rt", {}).get("counties", {}).get(self.unit.code)
        return found or None

    @cached_property
    def arriving(self) -> tuple[str, str] | None:
        """Infected people expected to arrive in the coming week, in words; None where nobody looked closer."""
        found = self.assessment.outlook.get("importation", {})
        mine = found.get("counties", {}).get(self.unit.code)
        if mine is None:
            return None
        units = places.by_codes(self.board.package, [o["code"] for o in mine["from"]])
        names = {code: unit.name for code, unit in units.items()}
        return closer_words.arrivals_words(mine, names)

    @cached_property
    def travel(self) -> Travel | None:
        """Who may come and go infected, day by day and to each neighbour; None where nobody looked."""
        found = self.assessment.outlook.get("importation", {})
        mine = found.get("counties", {}).get(self.unit.code)
        if mine is None or "to" not in mine:  # made by an earlier version
            return None
        codes = [o["code"] for o in (*mine["from"], *mine["to"])]
        units = places.by_codes(self.board.package, codes)
        effect = under_control(found, self.unit, control=self.control / 100)
        return Travel(
            days=found["days"],
            basis=closer_words.travel_words(found["basis"]),
            a_day=closer_words.trips(mine["mean"] / found["days"]),
            leaving_a_day=closer_words.trips(mine["leaving"] / found["days"]),
            origins=[
                (units[o["code"]].name, words.percent(o["share"]))
                for o in mine["from"]
                if o["code"] in units
            ],
            neighbours=[
                (units[o["code"]].name, closer_words.trips(o["mean"]))
                for o in mine["to"]
                if o["code"] in units
            ],
            effect=closer_words.control_words(effect),
        )

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What a form on the page must send along: the moment shown."""
        return parse_qsl(self.board.query)

    @property
    def pending_words(self) -> tuple[str, str]:
        """The cases expected and not yet reported, and their interval; a dash where nothing can be said."""
        found = self.situation.pending
        if not found:
            return "–", ""
        span = f"{words.count(found['q05'])}{words.DASH}{words.count(found['q95'])}"
        return words.count(found["median"]), _("90%%: %s") % span

    @property
    def city_rt_words(self) -> str:
        """What the Rt of its city says."""
        return sentences.rt_finding(self.city.rt or {"note": "no_data"}) if self.city else ""

    # ---- around it ----

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        """The counties that touch it; one out of sight is named, its numbers are not shared."""
        pairs = places.adjacency(self.board.package)
        own = self.unit.code
        codes = sorted({b for a, b in pairs if a == own} | {a for a, b in pairs if b == own})
        seen = {
            s.unit.code: s
            for s in queries.situations(
                self.assessment, scope=self.scope, level=Level.COUNTY
            ).filter(unit__code__in=codes)
        }
        situations_shown(self.assessment, seen.values(), scope=self.scope)
        units = places.by_codes(self.board.package, codes)
        return [Neighbour(units[c], seen.get(c)) for c in codes if c in units]

    @cached_property
    def counties(self) -> list[UnitSituation]:
        """The counties of a city in sight."""
        rows = queries.situations(self.assessment, scope=self.scope, level=Level.COUNTY)
        inside = rows.filter(unit__lft__gt=self.unit.lft, unit__rgt__lt=self.unit.rgt)
        return situations_shown(self.assessment, inside, scope=self.scope)

    @property
    def remainder(self) -> int | None:
        """Cases of a city that none of its counties has reported: development zones, late counts."""
        rows = queries.situations(self.assessment, scope=self.scope, level=Level.COUNTY)
        inside = rows.filter(unit__lft__gt=self.unit.lft, unit__rgt__lt=self.unit.rgt)
        parts = list(inside.values_list("confirmed", flat=True))
        if self.situation.confirmed is None or not parts or None in parts:
            return None
        return self.situation.confirmed - sum(p for p in parts if p is not None)

    @cached_property
    def published(self) -> list[PublishedCount]:
        """Public notices about the unit known at the moment, the latest first."""
        rows = places.published(self.board.package, at=self.assessment.known_at)
        return list(rows.filter(unit=self.unit).order_by("-day")[:8])

    # ---- what came in ----

    @cached_property
    def reported(self) -> list[Value]:
        """Its latest reports, each number with its source; empty without the right to read them."""
        if not self.scope.may(Action.REPORT_READ, self.unit, sensitivity=HOUSEHOLD):
            return []
        return recent_values(self.board.incident, unit=self.unit, known_at=self.board.at, days=3)

    @property
    def why_silent(self) -> str:
        """The known reason of its silence, empty where it reported or none is known."""
        return reports.known_reasons(self.board.incident, at=self.board.at).get(self.unit.pk, "")

    @cached_property
    def below(self) -> tuple[int, int, date] | None:
        """Villages below that reported, that owe, and for which day; None where none owes."""
        if not self.scope.may(Action.REPORT_READ, self.unit):
            return None
        found = heard_below(self.board.incident, self.unit, Level.VILLAGE, at=self.board.at)
        return found if found[1] else None


def _without_days(span: list[date], incomplete_from: str | None) -> dict[str, Any]:
    """Return a series of which no day is told."""
    blank = [None] * len(span)
    return {
        "dates": [d.isoformat() for d in span],
        "confirmed_new": blank,
        "onset": None,
        "expected": None,
        "incomplete_from": incomplete_from,
        "rt": {
            "dates": [d.isoformat() for d in span],
            **dict.fromkeys(("median", "lo50", "hi50", "lo90", "hi90"), blank),
        },
    }


def _counts(s: UnitSituation) -> str:
    recent = s.confirmed_14d or 0
    return _("%(new)s in 14 days, %(total)s in all") % {
        "new": ngettext("%(n)s new case", "%(n)s new cases", recent) % {"n": words.count(recent)},
        "total": words.count(s.confirmed or 0),
    }
