"""What may happen to a delivery: states, acts, who may act, who is told. Pure tables and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.order.errors import (
    NotAbove,
    OwnWork,
    ReasonMissing,
    ReturnOver,
    WrongDeliveryState,
)
from yipan.order.models import Delivery, DeliveryState, Priority, ReturnReason
from yipan.places.models import Unit

S = DeliveryState


class Act(StrEnum):
    """Everything that can happen to a delivery."""

    DELIVER = "deliver"
    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    RETURN = "return"
    INSIST = "insist"  # the office above gives a returned order back
    START = "start"
    CLAIM_DONE = "claim_done"
    VERIFY = "verify"
    REOPEN = "reopen"
    CLOSE = "close"
    EXTEND = "extend"
    ASSIST = "assist"
    REASSIGN = "reassign"
    SUPERSEDE = "supersede"
    CANCEL = "cancel"


OPEN: Final = (
    S.DELIVERED,
    S.ACKNOWLEDGED,
    S.ACCEPTED,
    S.RETURNED,
    S.IN_PROGRESS,
    S.CLAIMED_DONE,
)
"""States in which somebody still has something to do."""

WAITING: Final = (S.DELIVERED, S.ACKNOWLEDGED, S.ACCEPTED, S.RETURNED, S.IN_PROGRESS)
"""States in which the work itself waits; help and more time can be given."""

FINAL: Final = (S.REASSIGNED, S.SUPERSEDED, S.CANCELLED)
"""States out of which nothing leads."""


def _from(
    states: tuple[DeliveryState, ...], after: DeliveryState
) -> dict[DeliveryState, DeliveryState]:
    return dict.fromkeys(states, after)


TRANSITIONS: Final[Mapping[Act, Mapping[DeliveryState, DeliveryState]]] = {
    Act.DELIVER: {S.ISSUED: S.DELIVERED},
    Act.ACKNOWLEDGE: {S.DELIVERED: S.ACKNOWLEDGED},
    Act.ACCEPT: {S.ACKNOWLEDGED: S.ACCEPTED},
    Act.RETURN: {S.ACKNOWLEDGED: S.RETURNED},
    Act.INSIST: {S.RETURNED: S.ACKNOWLEDGED},
    Act.START: {S.ACCEPTED: S.IN_PROGRESS},
    Act.CLAIM_DONE: _from((S.ACCEPTED, S.IN_PROGRESS), S.CLAIMED_DONE),
    Act.VERIFY: {S.CLAIMED_DONE: S.VERIFIED},
    Act.REOPEN: _from((S.CLAIMED_DONE, S.VERIFIED, S.CLOSED), S.IN_PROGRESS),
    Act.CLOSE: {S.VERIFIED: S.CLOSED},
    Act.EXTEND: {state: state for state in WAITING},
    Act.ASSIST: {state: state for state in WAITING},
    Act.REASSIGN: _from(
        (S.DELIVERED, S.ACKNOWLEDGED, S.ACCEPTED, S.RETURNED, S.IN_PROGRESS), S.REASSIGNED
    ),
    Act.SUPERSEDE: _from((S.ISSUED, *OPEN), S.SUPERSEDED),
    Act.CANCEL: _from((S.ISSUED, *OPEN), S.CANCELLED),
}

AUDIT_EVENT: Final[Mapping[Act, str]] = {
    Act.DELIVER: "delivery.delivered",
    Act.ACKNOWLEDGE: "delivery.acknowledged",
    Act.ACCEPT: "delivery.accepted",
    Act.RETURN: "delivery.returned",
    Act.INSIST: "delivery.insisted",
    Act.START: "delivery.started",
    Act.CLAIM_DONE: "delivery.claimed_done",
    Act.VERIFY: "delivery.verified",
    Act.REOPEN: "delivery.reopened",
    Act.CLOSE: "delivery.closed",
    Act.EXTEND: "delivery.extended",
    Act.ASSIST: "delivery.assisted",
    Act.REASSIGN: "delivery.reassigned",
    Act.SUPERSEDE: "delivery.superseded",
    Act.CANCEL: "delivery.cancelled",
}


class Party(StrEnum):
    """Who stands where towards a delivery: the accountable unit, the offices above it, the issuer."""

    UNIT = "unit"
    ABOVE = "above"
    ISSUER = "issuer"


NOTIFICATION: Final[Mapping[Act, tuple[Party, ...]]] = {
    Act.DELIVER: (Party.UNIT, Party.ABOVE),
    Act.ACKNOWLEDGE: (),
    Act.ACCEPT: (),
    Act.RETURN: (Party.ISSUER, Party.ABOVE),
    Act.INSIST: (Party.UNIT,),
    Act.START: (),
    Act.CLAIM_DONE: (Party.ABOVE,),
    Act.VERIFY: (Party.UNIT,),
    Act.REOPEN: (Party.UNIT,),
    Act.CLOSE: (Party.UNIT,),
    Act.EXTEND: (Party.UNIT, Party.ISSUER),
    Act.ASSIST: (Party.UNIT,),
    Act.REASSIGN: (Party.UNIT, Party.ISSUER),
    Act.SUPERSEDE: (Party.UNIT,),
    Act.CANCEL: (Party.UNIT, Party.ABOVE),
}

WHO: Final[Mapping[Act, tuple[Action, Party] | None]] = {
    Act.DELIVER: None,  # the board itself
    Act.ACKNOWLEDGE: (Action.ORDER_RECEIVE, Party.UNIT),
    Act.ACCEPT: (Action.ORDER_RECEIVE, Party.UNIT),
    Act.RETURN: (Action.ORDER_RECEIVE, Party.UNIT),
    Act.INSIST: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.START: (Action.ORDER_RECEIVE, Party.UNIT),
    Act.CLAIM_DONE: (Action.ORDER_RECEIVE, Party.UNIT),
    Act.VERIFY: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.REOPEN: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.CLOSE: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.EXTEND: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.ASSIST: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.REASSIGN: (Action.ORDER_VERIFY, Party.ABOVE),
    Act.SUPERSEDE: (Action.ORDER_ISSUE, Party.ISSUER),
    Act.CANCEL: (Action.ORDER_ISSUE, Party.ISSUER),
}

STAMP: Final[Mapping[Act, str]] = {
    Act.DELIVER: "delivered_at",
    Act.ACKNOWLEDGE: "acknowledged_at",
    Act.ACCEPT: "accepted_at",
    Act.RETURN: "returned_at",
    Act.START: "started_at",
    Act.CLAIM_DONE: "claimed_at",
    Act.VERIFY: "verified_at",
    Act.CLOSE: "closed_at",
}
"""The moment each act leaves on the delivery."""

CLEARED: Final[Mapping[Act, tuple[str, ...]]] = {
    Act.REOPEN: ("claimed_at", "verified_at", "closed_at")
}
"""The moments an act takes back; the events keep them."""

REASON_NEEDED: Final = frozenset(
    {Act.RETURN, Act.INSIST, Act.REOPEN, Act.REASSIGN, Act.SUPERSEDE, Act.CANCEL}
    | {Act.EXTEND, Act.ASSIST}
)
ANSWERS: Final = {Act.EXTEND: "extend", Act.ASSIST: "assist", Act.REASSIGN: "reassign"}
"""Acts by which an office above answers for a late delivery."""

RECEIPTS: Final = frozenset({Act.ACKNOWLEDGE, Act.RETURN, Act.CLAIM_DONE})
"""Acts of the unit that come back as a report."""

ACT_WORDS: Final = {
    Act.DELIVER: gettext_lazy("deliver"),
    Act.ACKNOWLEDGE: gettext_lazy("I have read it"),
    Act.ACCEPT: gettext_lazy("Accept"),
    Act.RETURN: gettext_lazy("Give back"),
    Act.INSIST: gettext_lazy("Give it to the unit again"),
    Act.START: gettext_lazy("Begin"),
    Act.CLAIM_DONE: gettext_lazy("Report done"),
    Act.VERIFY: gettext_lazy("Confirm it is done"),
    Act.REOPEN: gettext_lazy("Not done yet"),
    Act.CLOSE: gettext_lazy("Close"),
    Act.EXTEND: gettext_lazy("Give more time"),
    Act.ASSIST: gettext_lazy("Send help"),
    Act.REASSIGN: gettext_lazy("Give to another unit"),
    Act.SUPERSEDE: gettext_lazy("Supersede"),
    Act.CANCEL: gettext_lazy("Cancel"),
}

ACKNOWLEDGE_WITHIN: Final[Mapping[int, timedelta]] = {
    Priority.P0: timedelta(minutes=15),
    Priority.P1: timedelta(minutes=60),
    Priority.P2: timedelta(hours=4),
    Priority.P3: timedelta(hours=24),
}
RETURN_WITHIN: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Standing:
    """What the rules need to know of one delivery."""

    state: DeliveryState
    unit: Unit
    parent: Unit | None  # of the accountable unit
    issuer: Unit
    acknowledged_at: datetime | None = None
    returned_before: bool = False
    claimed_by: int | None = None  # the person who reported it done


def standing_of(delivery: Delivery, *, claimed_by: int | None = None) -> Standing:
    """Return what the rules need to know of `delivery`, loaded with its unit, parent and issuer."""
    return Standing(
        state=DeliveryState(delivery.state),
        unit=delivery.unit,
        parent=delivery.unit.parent,
        issuer=delivery.order.issuer,
        acknowledged_at=delivery.acknowledged_at,
        returned_before=delivery.returned_at is not None,
        claimed_by=claimed_by,
    )


def next_state(act: Act, state: DeliveryState) -> DeliveryState | None:
    """Return where `act` leads from `state`, None where it leads nowhere."""
    return TRANSITIONS[act].get(state)


def check_can(
    act: Act, standing: Standing, *, scope: Scope, by: User | None, at: datetime, reason: str = ""
) -> DeliveryState:
    """Return the state after `act`, or raise with the reason why it may not happen.

    First what the person may (NotSignedIn S701, NotFound K004, Forbidden S703, NotAbove O406),
    then what the state allows (WrongDeliveryState O402), then the act's own rules (OwnWork O405,
    ReturnOver O408, ReasonMissing O407).
    """
    check_who(act, standing, scope=scope)
    after = next_state(act, standing.state)
    if after is None:
        raise WrongDeliveryState(
            _("This cannot be done now: the order is %(state)s here.")
            % {"state": standing.state.label},
            where=standing.unit.code,
            remedy=_("Look at the order again: somebody may have acted meanwhile."),
        )
    if act is Act.VERIFY and by is not None and by.pk == standing.claimed_by:
        raise OwnWork(
            _("You reported this done yourself; somebody else verifies it."),
            where=standing.unit.code,
            remedy=_("Ask a colleague of the office above."),
        )
    if act is Act.RETURN:
        check_return_open(standing, at=at)
    if act in REASON_NEEDED and not reason.strip():
        raise ReasonMissing(
            _("This needs a reason: whoever reads it must know why."),
            where=standing.unit.code,
            remedy=_("Write one sentence."),
        )
    return after


def can(act: Act, standing: Standing, *, scope: Scope, by: User | None, at: datetime) -> bool:
    """Return whether `act` may happen, by the same rule; a reason can still be given."""
    try:
        check_can(act, standing, scope=scope, by=by, at=at, reason="?")
    except YipanError:
        return False
    return True


def check_who(act: Act, standing: Standing, *, scope: Scope) -> None:
    """Return quietly where this person may do `act` here, whatever the state."""
    who = WHO[act]
    if who is None:
        if not scope.system:
            raise NotAbove(
                _("Only the board itself does this."), where=standing.unit.code, remedy=""
            )
        return
    action, party = who
    if party is not Party.ABOVE:
        scope.check(action, standing.unit if party is Party.UNIT else standing.issuer)
        return
    scope.check(action, standing.unit)
    above = standing.parent or standing.issuer
    if not scope.may(action, above):
        raise NotAbove(
            _("Only an office above %s may do this.") % standing.unit.name,
            where=standing.unit.code,
            remedy=_("The office above does it: %s.") % above.name,
        )


def check_return_open(standing: Standing, *, at: datetime) -> None:
    """Return quietly within 30 minutes of the acknowledgement, the first time; raise O408 otherwise."""
    read = standing.acknowledged_at
    if standing.returned_before:
        raise ReturnOver(
            _("This order was given back once already and came back."),
            where=standing.unit.code,
            remedy=_("Accept it, and ask the office above for help or more time."),
        )
    if read is not None and at > read + RETURN_WITHIN:
        raise ReturnOver(
            _("An order is given back within 30 minutes of reading it; that time is over."),
            where=standing.unit.code,
            remedy=_("Accept it, and ask the office above for help or more time."),
        )


def acts_open(
    standing: Standing, *, scope: Scope, by: User | None, at: datetime
) -> tuple[Act, ...]:
    """Return the acts this person can do now, in the order of the work."""
    return tuple(act for act in Act if can(act, standing, scope=scope, by=by, at=at))


def acknowledge_by(priority: int, released_at: datetime) -> datetime:
    """Return by when a person must have read an order released at `released_at`."""
    return released_at + ACKNOWLEDGE_WITHIN[priority]


def return_reason(text: str) -> ReturnReason:
    """Return the reason named by `text`; raises ReasonMissing (O407) for any other."""
    if text not in ReturnReason.values:
        raise ReasonMissing(
            _("“%s” is not a reason for giving an order back.") % text[:40],
            where="reason",
            remedy=_("Choose one: %s.") % "; ".join(str(label) for label in ReturnReason.labels),
        )
    return ReturnReason(text)
