"""The province's page: its figures, curve, cities, counties with their reasons, changes, silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.context import Board
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.assess import queries
from yipan.assess.models import Alarm, Assessment, Tier, UnitSituation
from yipan.assess.outlook import words as closer_words
from yipan.assess.outlook.ahead import score
from yipan.assess.pages import pictures
from yipan.assess.shown import alarms_shown, by_size, situations_shown
from yipan.assess.situation import words as sentences
from yipan.assess.tiers.packs import Pack, pack_named
from yipan.assess.tiers.words import reason
from yipan.assess.warnings import queries as warnings
from yipan.assess.warnings import words as alarm_words
from yipan.kernel import words
from yipan.places import queries as places
from yipan.places.models import Level, Unit

QUANTILES = ("q05", "q25", "median", "q75", "q95")
TIERS = (Tier.HIGH, Tier.MEDIUM, Tier.UNDECIDED, Tier.NO_DATA, Tier.LOW)  # by need for attention


@dataclass(frozen=True)
class Figure:
    """One figure of the strip: label, value, one line of context."""

    label: str
    value: str
    context: str


@dataclass(frozen=True)
class CountyRow:
    """One county of the tier list with its reason."""

    situation: UnitSituation
    reason: str


@dataclass(frozen=True)
class TierFilter:
    """One choice of the tier list: its tier, how many counties and people, its address."""

    tier: str
    units: int
    people: str
    href: str
    chosen: bool


@dataclass(frozen=True)
class ForecastDay:
    """One coming day: quantiles of new cases, and the top of the scale all days share."""

    day: date
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    top: float


class Home:
    """What the province's page says; each part is read when the page asks for it."""

    def __init__(
        self, *, board: Board, scope: Scope, assessment: Assessment, tier: str = ""
    ) -> None:
        self.board, self.scope, self.assessment, self.tier = board, scope, assessment, tier
        self.province: Mapping[str, Any] = assessment.province

    @property
    def headline(self) -> str:
        """The page's sentence."""
        return queries.headline(self.assessment)

    @property
    def lead(self) -> str:
        """The line under it: what Rt says, and how complete the picture is."""
        reported = self.province["reported"]
        parts = [sentences.rt_finding(self.province["rt"]) + _(".")]
        if reported["owing"]:
            parts.append(
                _("%(heard)s of %(owing)s counties have reported %(day)s.")
                % {
                    "heard": words.count(reported["heard"]),
                    "owing": words.count(reported["owing"]),
                    "day": words.day(self.assessment.data_day),
                }
            )
        return sentences.join(parts)

    @property
    def figures(self) -> list[Figure]:
        """The strip of six figures."""
        p = self.province
        pending, pending_context = sentences.expected_words(p["not_yet_reported"])
        rt = p["rt"]
        silent = len(p["silent"])
        return [
            Figure(
                _("New confirmed"),
                known(p["confirmed_new"]),
                _("on %(day)s; %(total)s in all")
                % {"day": words.day(self.assessment.data_day), "total": known(p["confirmed"])},
            ),
            Figure(
                _("Confirmed, 7 days"),
                known(p["confirmed_7d"]),
                _("7 days before: %s") % known(p["confirmed_7d_before"]),
            ),
            Figure(_("Expected, not yet reported"), pending, pending_context),
            Figure(
                _("Reproduction number Rt"),
                "–" if "note" in rt else words.decimal(rt["median"]),
                sentences.rt_note(rt["note"]) if "note" in rt else self._rt_context(rt),
            ),
            Figure(
                _("In hospital"),
                known(p["active"]),
                _("%(cured)s cured, %(deaths)s died")
                % {"cured": known(p["cured"]), "deaths": known(p["deaths"])},
            ),
            Figure(
                _("Counties not heard from"),
                words.count(silent),
                _("of %s that owe a count") % words.count(p["reported"]["owing"]),
            ),
        ]

    def _rt_context(self, rt: Mapping[str, Any]) -> str:
        span = f"{words.decimal(rt['q05'])}{words.DASH}{words.decimal(rt['q95'])}"
        text = _("90%%: %(span)s, from %(n)s local cases") % {
            "span": span,
            "n": words.count(rt["local_cases"]),
        }
        return text + (_("; imports counted as local: biased up") if rt["biased_up"] else "")

    # ---- pictures ----

    @cached_property
    def curve(self) -> dict[str, Any]:
        """The province's curve."""
        p = self.province
        return pictures.curve(
            self.assessment.series,
            title=sentences.curve_finding(p),
            summary=sentences.new_cases(p, self.assessment.data_day),
            peak=p["peak"],
        )

    @cached_property
    def band(self) -> dict[str, Any]:
        """Rt of the province."""
        return pictures.band(
            self.assessment.series["rt"],
            latest=self.province["rt"],
            incomplete_from=None,
        )

    @property
    def closer(self) -> Mapping[str, Any]:
        """The closer look, empty until made."""
        found: Mapping[str, Any] = self.assessment.outlook
        return found

    @cached_property
    def pooled(self) -> dict[str, Any] | None:
        """Rt by day of onset, pooled over the counties; None where it cannot be said or was not made."""
        rt = self.closer.get("rt")
        if not rt or "note" in rt:
            return None
        return pictures.band(
            rt, latest=rt["latest"], incomplete_from=self.assessment.series["incomplete_from"]
        )

    @property
    def pooled_note(self) -> str:
        """Why there is no Rt by day of onset, empty where there is."""
        rt = self.closer.get("rt", {})
        return closer_words.pooled_note(rt["note"]) if "note" in rt else ""

    @property
    def severity(self) -> str:
        """The delay-corrected fatality in words, empty where nobody looked closer."""
        found = self.closer.get("severity")
        return closer_words.severity_finding(found) if found else ""

    @property
    def severity_context(self) -> str:
        """What it rests on."""
        found = self.closer.get("severity")
        return closer_words.severity_context(found) if found else ""

    @property
    def stays(self) -> str:
        """How long the sick stay sick, empty where nothing is said of it."""
        return closer_words.stays_words(self.closer.get("stays", {}))

    @property
    def forecast_finding(self) -> str:
        """What the coming week brings, empty where nobody looked closer."""
        found = self.closer.get("forecast")
        return closer_words.forecast_finding(found) if found else ""

    @cached_property
    def forecast_days(self) -> list[ForecastDay]:
        """The coming days with their interval, all on one scale."""
        found = self.closer.get("forecast", {})
        if "dates" not in found:
            return []
        top = max(1.0, *found["q95"])
        return [
            ForecastDay(
                day=date.fromisoformat(day), top=top, **{name: found[name][i] for name in QUANTILES}
            )
            for i, day in enumerate(found["dates"])
        ]

    @property
    def forecast_basis(self) -> str:
        """What gives the forecast its shape."""
        if self.closer.get("forecast", {}).get("shape") == "control":
            return _(
                "Shape: what the days of the travel ban and of the response let one expect; "
                "level: the counts."
            )
        return _("Shape: none is known; only a growth that dies away is extrapolated.")

    @cached_property
    def forecast_record(self) -> str:
        """How the forecasts of the two weeks before did."""
        series = self.assessment.series
        truth = dict(zip(series["dates"], series["confirmed_new"], strict=True))
        scores = [
            score(before.outlook["forecast"], truth)
            for before in queries.forecasts_before(self.assessment)
        ]
        return closer_words.score_words([s for s in scores if s is not None])

    @property
    def days(self) -> list[pictures.DayRow]:
        """The table twin of both."""
        return pictures.day_rows(self.assessment.series)

    # ---- units ----

    @cached_property
    def cities(self) -> list[UnitSituation]:
        """The cities in sight, by new cases in 14 days, then by name."""
        rows = queries.situations(self.assessment, scope=self.scope, level=Level.CITY)
        return sorted(rows, key=lambda s: (by_size(s.confirmed_14d), s.unit.code))

    @cached_property
    def cities_finding(self) -> str:
        """The finding over the cities: where Rt can be said at all."""
        shown = [s for s in self.cities if s.rt and "note" not in s.rt]
        above = [s for s in shown if s.rt and s.rt["q05"] > 1]
        if not shown:
            return _("Too few cases in any city to say its Rt")
        if not above:
            return ngettext(
                "Rt can be said of %(n)d city; it is not clearly above 1",
                "Rt can be said of %(n)d cities; in none is it clearly above 1",
                len(shown),
            ) % {"n": len(shown)}
        names = (_(", ")).join(s.unit.name for s in above[:3])
        return _("Rt is clearly above 1 in %s") % names

    @property
    def unallocated(self) -> str:
        """What the province has and no city has, in words; empty where nothing."""
        labels = {"confirmed": _("confirmed"), "cured": _("cured"), "deaths": _("deaths")}
        parts = [
            f"{labels[name]} {n:+d}".replace("-", words.MINUS)
            for name, n in self.province["unallocated"].items()
            if n
        ]
        if not parts:
            return ""
        return _(
            "Totals of the province less the sum of its cities: %s. Shown, never scaled away."
        ) % (_(", ")).join(parts)

    @cached_property
    def pack(self) -> Pack:
        """The rules by which this assessment decided."""
        return pack_named(self.assessment.method["tiers"]["name"])

    @cached_property
    def counties(self) -> list[CountyRow]:
        """The counties in sight with their reasons: those of the tier asked for, else all above low."""
        rows = queries.situations(self.assessment, scope=self.scope, level=Level.COUNTY)
        rows = rows.filter(tier=self.tier) if self.tier else rows.exclude(tier=Tier.LOW)
        order = {tier: i for i, tier in enumerate(TIERS)}
        shown = situations_shown(self.assessment, rows, scope=self.scope)
        ranked = sorted(
            shown, key=lambda s: (order[Tier(s.tier)], by_size(s.confirmed_14d), s.unit.code)
        )
        return [CountyRow(s, reason(s.tier, s.trace, self.pack)) for s in ranked]

    @property
    def tiers_finding(self) -> str:
        """The finding over the tier list."""
        return sentences.tiers_and_silence({**self.province, "silent": []}).rstrip("。.")

    @property
    def filters(self) -> list[TierFilter]:
        """The tiers to choose from, each with its counties and people."""
        base = reverse("assess:home")
        keep = f"&{self.board.query}" if self.board.query else ""
        return [
            TierFilter(
                tier=tier,
                units=entry["units"],
                people=words.people(entry["people"]),
                href=f"{base}?tier={tier}{keep}#tiers",
                chosen=tier == self.tier,
            )
            for tier in TIERS
            for entry in [self.province["tiers"][tier]]
        ]

    @cached_property
    def changes(self) -> list[tuple[UnitSituation, str]]:
        """The counties whose tier differs from the evening before."""
        return queries.changes_since(self.assessment, scope=self.scope)

    @cached_property
    def alarms(self) -> list[Alarm]:
        """What waits for somebody to look, the latest data day first."""
        rows = warnings.open_alarms(self.board.incident, scope=self.scope, at=self.board.at)[:6]
        return alarms_shown(rows, scope=self.scope)

    @cached_property
    def alarms_finding(self) -> str:
        """How many alarms wait, and how the earlier ones turned out."""
        waiting = warnings.open_alarms(self.board.incident, scope=self.scope, at=self.board.at)
        record = warnings.track_record(
            self.board.incident,
            scope=self.scope,
            at=self.board.at,
            day=self.assessment.data_day,
        )
        return alarm_words.headline(waiting.count(), record)

    @cached_property
    def silent(self) -> list[Unit]:
        """The counties not heard from that the person may see."""
        codes = self.province["silent"]
        seen = queries.situations(self.assessment, scope=self.scope, level=Level.COUNTY)
        return [s.unit for s in seen.filter(unit__code__in=codes)]

    @property
    def may_read_reports(self) -> bool:
        """Whether the page of who was not heard from is open to the person."""
        return self.scope.may(Action.REPORT_READ)

    @property
    def synthetic(self) -> bool:
        """Whether any county shown was invented for a demonstration."""
        return any(row.situation.synthetic for row in self.counties)

    @property
    def root(self) -> Unit:
        """The province."""
        return places.province(self.board.package)


def known(n: int | None) -> str:
    """Return a count, a dash where nobody has said it."""
    return "–" if n is None else words.count(n)
