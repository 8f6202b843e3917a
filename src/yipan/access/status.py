"""A person's status: set by a health officer for one person at a time, on an event, until a moment.

The person gets a slip with a code; with it they see their status and its ground, without an account,
and object. Somebody else rules within 24 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _

from yipan.access import audit, codes, lockout
from yipan.access.errors import CodeRefused, StatusRefused
from yipan.access.models import (
    Appeal,
    EventKind,
    HealthEvent,
    Identity,
    Incident,
    PersonStatus,
    User,
)
from yipan.access.queries import board_now
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope, scope_of
from yipan.access.status_rules import (
    APPEAL_WITHIN,
    IN_A_ROW_WITHIN,
    check_can_contest,
    check_can_rule,
    check_can_set,
    check_event,
    error_rate,
    is_active,
)

# ---- events and statuses --------------------------------------------------------------------------


@transaction.atomic
def register_event(
    *,
    identity: Identity,
    kind: EventKind,
    occurred_on: date,
    evidence: Mapping[str, Any],
    by: User,
    at: datetime,
) -> HealthEvent:
    """Register what happened to one person, with its evidence: the only ground of a status.

    Raises Forbidden (S703) where `by` is no health officer of the person's unit, and EventRefused
    (S726) for evidence that is missing, too much, or says where the person comes from.
    """
    scope = _health_officer(by, identity, at)
    check_event(
        kind=EventKind(kind),
        occurred_on=occurred_on,
        evidence=evidence,
        today=at.astimezone(_zone(identity)).date(),
    )
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        event = HealthEvent.objects.create(
            identity=identity,
            unit=identity.unit,
            kind=kind,
            occurred_on=occurred_on,
            evidence=dict(evidence),
            recorded_at=at,
            recorded_by=by,
        )
    _tell("status.event_registered", event, by, at, {"kind": str(kind)})
    return event


@transaction.atomic
def set_status(
    *, event: HealthEvent, rule: str, by: User, at: datetime
) -> tuple[PersonStatus, str]:
    """Set one person's status by one rule and return it with the code for the person's slip.

    It ends by itself. There is no way to set more than one: neither a list nor a district.
    Raises Forbidden (S703) where `by` is no health officer of the unit, StatusRefused (S727).
    """
    scope = _health_officer(by, event, at)
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        # Locked, so that two at once cannot both find the event free.
        User.objects.select_for_update().get(pk=by.pk)
        until = check_can_set(
            rule_key=rule,
            event=event,
            already=PersonStatus.objects.filter(event=event).exists(),
            in_a_row=_in_a_row(by, at),
            zone=_zone(event),
            at=at,
        )
        slip = codes.new_code()
        status = PersonStatus.objects.create(
            event=event,
            unit=event.unit,
            rule=rule,
            set_at=at,
            set_by=by,
            expires_at=until,
            slip_digest=codes.digest(slip),
        )
    _tell("status.set", status, by, at, {"rule": rule, "until": until.isoformat()})
    return status, slip


@transaction.atomic
def end_status(*, status: PersonStatus, reason: str, by: User, at: datetime) -> PersonStatus:
    """End a status before its time, on recovery or because it was wrong.

    Raises Forbidden (S703) where `by` is no health officer of the unit, StatusRefused (S727) where
    it is over already or no reason is given.
    """
    scope = _health_officer(by, status, at)
    if not is_active(status, at) or not reason.strip():
        raise StatusRefused(
            _("This status is over already, or no reason is given for ending it."),
            where="status",
            remedy=_("Look at the person's page."),
        )
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        _end(status, by, at, reason)
    _tell("status.ended", status, by, at, {})
    return status


def _end(status: PersonStatus, by: User, at: datetime, reason: str) -> None:
    status.ended_at, status.ended_by, status.end_reason = at, by, reason.strip()[:200]
    status.save(update_fields=["ended_at", "ended_by", "end_reason"])


def status_of(identity: Identity, *, scope: Scope, at: datetime) -> PersonStatus | None:
    """Return what a person must do at `at`, None where nothing holds or it is out of sight."""
    with rows_within(scope, Action.CASE_READ, sensitivity=CASE):
        seen = scope.filter(
            PersonStatus.objects.select_related("event"), action=Action.CASE_READ, sensitivity=CASE
        )
        held = list(seen.filter(event__identity=identity).order_by("-set_at"))
    return next((s for s in held if is_active(s, at)), None)


def _in_a_row(by: User, at: datetime) -> int:
    with every_row():
        recent = PersonStatus.objects.filter(set_by=by, set_at__gt=at - IN_A_ROW_WITHIN)
        return recent.filter(set_at__lte=at).count()


# ---- the person's own view, and the appeal -----------------------------------------------------------


def status_by_slip(*, code: str, address: str, at: datetime) -> PersonStatus:
    """Return the status on whose slip this code stands: the person needs no account.

    Raises CodeRefused (S706), and LockedOut (S705) after too many wrong ones.
    """
    door = {"account": f"slip {address}", "address": address}
    lockout.begin_attempt(**door, at=at)
    with every_row():
        status = (
            PersonStatus.objects.select_related("event", "unit__package")
            .filter(slip_digest=codes.digest(code))
            .first()
        )
    if status is None:
        raise CodeRefused(
            _("This code does not open: check each group of four."),
            where="code",
            remedy=_("It stands on the slip that you were given."),
        )
    lockout.attempt_succeeded(**door, at=at)
    return status


@transaction.atomic
def contest(*, status: PersonStatus, text: str, at: datetime) -> Appeal:
    """Take a person's objection to their status; somebody else rules on it within 24 hours.

    Raises AppealRefused (S728) where the status is over, an objection is open, or nothing is said.
    """
    with every_row():
        open_appeal = Appeal.objects.filter(status=status, ruled_at__isnull=True).exists()
        check_can_contest(status=status, open_appeal=open_appeal, text=text, at=at)
        appeal = Appeal.objects.create(
            status=status,
            unit_id=status.unit_id,
            made_at=at,
            text=text.strip()[:2000],
            due_at=at + APPEAL_WITHIN,
        )
    _tell("status.contested", appeal, None, at, {"status": status.pk})
    return appeal


@transaction.atomic
def rule_on(*, appeal: Appeal, upheld: bool, reason: str, by: User, at: datetime) -> Appeal:
    """Rule on an appeal; where the person was right, their status ends at once.

    Raises Forbidden (S703) where `by` may not rule at the unit, and AppealRefused (S728) for one's
    own status, without a reason, and the second time.
    """
    scope = scope_of(by, at=at)
    scope.check(Action.STATUS_RULE, appeal.unit, sensitivity=CASE)
    with rows_within(scope, Action.STATUS_RULE, sensitivity=CASE):
        appeal = Appeal.objects.select_for_update().get(pk=appeal.pk)
        check_can_rule(appeal=appeal, by=by, reason=reason)
        appeal.ruled_at, appeal.ruled_by = at, by
        appeal.upheld, appeal.reason = upheld, reason.strip()
        appeal.save(update_fields=["ruled_at", "ruled_by", "upheld", "reason"])
        if upheld and is_active(appeal.status, at):
            _end(appeal.status, by, at, reason)
    late = at > appeal.due_at
    _tell("status.ruled", appeal, by, at, {"upheld": upheld, "late": late})
    return appeal


def appeals(scope: Scope, *, at: datetime, overdue: bool = False) -> list[Appeal]:
    """Return the appeals waiting for a ruling at the caller's places, the one due first first."""
    scope.check(Action.STATUS_RULE, sensitivity=CASE)
    with rows_within(scope, Action.STATUS_RULE, sensitivity=CASE):
        seen = scope.filter(
            Appeal.objects.select_related("status__event", "unit__package"),
            action=Action.STATUS_RULE,
            sensitivity=CASE,
        )
        waiting = seen.filter(ruled_at__isnull=True)
        if overdue:
            waiting = waiting.filter(due_at__lt=at)
        return list(waiting.order_by("due_at"))


