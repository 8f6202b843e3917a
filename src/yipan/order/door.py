"""The door of the hot paths: who a token is, asked in one statement and remembered for a minute.

Fifty thousand phones ask each minute, and thousands acknowledge in one. A token that is revoked, a role
that ends and an account that is closed count here a minute later at most, and at once where an inbox is
polled (`deliveries.polling` asks at each poll). Whatever is not plain goes through the API's own door.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import connection
from django.utils.translation import get_language

from yipan import __version__
from yipan.access.models import ApiToken, Incident, Role, User
from yipan.access.queries import installation
from yipan.access.rules import Action, live_channels
from yipan.access.scope import Holding, Scope
from yipan.order.deliveries import polling
from yipan.order.deliveries.raw import as_moment, ask
from yipan.order.memory import Memory
from yipan.places.models import Unit

REMEMBERED_FOR: Final = timedelta(minutes=1)
USE_NOTED: Final = timedelta(minutes=10)
NOTED_WITHIN: Final = timedelta(seconds=30)
NOTED_AT_ONCE: Final = 400
_USED: dict[int, datetime] = {}
_LOCK: Final = threading.Lock()

_WHO = """
SELECT t.id, t.user_id, t.actions, t.last_used_at,
    (SELECT count(*) * 1000000 + count(i.stood_down_at) * 1000 + count(i.clock_at)
        FROM access_incident i),
    (WITH RECURSIVE above(id, next) AS (
            SELECT u.id, u.parent_id
            UNION ALL SELECT a.id, a.parent_id FROM above JOIN places_unit a ON a.id = above.next)
        SELECT CAST(coalesce(sum(r.n), 0) AS bigint) FROM above
        JOIN order_inboxrevision r ON r.unit_id = above.id AND (r.below OR above.id = u.id)),
    g.id, g.role, g.sensitivity, u.id, u.package_id, u.code, u.lft, u.rgt, u.depth
FROM access_apitoken t
JOIN access_user p ON p.id = t.user_id
LEFT JOIN access_grant g ON g.user_id = t.user_id AND g.valid_from <= {moment}
    AND (g.valid_to IS NULL OR g.valid_to > {moment})
LEFT JOIN places_unit u ON u.id = g.unit_id
WHERE t.digest = %s AND t.revoked_at IS NULL AND t.expires_at > {moment}
    AND t.created_at <= {moment} AND p.is_active
