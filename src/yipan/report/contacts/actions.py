"""Entering exposures, contacts, follow-ups and links; amending them; setting a contact's status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeVar, cast

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from yipan.access import audit, identity, retention, status
from yipan.access.identity import Identifiers
from yipan.access.models import EventKind, Identity, Incident, PersonStatus, User
from yipan.access.queries import board_now
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope, nothing_there
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.cases import queries as cases
from yipan.report.contacts.errors import AlreadyAmended, RegisterRefused
from yipan.report.contacts.models import (
    CasePerson,
    Certainty,
    Contact,
    Exposure,
    ExposureKind,
    Link,
    PersonRow,
    Visit,
    VisitResult,
)
from yipan.report.contacts.rules import UNSPECIFIED, rule_for
from yipan.report.errors import FutureDay, Missing
from yipan.report.models import Case
from yipan.report.values.actions import check_open

NO_DOCUMENT: Final = "no document "
"""Begins the number of a person whose identity document nobody has seen; the telephone and name follow."""
EARLIEST: Final = timedelta(days=90)
"""A contact or an exposure longer ago than this is a slip of the pen, not a fact to follow."""
RULE: Final = "contact-14d"
R = TypeVar("R", bound=PersonRow)


# ---- who may write, and of whom ----------------------------------------------------------------------


def writing(scope: Scope, unit: Unit) -> Action:
    """Return the act by which `scope` may enter what happened to persons at `unit`.

    Whoever enters must be able to read cases there: a village's reporter cannot. Raises what
    `Scope.check` raises.
    """
    scope.check(Action.CASE_READ, unit, sensitivity=CASE)
    for action in (Action.REPORT_SUBMIT, Action.STATUS_SET):
        if scope.may(action, unit):
            return action
    scope.check(Action.REPORT_SUBMIT, unit)
    return Action.REPORT_SUBMIT


def known_case(incident: Incident, pseudonym: str, *, scope: Scope, at: datetime) -> Case:
    """Return a case in sight by its pseudonym or the beginning of it (eight letters at least).

    Raises NotFound (K004) alike for one that is absent, out of sight, or not the only one.
    """
    with cases.reading(scope):
        found = list(
            cases.visible(incident, scope=scope, known_at=at).filter(
                pseudonym__startswith=pseudonym if len(pseudonym) >= 8 else "-"
            )[:2]
        )
    if len(found) != 1:
        raise nothing_there(pseudonym)
    return found[0]


def enrol(
    *, identifiers: Identifiers, purpose: str, unit: Unit, scope: Scope, at: datetime
) -> Identity:
    """Keep a person sealed and return the pseudonym's row; without a document, by telephone and name.

    Raises RegisterRefused (R160) where there is nothing to know the person by.
    """
    number = identifiers.number.strip()
    if not number:
        if not (identifiers.phone.strip() and identifiers.name.strip()):
            raise RegisterRefused(
                label=_("Person"),
                why=_("neither the number of a document nor a name with a telephone is given"),
            )
        number = f"{NO_DOCUMENT}{identifiers.phone} {identifiers.name}"
    whole = Identifiers(number, identifiers.name, identifiers.phone, identifiers.address)
    return identity.enrol(
        identifiers=whole,
        purpose=purpose,
        unit=unit,
        action=writing(scope, unit),
        scope=scope,
        at=at,
    )


# ---- entering ------------------------------------------------------------------------------------------


def name_case(
    *, case: Case, identifiers: Identifiers, scope: Scope, at: datetime, synthetic: bool = False
) -> CasePerson:
    """Say, sealed, who a case of the line list is; said again, the same row."""
    with transaction.atomic():
        who = enrol(identifiers=identifiers, purpose="case", unit=case.unit, scope=scope, at=at)
        with rows_within(scope, Action.CASE_READ, sensitivity=CASE):
            there = CasePerson.objects.filter(
                incident=case.incident, case=case.pseudonym, identity=who, void=False
            ).first()
            if there is not None:
                return there
            return CasePerson.objects.create(
                case=case.pseudonym,
                identity=who,
                **head(case.incident, case.unit, scope.user, at, at, "case", synthetic),
            )


def add_exposure(
    *,
    case: Case,
    kind: str,
    first_day: date,
    last_day: date,
    scope: Scope,
    at: datetime,
    place: Unit | None = None,
    setting: str = "",
    client_key: str | None = None,
    synthetic: bool = False,
) -> Exposure:
    """Record where a case was, from day to day. Raises FutureDay (R105), RegisterRefused (R160)."""
    writing(scope, case.unit)
    check_open(case.incident, at)
    _kind(kind)
    check_day(case.incident, last_day, label=_("Last day"), at=at)
    check_day(case.incident, first_day, label=_("First day"), at=at)
    if first_day > last_day:
        raise RegisterRefused(
            label=_("First day"), why=_("it lies after the last day, %s") % last_day.isoformat()
        )
    return keep(
        Exposure(
            case=case.pseudonym,
            kind=kind,
            place=place,
            setting=setting.strip()[:80],
            first_day=first_day,
            last_day=last_day,
            client_key=client_key,
            **head(
                case.incident, case.unit, scope.user, _noon(case.incident, last_day, at), at, "case", synthetic
            ),
        ),
        scope,
    )  # fmt: skip


def add_contact(
    *,
    case: Case,
    identifiers: Identifiers,
    kind: str,
    last_day: date,
    unit: Unit,
    scope: Scope,
    at: datetime,
    client_key: str | None = None,
    synthetic: bool = False,
) -> Contact:
    """Record one person who was near a case, sealed; `unit` is where they are followed.

    The same person named again for the same case is one contact, with the later last day as an
    amendment. Raises FutureDay (R105), RegisterRefused (R160), StoodDown (R125).
    """
    writing(scope, unit)
    check_open(case.incident, at)
    _kind(kind)
    check_day(case.incident, last_day, label=_("Last contact"), at=at)
    with transaction.atomic():
        who = enrol(identifiers=identifiers, purpose="contact", unit=unit, scope=scope, at=at)
        with rows_within(scope, Action.CASE_READ, sensitivity=CASE):
            there = (
                Contact.objects.filter(
                    incident=case.incident, case=case.pseudonym, identity=who, void=False
                )
                .filter(replaced_by__isnull=True)
                .first()
            )
        fresh = Contact(
            case=case.pseudonym,
            identity=who,
            kind=kind,
            last_day=last_day,
            client_key=client_key,
            **head(case.incident, unit, scope.user, at, at, "contact", synthetic),
        )
        if there is None:
            return keep(fresh, scope)
        if there.last_day >= last_day:
            return there
        return amend(
            row=there,
            changes={"last_day": last_day},
            reason=_("named again with a later last contact"),
            scope=scope,
            at=at,
        )


def add_visit(
    *,
    contact: Contact,
    day: date,
    result: str,
    scope: Scope,
    at: datetime,
    symptoms: Sequence[str] = (),
    case: str = "",
    reason: str = "",
    client_key: str | None = None,
    synthetic: bool = False,
    occurred_at: datetime | None = None,
) -> Visit:
    """Record the follow-up of one contact for one day; a replayed key is the visit it was.

    Raises FutureDay (R105), Missing (R118) where symptoms, the reason or the case that the result
    needs is not told, RegisterRefused (R160).
    """
    writing(scope, contact.unit)
    check_open(contact.incident, at)
    rule = rule_for(contact.incident.disease)
    if result not in VisitResult.values:
        raise RegisterRefused(label=_("Result"), why=_("“%s” is none of the choices") % result)
    clock = places.board_time(contact.incident.package)
    today = clock.local_day(at)
    if day > today:
        raise FutureDay(label=_("Day"), value=day.isoformat(), today=today.isoformat())
    if day < contact.last_day:
        raise RegisterRefused(
            label=_("Day"),
            why=_("the last contact was on %s, so nothing was followed before it")
            % contact.last_day.isoformat(),
        )
    told = [key for key in symptoms if key]
    if strange := [key for key in told if key not in (*rule.symptoms, UNSPECIFIED)]:
        raise RegisterRefused(
            label=_("Symptoms"), why=_("“%s” is none of the choices") % strange[0]
        )
    if result == VisitResult.SYMPTOMS and not told:
        raise Missing(label=_("Symptoms"))
    if result != VisitResult.SYMPTOMS and told:
        raise RegisterRefused(
            label=_("Symptoms"), why=_("they are told of a person seen with symptoms only")
        )
    if result == VisitResult.ENDED and not reason.strip():
        raise Missing(label=_("Reason"))
    if result == VisitResult.BECAME_CASE:
        case = known_case(contact.incident, case.strip(), scope=scope, at=at).pseudonym
        if case == contact.case:
            raise RegisterRefused(label=_("Case"), why=_("this is the case that the contact met"))
    return keep(
        Visit(
            contact=contact,
            day=day,
            result=result,
            symptoms=f"|{'|'.join(told)}|" if told else "",
            case=case if result == VisitResult.BECAME_CASE else "",
            reason=reason.strip()[:300],
            client_key=client_key,
            **head(
                contact.incident,
                contact.unit,
                scope.user,
                occurred_at or at,
                at,
                "contact",
                synthetic,
            ),
        ),
        scope,
    )


def add_link(
    *,
    source: Case,
    case: Case,
    scope: Scope,
    at: datetime,
    certainty: str = Certainty.PROBABLE,
    kind: str = ExposureKind.OTHER,
    client_key: str | None = None,
    synthetic: bool = False,
) -> Link:
    """Record that one case infected another; the row belongs to the infected case's place.

    Raises RegisterRefused (R160) for a case that would infect itself, also through others.
    """
    writing(scope, case.unit)
    check_open(case.incident, at)
    _kind(kind)
    if certainty not in Certainty.values:
        raise RegisterRefused(
            label=_("Certainty"), why=_("“%s” is none of the choices") % certainty
        )
    with every_row():  # a circle may go through another county
        known = dict(
            Link.objects.filter(incident=case.incident, void=False, replaced_by__isnull=True)
            .order_by("recorded_at")
            .values_list("case", "source")
        )
    above, seen = source.pseudonym, {case.pseudonym}
    while above:
        if above in seen:
            raise RegisterRefused(
                label=_("Source case"), why=_("by the links known it was infected by this case")
            )
        seen.add(above)
        above = known.get(above, "")
    return keep(
        Link(
            source=source.pseudonym,
            case=case.pseudonym,
            certainty=certainty,
            kind=kind,
            client_key=client_key,
            **head(case.incident, case.unit, scope.user, at, at, "case", synthetic),
        ),
        scope,
    )


# ---- amending ------------------------------------------------------------------------------------------


def amend(*, row: R, changes: dict[str, Any], reason: str, scope: Scope, at: datetime) -> R:
    """Put an amended row in the place of another; what was known before it stays as it was.

    Raises Missing (R118) without a reason, AlreadyAmended (R161) the second time.
    """
    return _replace(row, changes, reason, scope, at, void=False)


def void(*, row: R, reason: str, scope: Scope, at: datetime) -> R:
    """Say that what a row tells never happened. Raises as `amend`."""
    return _replace(row, {}, reason, scope, at, void=True)


def hand_over(*, contact: Contact, to: Unit, reason: str, scope: Scope, at: datetime) -> Contact:
    """Give the follow-up of a contact to the place where the person is now.

    Whoever hands over need not see the other place; it sees the contact from then on. Raises as
    `amend`, and RegisterRefused (R160) for the same place.
    """
    if to.pk == contact.unit_id:
        raise RegisterRefused(label=_("Place"), why=_("the contact is followed there already"))
    with transaction.atomic(), every_row():
        moved = _replace(contact, {"unit": to}, reason, scope, at, void=False, beyond=True)
        Identity.objects.filter(pk=contact.identity_id).update(unit=to)
    return moved


def _replace(
    row: R,
    changes: dict[str, Any],
    reason: str,
    scope: Scope,
    at: datetime,
    *,
    void: bool,
    beyond: bool = False,
) -> R:
    writing(scope, row.unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    fresh = type(row)(
        **{
            f.attname: getattr(row, f.attname)
            for f in row._meta.concrete_fields
            if f.name not in ("id", "client_key")
        }
    )
    for name, loaded in row._state.fields_cache.items():
        if name not in ("replaces", "replaced_by") and loaded is not None:
            setattr(fresh, name, loaded)  # a locked row that was read stays read
    for name, value in changes.items():
        setattr(fresh, name, value)
    cast(Any, fresh).replaces_id = row.pk
    fresh.void = void
    fresh.reason = reason.strip()[:300]
    fresh.recorded_at = at
    fresh.recorded_by = scope.user
    fresh.expires_at = max(row.expires_at, at + timedelta(days=1))
    return keep(fresh, scope, "register.amended", beyond=beyond)


# ---- status --------------------------------------------------------------------------------------------


def quarantine(*, contact: Contact, by: User, at: datetime) -> tuple[PersonStatus, str]:
    """Set one contact's status by the rule for contacts and return it with the code for the slip.

    A health officer's act alone, on the event of this contact, for this person, until the rule's
    end; the person sees it with the slip and can object (access.status). Raises what
    `register_event` and `set_status` raise.
    """
    with transaction.atomic():
        event = status.register_event(
            identity=contact.identity,
            kind=EventKind.CONTACT,
            occurred_on=contact.last_day,
            evidence={"case": contact.case[:8], "setting": str(ExposureKind(contact.kind).label)},
            by=by,
            at=at,
        )
        return status.set_status(event=event, rule=RULE, by=by, at=at)


# ---- shared --------------------------------------------------------------------------------------------


def check_day(incident: Incident, day: date, *, label: str, at: datetime) -> None:
    """Refuse a day that lies ahead (R105) or so far back that it must be a slip of the pen (R160)."""
    today = places.board_time(incident.package).local_day(at)
    if day > today:
        raise FutureDay(label=label, value=day.isoformat(), today=today.isoformat())
    if day < today - EARLIEST:
        raise RegisterRefused(label=label, why=_("%s is more than 90 days ago") % day.isoformat())


def _kind(kind: str) -> None:
    if kind not in ExposureKind.values:
        raise RegisterRefused(label=_("Kind"), why=_("“%s” is none of the choices") % kind[:40])


def _noon(incident: Incident, day: date, at: datetime) -> datetime:
    zone = places.board_time(incident.package).zone
    return min(datetime.combine(day, time(12), tzinfo=zone), at)


def head(
    incident: Incident,
    unit: Unit,
    by: User | None,
    occurred_at: datetime,
    at: datetime,
    purpose: str,
    synthetic: bool,
) -> dict[str, Any]:
    """Return what every row about a person begins with, its end by the purpose's retention."""
    return {
        "incident": incident,
        "unit": unit,
        "occurred_at": occurred_at,
        "recorded_at": at,
        "recorded_by": by,
        "expires_at": at + retention.RETENTION[purpose],
        "synthetic": synthetic,
    }


