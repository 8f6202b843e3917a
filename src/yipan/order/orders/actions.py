"""Drafting, issuing, undoing, releasing, withdrawing: one use case, one function."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.channels.queries import queue_live
from yipan.order.clocks.queries import keep_duty_hours
from yipan.order.deliveries import queries as delivering
from yipan.order.deliveries import revisions
from yipan.order.deliveries.rules import Act
from yipan.order.deliveries.telling import tell_ended
from yipan.order.errors import (
    Duplicate,
    NobodyToReceive,
    NothingOrdered,
    UnknownAct,
    WrongOrderState,
)
from yipan.order.matters import Matter, Text, by_setting, level_of, matters
from yipan.order.models import Annex, Order, OrderState, Priority, Target
from yipan.order.orders import drafting, queries
from yipan.order.orders.rules import (
    AUDIT_EVENT,
    OrderAct,
    check_annex,
    check_below,
    check_can,
    check_fit,
    check_signatures,
)
from yipan.places import queries as places
from yipan.places.models import Package, Unit
from yipan.plan.models import OptionCounty, Signature

# ---- drafting -------------------------------------------------------------------------------------


@transaction.atomic
def draft_orders(
    *, signature: Signature, by: User, at: datetime, scope: Scope | None = None
) -> list[Order]:
    """Draft one order for each county and matter that the signed option orders; return them all.

    Drafted again, the same orders are found where they stand. Raises NothingOrdered (O412) where
    the option orders nothing that a matter carries, and what `scope.check` raises.
    """
    option = signature.option
    incident = option.scenario.assessment.incident
    issuer = places.province(incident.package)
    if scope is not None:
        scope.check(Action.ORDER_DRAFT, issuer)
    signed = places.board_time(incident.package).local_day(signature.at)
    name = Text(option.name_zh, option.name_en)
    rows = OptionCounty.objects.filter(option=option).select_related("unit").order_by("unit__code")
    meant: dict[uuid.UUID, tuple[Order, Unit]] = {}
    before = queries.standing_orders(incident)
    for row in rows:
        for matter, weeks in _matters_of(row):
            stretch = drafting.phases(weeks, start=option.scenario.start_day)
            title = drafting.title(matter, stretch)
            body = drafting.body(matter, stretch, tier=row.tier, option=name, signed=signed)
            order = _draft(incident, matter, title, body, issuer, by, at)
            order.id = drafting.order_id(signature.pk, row.unit_id, matter.id)
            order.signature = signature
            earlier = before.get((matter.id, row.unit_id))
            if earlier is not None and earlier.signature_id != signature.pk:
                order.amends, order.version = earlier, earlier.version + 1
            order.source = {
                "kind": "option",
                "option": option.key,
                "number": option.number,
                "tier": row.tier,
                "levels": weeks,
            }
            meant[order.id] = (order, row.unit)
    if not meant:
        raise NothingOrdered(
            _("The signed option “%s” orders nothing that a matter carries.") % option.name,
            where=f"signature {signature.pk}",
            remedy=_("Name the setting in order/matters.yaml, or write the order by hand."),
        )
    return _keep_drafts(meant, by=by, at=at)


def _matters_of(row: OptionCounty) -> Iterable[tuple[Matter, list[str]]]:
    """Yield each matter that a county's levels give effect to, with its level week by week."""
    for setting, matter in by_setting().items():
        if row.levels.get(setting):
            yield matter, [level_of(level) for level in row.levels[setting]]


def _draft(
    incident: Incident,
    matter: Matter,
    title: Text,
    body: Text,
    issuer: Unit,
    by: User,
    at: datetime,
) -> Order:
    return Order(
        incident=incident,
        matter=matter.id,
        title_zh=title.zh[:200],
        title_en=title.en[:200],
        body_zh=body.zh,
        body_en=body.en,
        closure_zh=matter.closure.zh,
        closure_en=matter.closure.en,
        closure_check=dict(matter.check),
        post_zh=matter.post.zh,
        post_en=matter.post.en,
        priority=matter.priority,
        due_minutes=matter.due_minutes,
        state=OrderState.DRAFT,
        issuer=issuer,
        drafted_at=at,
        drafted_by=by,
        exercise=incident.exercise,
    )


