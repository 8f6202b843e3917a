"""The hot path of the inbox: a poll is answered from memory while nothing has changed.

One statement a poll asks whether the token still opens, whether the person's grants, the incidents and
the inbox's revision are what they were; the rest is remembered. Nothing stale is ever told: a change
and its revision are one transaction, and a clock that runs out ends what is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import connection
from django.utils.translation import get_language

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.deliveries import revisions
from yipan.order.deliveries.queries import late_now
from yipan.order.deliveries.raw import as_id, as_moment
from yipan.order.deliveries.rules import OPEN
from yipan.order.memory import Memory
from yipan.report.dictionary import in_language

LONGEST: Final = timedelta(minutes=10)
ROWS_MOST: Final = 500
BODIES_MOST: Final = 2_000

_STILL = """
SELECT t.user_id,
    (SELECT coalesce(sum(g.id), 0) * 1000 + count(*) FROM access_grant g
        WHERE g.user_id = t.user_id AND g.valid_from <= {moment}
        AND (g.valid_to IS NULL OR g.valid_to > {moment})),
    (SELECT count(*) * 1000 + count(i.stood_down_at) * 10 + count(i.clock_at)
        FROM access_incident i),
    (SELECT coalesce(sum(r.n), 0) FROM order_inboxrevision r WHERE {seen})
FROM access_apitoken t JOIN access_user p ON p.id = t.user_id
WHERE t.digest = %s AND t.revoked_at IS NULL AND t.expires_at > {moment}
    AND t.created_at <= {moment} AND p.is_active
"""

COLUMNS: Final = (
    "id", "order_id", "matter", "title_zh", "title_en", "priority", "code", "name_zh", "name_en",
    "state", "acknowledge_by", "due_at", "delivered_at", "acknowledged_at", "accepted_at",
    "claimed_at", "verified_at", "closed_at", "return_reason",
)  # fmt: skip
"""What a delivery is told by, in the order in which `told` takes it."""

_ROWS = """
SELECT d.id, d.order_id, o.matter, o.title_zh, o.title_en, o.priority, u.code, u.name_zh, u.name_en,
    d.state, d.acknowledge_by, d.due_at, d.delivered_at, d.acknowledged_at, d.accepted_at,
    d.claimed_at, d.verified_at, d.closed_at, d.return_reason
FROM order_delivery d
JOIN order_order o ON o.id = d.order_id
JOIN places_unit u ON u.id = d.unit_id
WHERE d.unit_id IN ({units}) AND o.incident_id = %s AND d.delivered_at <= {moment}
    AND d.state IN ({states})
