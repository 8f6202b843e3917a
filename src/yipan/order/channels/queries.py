"""Set-based writes of the outbox: queueing, claiming, what a message is made of."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from yipan.access.models import Incident
from yipan.access.queries import installation
from yipan.access.rules import live_channels_allowed
from yipan.order.channels.messages import Message
from yipan.order.channels.rules import CLAIM
from yipan.order.models import Breaker, Contact, Notice, Order, Outage, Outbox
from yipan.places.models import Unit

NAMESPACE = uuid.UUID("0c5f7d0e-1f0a-4f55-9f9e-8a1f4e6b7c21")
CHUNK = 500
SILENT = ("telephone", "webhook")  # called by a person; told by each step's own message

FIRST_CONTACT = """(c.channel = 'webhook' OR c.channel <> 'telephone' AND c.rank = (
        SELECT min(x.rank) FROM order_contact x
        WHERE x.unit_id = c.unit_id AND x.channel NOT IN ('telephone', 'webhook')))"""
"""A unit's webhook, and the first in rank of what reaches a person without one dialling."""

_LIVE = """
INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, next_at,
    claimed_by, attempts, last_error)
SELECT d.id, d.unit_id, c.channel, 'delivered', 0, c.address, {moment}, {moment}, '', 0, ''
FROM order_delivery d
JOIN order_contact c ON c.unit_id = d.unit_id AND {first_contact}
WHERE d.order_id IN ({orders}){only}
ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
"""


def queue_live(
    order_ids: Sequence[uuid.UUID],
    *,
    incident: Incident,
    at: datetime,
    deliveries: Sequence[uuid.UUID] = (),
) -> int:
    """Queue released orders to each unit's first contact and its webhook in one statement; return how many.

    Of these deliveries only, where some are named.

    Nothing is queued for an exercise or on a demonstration: the rule of access decides, and asks
    again before each message leaves.
    """
    if not order_ids or not live_channels_allowed(incident, installation()):
        return 0
    postgres = connection.vendor == "postgresql"
    queued = 0
    for start in range(0, len(order_ids), CHUNK):
        some = order_ids[start : start + CHUNK]
        moment = connection.ops.adapt_datetimefield_value(at)
        sql = _LIVE.format(
            moment="%s::timestamptz" if postgres else "%s",
            orders=", ".join(["%s"] * len(some)),
            first_contact=FIRST_CONTACT,
            only=f" AND d.id IN ({', '.join(['%s'] * len(deliveries))})" if deliveries else "",
        )
        keys = [pk if postgres else pk.hex for pk in (*some, *deliveries)]
        with connection.cursor() as cursor:
            cursor.execute(sql, [moment, moment, *keys])
            queued += max(0, int(cursor.rowcount))
    return queued


def queue_notice(
    rows: Sequence[tuple[uuid.UUID, int]],
    *,
    kind: Notice,
    step: int,
    incident: Incident,
    at: datetime,
) -> int:
    """Queue a notice about deliveries to the first contact of the units named; return how many."""
    if not rows or not live_channels_allowed(incident, installation()):
        return 0
    units = {unit for _delivery, unit in rows}
    contacts: dict[int, list[Contact]] = {}
    for contact in (
        Contact.objects.filter(unit__in=units).exclude(channel__in=SILENT).order_by("rank", "pk")
    ):
        first = contacts.setdefault(contact.unit_id, [])
        if not first or first[0].rank == contact.rank:
            first.append(contact)
    made = [
        Outbox(
            delivery_id=delivery,
            unit_id=unit,
            channel=contact.channel,
            kind=kind,
            step=step,
            address=contact.address,
            queued_at=at,
            next_at=at,
        )
        for delivery, unit in rows
        for contact in contacts.get(unit, [])
    ]
    Outbox.objects.bulk_create(made, batch_size=CHUNK, ignore_conflicts=True)
    return len(made)


_CLAIM = """
UPDATE order_outbox SET claimed_by = %s, claimed_until = {moment}
WHERE id IN (
    SELECT o.id FROM order_outbox o
    JOIN order_delivery d ON d.id = o.delivery_id
    JOIN order_order r ON r.id = d.order_id
    WHERE o.sent_at IS NULL AND o.given_up_at IS NULL
        AND o.next_at <= {moment} AND (o.claimed_until IS NULL OR o.claimed_until < {moment})
        AND o.channel IN ({channels})
    ORDER BY r.priority, o.next_at, o.id LIMIT %s {lock}
) RETURNING id
"""


@transaction.atomic
def claim(worker: str, *, channels: Sequence[str], at: datetime, limit: int) -> list[int]:
    """Take up to `limit` waiting messages in hand, the most urgent first; return their ids.

    No two workers get the same: PostgreSQL skips what another has locked, SQLite lets one write at a
    time. A worker that dies loses its claim after two minutes.
    """
    if not channels:
        return []
    postgres = connection.vendor == "postgresql"
    now = connection.ops.adapt_datetimefield_value(at)
    until = connection.ops.adapt_datetimefield_value(at + CLAIM)
    sql = _CLAIM.format(
        moment="%s::timestamptz" if postgres else "%s",
        channels=", ".join(["%s"] * len(channels)),
        lock="FOR UPDATE OF o SKIP LOCKED" if postgres else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [worker, until, now, now, *channels, limit])
        return [row[0] for row in cursor.fetchall()]


