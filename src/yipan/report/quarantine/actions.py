"""Opening sites, saying what they hold, and who came in or went out."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from yipan.access import audit, retention
from yipan.access.models import Identity, Incident
from yipan.access.row_security import every_row
from yipan.access.scope import Scope
from yipan.places.models import Unit
from yipan.report.contacts.actions import end_rows, head, keep, writing
from yipan.report.contacts.errors import RegisterRefused, SitePlaces
from yipan.report.contacts.queries import standing
from yipan.report.errors import FutureDay, Missing
from yipan.report.quarantine.models import Capacity, Move, Site, SiteKind, Stay
from yipan.report.values.actions import check_open

LATE = timedelta(minutes=5)


def open_site(
    *,
    incident: Incident,
    unit: Unit,
    kind: str,
    code: str,
    name_zh: str,
    name_en: str,
    places: int,
    scope: Scope,
    at: datetime,
    synthetic: bool = False,
    occurred_at: datetime | None = None,
) -> Site:
    """Open a site with its places (a laboratory with its tests a day). Raises RegisterRefused (R160)."""
    writing(scope, unit)
    check_open(incident, at)
    if kind not in SiteKind.values:
        raise RegisterRefused(label=_("Kind"), why=_("“%s” is none of the choices") % kind[:40])
    if not code.strip() or not (name_zh.strip() or name_en.strip()):
        raise Missing(label=_("Name and code of the site"))
    try:
        with transaction.atomic():
            site = Site.objects.create(
                incident=incident,
                unit=unit,
                kind=kind,
                code=code.strip()[:32],
                name_zh=(name_zh.strip() or name_en.strip())[:120],
                name_en=(name_en.strip() or name_zh.strip())[:120],
                made_at=at,
                synthetic=synthetic,
            )
            set_places(
                site=site, places=places, reason="", scope=scope, at=at, occurred_at=occurred_at
            )
    except IntegrityError:
        raise RegisterRefused(
            label=_("Code"), why=_("a site of this kind has the code “%s” already") % code.strip()
        ) from None
    return site


def set_places(
    *,
    site: Site,
    places: int,
    reason: str,
    scope: Scope,
    at: datetime,
    occurred_at: datetime | None = None,
) -> Capacity:
    """Say what a site holds from a moment on; what it held before stays a query. 0 closes it."""
    writing(scope, site.unit)
    when = _moment(occurred_at, at)
    if places < 0 or places > 1_000_000:
        raise RegisterRefused(label=_("Places"), why=_("%s is no such number") % places)
    with transaction.atomic():
        made = Capacity.objects.create(
            site=site,
            places=places,
            occurred_at=when,
            recorded_at=at,
            recorded_by=scope.user,
            reason=reason.strip()[:300],
        )
        audit.record(
            event="site.places_set",
            at=at,
            actor=scope.user,
            object_type="site",
            object_id=site.pk,
            unit=site.unit,
            incident=site.incident,
            detail={"places": places},
        )
    return made


def move(
    *,
    site: Site,
    who: Identity,
    into: bool,
    scope: Scope,
    at: datetime,
    occurred_at: datetime | None = None,
    client_key: str | None = None,
    synthetic: bool = False,
) -> Stay:
    """Record that a person came into a site or went out of it; a replayed key is the move it was.

    Raises SitePlaces (R162) where the site is full, the person is in a site already, or not in this
    one; FutureDay (R105).
    """
    writing(scope, site.unit)
    check_open(site.incident, at)
    when = _moment(occurred_at, at)
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)  # two at once cannot take the last place
        with every_row():
            there = Stay.objects.filter(client_key=client_key).first() if client_key else None
            if there is not None:
                return there
            where = _where_is(site.incident, who, at)
            inside = _inside(site, at)
        _check_move(site, into, where, inside, _holds(site, when, at))
        return keep(
            Stay(
                identity=who,
                site=site,
                move=Move.IN if into else Move.OUT,
                client_key=client_key,
                **head(site.incident, site.unit, scope.user, when, at, "contact", synthetic),
            ),
            scope,
        )


def _check_move(site: Site, into: bool, where: Site | None, inside: int, holds: int) -> None:
    if into and where is not None:
        raise SitePlaces(site=site.name, why=_("the person is in %s already") % where.name)
    if into and inside >= holds:
        raise SitePlaces(site=site.name, why=_("all %(holds)d places are taken") % {"holds": holds})
    if not into and (where is None or where.pk != site.pk):
        raise SitePlaces(site=site.name, why=_("the person is not here"))


def _holds(site: Site, when: datetime, at: datetime) -> int:
    rows = Capacity.objects.filter(site=site, occurred_at__lte=when, recorded_at__lte=at)
    return rows.order_by("-occurred_at", "-pk").values_list("places", flat=True).first() or 0


def _where_is(incident: Incident, who: Identity, at: datetime) -> Site | None:
    last = (
        standing(Stay, incident, known_at=at)
        .filter(identity=who)
        .select_related("site")
        .order_by("-occurred_at", "-pk")
        .first()
    )
    return last.site if last is not None and last.move == Move.IN else None


def _inside(site: Site, at: datetime) -> int:
    rows = standing(Stay, site.incident, known_at=at).filter(site=site)
    moves = list(rows.values_list("move", flat=True))
    return moves.count(Move.IN) - moves.count(Move.OUT)


def _moment(occurred_at: datetime | None, at: datetime) -> datetime:
    when = occurred_at or at
    if when > at + LATE:
        raise FutureDay(
            label=_("Moment"), value=f"{when:%Y-%m-%dT%H:%M}", today=f"{at:%Y-%m-%dT%H:%M}"
        )
    return when


def end_expired(at: datetime) -> int:
    """Delete the stays whose time is over, and return how many."""
    return end_rows(at, Stay)


retention.ends("stays", end_expired)
