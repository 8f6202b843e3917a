"""Every read of deliveries and every set-based write to them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from django.db import connection
from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models import Value as Constant
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.words import chinese, duration
from yipan.order.deliveries.rules import OPEN, Act, next_state
from yipan.order.models import Delivery, DeliveryEvent, DeliveryState, Priority
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.models import Value

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class AsKnown(TypedDict):
        """What `deliveries` adds to each row."""

        state_at: str

    Known = WithAnnotations[Delivery, AsKnown]
else:
    Known = Delivery

STEPS = (
    ("acknowledge", "delivered_at", "acknowledged_at"),
    ("accept", "acknowledged_at", "accepted_at"),
    ("work", "accepted_at", "claimed_at"),
    ("verify", "claimed_at", "verified_at"),
)
"""The stretches of a delivery's way: name, from, to."""

FEWEST = 20  # deliveries below which a unit's figures are not shown to others


# ---- lists ----------------------------------------------------------------------------------------


def deliveries(incident: Incident, scope: Scope, *, at: datetime) -> QuerySet[Known]:
    """Return the deliveries in sight as they stood at `at`: `state_at` is the state then.

    Later moments may still stand in the other columns: ask for them with `<= at`.
    """
    every = Delivery.objects.filter(order__incident=incident, delivered_at__lte=at)
    seen = scope.filter(every, action=Action.ORDER_READ)
    later = DeliveryEvent.objects.filter(at__gt=at, delivery__order__incident=incident)
    if not later.exists():
        return seen.annotate(state_at=F("state"))
    then = DeliveryEvent.objects.filter(delivery=OuterRef("pk"), at__lte=at).order_by("-at", "-pk")
    return seen.annotate(state_at=Subquery(then.values("after")[:1]))


def with_words(found: QuerySet[Known]) -> QuerySet[Known]:
    """Bring the order, its issuer, the unit and its parent with each delivery."""
    return found.select_related("order__incident", "order__issuer", "unit__parent")


def is_open() -> Q:
    """Return the condition that somebody still has something to do."""
    return Q(state_at__in=OPEN)


def is_late(at: datetime) -> Q:
    """Return the condition that a delivery is overdue: unread beyond its clock, or undone when due.

    Overdue is computed here and nowhere else; it is never a state.
    """
    unread = Q(state_at=DeliveryState.DELIVERED, acknowledge_by__lt=at)
    undone = Q(state_at__in=[s for s in OPEN if s != DeliveryState.CLAIMED_DONE], due_at__lt=at)
    return unread | undone


SHOWN: dict[str, Callable[[datetime], Q]] = {
    "open": lambda at: is_open(),
    "overdue": lambda at: is_late(at),
    "returned": lambda at: Q(state_at=DeliveryState.RETURNED),
    "claimed": lambda at: Q(state_at=DeliveryState.CLAIMED_DONE),
    "attention": lambda at: is_late(at) | Q(state_at=DeliveryState.RETURNED),
    "all": lambda at: Q(),
}
"""The lists that a page or a verb can ask for, by name."""


def listed(
    incident: Incident, scope: Scope, *, at: datetime, show: str, unit: Unit | None = None
) -> QuerySet[Known]:
    """Return one of the lists SHOWN, of a unit and all below it if asked: late ones first, then urgent."""
    found = with_words(deliveries(incident, scope, at=at)).filter(SHOWN[show](at))
    if unit is not None:
        found = found.filter(
            unit__package_id=unit.package_id, unit__lft__gte=unit.lft, unit__rgt__lte=unit.rgt
        )
    late_first = Case(
        When(is_late(at), then=Constant(0)), default=Constant(1), output_field=IntegerField()
    )
    return found.order_by(late_first, "order__priority", "due_at", "unit__code", "pk")


def inbox(
    incident: Incident, scope: Scope, *, at: datetime, below: bool = False
) -> QuerySet[Known]:
    """Return what this person's own units have to do; `below` adds every unit under them."""
    found = deliveries(incident, scope, at=at)
    found = scope.filter(found, action=Action.ORDER_RECEIVE)
    if not below:
        found = found.filter(unit__in=[unit.pk for unit in scope.roots(Action.ORDER_RECEIVE)])
    return with_words(found).order_by("order__priority", "due_at", "pk")


ENDED_SHOWN = timedelta(hours=48)
"""How long an inbox still tells that an order was withdrawn or replaced."""