def _keep_drafts(
    meant: Mapping[uuid.UUID, tuple[Order, Unit]], *, by: User, at: datetime
) -> list[Order]:
    there: set[uuid.UUID] = set()
    for some in queries.chunks(list(meant)):
        there.update(Order.objects.filter(pk__in=some).values_list("pk", flat=True))
    new = [pair for pk, pair in meant.items() if pk not in there]
    Order.objects.bulk_create([order for order, _unit in new], batch_size=200)
    Target.objects.bulk_create(
        [Target(order=order, unit=unit) for order, unit in new], batch_size=500
    )
    audit.record_many(_records(OrderAct.DRAFT, [order for order, _unit in new], by=by, at=at))
    return load(meant)


def load(ids: Iterable[uuid.UUID]) -> list[Order]:
    """Return orders by id as they stand now, with what the rules ask of them."""
    found: list[Order] = []
    for some in queries.chunks(list(ids)):
        found += Order.objects.filter(pk__in=some).select_related("incident__package", "issuer")
    return sorted(found, key=lambda order: (order.priority, order.matter, str(order.pk)))


@transaction.atomic
def draft_order(
    *,
    incident: Incident,
    issuer: Unit,
    matter: str,
    title: Text,
    body: Text,
    targets: Sequence[tuple[Unit, str]],
    by: User,
    at: datetime,
    scope: Scope,
    closure: Text | None = None,
    priority: int | None = None,
    due_at: datetime | None = None,
    elements: Sequence[str] = (),
    source: Mapping[str, object] | None = None,
    post: Text | None = None,
    pk: uuid.UUID | None = None,
) -> Order:
    """Draft one order by hand and return it; what is not said comes from its matter.

    Raises UnknownAct (O413) for an unknown matter, OutsideSubtree (O409), Unfit (O410), and what
    `scope.check` raises.
    """
    scope.check(Action.ORDER_DRAFT, issuer)
    check_below(issuer, [unit for unit, _level in targets])
    if matter not in matters():
        raise UnknownAct(
            _("There is no matter “%s”.") % matter[:40],
            where="matter",
            remedy=_("Choose one: %s.") % ", ".join(matters()),
        )
    order = _draft(incident, matters()[matter], title, body, issuer, by, at)
    if closure is not None:
        order.closure_zh, order.closure_en = closure.zh, closure.en
    if priority is not None:
        order.priority = Priority(priority)
    if due_at is not None:
        order.due_at, order.due_minutes = due_at, None
    if post is not None:
        order.post_zh, order.post_en = post.zh[:120], post.en[:120]
    if pk is not None:
        order.pk = pk
    order.elements = list(elements)
    order.source = dict(source or {"kind": "hand"})
    check_fit(order, at=at)
    order.save(force_insert=True)
    Target.objects.bulk_create(
        [Target(order=order, unit=unit, level=level) for unit, level in dict.fromkeys(targets)]
    )
    audit.record_many(_records(OrderAct.DRAFT, [order], by=by, at=at))
    return order