ORDER BY o.priority, d.due_at, d.id LIMIT {most}
"""


@dataclass(frozen=True)
class Poll:
    """An answer: its tag, and its text where the asker does not have it yet."""

    tag: str
    text: str


@dataclass(frozen=True)
class Signs:
    """What must stand still for a remembered answer to hold."""

    user: int
    grants: int
    incidents: int
    revision: int


@dataclass(frozen=True)
class _Known:
    signs: Signs
    family: dict[int, bool]
    tag: str
    until: datetime  # when a clock runs out, and at the latest in ten minutes


_KNOWN: Final[Memory[_Known]] = Memory()
_BODIES: Final[Memory[str]] = Memory(BODIES_MOST)


def forget_all() -> None:
    """Forget every answer: for tests, which begin anew under the same tokens."""
    _KNOWN.clear()
    _BODIES.clear()


def from_memory(digest: str, *, now: datetime, has: str) -> Poll | None:
    """Return the remembered answer to a poll if it still holds; None where it must be made anew."""
    key = (digest, get_language())
    known = _KNOWN.get(key)
    if known is None or now >= known.until:
        return None
    if _signs(digest, known.family, now) != known.signs:
        _KNOWN.forget(key)
        return None
    if has == known.tag:
        return Poll(known.tag, "")
    text = _BODIES.get(known.tag)
    return Poll(known.tag, text) if text is not None else None


def made_anew(
    digest: str | None, *, scope: Scope, incident: Incident, now: datetime, at: datetime
) -> Poll:
    """Return the answer to a poll, and remember it for a token whose incident keeps the real clock."""
    units = [u for u in scope.roots(Action.ORDER_RECEIVE) if scope.may(Action.ORDER_READ, u)]
    family = revisions.lineage(units)
    # The revision is read before the rows: a change between the two makes the next poll look again.
    signs = _signs(digest, family, now) if digest and incident.clock_at is None else None
    rows, until = _rows([u.pk for u in units], incident, at)
    answer = as_poll(rows, scope)
    if signs is not None and digest is not None:
        until = min(until, now + LONGEST)
        _KNOWN.keep((digest, get_language()), _Known(signs, family, answer.tag, until))
        _BODIES.keep(answer.tag, answer.text)
    return answer


def as_poll(rows: list[dict[str, Any]], scope: Scope) -> Poll:
    """Return rows as an answer; its tag is of what it says and of who asks."""
    text = json.dumps(rows, ensure_ascii=False)
    who = scope.user.pk if scope.user else 0
    return Poll(f'"{sha256(f"{who}:{text}".encode()).hexdigest()[:24]}"', text)


def _signs(digest: str, family: dict[int, bool], now: datetime) -> Signs | None:
    own = [pk for pk, is_own in family.items() if is_own]
    sql = _STILL.format(
        moment="%s::timestamptz" if connection.vendor == "postgresql" else "%s",
        seen=f"(r.below AND r.unit_id IN ({_marks(family)}))"
        f" OR (NOT r.below AND r.unit_id IN ({_marks(own)}))",
    )
    moment = connection.ops.adapt_datetimefield_value(now)
    values = [moment, moment, *family, *own, digest, moment, moment]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    return Signs(*(int(n) for n in row)) if row is not None else None


def _marks(values: Sequence[int] | dict[int, bool]) -> str:
    return ", ".join(["%s"] * len(values)) or "NULL"


def _rows(
    units: Sequence[int], incident: Incident, at: datetime
) -> tuple[list[dict[str, Any]], datetime]:
    sql = _ROWS.format(
        units=_marks(units),
        states=", ".join(["%s"] * len(OPEN)),
        moment="%s::timestamptz" if connection.vendor == "postgresql" else "%s",
        most=ROWS_MOST,
    )
    moment = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*units, incident.pk, moment, *(s.value for s in OPEN)])
        found = cursor.fetchall()
    by, due = COLUMNS.index("acknowledge_by"), COLUMNS.index("due_at")
    clocks = [as_moment(row[i]) for row in found for i in (by, due)]
    ends = [clock for clock in clocks if clock is not None and clock >= at]
    soonest = min(ends, default=at + LONGEST) + timedelta(microseconds=1)
    return [told(row, at) for row in found], soonest


def told(row: Sequence[Any], at: datetime) -> dict[str, Any]:
    """Return a delivery as the API tells it, from the values of COLUMNS."""
    (pk, order, matter, title_zh, title_en, priority, code, name_zh, name_en, state, *rest) = row
    moments, reason = [as_moment(value) for value in rest[:-1]], rest[-1]
    names = COLUMNS[10:-1]
    return {
        "id": as_id(pk),
        "order": as_id(order),
        "matter": matter,
        "title": in_language(title_zh or title_en, title_en or title_zh),
        "priority": priority,
        "unit": code,
        "unit_name": in_language(name_zh, name_en),
        "state": state,
        "overdue": late_now(state, moments[0], moments[1], at),
        **{name: _as_text(moment) for name, moment in zip(names, moments, strict=True)},
        "return_reason": reason if state == "returned" else "",
    }


def _as_text(moment: datetime | None) -> str | None:
    """As the API's own encoder tells a moment: to the millisecond, in UTC as Z."""
    if moment is None:
        return None
    length = "milliseconds" if moment.microsecond else "auto"
    return moment.isoformat(timespec=length).replace("+00:00", "Z")