def ended(
    incident: Incident, scope: Scope, *, at: datetime, below: bool = False
) -> QuerySet[DeliveryEvent]:
    """Return what was withdrawn or replaced lately in this person's inbox, with its reason."""
    own = inbox(incident, scope, at=at, below=below).order_by()
    return (
        DeliveryEvent.objects.filter(
            delivery__in=own.values("pk"),
            act__in=[Act.CANCEL, Act.SUPERSEDE],
            at__gt=at - ENDED_SHOWN,
            at__lte=at,
        )
        .select_related("delivery__order__issuer", "delivery__unit")
        .order_by("-at", "-pk")
    )


@dataclass(frozen=True)
class Box:
    """An inbox in three parts: to do, being checked by the office above, closed today."""

    to_do: list[Known]
    checking: list[Known]
    closed_today: int


def box(incident: Incident, scope: Scope, *, at: datetime, below: bool = False) -> Box:
    """Return the inbox of this person at `at`."""
    found = inbox(incident, scope, at=at, below=below)
    today, _end = places.board_time(incident.package).day_bounds(
        places.board_time(incident.package).local_day(at)
    )
    waits = (DeliveryState.CLAIMED_DONE, DeliveryState.RETURNED)
    return Box(
        to_do=list(found.filter(state_at__in=[s for s in OPEN if s not in waits])[:200]),
        checking=list(found.filter(state_at__in=waits)[:50]),
        closed_today=found.filter(
            state_at__in=[DeliveryState.VERIFIED, DeliveryState.CLOSED], verified_at__gte=today
        ).count(),
    )


def one(pk: uuid.UUID, scope: Scope, *, action: Action = Action.ORDER_READ) -> Delivery:
    """Return one delivery in sight; absent and out of sight raise the same NotFound (K004)."""
    every = Delivery.objects.select_related(
        "order__incident__package", "order__issuer", "unit__parent"
    )
    return scope.get(every, action=action, pk=pk)


def as_it_is(pk: uuid.UUID) -> Delivery:
    """Return one delivery with its order and unit; the caller has acted on it and may see it."""
    return Delivery.objects.select_related(
        "order__incident__package", "order__issuer", "unit__parent"
    ).get(pk=pk)


def locked(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Delivery]:
    """Return deliveries by id, locked until the transaction ends, with all the rules ask of them."""
    wanted = list(dict.fromkeys(ids))
    found: dict[uuid.UUID, Delivery] = {}
    for start in range(0, len(wanted), 500):
        rows = (
            Delivery.objects.filter(pk__in=wanted[start : start + 500])
            .select_for_update(of=("self",))
            .select_related("order__incident__package", "order__issuer", "unit__parent")
            .order_by("pk")
        )
        found.update({row.pk: row for row in rows})
    return found


def events(found: Iterable[Delivery], *, at: datetime) -> QuerySet[DeliveryEvent]:
    """Return what happened to these deliveries up to `at`, the latest first."""
    return (
        DeliveryEvent.objects.filter(delivery__in=[d.pk for d in found], at__lte=at)
        .select_related("actor", "delivery__unit")
        .order_by("-at", "-pk")
    )


def claimers(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int | None]:
    """Return who last reported each delivery done."""
    rows = DeliveryEvent.objects.filter(delivery__in=ids, act=Act.CLAIM_DONE).order_by("at", "pk")
    return dict(rows.values_list("delivery", "actor"))


def value_reported(incident: Incident, unit: Unit, element: str, *, on: date) -> bool:
    """Return whether a unit's value of a day is known: the latest version, if not withdrawn."""
    versions = Value.objects.filter(incident=incident, unit=unit, element=element, day=on)
    latest = versions.order_by("-version").values_list("value", flat=True).first()
    return latest is not None


# ---- figures --------------------------------------------------------------------------------------


