"""The door of the hot paths: who a token is, asked in one statement and remembered for a minute.

Fifty thousand phones ask each minute, and thousands acknowledge in one. A token that is revoked, a role
that ends and an account that is closed count here a minute later at most, and at once where an inbox is
polled (`deliveries.polling` asks at each poll). Whatever is not plain goes through the API's own door.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.db import connection
from django.http import HttpRequest
from ninja.security import HttpBearer

from yipan.access.api_door import Session, Token
from yipan.access.codes import token_digest
from yipan.access.context import PersonRequest
from yipan.access.models import ApiToken, Incident, Role, User
from yipan.access.queries import installation
from yipan.access.rules import Action, live_channels
from yipan.access.scope import Holding, Scope
from yipan.order.deliveries import polling
from yipan.order.deliveries.raw import as_moment
from yipan.order.memory import Memory
from yipan.places.models import Unit

REMEMBERED_FOR: Final = timedelta(minutes=1)
USE_NOTED: Final = timedelta(
    minutes=10
)  # here; a write for every post and minute would be too many

_WHO = """
SELECT t.id, t.user_id, t.actions, t.last_used_at, g.role, g.sensitivity,
    u.id, u.package_id, u.code, u.lft, u.rgt, u.depth
FROM access_apitoken t
JOIN access_user p ON p.id = t.user_id
LEFT JOIN access_grant g ON g.user_id = t.user_id AND g.valid_from <= {moment}
    AND (g.valid_to IS NULL OR g.valid_to > {moment})
LEFT JOIN places_unit u ON u.id = g.unit_id
WHERE t.digest = %s AND t.revoked_at IS NULL AND t.expires_at > {moment}
    AND t.created_at <= {moment} AND p.is_active
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
class _Here:
    """What one process knows of the installation for a minute: its incidents, and whether it is live."""

    incidents: Sequence[
        tuple[Incident, list[tuple[int, int, int]]]
    ]  # with the spans of their places
    live: bool
    until: datetime


CALLERS: Final[Memory[Caller]] = Memory()
_HERE: Final[Memory[_Here]] = Memory(1)


def forget_all() -> None:
    """Forget everything: for tests, which begin anew in the same process."""
    CALLERS.clear()
    _HERE.clear()
    polling.forget_all()


def caller_of(digest: str, *, at: datetime) -> Caller | None:
    """Return who a token is, remembered for a minute; None for one that does not open."""
    known = CALLERS.get(digest)
    if known is not None and at < known.until:
        return known
    asked = _asked(digest, at)
    if asked is None:
        CALLERS.forget(digest)
        return None
    if asked.used_at is None or asked.used_at < at - USE_NOTED:
        ApiToken.objects.filter(pk=asked.token).update(last_used_at=at)
        asked = replace(asked, used_at=at)
    CALLERS.keep(digest, asked)
    return asked


def _asked(digest: str, at: datetime) -> Caller | None:
    moment = connection.ops.adapt_datetimefield_value(at)
    sql = _WHO.format(moment="%s::timestamptz" if connection.vendor == "postgresql" else "%s")
    with connection.cursor() as cursor:
        cursor.execute(sql, [moment, moment, digest, moment, moment])
        rows = cursor.fetchall()
    if not rows:
        return None
    token, user, actions, used_at = rows[0][:4]
    named = json.loads(actions) if isinstance(actions, str) else actions
    holdings = tuple(_holding(row[4:]) for row in rows if row[4] is not None)
    scope = Scope(user=User(pk=user), at=at, holdings=holdings)
    return Caller(
        token,
        user,
        scope.narrow(frozenset(Action(a) for a in named)),
        as_moment(used_at),
        at + REMEMBERED_FOR,
    )


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


def incident_for(scope: Scope, *, at: datetime) -> Incident | None:
    """Return the incident that is meant where none is named: the latest active one at these places."""
    meant = [
        incident
        for incident, spans in _here(at).incidents
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


def _here(at: datetime) -> _Here:
    known = _HERE.get("here")
    if known is not None and at < known.until:
        return known
    every = Incident.objects.order_by("-activated_at", "-pk").select_related("package")
    told = [
        (incident, [(u.package_id, u.lft, u.rgt) for u in incident.places.all()])
        for incident in every.prefetch_related("places")
    ]
    here = installation()
    live = here is not None and live_channels(exercise=False, demo=here.demo)
    asked = _Here(told, live, at + REMEMBERED_FOR)
    _HERE.keep("here", asked)
    return asked


class PollingToken(HttpBearer):
    """The token of a poll: answered here where who asks and what they have to do is plain."""

    openapi_name = "token"

    def authenticate(self, request: HttpRequest, token: str) -> object:
        """Return who asks, with the answer on the request where there is one; raises as `Token`."""
        now = cast(PersonRequest, request).now
        digest = token_digest(token)
        if not request.GET:
            has = request.headers.get("If-None-Match", "")
            answer = polling.from_memory(digest, now=now, has=has) or self._anew(digest, now)
            if answer is not None:
                request._poll = answer  # type: ignore[attr-defined]
                return answer
        return Token().authenticate(request, token)

    def _anew(self, digest: str, now: datetime) -> polling.Poll | None:
        CALLERS.forget(digest)  # something has changed: who it is is asked again
        caller = caller_of(digest, at=now)
        if caller is None or not caller.scope.may(Action.ORDER_READ):
            return None
        incident = incident_for(caller.scope, at=now)
        if incident is None or incident.clock_at is not None:
            return None
        return polling.made_anew(digest, scope=caller.scope, incident=incident, now=now, at=now)


class ActingToken(HttpBearer):
    """The token of one act: who it is is remembered; an acknowledgement needs no more than that."""

    openapi_name = "token"

    def authenticate(self, request: HttpRequest, token: str) -> object:
        """Return who acts; raises as `Token` does."""
        request._opens_with = token  # type: ignore[attr-defined]
        if request.path.endswith("/acknowledge") and not request.GET:
            caller = caller_of(token_digest(token), at=cast(PersonRequest, request).now)
            if caller is not None:
                request._caller = caller  # type: ignore[attr-defined]
                return caller
        return Token().authenticate(request, token)


def remembered(request: HttpRequest) -> Caller | None:
    """Return who acts where the door remembered them."""
    found: Caller | None = getattr(request, "_caller", None)
    return found


def open_wholly(request: HttpRequest) -> None:
    """Take a remembered caller through the API's own door, for what the hot path leaves to it."""
    if remembered(request) is not None:
        Token().authenticate(request, request._opens_with)  # type: ignore[attr-defined]


SESSION: Final = Session()
