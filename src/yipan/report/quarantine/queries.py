"""Quarantine sites at any moment: places, who is inside, how long, what is free."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from yipan.access.models import Identity, Incident
from yipan.access.row_security import every_row
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.report.contacts.models import Contact
from yipan.report.contacts.queries import reading, seen, standing
from yipan.report.quarantine.models import Capacity, Move, Site, SiteKind, Stay


@dataclass(frozen=True)
class Occupancy:
    """One site at one moment."""

    site: Site
    places: int
    inside: int
    came_today: int
    left_today: int

    @property
    def free(self) -> int:
        """Places that are free; below zero where more are inside than it holds."""
        return self.places - self.inside

    @property
    def share(self) -> float | None:
        """The share taken; None for a site that is closed."""
        return self.inside / self.places if self.places else None

    @property
    def width(self) -> int:
        """The share taken in hundredths, for the bar; a closed site's is empty."""
        return min(100, round(100 * (self.share or 0.0)))

    @property
    def full(self) -> bool:
        """Whether nobody more can come in."""
        return self.free <= 0


def sites(incident: Incident, kind: str, *, scope: Scope, known_at: datetime) -> list[Site]:
    """Return the sites of one kind in sight, by place and code."""
    rows = Site.objects.filter(incident=incident, kind=kind, made_at__lte=known_at)
    seen_ = scope.filter(rows.select_related("unit"), action=Action.REPORT_READ)
    return list(seen_.order_by("unit__code", "code"))


def holds(found: list[Site], *, until: datetime, known_at: datetime) -> dict[int, int]:
    """Return what each site holds at a moment: what was said last for it, known by then."""
    rows = Capacity.objects.filter(
        site__in=[s.pk for s in found], occurred_at__lte=until, recorded_at__lte=known_at
    )
    return dict(rows.order_by("occurred_at", "pk").values_list("site_id", "places"))


def occupancy(
    incident: Incident,
    *,
    scope: Scope,
    known_at: datetime,
    since: datetime,
    until: datetime | None = None,
) -> list[Occupancy]:
    """Return the quarantine sites in sight at `until` (now, unless said), the fullest first.

    `since` begins the day whose comings and goings are counted. Counts only: no person.
    """
    end = until or known_at
    found = sites(incident, SiteKind.QUARANTINE, scope=scope, known_at=known_at)
    places = holds(found, until=end, known_at=known_at)
    inside: dict[int, int] = defaultdict(int)
    came: dict[int, int] = defaultdict(int)
    left: dict[int, int] = defaultdict(int)
    with every_row():
        rows = standing(Stay, incident, known_at=known_at).filter(
            site__in=[s.pk for s in found], occurred_at__lte=end
        )
        for site, move, occurred in rows.values_list("site_id", "move", "occurred_at"):
            inside[site] += 1 if move == Move.IN else -1
            if occurred >= since:
                (came if move == Move.IN else left)[site] += 1
    made = [Occupancy(s, places.get(s.pk, 0), inside[s.pk], came[s.pk], left[s.pk]) for s in found]
    return sorted(made, key=lambda o: (-(o.share if o.share is not None else -1.0), o.site.code))


@dataclass(frozen=True)
class Inside:
    """One person in a site, by pseudonym, since when."""

    identity: Identity
    site: Site
    since: datetime
    contact: int | None  # the contact's page, where it is in sight


def who_is_inside(
    incident: Incident, *, scope: Scope, known_at: datetime, site: Site | None = None
) -> list[Inside]:
    """Return who is in the sites in sight, the longest stay first."""
    with reading(scope):
        rows = seen(Stay, incident, scope=scope, known_at=known_at).select_related(
            "identity", "site__unit"
        )
        if site is not None:
            rows = rows.filter(site=site)
        last: dict[int, Stay] = {}
        for stay in rows.order_by("occurred_at", "pk"):
            last[stay.identity_id] = stay
        here = [s for s in last.values() if s.move == Move.IN]
        pages = dict(
            seen(Contact, incident, scope=scope, known_at=known_at)
            .filter(identity__in=[s.identity_id for s in here])
            .values_list("identity_id", "pk")
        )
    found = [Inside(s.identity, s.site, s.occurred_at, pages.get(s.identity_id)) for s in here]
    return sorted(found, key=lambda i: i.since)


def stays_of(
    identity: Identity, incident: Incident, *, scope: Scope, known_at: datetime
) -> list[Stay]:
    """Return the moves of one person in sight, the latest first."""
    with reading(scope):
        rows = seen(Stay, incident, scope=scope, known_at=known_at).filter(identity=identity)
        return list(rows.select_related("site").order_by("-occurred_at", "-pk"))