@dataclass(frozen=True)
class Record:
    """How often statuses were wrong, as it is published: counts of the whole, no person, no officer."""

    set: int
    contested: int
    ruled: int
    upheld: int
    late: int
    rate: float | None  # upheld of ruled; None below five rulings


def published_record(*, start: datetime, end: datetime) -> Record:
    """Return the record of statuses set in [start, end), for publication."""
    with every_row():
        within = Q(made_at__gte=start, made_at__lt=end)
        counted = Appeal.objects.filter(within).aggregate(
            contested=Count("pk"),
            ruled=Count("pk", filter=Q(ruled_at__isnull=False)),
            upheld=Count("pk", filter=Q(upheld=True)),
            late=Count("pk", filter=Q(ruled_at__gt=F("due_at"))),
        )
        made = PersonStatus.objects.filter(set_at__gte=start, set_at__lt=end).count()
    rate = error_rate(ruled=counted["ruled"], upheld=counted["upheld"])
    return Record(set=made, rate=rate, **counted)


def clock_of(status: PersonStatus, system_now: datetime) -> datetime:
    """Return the moment by which a status is judged: an exercise's own clock, where it was set under one.

    An exercise that replays another year sets statuses of that year; on a live incident the system's
    clock is the answer.
    """
    exercises = Incident.objects.filter(
        package_id=status.unit.package_id, exercise=True, stood_down_at__isnull=True
    )
    for incident in exercises.order_by("-pk"):
        moment = board_now(incident, system_now)
        if status.set_at <= moment < system_now:
            return moment
    return system_now


# ---- shared ---------------------------------------------------------------------------------------


def _health_officer(by: User, about: Identity | HealthEvent | PersonStatus, at: datetime) -> Scope:
    scope = scope_of(by, at=at)
    scope.check(Action.STATUS_SET, about.unit, sensitivity=CASE)
    return scope


def _zone(about: Identity | HealthEvent | PersonStatus) -> ZoneInfo:
    return ZoneInfo(about.unit.package.time_zone)


def _tell(
    event: str,
    about: HealthEvent | PersonStatus | Appeal,
    by: User | None,
    at: datetime,
    detail: dict[str, Any],
) -> None:
    audit.record(
        event=event,
        at=at,
        actor=by,
        object_type=type(about)._meta.model_name or "",
        object_id=about.pk,
        unit=about.unit,
        detail=detail,
    )