@transaction.atomic
def amend_order(
    *,
    order: Order,
    by: User,
    at: datetime,
    scope: Scope,
    title: Text | None = None,
    body: Text | None = None,
    due_at: datetime | None = None,
    priority: int | None = None,
) -> Order:
    """Draft the next version of an order that is out, for the same units; return the draft.

    When it leaves, the version before is superseded at everyone who has it. Raises WrongOrderState
    (O401) where the order is not out, Unfit (O410), and what `scope.check` raises.
    """
    [old] = _locked([order])
    check_can(OrderAct.AMEND, old, scope=scope, at=at)
    targets = [(target.unit, target.level) for target in old.targets.select_related("unit")]
    new = load([old.pk])[0]
    new.pk, new._state.adding = uuid.uuid4(), True
    new.state, new.amends, new.version = OrderState.DRAFT, old, old.version + 1
    new.drafted_at, new.drafted_by = at, by
    new.issued_at = new.issued_by = new.released_at = new.second_at = new.second_by = None
    if title is not None:
        new.title_zh, new.title_en = title.zh, title.en
    if body is not None:
        new.body_zh, new.body_en = body.zh, body.en
    if due_at is not None:
        new.due_at, new.due_minutes = due_at, None
    if priority is not None:
        new.priority = Priority(priority)
    check_fit(new, at=at)
    new.save()
    Target.objects.bulk_create(
        [Target(order=new, unit=unit, level=level) for unit, level in targets]
    )
    audit.record_many(_records(OrderAct.DRAFT, [new], by=by, at=at, more={"amends": str(old.pk)}))
    return new


@transaction.atomic
def countersign(*, order: Order, by: User, at: datetime, scope: Scope) -> Order:
    """Give a P0 its second signature, before another hand issues it; return it.

    The first to sign stays: signed again by the same hand it changes nothing, and of two who sign at
    once one is told that the other was first. Raises WrongOrderState (O401) where somebody else has
    signed, and what `check_can` raises.
    """
    [locked] = _locked([order])
    check_can(OrderAct.COUNTERSIGN, locked, scope=scope, at=at)
    if locked.second_by_id == by.pk:
        return locked
    first = Order.objects.filter(pk=locked.pk, state=OrderState.DRAFT, second_by__isnull=True)
    if not first.update(second_by=by, second_at=at):
        raise WrongOrderState(
            _("Somebody else has given the second signature already."),
            where=locked.title[:60],
            remedy=_("It can be issued now; ask whoever has not signed it to issue it."),
        )
    audit.record_many(_records(OrderAct.COUNTERSIGN, [locked], by=by, at=at))
    return load([locked.pk])[0]


@transaction.atomic
def annex(*, order: Order, unit: Unit, text: str, by: User, at: datetime, scope: Scope) -> Annex:
    """Attach a local annex of an office between the issuer and the units that have the order.

    Raises AnnexRefused (O417) where it shortens a deadline or asks for data, WrongOrderState (O401),
    OutsideSubtree (O409), and what `scope.check` raises.
    """
    scope.check(Action.ORDER_VERIFY, unit)
    [locked] = _locked([order])
    check_below(locked.issuer, [unit])
    if locked.state != OrderState.ISSUED:
        raise WrongOrderState(
            _("Only an order that is out can have an annex."), where=locked.title[:60], remedy=""
        )
    zone = places.board_time(locked.incident.package).zone
    check_annex(text, locked, at=at, zone=zone)
    made = Annex.objects.create(order=locked, unit=unit, text=text.strip(), at=at, by=by)
    audit.record(
        event="order.annexed",
        at=at,
        actor=by,
        object_type="order",
        object_id=locked.pk,
        unit=unit,
        incident=locked.incident,
        detail={"annex": made.pk},
    )
    return made


# ---- issuing --------------------------------------------------------------------------------------


@transaction.atomic
def issue_orders(
    *,
    orders: Iterable[Order],
    by: User,
    at: datetime,
    scope: Scope,
    duplicate_reason: str = "",
) -> list[Order]:
    """Issue drafts: P1–P3 are held 60 s for undo, a P0 leaves at once; return them as they stand.

    All or none. Raises WrongOrderState (O401), Unfit (O410), NobodyToReceive (O411),
    SecondSignatureMissing (O415), SameHand (O416), Duplicate (O414) for a like order within 72 h
    without a reason (never for a P0), and what `scope.check` raises.
    """
    chosen = _locked(orders)
    for order in chosen:
        check_can(OrderAct.ISSUE, order, scope=scope, at=at)
        check_fit(order, at=at)
        check_signatures(order, by=by)
    _check_received(chosen, at=at)
    _check_amended(chosen)
    like = _check_alike(chosen, at=at, reason=duplicate_reason)
    for some in queries.chunks([order.pk for order in chosen]):
        Order.objects.filter(pk__in=some).update(state=OrderState.HELD, issued_at=at, issued_by=by)
    for some in queries.chunks(list(like)):
        Order.objects.filter(pk__in=some).update(duplicate_reason=duplicate_reason.strip())
    audit.record_many(_records(OrderAct.ISSUE, chosen, by=by, at=at))
    _release([order for order in chosen if order.priority == Priority.P0], by=by, at=at)
    return load(order.pk for order in chosen)