def keep(row: R, scope: Scope, event: str = "register.entered", *, beyond: bool = False) -> R:
    """Write a row about a person within the writer's scope, with its audit; a replayed key writes nothing.

    `beyond` lets one row into another place than the writer's: for handing over, and nothing else.
    """
    kind = type(row)
    lock = every_row() if beyond else rows_within(scope, Action.CASE_READ, sensitivity=CASE)
    with lock:
        if row.client_key:
            there = kind._default_manager.filter(client_key=row.client_key).first()
            if there is not None:
                return there
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                audit.record(
                    event=event,
                    at=row.recorded_at,
                    actor=row.recorded_by,
                    object_type=row._meta.model_name or "",
                    object_id=row.pk,
                    unit=row.unit,
                    incident=row.incident,
                )
        except IntegrityError:
            if cast(Any, row).replaces_id is not None:
                raise AlreadyAmended from None
            there = kind._default_manager.filter(client_key=row.client_key).first()
            if not row.client_key or there is None:
                raise
            return there
    return row


def end_rows(at: datetime, *kinds: type[PersonRow]) -> int:
    """Delete the rows whose time is over by their own incident's clock, and return how many.

    An exercise that replays another year keeps its rows while its own clock has not passed their end.
    """
    ended = 0
    with every_row():
        for incident in Incident.objects.all():
            now = board_now(incident, at)
            for kind in kinds:
                rows = kind._default_manager.filter(incident=incident, expires_at__lte=now)
                ended += rows.delete()[0]
    return ended


def end_expired(at: datetime) -> int:
    """Delete the rows about contacts and cases whose time is over, and return how many."""
    return end_rows(at, Visit, Contact, Exposure, Link, CasePerson)


retention.ends("contacts", end_expired)
