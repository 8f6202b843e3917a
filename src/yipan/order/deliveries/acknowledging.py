"""The hot path: one acknowledgement, everything it writes, in one statement where the database can.

What it leaves is what `perform` leaves, column by column (a test compares them): the delivery, its
event, the receipt as a report, both audit records, the inbox's revision, the webhooks' messages. It
answers only where the act is plainly allowed or plainly a replay; every other case is `perform`'s.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.deliveries.raw import as_moment, ask

# Who may, as a condition on the unit; `spans` are the subtrees in which the person acknowledges.
_ASKED = """
SELECT d.id, d.order_id, d.unit_id, d.state, d.acknowledge_by, d.due_at, d.delivered_at,
    d.acknowledged_at, d.accepted_at, d.claimed_at, d.verified_at, d.closed_at, d.return_reason,
    o.matter, o.title_zh, o.title_en, o.priority, o.incident_id, o.issuer_id,
    (o.exercise OR i.exercise) AS exercise,
    u.code, u.name_zh, u.name_en, u.parent_id
FROM order_delivery d
JOIN order_order o ON o.id = d.order_id
JOIN places_unit u ON u.id = d.unit_id
JOIN access_incident i ON i.id = o.incident_id
WHERE d.id = %s AND (i.stood_down_at IS NULL OR i.stood_down_at > {moment}) AND ({spans}){clock}
"""

_COLUMNS = (
    "id", "order_id", "unit_id", "state", "acknowledge_by", "due_at", "delivered_at",
    "acknowledged_at", "accepted_at", "claimed_at", "verified_at", "closed_at", "return_reason",
    "matter", "title_zh", "title_en", "priority", "incident_id", "issuer_id", "exercise",
    "code", "name_zh", "name_en", "parent_id",
)  # fmt: skip

_POSTGRESQL = """
WITH asked AS MATERIALIZED ({asked}),
known AS MATERIALIZED (
    SELECT e.delivery_id, e.act FROM order_deliveryevent e WHERE e.client_key = %s
),
done AS (
    UPDATE order_delivery d SET state = 'acknowledged', acknowledged_at = {moment}
    FROM asked WHERE d.id = asked.id AND d.state = 'delivered' AND NOT EXISTS (SELECT 1 FROM known)
    RETURNING d.id, d.order_id, d.unit_id, asked.incident_id, asked.issuer_id, asked.parent_id,
        asked.exercise
),
event AS (
    INSERT INTO order_deliveryevent
        (delivery_id, act, at, device_at, actor_id, before, after, note, client_key)
    SELECT done.id, 'acknowledge', {moment}, {moment}, %s::bigint, 'delivered', 'acknowledged', %s, %s
    FROM done
),
receipt AS (
    INSERT INTO report_submission (incident_id, unit_id, actor_id, source, client_key, received_at,
        file_name, file_digest, file_encoding, file_kind, rows_accepted, rows_aside, subject)
    SELECT done.incident_id, done.unit_id, %s::bigint, 'receipt', %s, {moment}, '', '', '', '', 0, 0,
        done.id::text
    FROM done RETURNING id, incident_id, unit_id
),
record AS (
    INSERT INTO access_auditrecord
        (at, actor_id, event, object_type, object_id, unit_id, incident_id, detail)
    SELECT {moment}, %s::bigint, 'delivery.acknowledged', 'delivery', done.id::text, done.unit_id,
        done.incident_id, jsonb_build_object('order', done.order_id::text,
            'before', 'delivered', 'after', 'acknowledged')
    FROM done
    UNION ALL
    SELECT {moment}, %s::bigint, 'report.submitted', 'submission', receipt.id::text,
        receipt.unit_id, receipt.incident_id,
        '{{"source": "receipt", "values": 0, "corrections": 0}}'::jsonb
    FROM receipt
),
revision AS (
    INSERT INTO order_inboxrevision (unit_id, below, n) SELECT done.unit_id, false, 1 FROM done
    ON CONFLICT (unit_id, below) DO UPDATE SET n = order_inboxrevision.n + 1
),
hook AS (
    INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address, queued_at, next_at,
        claimed_by, attempts, last_error)
    SELECT done.id, c.unit_id, 'webhook', 'acknowledge', 0, c.address, {moment}, {moment}, '', 0, ''
    FROM done JOIN order_contact c ON c.channel = 'webhook' AND %s AND NOT done.exercise
        AND c.unit_id IN (done.unit_id, done.parent_id, done.issuer_id)
    ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING
)
SELECT {columns}, (SELECT count(*) FROM done),
    (SELECT count(*) FROM known WHERE known.delivery_id = asked.id AND known.act = 'acknowledge')
