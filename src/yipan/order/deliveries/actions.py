"""What units, and the offices above them, do with deliveries; replayed acts change nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.queries import installation
from yipan.access.rules import live_channels
from yipan.access.scope import Scope, nothing_there
from yipan.order.channels.queries import queue_live
from yipan.order.deliveries import queries, revisions
from yipan.order.deliveries.acknowledging import Read, acknowledge_at_once
from yipan.order.deliveries.queries import value_reported
from yipan.order.deliveries.rules import (
    ANSWERS,
    AUDIT_EVENT,
    CLEARED,
    RECEIPTS,
    STAMP,
    Act,
    acknowledge_by,
    check_can,
    check_who,
    return_reason,
    standing_of,
)
from yipan.order.deliveries.telling import tell
from yipan.order.errors import KeyTaken, NotShown, Shortens, WrongDeliveryState
from yipan.order.models import (
    Assist,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Escalation,
    Outbox,
)
from yipan.order.orders.rules import check_below
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.actions import take_receipt
from yipan.report.dictionary import ELEMENTS

NOTE_LONGEST = 4000


@dataclass(frozen=True)
class Step:
    """One act on one delivery, as somebody asked for it; the client key makes a replay harmless."""

    act: Act
    delivery: uuid.UUID
    at: datetime
    client_key: str
    by: User | None = None
    note: str = ""
    reason: str = ""  # of a return: one of ReturnReason
    belongs_to: Unit | None = None  # who should have it, for a return
    values: Mapping[str, float | None] = field(default_factory=dict)  # reported with a claim
    until: datetime | None = None  # of an extension
    device_at: datetime | None = None


def perform(steps: Sequence[Step], *, scope: Scope) -> list[Delivery]:
    """Do these acts in their order, all or none, and return the deliveries as they then stand.

    Each act writes its event, its audit record and, where the unit answers, its receipt as a
    report, in one transaction; a replayed client key changes nothing. Raises KeyTaken (O404), what
    `check_can` raises, and what the report's door raises for values.
    """
    if len(steps) == 1 and _at_once(steps[0], scope=scope) is not None:
        return [queries.as_it_is(steps[0].delivery)]
    known = _known_events(step.client_key for step in steps)
    if steps and all(step.client_key in known for step in steps):
        return _replayed(steps, known, scope=scope)
    try:
        return _perform(steps, known, scope=scope)
    except IntegrityError:
        # The same key came in twice at once, for this delivery or for another: look again.
        known = _known_events(step.client_key for step in steps)
        if all(step.client_key in known for step in steps):
            return _replayed(steps, known, scope=scope)
        raise


def _at_once(step: Step, *, scope: Scope) -> Read | None:
    """Do an acknowledgement by the hot path; None for any other act, and where it is not plain."""
    if step.act is not Act.ACKNOWLEDGE or scope.system:
        return None
    here = installation()
    return acknowledge_at_once(
        step.delivery,
        by=step.by.pk if step.by else None,
        at=step.at,
        client_key=step.client_key,
        scope=scope,
        live=here is not None and live_channels(exercise=False, demo=here.demo),
        note=step.note.strip()[:NOTE_LONGEST],
        device_at=step.device_at,
    )


def _replayed(
    steps: Sequence[Step], known: Mapping[str, DeliveryEvent], *, scope: Scope
) -> list[Delivery]:
    """Return the deliveries where every key is known already: nothing to lock, nothing to write."""
    for step in steps:
        event = known[step.client_key]
        _check_replay(step, event, event.delivery, scope)
    return [known[step.client_key].delivery for step in steps]


@transaction.atomic
def _perform(
    steps: Sequence[Step], known: dict[str, DeliveryEvent], *, scope: Scope
) -> list[Delivery]:
    found = queries.locked(step.delivery for step in steps)
    claimed = _claimed_by(steps)
    written: list[tuple[Step, DeliveryEvent]] = []
    changed: set[str] = set()
    for step in steps:
        delivery = found.get(step.delivery)
        if delivery is None:
            raise nothing_there(str(step.delivery))
        if step.client_key in known:
            _check_replay(step, known[step.client_key], delivery, scope)
            continue
        after = _after(step, delivery, claimed.get(delivery.pk), scope)
        if after is None:
            continue
        if step.act is Act.EXTEND:
            _check_longer(step, delivery)
        if step.act is Act.CLAIM_DONE:
            _check_shown(step, delivery)
        event = _event(step, delivery, after)
        changed |= _apply(step, delivery, after)
        known[step.client_key] = event
        written.append((step, event))
        if step.act is Act.CLAIM_DONE:
            claimed[delivery.pk] = step.by.pk if step.by else None
    _save({event.delivery_id: found[event.delivery_id] for _step, event in written}, changed)
    DeliveryEvent.objects.bulk_create([event for _step, event in written], batch_size=500)
    audit.record_many([_record(step, event, found) for step, event in written])
    for step, event in written:
        if step.act in RECEIPTS:
            _receipt(step, found[event.delivery_id])
        if step.act in ANSWERS:
            _answer(step)
    revisions.touch(found[event.delivery_id].unit_id for _step, event in written)
    _tell(written, found)
    return [found[step.delivery] for step in steps]


def _tell(
    written: Sequence[tuple[Step, DeliveryEvent]], found: Mapping[uuid.UUID, Delivery]
) -> None:
    groups: dict[tuple[Incident, datetime], list[tuple[Act, Delivery]]] = {}
    for step, event in written:
        delivery = found[event.delivery_id]
        groups.setdefault((delivery.order.incident, step.at), []).append((step.act, delivery))
    for (incident, at), steps in groups.items():
        tell(steps, incident=incident, at=at)


def _after(
    step: Step, delivery: Delivery, claimed_by: int | None, scope: Scope
) -> DeliveryState | None:
    """Return the state an act leads to; None where the same key did it while this one waited its turn."""
    standing = standing_of(delivery, claimed_by=claimed_by)
    reason = step.reason or step.note
    try:
        return check_can(step.act, standing, scope=scope, by=step.by, at=step.at, reason=reason)
    except WrongDeliveryState:
        there = _known_events([step.client_key]).get(step.client_key)
        if there is None:
            raise
        _check_replay(step, there, delivery, scope)
        return None


def _known_events(keys: Iterable[str]) -> dict[str, DeliveryEvent]:
    wanted = list(dict.fromkeys(keys))
    found: dict[str, DeliveryEvent] = {}
    for start in range(0, len(wanted), 500):
        rows = DeliveryEvent.objects.filter(
            client_key__in=wanted[start : start + 500]
        ).select_related("delivery__order__issuer", "delivery__unit__parent")
        found.update({row.client_key: row for row in rows})
    return found


def _claimed_by(steps: Sequence[Step]) -> dict[uuid.UUID, int | None]:
    ids = list({step.delivery for step in steps if step.act is Act.VERIFY})
    return queries.claimers(ids) if ids else {}


def _check_replay(step: Step, event: DeliveryEvent, delivery: Delivery, scope: Scope) -> None:
    """A key stands for one act of one delivery; and a replay tells nothing to who may not act."""
    if (event.delivery_id, event.act) != (step.delivery, step.act.value):
        raise KeyTaken(
            _("This key was used for another act."),
            where=step.client_key,
            remedy=_("Use a new key for each act."),
        )
    check_who(step.act, standing_of(delivery), scope=scope)


def _event(step: Step, delivery: Delivery, after: DeliveryState) -> DeliveryEvent:
    return DeliveryEvent(
        delivery=delivery,
        act=step.act.value,
        at=step.at,
        device_at=step.device_at,
        actor=step.by,
        before=delivery.state,
        after=after.value,
        note=step.note.strip()[:NOTE_LONGEST],
        client_key=step.client_key,
    )


def _apply(step: Step, delivery: Delivery, after: DeliveryState) -> set[str]:
    """Change the delivery as the act says and return the names of the columns touched."""
    changed = {"state"}
    delivery.state = after
    if step.act in STAMP:
        setattr(delivery, STAMP[step.act], step.at)
        changed.add(STAMP[step.act])
    for name in CLEARED.get(step.act, ()):
        setattr(delivery, name, None)
        changed.add(name)
    if step.act is Act.RETURN:
        delivery.return_reason = return_reason(step.reason)
        delivery.belongs_to = step.belongs_to
        changed |= {"return_reason", "belongs_to"}
    if step.act is Act.EXTEND:
        if delivery.state == DeliveryState.DELIVERED:
            delivery.acknowledge_by = step.until
            delivery.due_at = max(d for d in (delivery.due_at, step.until) if d is not None)
        else:
            delivery.due_at = step.until
        changed |= {"acknowledge_by", "due_at"}
    return changed


def _check_longer(step: Step, delivery: Delivery) -> None:
    unread = delivery.state == DeliveryState.DELIVERED
    before = delivery.acknowledge_by if unread else delivery.due_at
    if step.until is None or step.until <= step.at or (before and step.until <= before):
        raise Shortens(
            _("More time means a later moment than now and than the deadline."),
            where=delivery.unit.code,
            remedy=_("Give a later day or hour."),
        )


def _check_shown(step: Step, delivery: Delivery) -> None:
    """Where a machine can tell whether the order is done, a claim must stand its test."""
    check = delivery.order.closure_check
    element = ELEMENTS.get(check.get("element", "")) if check.get("kind") == "value" else None
    if element is None or delivery.unit.level not in element.levels:
        return
    if step.values.get(element.id) is not None:
        return
    incident = delivery.order.incident
    day = places.board_time(incident.package).local_day(step.at)
    if not value_reported(incident, delivery.unit, element.id, on=day):
        raise NotShown(
            _("“%s” has not been reported for today; by that the order is closed.") % element.label,
            where=delivery.unit.code,
            remedy=_("Enter the figure with the report that it is done."),
        )


def _answer(step: Step) -> None:
    """An office above that extends, assists or reassigns has answered the calls that waited for it."""
    if step.act is Act.ASSIST and step.by is not None and step.belongs_to is not None:
        Assist.objects.create(
            delivery_id=step.delivery,
            unit=step.belongs_to,
            text=step.note.strip(),
            at=step.at,
            by=step.by,
        )
    Escalation.objects.filter(delivery=step.delivery, answered_at__isnull=True).update(
        answered_at=step.at,
        answer=ANSWERS[step.act],
        answered_by=step.by,
        note=step.note.strip(),
    )


def _save(touched: Mapping[uuid.UUID, Delivery], changed: set[str]) -> None:
    if len(touched) == 1:
        next(iter(touched.values())).save(update_fields=changed)
    elif touched:
        Delivery.objects.bulk_update(touched.values(), sorted(changed), batch_size=150)


def _record(step: Step, event: DeliveryEvent, found: Mapping[uuid.UUID, Delivery]) -> AuditRecord:
    delivery = found[event.delivery_id]
    return AuditRecord(
        event=AUDIT_EVENT[step.act],
        at=step.at,
        actor=step.by,
        object_type="delivery",
        object_id=str(delivery.pk),
        unit=delivery.unit,
        incident=delivery.order.incident,
        detail={
            "order": str(delivery.order_id),
            "before": event.before,
            "after": event.after,
            **({"reason": step.reason} if step.reason else {}),
        },
    )


def _receipt(step: Step, delivery: Delivery) -> None:
    take_receipt(
        incident=delivery.order.incident,
        unit=delivery.unit,
        subject=str(delivery.pk),
        values=step.values,
        actor=step.by,
        at=step.at,
        client_key=step.client_key,
    )


# ---- one use case, one function ---------------------------------------------------------------------


def acknowledge(
    *,
    delivery: Delivery,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    note: str = "",
    device_at: datetime | None = None,
) -> Delivery:
    """Record that a person of the unit has read the order, and return the delivery."""
    step = Step(Act.ACKNOWLEDGE, delivery.pk, at, client_key, by, note=note, device_at=device_at)
    return perform([step], scope=scope)[0]


def accept(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str = ""
) -> Delivery:
    """Record that the unit takes the order on, and return the delivery."""
    return perform([Step(Act.ACCEPT, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def return_(
    *,
    delivery: Delivery,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    reason: str,
    belongs_to: Unit | None = None,
    note: str = "",
) -> Delivery:
    """Give the order back with its reason and, where known, who should have it."""
    step = Step(
        Act.RETURN,
        delivery.pk,
        at,
        client_key,
        by,
        note=note,
        reason=return_reason(reason),
        belongs_to=belongs_to,
    )
    return perform([step], scope=scope)[0]


def insist(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str
) -> Delivery:
    """Give a returned order to the same unit again, with the reason; it cannot come back twice."""
    return perform([Step(Act.INSIST, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def start(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str = ""
) -> Delivery:
    """Record that the work has begun, and return the delivery."""
    return perform([Step(Act.START, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def claim_done(
    *,
    delivery: Delivery,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    note: str = "",
    values: Mapping[str, float | None] | None = None,
) -> Delivery:
    """Report the order done, with the values it asked for; the office above verifies."""
    step = Step(
        Act.CLAIM_DONE, delivery.pk, at, client_key, by, note=note, values=dict(values or {})
    )
    return perform([step], scope=scope)[0]


def verify(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str = ""
) -> Delivery:
    """Record that the office above has seen it done; never by who reported it."""
    return perform([Step(Act.VERIFY, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def reopen(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str
) -> Delivery:
    """Say that it is not done yet, with the reason; the unit goes on with it."""
    return perform([Step(Act.REOPEN, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def close(
    *, delivery: Delivery, by: User, at: datetime, client_key: str, scope: Scope, note: str = ""
) -> Delivery:
    """Close a verified delivery and return it."""
    return perform([Step(Act.CLOSE, delivery.pk, at, client_key, by, note=note)], scope=scope)[0]


def extend(
    *,
    delivery: Delivery,
    until: datetime,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    note: str,
) -> Delivery:
    """Give a unit more time, with the reason: to read it while it is unread, else to do it.

    Raises Shortens (O418) where it is not more, and what `perform` raises.
    """
    step = Step(Act.EXTEND, delivery.pk, at, client_key, by, note=note, until=until)
    return perform([step], scope=scope)[0]


def assist(
    *,
    delivery: Delivery,
    helper: Unit,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    note: str,
) -> Delivery:
    """Send help from `helper`; the unit stays accountable and the deadline stands."""
    step = Step(Act.ASSIST, delivery.pk, at, client_key, by, note=note, belongs_to=helper)
    return perform([step], scope=scope)[0]


@transaction.atomic
def reassign(
    *,
    delivery: Delivery,
    to: Unit,
    by: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    note: str,
) -> Delivery:
    """Give the order to another unit below the issuer, with a new reading clock; return its delivery.

    The due moment stays: a reassignment never shortens nor lengthens it. Raises OutsideSubtree
    (O409), WrongDeliveryState (O402) where that unit has the order already, and what `perform`
    raises.
    """
    check_below(delivery.order.issuer, [to])
    step = Step(Act.REASSIGN, delivery.pk, at, client_key, by, note=note, belongs_to=to)
    replayed = DeliveryEvent.objects.filter(client_key=client_key).exists()
    [old] = perform([step], scope=scope)
    there = Delivery.objects.filter(order=old.order_id, unit=to).first()
    if there is not None:
        if replayed:
            return there
        raise WrongDeliveryState(
            _("%s has this order already.") % to.name,
            where=to.code,
            remedy=_("Choose another unit."),
        )
    new = Delivery.objects.create(
        order=old.order,
        unit=to,
        state=DeliveryState.DELIVERED,
        delivered_at=at,
        acknowledge_by=acknowledge_by(old.order.priority, at),
        due_at=old.due_at,
    )
    DeliveryEvent.objects.create(
        delivery=new,
        act=Act.DELIVER,
        at=at,
        actor=by,
        before=DeliveryState.ISSUED,
        after=DeliveryState.DELIVERED,
        note=note,
        client_key=f"deliver:{new.pk.hex}",
    )
    Outbox.objects.create(
        delivery=new, unit=to, channel="inbox", queued_at=at, sent_at=at, attempts=1
    )
    queue_live([old.order_id], incident=old.order.incident, at=at, deliveries=[new.pk])
    revisions.touch([to.pk])
    audit.record(
        event=AUDIT_EVENT[Act.DELIVER],
        at=at,
        actor=by,
        object_type="delivery",
        object_id=new.pk,
        unit=to,
        incident=old.order.incident,
        detail={"order": str(old.order_id), "from": str(old.pk)},
    )
    return new