def outstanding(incident: Incident, scope: Scope, *, at: datetime) -> dict[str, Any]:
    """Return how the orders in sight stand at `at`, in one statement; each delivery counts once."""
    clock = places.board_time(incident.package)
    today, _end = clock.day_bounds(clock.local_day(at))
    late, opened = is_late(at), is_open()
    unread = Q(state_at=DeliveryState.DELIVERED)
    in_time = Q(acknowledged_at__lte=at) & Q(acknowledged_at__lte=F("acknowledge_by"))
    counts = deliveries(incident, scope, at=at).aggregate(
        issued=Count("pk"),
        issued_today=Count("pk", filter=Q(delivered_at__gte=today)),
        open=Count("pk", filter=opened),
        overdue=Count("pk", filter=late),
        unacknowledged=Count("pk", filter=unread),
        overdue_unacknowledged=Count("pk", filter=late & unread),
        returned=Count("pk", filter=Q(state_at=DeliveryState.RETURNED)),
        claimed=Count("pk", filter=Q(state_at=DeliveryState.CLAIMED_DONE)),
        closed_today=Count(
            "pk",
            filter=Q(state_at__in=[DeliveryState.VERIFIED, DeliveryState.CLOSED])
            & Q(verified_at__gte=today, verified_at__lte=at),
        ),
        read_or_due=Count("pk", filter=Q(acknowledged_at__lte=at) | Q(acknowledge_by__lt=at)),
        acknowledged_in_time=Count("pk", filter=in_time),
        **{f"open_p{p}": Count("pk", filter=opened & Q(order__priority=p)) for p in Priority},
        **{f"overdue_p{p}": Count("pk", filter=late & Q(order__priority=p)) for p in Priority},
    )
    by_priority = {
        f"P{p}": {"open": counts.pop(f"open_p{p}"), "overdue": counts.pop(f"overdue_p{p}")}
        for p in Priority
    }
    return {**counts, "by_priority": by_priority}


def sentences(*told: str) -> str:
    """Join sentences as the language in use does: Chinese without a space."""
    return ("" if chinese() else " ").join(told)


def headline(counts: dict[str, Any]) -> str:
    """Return the sentence of the watch page, made from `outstanding`."""
    opened = ngettext("%(n)d order is open.", "%(n)d orders are open.", counts["open"]) % {
        "n": counts["open"]
    }
    if not counts["issued"]:
        return _("No order has been issued yet.")
    if not counts["overdue"]:
        return sentences(opened, _("None is overdue."))
    if not counts["overdue_unacknowledged"]:
        late = ngettext("%(n)d is overdue.", "%(n)d are overdue.", counts["overdue"]) % {
            "n": counts["overdue"]
        }
    else:
        late = _("%(late)d are overdue; %(unread)d of these wait for a first acknowledgement.") % {
            "late": counts["overdue"],
            "unread": counts["overdue_unacknowledged"],
        }
    return sentences(opened, late)


@dataclass(frozen=True)
class Quantiles:
    """How long one stretch took, in minutes; n deliveries have gone through it."""

    n: int
    q05: float
    q25: float
    median: float
    q75: float
    p90: float
    q95: float

    @classmethod
    def of(cls, minutes: Sequence[float]) -> Quantiles | None:
        """Return the quantiles of some lengths, None of none."""
        if not len(minutes):
            return None
        q = np.quantile(np.asarray(minutes, dtype=np.float64), [0.05, 0.25, 0.5, 0.75, 0.9, 0.95])
        return cls(len(minutes), *(float(x) for x in q))


def latencies(
    incident: Incident,
    scope: Scope,
    *,
    at: datetime,
    priority: int | None = None,
    since: datetime | None = None,
) -> dict[str, Quantiles | None]:
    """Return how long each stretch took, by its name in STEPS, for deliveries of one priority or all."""
    found = deliveries(incident, scope, at=at).filter(delivered_at__gte=since or at - timedelta(7))
    if priority is not None:
        found = found.filter(order__priority=priority)
    rows = list(found.values_list(*_MOMENTS))
    place = {name: i for i, name in enumerate(_MOMENTS)}
    return {
        name: Quantiles.of(
            [
                (row[place[end]] - row[place[start]]).total_seconds() / 60
                for row in rows
                if row[place[start]] is not None
                and row[place[end]] is not None
                and row[place[end]] <= at
            ]
        )
        for name, start, end in STEPS
    }


_MOMENTS = ("delivered_at", "acknowledged_at", "accepted_at", "claimed_at", "verified_at")


@dataclass(frozen=True)
class Load:
    """How one unit and all below it answer: for finding where help is needed, by name or by need."""

    unit: Unit
    open: int
    overdue: int
    acknowledge: Quantiles | None  # None: too few to say


