"""The hot path of the inbox: a poll is answered without its rows while nothing has changed.

One statement a poll asks whether the token still opens and what the person's grants, the incidents and
the inbox's revision are (`order.door`); these signs stand in the answer's tag, with the moment until
which they suffice. Equal signs mean an equal answer, in whichever process, whether or not anything is
remembered there. Nothing stale is ever told: a change and its revision are one transaction, and a clock
that runs out ends the tag.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import connection

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.deliveries.queries import late_now
from yipan.order.deliveries.raw import as_id, as_moment, ask
from yipan.order.deliveries.rules import OPEN
from yipan.order.memory import Memory
from yipan.report.dictionary import in_language

LONGEST: Final = timedelta(minutes=10)
ROWS_MOST: Final = 500
TOLD_MOST: Final = 5_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
    text: str | None


@dataclass(frozen=True)
class _Told:
    tag: str
    text: str
    until: datetime


_TOLD: Final[Memory[_Told]] = Memory(TOLD_MOST)


def forget_all() -> None:
    """Forget every answer: for tests, which begin anew under the same tokens."""
    _TOLD.clear()


def still(has: str, *, signs: str, now: datetime) -> Poll | None:
    """Return that nothing has changed since the answer tagged `has`; None where that is not sure.

    The tag itself says what must stand still and until when, so that no process need remember it: one
    that began a second ago answers like one that runs for weeks. Who forges a tag fools himself.
    """
    _mark, _dot, rest = has.partition(".")
    if not rest.startswith(signs):
        return None
    until = _microseconds(rest[len(signs) + 1 :])
    return Poll(has, None) if until > _since_epoch(now) else None


def from_memory(*, signs: str, now: datetime, has: str) -> Poll | None:
    """Return the answer this process gave under the same signs, if no clock in it has run out."""
    known = _TOLD.get(signs)
    if known is None or now >= known.until:
        return None
    return Poll(known.tag, None if _mark(has) == _mark(known.tag) else known.text)


def made_anew(
    *, signs: str, scope: Scope, incident: Incident, now: datetime, has: str = ""
) -> Poll:
    """Return the answer to a poll with a tag that holds until a clock in it runs out, and remember it.

    The signs were read before the rows: a change between the two makes the next poll look again. To
    who has the same text already under an older tag, only the new tag is told.
    """
    text, until = read(scope=scope, incident=incident, at=now)
    until = min(until, now + LONGEST)
    tag = f'"{_digest(scope, text)[:16]}.{signs}.{_since_epoch(until):x}"'
    _TOLD.keep(signs, _Told(tag, text, until))
    return Poll(tag, None if _mark(has) == _mark(tag) else text)


def read(*, scope: Scope, incident: Incident, at: datetime) -> tuple[str, datetime]:
    """Return what somebody has to do as JSON, and the moment at which a clock in it runs out."""
    units = [u for u in scope.roots(Action.ORDER_RECEIVE) if scope.may(Action.ORDER_READ, u)]
    rows, until = _rows([u.pk for u in units], incident, at)
    return json.dumps(rows, ensure_ascii=False), until


def as_poll(text: str, scope: Scope, *, has: str = "") -> Poll:
    """Return a text as an answer; its tag is of what it says and of who asks."""
    tag = f'"{_digest(scope, text)[:24]}"'
    return Poll(tag, None if has == tag else text)


def _digest(scope: Scope, text: str) -> str:
    who = scope.user.pk if scope.user else 0
    return sha256(f"{who}:{text}".encode()).hexdigest()


def _mark(tag: str) -> str:
    return tag.partition(".")[0]


def _since_epoch(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _microseconds(text: str) -> int:
    try:
        return int(text.rstrip('"'), 16)
    except ValueError:
        return 0


def _marks(values: Sequence[int]) -> str:
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
    found = ask(sql, [*units, incident.pk, moment, *(s.value for s in OPEN)])
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