@transaction.atomic
def undo_orders(*, orders: Iterable[Order], by: User, at: datetime, scope: Scope) -> list[Order]:
    """Take issued orders back before they leave; they are drafts again.

    Raises UndoOver (O403) once an order has left, WrongOrderState (O401), and what `scope.check`
    raises.
    """
    chosen = _locked(orders)
    for order in chosen:
        check_can(OrderAct.UNDO, order, scope=scope, at=at)
    for some in queries.chunks([order.pk for order in chosen]):
        Order.objects.filter(pk__in=some).update(
            state=OrderState.DRAFT, issued_at=None, issued_by=None
        )
    audit.record_many(_records(OrderAct.UNDO, chosen, by=by, at=at))
    return load(order.pk for order in chosen)


def release_due(*, at: datetime, incident: Incident | None = None) -> int:
    """Release every order whose hold is over and return how many deliveries were written.

    Of one incident where it is named: each runs on its own clock. Safe to run by several workers at
    once, and again after one was killed. Where none is due, no turn at writing is taken.
    """
    if not queries.due_for_release(at, incident).exists():
        return 0
    return _release_due(at=at, incident=incident)


@transaction.atomic
def _release_due(*, at: datetime, incident: Incident | None) -> int:
    ready = list(
        queries.due_for_release(at, incident)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("incident__package", "issuer")
    )
    return _release(ready, by=None, at=at)


def _release(ready: Sequence[Order], *, by: User | None, at: datetime) -> int:
    if not ready:
        return 0
    ids = [order.pk for order in ready]
    for some in queries.chunks(ids):
        Order.objects.filter(pk__in=some).update(state=OrderState.ISSUED, released_at=at)
    queries.set_due(ids, at=at)
    _supersede(ready, by=by, at=at)
    written = 0
    for package, group in _by_package(ready).items():
        day = places.board_time(package).local_day(at)
        written += queries.fan_out([order.pk for order in group], at=at, on=day)
        keep_duty_hours(group, package=package, at=at)
    for incident, mine in _by_incident(ready).items():
        queue_live([order.pk for order in mine], incident=incident, at=at)
    audit.record_many(_records(OrderAct.RELEASE, ready, by=by, at=at))
    return written


@transaction.atomic
def withdraw_order(*, order: Order, by: User, at: datetime, reason: str, scope: Scope) -> Order:
    """Withdraw an order: a draft is discarded, an issued one is cancelled at everyone who has it.

    Raises ReasonMissing (O407) for an issued order without a reason, WrongOrderState (O401), and
    what `scope.check` raises.
    """
    [locked] = _locked([order])
    check_can(OrderAct.WITHDRAW, locked, scope=scope, at=at, reason=reason)
    Order.objects.filter(pk=locked.pk).update(state=OrderState.WITHDRAWN, withdrawn_at=at)
    reached = delivering.end_all(Act.CANCEL, [locked.pk], by=by, at=at, reason=reason.strip())
    tell_ended(Act.CANCEL, [locked.pk], incident=locked.incident, at=at)
    revisions.touch([locked.issuer_id], below=True)
    audit.record_many(
        _records(OrderAct.WITHDRAW, [locked], by=by, at=at, more={"cancelled": reached})
    )
    return load([locked.pk])[0]