def loads(incident: Incident, scope: Scope, *, at: datetime) -> list[Load]:
    """Return the open and late orders of each city in sight, those that may need help first."""
    found = deliveries(incident, scope, at=at)
    cities = {city.pk: city for city in places.cities(incident.package)}
    edges = sorted((city.lft, city.rgt, pk) for pk, city in cities.items())
    lefts = [left for left, _right, _pk in edges]
    rows = found.values_list(
        "unit__lft", "state_at", "delivered_at", "acknowledged_at", "acknowledge_by", "due_at"
    )
    gathered: dict[int, tuple[list[float], list[int]]] = {}
    for lft, state, delivered, read, read_by, due in rows:
        i = int(np.searchsorted(lefts, lft, side="right")) - 1
        if i < 0 or lft > edges[i][1]:
            continue
        minutes, tally = gathered.setdefault(edges[i][2], ([], [0, 0]))
        if read is not None and delivered is not None and read <= at:
            minutes.append((read - delivered).total_seconds() / 60)
        tally[0] += state in OPEN
        tally[1] += late_now(state, read_by, due, at)
    found_loads = [
        Load(
            cities[pk],
            tally[0],
            tally[1],
            Quantiles.of(minutes) if len(minutes) >= FEWEST else None,
        )
        for pk, (minutes, tally) in gathered.items()
    ]
    return sorted(found_loads, key=lambda load: (-load.overdue, load.unit.code))


def late_now(
    state: str, acknowledge_by: datetime | None, due_at: datetime | None, at: datetime
) -> bool:
    """Return whether a delivery in this state is overdue at `at`: `is_late` for one row."""
    if state not in OPEN:
        return False
    if state == DeliveryState.DELIVERED and acknowledge_by is not None and acknowledge_by < at:
        return True
    return state != DeliveryState.CLAIMED_DONE and due_at is not None and due_at < at


def clock_words(delivery: Delivery, *, at: datetime) -> tuple[str, bool]:
    """Return what the clock of a delivery says at `at`, and whether it is late."""
    state = getattr(delivery, "state_at", delivery.state)
    if state == DeliveryState.CLAIMED_DONE:
        return _("being checked"), False
    if state == DeliveryState.RETURNED:
        return _("given back; waits for the office above"), False
    if state not in OPEN:
        return str(DeliveryState(state).label), False
    unread = state == DeliveryState.DELIVERED
    deadline = delivery.acknowledge_by if unread else delivery.due_at
    if unread and delivery.due_at is not None and delivery.due_at < at:
        deadline = min(d for d in (deadline, delivery.due_at) if d is not None)
    if deadline is None:
        return _("no deadline"), False
    minutes = (deadline - at).total_seconds() / 60
    if minutes < 0:
        return _("%s late") % duration(minutes), True
    return (_("%s left to read") if unread else _("%s left")) % duration(minutes), False


# ---- set-based writes -----------------------------------------------------------------------------

_END_EVENTS = """
INSERT INTO order_deliveryevent (delivery_id, act, at, actor_id, before, after, note, client_key)
SELECT d.id, %s, {moment}, %s, d.state, %s, %s, %s || ':' || d.id
FROM order_delivery d WHERE d.order_id IN ({orders}) AND d.state IN ({states})
ON CONFLICT (client_key) DO NOTHING
"""


def end_all(
    act: Act, order_ids: Sequence[uuid.UUID], *, by: User | None, at: datetime, reason: str
) -> int:
    """Cancel or supersede every open delivery of some orders; return how many. Two statements a handful."""
    return sum(
        _end_some(act, order_ids[start : start + 500], by=by, at=at, reason=reason)
        for start in range(0, len(order_ids), 500)
    )


def _end_some(
    act: Act, order_ids: Sequence[uuid.UUID], *, by: User | None, at: datetime, reason: str
) -> int:
    leading = [s for s in DeliveryState if next_state(act, s) is not None]
    after = next_state(act, leading[0])
    assert after is not None
    postgres = connection.vendor == "postgresql"
    sql = _END_EVENTS.format(
        moment="%s::timestamptz" if postgres else "%s",
        orders=", ".join(["%s"] * len(order_ids)),
        states=", ".join(["%s"] * len(leading)),
    )
    values = [
        act.value,
        connection.ops.adapt_datetimefield_value(at),
        by.pk if by else None,
        after.value,
        reason,
        act.value,
        *(pk if postgres else pk.hex for pk in order_ids),
        *(s.value for s in leading),
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    return Delivery.objects.filter(order__in=order_ids, state__in=leading).update(state=after)
