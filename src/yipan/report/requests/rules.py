"""Where a request may go from where it stands, and what each step is called in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from yipan.report.errors import RequestStands
from yipan.report.models import RequestState

S = RequestState
TRANSITIONS: Mapping[RequestState, frozenset[RequestState]] = {
    S.DRAFT: frozenset({S.CHECKED, S.CLOSED}),
    S.CHECKED: frozenset({S.ACTIVE, S.RULING, S.REJECTED}),
    S.RULING: frozenset({S.ACTIVE, S.REJECTED, S.EXPIRING, S.CLOSED}),
    S.ACTIVE: frozenset({S.EXPIRING, S.CLOSED}),
    S.EXPIRING: frozenset({S.ACTIVE, S.CLOSED}),  # prolonged, or over
    S.REJECTED: frozenset(),
    S.CLOSED: frozenset(),
}
AUDIT_EVENT: Mapping[RequestState, str] = {
    S.CHECKED: "request.checked",
    S.RULING: "request.sent_to_ruling",
    S.ACTIVE: "request.active",
    S.REJECTED: "request.rejected",
    S.EXPIRING: "request.expiring",
    S.CLOSED: "request.closed",
}

IN_EFFECT = frozenset(
    {S.ACTIVE, S.RULING, S.EXPIRING}
)  # while some fields wait, the others are met
SUNSET = timedelta(days=14)
LONGEST = timedelta(days=90)
WARNED = timedelta(days=2)
RULING_CLOCK = timedelta(hours=2)


def check_may_become(state: str, wanted: RequestState) -> None:
    """Refuse a step that the table does not have (R132)."""
    if wanted not in TRANSITIONS[S(state)]:
        raise RequestStands(state=S(state).label, wanted=wanted.label)


def may_become(state: str, wanted: RequestState) -> bool:
    """Return whether the table has this step; the page asks the same rule."""
    return wanted in TRANSITIONS[S(state)]


def due_state(state: str, sunset_on: date, today: date) -> RequestState:
    """Return where a request stands on a day by its sunset alone; the others stay."""
    now = S(state)
    if now not in IN_EFFECT:
        return now
    if today >= sunset_on:
        return S.CLOSED
    if now is S.ACTIVE and today >= sunset_on - WARNED:
        return S.EXPIRING
    return now
