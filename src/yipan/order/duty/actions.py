"""What the duty room does: shifts and hand-over, contacts, calls that count as acknowledgement."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope, system_scope
from yipan.order.deliveries.actions import Step, perform
from yipan.order.deliveries.rules import Act, check_who, standing_of
from yipan.order.errors import DutyRefused, WrongDeliveryState
from yipan.order.models import Call, Contact, Delivery, DeliveryState, Shift
from yipan.places.models import Unit

CHANNELS = ("email", "sms", "webhook", "telephone")


def check_duty(unit: Unit, scope: Scope) -> None:
    """Return quietly where the person may run the duty room of a unit; raise what `scope.check` raises."""
    receives = scope.may(Action.ORDER_RECEIVE, unit)
    scope.check(Action.ORDER_RECEIVE if receives else Action.ORDER_VERIFY, unit)


@transaction.atomic
def add_shift(
    *,
    unit: Unit,
    person: User,
    start: datetime,
    end: datetime,
    by: User,
    at: datetime,
    scope: Scope,
) -> Shift:
    """Put a person on duty at a unit for [start, end) and return the shift.

    Raises DutyRefused (O420) for an empty shift, a person without a role there, or one who is on duty
    there already; and what `scope.check` raises.
    """
    check_duty(unit, scope)
    if start >= end:
        raise DutyRefused(
            _("A shift ends after it begins."), where=unit.code, remedy=_("Check both hours.")
        )
    here = {"unit__lft__lte": unit.lft, "unit__rgt__gte": unit.rgt}
    if not person.grants.filter(
        unit__package=unit.package_id, valid_to__isnull=True, **here
    ).exists():
        raise DutyRefused(
            _("%s has no role at this unit.") % person,
            where=unit.code,
            remedy=_("Ask an administrator for the role first."),
        )
    if Shift.objects.filter(unit=unit, person=person, start__lt=end, end__gt=start).exists():
        raise DutyRefused(
            _("%s is on duty here at that time already.") % person,
            where=unit.code,
            remedy=_("Choose other hours."),
        )
    shift = Shift.objects.create(unit=unit, person=person, start=start, end=end)
    _record("duty.shift_added", shift, unit, by, at)
    return shift


@transaction.atomic
def hand_over(
    *, shift: Shift, to: User | None, words: str, by: User, at: datetime, scope: Scope
) -> Shift:
    """Hand a shift over: what the next one must know, and to whom, where that is known.

    Raises DutyRefused (O420) without words or for a shift handed over already, and what
    `scope.check` raises.
    """
    check_duty(shift.unit, scope)
    if not words.strip():
        raise DutyRefused(
            _("A hand-over says what the next shift must know."),
            where=shift.unit.code,
            remedy=_("Write one sentence, even if it is that nothing is open."),
        )
    changed = Shift.objects.filter(pk=shift.pk, handed_over_at__isnull=True).update(
        handed_over_at=at, handed_over_to=to, handover=words.strip()
    )
    if not changed:
        raise DutyRefused(
            _("This shift has been handed over already."), where=shift.unit.code, remedy=""
        )
    _record("duty.handed_over", shift, shift.unit, by, at)
    shift.refresh_from_db()
    return shift


@transaction.atomic
def set_contact(
    *,
    unit: Unit,
    channel: str,
    address: str,
    rank: int,
    post: str,
    secret: str,
    by: User,
    at: datetime,
    scope: Scope,
) -> Contact:
    """Say where a duty post is reached, the first rank first; the same address again is changed.

    Raises DutyRefused (O420) for a channel nobody knows or an empty address, and what `scope.check`
    raises.
    """
    check_duty(unit, scope)
    if channel not in CHANNELS or not address.strip() or not 1 <= rank <= 9:
        raise DutyRefused(
            _("A contact has a channel, an address and a rank from 1 to 9."),
            where=unit.code,
            remedy=_("Channels: %s.") % ", ".join(CHANNELS),
        )
    contact, _made = Contact.objects.update_or_create(
        unit=unit,
        channel=channel,
        address=address.strip(),
        defaults={"rank": rank, "post": post.strip(), "secret": secret.strip()},
    )
    _record("duty.contact_set", contact, unit, by, at)
    return contact


@transaction.atomic
def drop_contact(*, contact: Contact, by: User, at: datetime, scope: Scope) -> None:
    """Take a contact off the directory."""
    check_duty(contact.unit, scope)
    _record("duty.contact_dropped", contact, contact.unit, by, at)
    contact.delete()


@transaction.atomic
def log_call(
    *,
    delivery: Delivery,
    reached: str,
    note: str,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
) -> Call:
    """Write down a telephone call about an order; where a post answered, it has read the order.

    `reached` is the post that answered, never a person's name; empty where nobody did. The caller is
    of the unit's duty room or of the office above. Raises WrongDeliveryState (O402) for an order that
    is finished, and what `check_who` raises.
    """
    standing = standing_of(delivery)
    act = Act.ACKNOWLEDGE if scope.may(Action.ORDER_RECEIVE, delivery.unit) else Act.ASSIST
    check_who(act, standing, scope=scope)
    if delivery.closed_at is not None:
        raise WrongDeliveryState(_("This order is finished."), where=delivery.unit.code, remedy="")
    call = Call.objects.create(
        delivery=delivery, caller=by, at=at, reached=reached.strip()[:120], note=note.strip()
    )
    _record("duty.called", call, delivery.unit, by, at)
    if reached.strip() and delivery.state == DeliveryState.DELIVERED:
        told = _("By telephone: %s") % reached.strip()
        words = f"{told}. {note.strip()}".strip()
        step = Step(Act.ACKNOWLEDGE, delivery.pk, at, client_key, by, note=words)
        perform([step], scope=system_scope())  # who may call has been checked above
    return call


def _record(event: str, thing: Shift | Contact | Call, unit: Unit, by: User, at: datetime) -> None:
    audit.record(
        event=event,
        at=at,
        actor=by,
        object_type=type(thing).__name__.lower(),
        object_id=thing.pk,
        unit=unit,
    )
