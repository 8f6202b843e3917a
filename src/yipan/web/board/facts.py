"""What the board shows, read once a page: the assessment known then, and what has come in since.

Each part is read when a page asks for it, so a fragment or a file costs only its own queries. A part
that the person's roles do not open is None; the page says who owns it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from yipan.access.context import Board
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.assess import queries as assessing
from yipan.assess.models import Assessment, Tier, TierChange, UnitSituation
from yipan.assess.shown import situations_shown
from yipan.order import queries as ordering
from yipan.places import queries as places
from yipan.places.models import Level, Topology, Unit
from yipan.plan import queries as planning
from yipan.plan.models import Scenario, Signature
from yipan.report import queries as reporting
from yipan.report.queries import Silent

TIERS = (Tier.HIGH, Tier.MEDIUM, Tier.LOW, Tier.UNDECIDED, Tier.NO_DATA)
STALE_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Heard:
    """How many units of one level have reported, of those that owe a report for a day."""

    level: str
    day: date
    heard: int
    owing: int

    @property
    def missing(self) -> int:
        """The units not heard from."""
        return self.owing - self.heard

    @property
    def share(self) -> float:
        """The share that has been heard."""
        return self.heard / self.owing


class Facts:
    """The facts of one board at one moment, for one person."""

    def __init__(self, *, board: Board, scope: Scope) -> None:
        self.board = board
        self.scope = scope

    # ---- where --------------------------------------------------------------------------------

    @cached_property
    def root(self) -> Unit:
        """The province."""
        return places.province(self.board.package)

    @cached_property
    def own(self) -> Unit | None:
        """The topmost unit of this province whose assessment the person may read."""
        roots = self.scope.roots(Action.ASSESS_READ)
        mine = [unit for unit in roots if unit.package_id == self.board.package.pk]
        return mine[0] if mine else None

    @property
    def whole(self) -> bool:
        """Whether the person sees the whole province."""
        return self.own is not None and self.own.pk == self.root.pk

    @cached_property
    def bounded(self) -> bool:
        """Whether boundaries are loaded; without them the map draws circles."""
        return Topology.objects.filter(package=self.board.package).exists()

    # ---- what it means --------------------------------------------------------------------------

    @cached_property
    def assessment(self) -> Assessment | None:
        """The latest assessment known at the moment shown."""
        if self.own is None:
            return None
        return assessing.latest(self.board.incident, at=self.board.at)

    @cached_property
    def before(self) -> Assessment | None:
        """The assessment of the evening before, with which the board compares."""
        return assessing.previous(self.assessment) if self.assessment else None

    @property
    def province(self) -> dict[str, Any]:
        """The province's figures in the assessment; empty before the first."""
        return self.assessment.province if self.assessment else {}

    @property
    def series(self) -> dict[str, Any]:
        """The daily series of the assessment; empty before the first."""
        return self.assessment.series if self.assessment else {}

    @property
    def stale(self) -> bool:
        """Whether the assessment is older than a day at the moment shown."""
        return self.assessment is not None and self.age > STALE_AFTER

    @property
    def synthetic(self) -> bool:
        """Whether any county's counts were invented for a demonstration."""
        return any(s.synthetic for s in self.counties)

    @property
    def age_minutes(self) -> float:
        """How old the assessment is, in minutes."""
        return self.age.total_seconds() / 60

    @property
    def age(self) -> timedelta:
        """How old the assessment is at the moment shown."""
        return self.board.at - self.assessment.known_at if self.assessment else timedelta(0)

    @cached_property
    def counties(self) -> list[UnitSituation]:
        """Every county in sight in the assessment, by code."""
        return self._situations(Level.COUNTY)

    @cached_property
    def cities(self) -> list[UnitSituation]:
        """Every city in sight in the assessment, by code."""
        return self._situations(Level.CITY)

    def _situations(self, level: str) -> list[UnitSituation]:
        if self.assessment is None:
            return []
        rows = assessing.situations(self.assessment, scope=self.scope, level=level)
        ordered = rows.select_related("unit").order_by("unit__code")
        return situations_shown(self.assessment, ordered, scope=self.scope)

    @cached_property
    def here(self) -> UnitSituation | None:
        """The situation of the person's own county or city; None for the whole province."""
        if self.own is None or self.whole:
            return None
        return next((s for s in [*self.cities, *self.counties] if s.unit_id == self.own.pk), None)

    @cached_property
    def tiers(self) -> dict[str, tuple[int, int]]:
        """Counties and people in each tier, of the counties in sight; every tier named."""
        units: Counter[str] = Counter()
        people: Counter[str] = Counter()
        for s in self.counties:
            units[s.tier] += 1
            people[s.tier] += s.unit.population or 0
        return {str(tier): (units[tier], people[tier]) for tier in TIERS}

    @cached_property
    def city_of(self) -> dict[int, Unit]:
        """The city above each county in sight, by the county's id."""
        cities = {unit.pk: unit for unit in places.cities(self.board.package)}
        return {
            s.unit_id: cities[s.unit.parent_id] for s in self.counties if s.unit.parent_id in cities
        }

    @cached_property
    def outside(self) -> list[Unit]:
        """The counties that are not this person's to see: drawn plain, so that a place is found."""
        if self.whole or self.assessment is None:
            return []
        seen = [s.unit_id for s in self.counties]
        counties = places.counties(self.board.package, on=self.assessment.data_day)
        return list(counties.exclude(pk__in=seen).exclude(lon__isnull=True))

    @property
    def heard_here(self) -> Heard | None:
        """Who has reported, at the level that the person who looks waits for."""
        return self.heard.get(str(Level.COUNTY if self.whole else Level.VILLAGE))

    @cached_property
    def changes(self) -> list[TierChange]:
        """The tier changes in sight since the evening before, the latest first."""
        if self.assessment is None or self.before is None:
            return []
        changes = assessing.tier_changes(
            self.board.incident, scope=self.scope, at=self.assessment.known_at
        )
        return list(changes.filter(at__gt=self.before.known_at).exclude(before=""))

    # ---- what came in ---------------------------------------------------------------------------

    def owed_day(self, level: str) -> date:
        """Return the day for which a level owes a report by now: counties the last data day."""
        clock = self.board.time
        at = self.board.at
        return clock.last_data_day(at) if level == Level.COUNTY else clock.local_day(at)

    @cached_property
    def silent(self) -> list[Silent]:
        """The counties not heard from, the longest silence first; empty without the right to know."""
        if not self.scope.may(Action.REPORT_READ):
            return []
        found = reporting.not_heard_from(
            self.board.incident,
            day=self.owed_day(Level.COUNTY),
            known_at=self.board.at,
            scope=self.scope,
            level=Level.COUNTY,
        )
        return sorted(found, key=_longest_first)

    @cached_property
    def heard(self) -> dict[str, Heard]:
        """How many units of each reporting level have been heard; a level that owes nothing is left out."""
        if not self.scope.may(Action.REPORT_READ):
            return {}
        found = {}
        for level in (Level.COUNTY, Level.VILLAGE):
            day = self.owed_day(level)
            heard, owing = reporting.reported_share(
                self.board.incident,
                day=day,
                known_at=self.board.at,
                level=level,
                scope=self.scope,
            )
            if owing:
                found[str(level)] = Heard(str(level), day, heard, owing)
        return found

    @property
    def oldest_input(self) -> datetime | None:
        """When the county heard from longest ago last reported, None where none ever has."""
        times = [s.reported_at for s in self.counties if s.reported_at is not None]
        return min(times, default=None)

    @property
    def oldest_input_minutes(self) -> float | None:
        """How long ago that was, in minutes."""
        oldest = self.oldest_input
        return None if oldest is None else (self.board.at - oldest).total_seconds() / 60

    @property
    def missing(self) -> int:
        """How many units of any level have not been heard from."""
        return sum(heard.missing for heard in self.heard.values())

    # ---- what is decided ------------------------------------------------------------------------

    @cached_property
    def scenario(self) -> Scenario | None:
        """The latest options put side by side by the moment shown, None without the right to see."""
        if not self.scope.may(Action.PLAN_READ):
            return None
        return planning.latest(self.board.incident, at=self.board.at, scope=self.scope)

    @cached_property
    def signature(self) -> Signature | None:
        """The latest decision by the moment shown."""
        if not self.scope.may(Action.PLAN_READ):
            return None
        return planning.latest_signature(self.board.incident, at=self.board.at, scope=self.scope)

    @property
    def unsigned(self) -> Scenario | None:
        """The latest options, where nobody has signed one of them yet."""
        if self.scenario is None:
            return None
        signed = self.signature is not None and self.signature.scenario_id == self.scenario.pk
        return None if signed else self.scenario

    @cached_property
    def orders(self) -> Mapping[str, Any] | None:
        """The counts of orders in sight, None without the right to see them."""
        if not self.scope.may(Action.ORDER_READ):
            return None
        return ordering.outstanding(self.board.incident, self.scope, at=self.board.at)


def _longest_first(row: Silent) -> tuple[bool, datetime | None, str]:
    never = row.last_heard is None
    return (not never, row.last_heard if not never else None, row.unit.code)