ORDER BY g.id
"""


@dataclass(frozen=True)
class Caller:
    """Who a token is and what it may do; the units know only where they stand in the tree."""

    token: int
    user: int
    scope: Scope
    used_at: datetime | None
    until: datetime


@dataclass(frozen=True)
class Look:
    """One look at a token: who it is, what it holds, and the revisions of the inboxes it reads."""

    at: datetime
    rows: Sequence[Sequence[Any]]

    @property
    def plain(self) -> bool:
        """Whether every role is held at a unit; who reads the whole installation goes another way."""
        return all(row[9] is not None for row in self.rows)

    @property
    def incidents(self) -> int:
        """A sign of the incidents: it changes with each that begins, ends or bends its clock."""
        return int(self.rows[0][4])

    @property
    def signs(self) -> str:
        """Everything that an answer rests on, as one word: equal words, equal answers."""
        _token, user, actions, _used, incidents = self.rows[0][:5]
        held = [tuple(row[5:]) for row in self.rows]
        said = f"{__version__}:{get_language()}:{user}:{actions}:{incidents}:{held}"
        return sha256(said.encode()).hexdigest()[:16]

    def caller(self) -> Caller:
        """Return who this is, to be believed for a minute."""
        token, user, actions, used_at = self.rows[0][:4]
        named = json.loads(actions) if isinstance(actions, str) else actions
        holdings = tuple(_holding(row[7:]) for row in self.rows if row[6] is not None)
        scope = Scope(user=User(pk=user), at=self.at, holdings=holdings)
        return Caller(
            token,
            user,
            scope.narrow(frozenset(Action(a) for a in named)),
            as_moment(used_at),
            self.at + REMEMBERED_FOR,
        )


@dataclass(frozen=True)
class _Here:
    """What one process knows of the installation for a minute: its incidents, and whether it is live."""

    incidents: Sequence[
        tuple[Incident, list[tuple[int, int, int]]]
    ]  # with the spans of their places
    sign: int | None  # of the incidents, where one was known
    live: bool
    until: datetime


CALLERS: Final[Memory[Caller]] = Memory()
_HERE: Final[Memory[_Here]] = Memory(1)


def forget_all() -> None:
    """Forget everything: for tests, which begin anew in the same process."""
    CALLERS.clear()
    _USED.clear()
    _HERE.clear()
    polling.forget_all()


def caller_of(digest: str, *, at: datetime) -> Caller | None:
    """Return who a token is, remembered for a minute; None for one that does not open."""
    known = CALLERS.get(digest)
    if known is not None and at < known.until:
        return known
    seen = look(digest, at=at)
    if seen is None:
        return None
    caller = seen.caller()
    CALLERS.keep(digest, caller)
    return caller


def look(digest: str, *, at: datetime) -> Look | None:
    """Return who a token is at this moment, asked anew; None for one that does not open any more."""
    moment = connection.ops.adapt_datetimefield_value(at)
    sql = _WHO.format(moment="%s::timestamptz" if connection.vendor == "postgresql" else "%s")
    rows = ask(sql, [moment, moment, digest, moment, moment])
    if not rows:
        CALLERS.forget(digest)
        return None
    used_at = as_moment(rows[0][3])
    if used_at is None or used_at < at - USE_NOTED:
        _note_use(rows[0][0], at)
    return Look(at, rows)


def _note_use(token: int, at: datetime) -> None:
    """Remember that a token was used; many at once, a write for each post and minute would be too many."""
    with _LOCK:
        _USED.setdefault(token, at)
        first = next(iter(_USED.values()))
        if len(_USED) < NOTED_AT_ONCE and at < first + NOTED_WITHIN:
            return
        used = list(_USED)
        _USED.clear()
    ApiToken.objects.filter(pk__in=used).update(last_used_at=at)


def _holding(row: Sequence[Any]) -> Holding:
    role, sensitivity, pk, package, code, lft, rgt, depth = row
    unit = (
        None
        if pk is None
        else Unit(pk=pk, package_id=package, code=code, lft=lft, rgt=rgt, depth=depth)
    )
    return Holding(Role(role), unit, sensitivity)


def webhooks_may_leave(at: datetime) -> bool:
    """Return whether live channels may be used here at all; each order is asked for itself besides."""
    return _here(at).live


def incident_for(scope: Scope, *, at: datetime, sign: int) -> Incident | None:
    """Return the incident that is meant where none is named: the latest active one at these places.

    `sign` is the sign of the incidents now: what is remembered under another one is asked again.
    """
    meant = [
        incident
        for incident, spans in _here(at, sign).incidents
        if any(_touches(h.unit, spans) for h in scope.holdings)
    ]
    running = [i for i in meant if i.stood_down_at is None]
    return next(iter(running or meant), None)


def _touches(unit: Unit | None, spans: Sequence[tuple[int, int, int]]) -> bool:
    if unit is None:
        return True
    return any(
        package == unit.package_id and first <= unit.rgt and last >= unit.lft
        for package, first, last in spans
    )


def _here(at: datetime, sign: int | None = None) -> _Here:
    known = _HERE.get("here")
    if known is not None and at < known.until and sign in (None, known.sign):
        return known
    every = Incident.objects.order_by("-activated_at", "-pk").select_related("package")
    told = [
        (incident, [(u.package_id, u.lft, u.rgt) for u in incident.places.all()])
        for incident in every.prefetch_related("places")
    ]
    here = installation()
    live = here is not None and live_channels(exercise=False, demo=here.demo)
    asked = _Here(told, sign, live, at + REMEMBERED_FOR)
    _HERE.keep("here", asked)
    return asked