def _supersede(ready: Sequence[Order], *, by: User | None, at: datetime) -> None:
    """End the versions that the released orders replace, at everyone who has them."""
    old = [order.amends_id for order in ready if order.amends_id is not None]
    if not old:
        return
    for some in queries.chunks(old):
        Order.objects.filter(pk__in=some).update(state=OrderState.SUPERSEDED)
    reached = delivering.end_all(
        Act.SUPERSEDE, old, by=by, at=at, reason=_("A new version has been issued.")
    )
    for incident, mine in _by_incident(ready).items():
        ended = [order.amends_id for order in mine if order.amends_id is not None]
        tell_ended(Act.SUPERSEDE, ended, incident=incident, at=at)
    revisions.touch({order.issuer_id for order in ready}, below=True)
    audit.record_many(
        _records(OrderAct.AMEND, load(old), by=by, at=at, more={"superseded": reached})
    )


def _check_amended(chosen: Sequence[Order]) -> None:
    """A draft amends an order that is still out: not one withdrawn or replaced meanwhile."""
    old = [order.amends_id for order in chosen if order.amends_id is not None]
    gone = {o.pk: o for o in load(old) if o.state != OrderState.ISSUED}
    twice = len(old) != len(set(old))
    if gone or twice:
        where = next(iter(gone.values())).title[:60] if gone else ""
        raise WrongOrderState(
            _("The version that this draft amends is no longer the one that is out."),
            where=where,
            remedy=_("Discard the draft and amend the version that is out."),
        )


def _check_alike(chosen: Sequence[Order], *, at: datetime, reason: str) -> set[uuid.UUID]:
    like = queries.alike(chosen, at=at)
    held_up = [o for o in chosen if o.pk in like and o.priority != Priority.P0]
    if held_up and not reason.strip():
        other = like[held_up[0].pk][0]
        raise Duplicate(
            _("A like order went out within 72 hours: “%s”.") % other.title[:80],
            where=str(other.pk),
            remedy=_("Amend that one, or say why this one goes out as well."),
        )
    return set(like)


# ---- shared ----------------------------------------------------------------------------------------


def _locked(orders: Iterable[Order]) -> list[Order]:
    found: list[Order] = []
    wanted = list(dict.fromkeys(order.pk for order in orders))
    for some in queries.chunks(wanted):
        found += (
            Order.objects.filter(pk__in=some)
            .select_for_update(of=("self",))
            .select_related("incident__package", "issuer")
        )
    if len(found) != len(wanted):
        raise WrongOrderState(
            _("%d of the orders are no longer there.") % (len(wanted) - len(found)),
            remedy=_("Look at the list again."),
        )
    return sorted(found, key=lambda order: (order.priority, order.matter, str(order.pk)))


def _check_received(chosen: Sequence[Order], *, at: datetime) -> None:
    if not chosen:
        return
    day = places.board_time(chosen[0].incident.package).local_day(at)
    counts = queries.recipient_counts(chosen, on=day)
    for order in chosen:
        if not counts[order.pk]:
            raise NobodyToReceive(
                _("No unit would receive this order."),
                where=order.title[:60],
                remedy=_("Choose units that are in being."),
            )


def _by_package(ready: Sequence[Order]) -> dict[Package, list[Order]]:
    groups: dict[Package, list[Order]] = {}
    for order in ready:
        package = order.incident.package
        groups.setdefault(package, []).append(order)
    return groups


def _by_incident(ready: Sequence[Order]) -> dict[Incident, list[Order]]:
    groups: dict[Incident, list[Order]] = {}
    for order in ready:
        groups.setdefault(order.incident, []).append(order)
    return groups


def _records(
    act: OrderAct,
    orders: Sequence[Order],
    *,
    by: User | None,
    at: datetime,
    more: Mapping[str, object] | None = None,
) -> list[AuditRecord]:
    return [
        AuditRecord(
            event=AUDIT_EVENT[act],
            at=at,
            actor=by,
            object_type="order",
            object_id=str(order.pk),
            unit=order.issuer,
            incident=order.incident,
            detail={"matter": order.matter, "priority": order.priority, **(more or {})},
        )
        for order in orders
    ]