FROM asked
"""


@dataclass(frozen=True)
class Read:
    """A delivery as an acknowledgement leaves it, with the words its answer needs."""

    row: dict[str, Any]

    @property
    def delivery(self) -> uuid.UUID:
        """Its id."""
        return uuid.UUID(str(self.row["id"]))


def acknowledge_at_once(
    delivery: uuid.UUID,
    *,
    by: int | None,
    at: datetime,
    client_key: str,
    scope: Scope,
    live: bool,
    real_clock: bool = False,
    note: str = "",
    device_at: datetime | None = None,
) -> Read | None:
    """Acknowledge and return the delivery; None where only `perform` can say what is to happen.

    `live` says whether webhooks may leave at all (never of an exercise). With `real_clock`, `at` is the
    system's: an incident whose clock is bent is left to `perform`. A replayed key changes nothing and is
    answered alike.
    """
    spans = scope.spans(Action.ORDER_RECEIVE)
    if spans == [] or not client_key:
        return None
    act = _Act(delivery, by, at, client_key, note, device_at, live, real_clock)
    try:
        if connection.vendor == "postgresql":
            return _in_one_statement(act, spans)
        return _in_one_transaction(act, spans)
    except IntegrityError:  # the key came in twice at once, or belongs to another act
        return None


@dataclass(frozen=True)
class _Act:
    delivery: uuid.UUID
    by: int | None
    at: datetime
    key: str
    note: str
    device_at: datetime | None
    live: bool
    real_clock: bool

    @property
    def clock(self) -> str:
        return " AND i.clock_at IS NULL" if self.real_clock else ""


def _within(spans: list[tuple[int, int, int]] | None) -> tuple[str, list[int]]:
    if spans is None:
        return "1 = 1", []
    one = "(u.package_id = %s AND u.lft >= %s AND u.rgt <= %s)"
    return " OR ".join([one] * len(spans)), [edge for span in spans for edge in span]


def _in_one_statement(act: _Act, spans: list[tuple[int, int, int]] | None) -> Read | None:
    where, edges = _within(spans)
    moment = "%s::timestamptz"
    sql = _POSTGRESQL.format(
        asked=_ASKED.format(moment=moment, spans=where, clock=act.clock),
        moment=moment,
        columns=", ".join(f"asked.{name}" for name in _COLUMNS),
    )
    values: list[Any] = [
        act.delivery, act.at, *edges,
        act.key,
        act.at,
        act.at, act.device_at, act.by, act.note, act.key,
        act.by, act.key, act.at,
        act.at, act.by, act.at, act.by,
        act.at, act.at, act.live,
    ]  # fmt: skip
    # A savepoint only inside somebody's transaction: alone, one statement is one transaction.
    if connection.in_atomic_block:
        with transaction.atomic():
            row = _one(sql, values)
    else:
        row = _one(sql, values)
    if row is None:
        return None
    return _answered(row[:-2], done=bool(row[-2]), known=bool(row[-1]), at=act.at)


def _answered(columns: Sequence[Any], *, done: bool, known: bool, at: datetime) -> Read | None:
    told = dict(zip(_COLUMNS, columns, strict=True))
    if done:
        told |= {"state": "acknowledged", "acknowledged_at": at}
    return Read(told) if done or known else None


@transaction.atomic
def _in_one_transaction(act: _Act, spans: list[tuple[int, int, int]] | None) -> Read | None:
    where, edges = _within(spans)
    adapt = connection.ops.adapt_datetimefield_value
    now, pressed = adapt(act.at), adapt(act.device_at) if act.device_at else None
    pk, text = act.delivery.hex, str(act.delivery)
    columns = _one(_ASKED.format(moment="%s", spans=where, clock=act.clock), [pk, now, *edges])
    if columns is None:
        return None
    told = _converted(dict(zip(_COLUMNS, columns, strict=True)))
    known = _one(
        "SELECT delivery_id, act FROM order_deliveryevent WHERE client_key = %s", [act.key]
    )
    if known is not None:
        return Read(told) if tuple(known) == (pk, "acknowledge") else None
    if told["state"] != "delivered":
        return None
    unit, incident = told["unit_id"], told["incident_id"]
    _do(
        "UPDATE order_delivery SET state = 'acknowledged', acknowledged_at = %s WHERE id = %s",
        [now, pk],
    )
    _do(
        "INSERT INTO order_deliveryevent"
        " (delivery_id, act, at, device_at, actor_id, before, after, note, client_key)"
        " VALUES (%s, 'acknowledge', %s, %s, %s, 'delivered', 'acknowledged', %s, %s)",
        [pk, now, pressed, act.by, act.note, act.key],
    )
    submission = _do(
        "INSERT INTO report_submission (incident_id, unit_id, actor_id, source, client_key,"
        " received_at, file_name, file_digest, file_encoding, file_kind, rows_accepted, rows_aside,"
        " subject) VALUES (%s, %s, %s, 'receipt', %s, %s, '', '', '', '', 0, 0, %s)",
        [incident, unit, act.by, act.key, now, text],
    )
    order = str(uuid.UUID(str(told["order_id"])))
    _do(
        "INSERT INTO access_auditrecord"
        " (at, actor_id, event, object_type, object_id, unit_id, incident_id, detail)"
        " VALUES (%s, %s, 'delivery.acknowledged', 'delivery', %s, %s, %s, %s),"
        " (%s, %s, 'report.submitted', 'submission', %s, %s, %s, %s)",
        [
            now, act.by, text, unit, incident,
            json.dumps({"order": order, "before": "delivered", "after": "acknowledged"}),
            now, act.by, str(submission), unit, incident,
            json.dumps({"source": "receipt", "values": 0, "corrections": 0}),
        ],
    )  # fmt: skip
    _do(
        "INSERT INTO order_inboxrevision (unit_id, below, n) VALUES (%s, %s, 1)"
        " ON CONFLICT (unit_id, below) DO UPDATE SET n = order_inboxrevision.n + 1",
        [unit, False],
    )
    if act.live and not told["exercise"]:
        _do(
            "INSERT INTO order_outbox (delivery_id, unit_id, channel, kind, step, address,"
            " queued_at, next_at, claimed_by, attempts, last_error)"
            " SELECT %s, c.unit_id, 'webhook', 'acknowledge', 0, c.address, %s, %s, '', 0, ''"
            " FROM order_contact c WHERE c.channel = 'webhook' AND c.unit_id IN (%s, %s, %s)"
            " ON CONFLICT (delivery_id, channel, kind, step, unit_id) DO NOTHING",
            [pk, now, now, unit, told["parent_id"], told["issuer_id"]],
        )
    return Read(told | {"state": "acknowledged", "acknowledged_at": act.at})


def _one(sql: str, values: Sequence[Any]) -> Sequence[Any] | None:
    found = ask(sql, values)
    return found[0] if found else None


def _do(sql: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.lastrowid or 0)


def _converted(told: dict[str, Any]) -> dict[str, Any]:
    """SQLite tells moments without their zone and truth as 0 and 1."""
    moments = [name for name in _COLUMNS if name.endswith(("_at", "_by"))]
    return (
        told
        | {name: as_moment(told[name]) for name in moments}
        | {"exercise": bool(told["exercise"])}
    )
