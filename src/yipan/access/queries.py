"""Reads of access: the installation, incidents and their clocks, people."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from yipan.access.codes import token_digest
from yipan.access.models import ApiToken, AuditRecord, Grant, Incident, Installation, Role, User
from yipan.access.rules import Action, home_of
from yipan.access.scope import Scope, nothing_there
from yipan.kernel.errors import Malformed
from yipan.places.models import Level, Unit


def installation() -> Installation | None:
    """Return the one row that says what this database is, None before the first start."""
    return Installation.objects.filter(pk=1).first()


def needs_first_start() -> bool:
    """Return whether nobody can sign in yet, so that a one-time code must be printed."""
    here = installation()
    if here is not None and here.demo:
        return False
    return not User.objects.exists()


def board_now(incident: Incident, system_now: datetime) -> datetime:
    """Return the incident's own now: the system's, or an exercise's bent clock.

    The bent clock runs on from `clock_at` as fast as the real one since it was set, and stands
    still while nobody has set it running.
    """
    if incident.clock_at is None:
        return system_now
    if incident.clock_set_at is None:
        return incident.clock_at
    return incident.clock_at + max(system_now - incident.clock_set_at, timedelta(0))


def active_incidents(at: datetime) -> QuerySet[Incident]:
    """Return the incidents not stood down at `at`, the latest first."""
    return (
        Incident.objects.filter(Q(stood_down_at__isnull=True) | Q(stood_down_at__gt=at))
        .select_related("package")
        .order_by("-activated_at", "-pk")
    )


def valid_grants(at: datetime) -> QuerySet[Grant]:
    """Return the grants valid at `at`."""
    return Grant.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at), valid_from__lte=at)


def administrators(at: datetime) -> QuerySet[User]:
    """Return the people who hold the administrator's role over the whole installation at `at`."""
    held = valid_grants(at).filter(role=Role.ADMINISTRATOR, unit__isnull=True)
    return User.objects.filter(is_active=True, pk__in=held.values("user"))


def token_of(secret: str, *, at: datetime) -> ApiToken | None:
    """Return the token with this secret if it opens at `at`, None otherwise."""
    return (
        ApiToken.objects.select_related("user")
        .filter(digest=token_digest(secret), revoked_at__isnull=True, expires_at__gt=at)
        .filter(created_at__lte=at, user__is_active=True)
        .first()
    )


def demo_people() -> QuerySet[User]:
    """Return the demonstration's people in the order they were made."""
    return User.objects.filter(demo=True, is_active=True).order_by("pk")


def sign_in_home(user: User, *, at: datetime) -> str:
    """Return the address where this person begins: by role, the board if the page is not there."""
    roles = [Role(grant.role) for grant in valid_grants(at).filter(user=user)]
    try:
        return reverse(home_of(roles) or "access:incidents")
    except NoReverseMatch:
        return "/"


def people_managed_by(scope: Scope, *, at: datetime) -> QuerySet[User]:
    """Return the people whose roles stand at places that `scope` manages, by name.

    Who manages the whole installation also sees people without a role; people made by a narrower
    administrator always have one.
    """
    everybody = User.objects.order_by("username").prefetch_related(
        Prefetch("grants", valid_grants(at).select_related("unit").order_by("pk"), to_attr="held")
    )
    if scope.system or any(
        h.unit is None and h.allows(Action.ACCESS_MANAGE) for h in scope.holdings
    ):
        return everybody
    within = scope.filter(Grant.objects.all(), action=Action.ACCESS_MANAGE)
    return everybody.filter(pk__in=within.values("user"))


def one_unit(scope: Scope, text: str, action: Action) -> Unit:
    """Return the one unit in scope that a code, a name, or "code name" names.

    Raises NotFound (K004) for none in scope and Malformed (K022), listing them, for several.
    """
    units = scope.filter(Unit.objects.select_related("package"), unit="", action=action)
    word = text.split()[0]
    by_code = list(units.filter(code=word)[:2])
    found = by_code or list(
        units.filter(Q(name_zh=text) | Q(name_en__iexact=text)).order_by("lft")[:6]
    )
    if not found:
        raise nothing_there(text)
    if len(found) > 1:
        raise Malformed(
            _("“%s” names more than one place.") % text,
            where="unit",
            remedy=_("Give the code: %s.") % ", ".join(f"{u.code} {u.name}" for u in found),
        )
    return found[0]


def place_hints(scope: Scope, action: Action) -> QuerySet[Unit]:
    """Return the larger places in scope, to be offered while a person types."""
    units = scope.filter(Unit.objects.all(), unit="", action=action)
    return units.filter(level__in=(Level.PROVINCE, Level.CITY, Level.COUNTY)).order_by("lft")[:300]


def audit_trail(
    scope: Scope,
    *,
    event: str = "",
    person: str = "",
    place: str = "",
    first: date | None = None,
    last: date | None = None,
    zone: ZoneInfo | None = None,
) -> QuerySet[AuditRecord]:
    """Return the audit records in scope that the filter asks for, the latest first.

    A record without a unit (the installation itself, an account without a role) is seen by whoever
    audits a whole province. Both days are inclusive, in the province's zone.
    """
    every = AuditRecord.objects.select_related("actor", "unit", "incident")
    records = every.order_by("-recorded_at", "-pk")
    if not scope.system:
        at_the_top = any(unit.parent_id is None for unit in scope.roots(Action.AUDIT_READ))
        within = scope.condition(action=Action.AUDIT_READ)
        records = records.filter(within | Q(unit__isnull=True) if at_the_top else within)
    if event:
        records = records.filter(event__startswith=event)
    if person:
        records = records.filter(actor__username__iexact=person)
    if place:
        records = records.filter(
            Q(unit__code=place) | Q(unit__name_zh=place) | Q(unit__name_en__iexact=place)
        )
    clock = zone or ZoneInfo("UTC")
    if first:
        records = records.filter(recorded_at__gte=datetime.combine(first, time(0), clock))
    if last:
        end = datetime.combine(last + timedelta(days=1), time(0), clock)
        records = records.filter(recorded_at__lt=end)
    return records