def in_hand(ids: Sequence[int]) -> list[Outbox]:
    """Return claimed messages with all that their words are made of, the most urgent first."""
    rows = Outbox.objects.filter(pk__in=ids).select_related(
        "delivery__order__incident__package", "delivery__order__issuer", "delivery__unit", "unit"
    )
    return sorted(rows, key=lambda row: (row.delivery.order.priority, row.pk))


def key_of(row: Outbox) -> str:
    """Return a message's key: the same on every try and in every process."""
    text = f"{row.delivery_id}:{row.channel}:{row.kind}:{row.step}:{row.unit_id}"
    return str(uuid.uuid5(NAMESPACE, text))


def message_of(row: Outbox, *, secret: str, url: str) -> Message:
    """Return what a channel is to send for one row of the outbox, in the language in use."""
    delivery, order = row.delivery, row.delivery.order
    return Message(
        key=key_of(row),
        channel=row.channel,
        kind=row.kind,
        address=row.address,
        secret=secret,
        order_id=str(order.pk),
        delivery_id=str(delivery.pk),
        matter=order.matter,
        priority=order.priority,
        unit_code=delivery.unit.code,
        unit_name=delivery.unit.name,
        issuer_name=order.issuer.name,
        title=order.title,
        body=order.body,
        closure=order.closure,
        acknowledge_by=_there(delivery.acknowledge_by, order),
        due_at=_there(delivery.due_at, order),
        url=url,
        exercise=order.exercise,
        note=_note(row),
        state=delivery.state,
    )


def _note(row: Outbox) -> str:
    """Return the words of the step that a message tells of: the latest with words up to its queueing."""
    if row.kind in (Notice.DELIVERED, Notice.UNREAD, Notice.DUE, Notice.ESCALATED):
        return ""
    steps = row.delivery.events.filter(at__lte=row.queued_at).exclude(act="deliver")
    return steps.order_by("-at", "-pk").values_list("note", flat=True).first() or ""


def _there(moment: datetime | None, order: Order) -> datetime | None:
    """A message tells the province's own time."""
    return moment.astimezone(ZoneInfo(order.incident.package.time_zone)) if moment else None


def secret_of(row: Outbox) -> str:
    """Return the secret that signs what this contact is sent; empty where it has none."""
    found = Contact.objects.filter(unit=row.unit, channel=row.channel, address=row.address)
    return found.values_list("secret", flat=True).first() or ""


def next_contact(row: Outbox) -> Contact | None:
    """Return the contact to try after this one was given up, None where there is no other."""
    own = Contact.objects.filter(unit=row.unit).order_by("rank", "pk")
    used = Outbox.objects.filter(delivery=row.delivery, kind=row.kind, unit=row.unit)
    tried = set(used.values_list("channel", "address"))
    return next((c for c in own if (c.channel, c.address) not in tried), None)


def line_down(row: Outbox, *, at: datetime) -> bool:
    """Return whether an outage of this channel is declared at the unit or above it."""
    unit: Unit = row.unit
    running = Q(until__isnull=True) | Q(until__gt=at)
    return Outage.objects.filter(
        running,
        channel=row.channel,
        since__lte=at,
        unit__package_id=unit.package_id,
        unit__lft__lte=unit.lft,
        unit__rgt__gte=unit.rgt,
    ).exists()


def resting(at: datetime) -> set[str]:
    """Return the channels that are left alone at `at`."""
    return set(Breaker.objects.filter(open_until__gt=at).values_list("channel", flat=True))


def waiting() -> QuerySet[Outbox]:
    """Return the messages that have neither been sent nor given up."""
    return Outbox.objects.filter(sent_at__isnull=True, given_up_at__isnull=True)


def unreachable(incident: Incident) -> QuerySet[Outbox]:
    """Return given-up messages of units that nothing else has reached: a printed sheet is due."""
    sent = Outbox.objects.filter(
        delivery=OuterRef("delivery"), kind=OuterRef("kind"), unit=OuterRef("unit")
    ).exclude(channel="inbox")
    return (
        Outbox.objects.filter(delivery__order__incident=incident, given_up_at__isnull=False)
        .exclude(Exists(sent.filter(given_up_at__isnull=True)))
        .select_related("delivery__order", "unit")
    )


def counts() -> dict[str, dict[str, int]]:
    """Return how many messages wait, were sent and were given up, by channel."""
    rows = Outbox.objects.values("channel").annotate(
        sent=Count("pk", filter=Q(sent_at__isnull=False)),
        given_up=Count("pk", filter=Q(given_up_at__isnull=False)),
        all=Count("pk"),
    )
    return {
        row["channel"]: {
            "sent": row["sent"],
            "given_up": row["given_up"],
            "waiting": row["all"] - row["sent"] - row["given_up"],
        }
        for row in rows.order_by("channel")
    }
