"""What may happen to an order before and after it leaves. Pure tables and rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.order.errors import (
    AnnexRefused,
    OutsideSubtree,
    ReasonMissing,
    SameHand,
    SecondSignatureMissing,
    UndoOver,
    Unfit,
    WrongOrderState,
)
from yipan.order.meetings.deadlines import deadlines
from yipan.order.models import Order, OrderState, Priority
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS

O = OrderState  # noqa: E741


class OrderAct(StrEnum):
    """Everything that can happen to an order as a whole."""

    DRAFT = "draft"
    COUNTERSIGN = "countersign"  # a P0's second signature
    ISSUE = "issue"
    RELEASE = "release"
    UNDO = "undo"
    WITHDRAW = "withdraw"
    AMEND = "amend"  # its next version has left


TRANSITIONS: Final[Mapping[OrderAct, Mapping[OrderState, OrderState]]] = {
    OrderAct.COUNTERSIGN: {O.DRAFT: O.DRAFT},
    OrderAct.ISSUE: {O.DRAFT: O.HELD},
    OrderAct.RELEASE: {O.HELD: O.ISSUED},
    OrderAct.UNDO: {O.HELD: O.DRAFT},
    OrderAct.WITHDRAW: {O.DRAFT: O.WITHDRAWN, O.HELD: O.WITHDRAWN, O.ISSUED: O.WITHDRAWN},
    OrderAct.AMEND: {O.ISSUED: O.SUPERSEDED},
}

AUDIT_EVENT: Final[Mapping[OrderAct, str]] = {
    OrderAct.DRAFT: "order.drafted",
    OrderAct.COUNTERSIGN: "order.countersigned",
    OrderAct.ISSUE: "order.issued",
    OrderAct.RELEASE: "order.released",
    OrderAct.UNDO: "order.undone",
    OrderAct.WITHDRAW: "order.withdrawn",
    OrderAct.AMEND: "order.superseded",
}

WHO: Final[Mapping[OrderAct, Action | None]] = {
    OrderAct.DRAFT: Action.ORDER_DRAFT,
    OrderAct.COUNTERSIGN: Action.ORDER_ISSUE,
    OrderAct.ISSUE: Action.ORDER_ISSUE,
    OrderAct.RELEASE: None,  # the board itself, when the hold is over
    OrderAct.UNDO: Action.ORDER_ISSUE,
    OrderAct.WITHDRAW: Action.ORDER_ISSUE,
    OrderAct.AMEND: Action.ORDER_DRAFT,
}

ORDER_ACT_WORDS: Final = {
    OrderAct.DRAFT: gettext_lazy("draft"),
    OrderAct.COUNTERSIGN: gettext_lazy("Sign as second"),
    OrderAct.ISSUE: gettext_lazy("Issue"),
    OrderAct.RELEASE: gettext_lazy("release"),
    OrderAct.UNDO: gettext_lazy("Undo"),
    OrderAct.WITHDRAW: gettext_lazy("Withdraw"),
    OrderAct.AMEND: gettext_lazy("Amend"),
}

HOLD: Final[Mapping[int, timedelta]] = {
    Priority.P0: timedelta(0),
    Priority.P1: timedelta(seconds=60),
    Priority.P2: timedelta(seconds=60),
    Priority.P3: timedelta(seconds=60),
}
"""How long an issued order can still be undone before it leaves."""

ALIKE_WITHIN: Final = timedelta(hours=72)
"""A like order to the same unit within this time is a duplicate until somebody says why not."""

READING_ZH: Final = 300  # characters a minute
READING_EN: Final = 200  # words a minute
SENTENCE: Final = 200  # characters of a title


def release_at(order: Order) -> datetime:
    """Return when an issued order leaves: its hold over, at once for a P0."""
    assert order.issued_at is not None
    return order.issued_at + HOLD[order.priority]


def check_can(
    act: OrderAct, order: Order, *, scope: Scope, at: datetime, reason: str = ""
) -> OrderState:
    """Return the state after `act`, or raise with the reason why it may not happen.

    First what the person may (S701, K004, S703), then what the state allows (WrongOrderState O401,
    UndoOver O403), then a withdrawal's reason once somebody may have read it (ReasonMissing O407).
    """
    action = WHO[act]
    if action is not None:
        scope.check(action, order.issuer)
    state = OrderState(order.state)
    if act is OrderAct.UNDO and state is OrderState.ISSUED:
        raise UndoOver(
            _("The order has left; it can no longer be undone."),
            where=order.title,
            remedy=_("Withdraw it: everyone who received it is told."),
        )
    after = TRANSITIONS[act].get(state)
    if after is None:
        raise WrongOrderState(
            _("This cannot be done now: the order is %(state)s.") % {"state": state.label},
            where=order.title,
            remedy=_("Look at the order again: somebody may have acted meanwhile."),
        )
    if act is OrderAct.COUNTERSIGN and order.priority != Priority.P0:
        raise WrongOrderState(
            _("Only a P0 needs a second signature."), where=order.title[:60], remedy=""
        )
    if act is OrderAct.WITHDRAW and state is OrderState.ISSUED and not reason.strip():
        raise ReasonMissing(
            _("This needs a reason: whoever reads it must know why."),
            where=order.title,
            remedy=_("Write one sentence."),
        )
    return after


def can(act: OrderAct, order: Order, *, scope: Scope, at: datetime) -> bool:
    """Return whether `act` may happen to the order, by the same rule."""
    try:
        check_can(act, order, scope=scope, at=at, reason="?")
    except YipanError:
        return False
    return True


def check_signatures(order: Order, *, by: User) -> None:
    """Return quietly unless a P0 lacks its second signature (O415) or both are one hand's (O416)."""
    if order.priority != Priority.P0:
        return
    if order.second_by_id is None:
        raise SecondSignatureMissing(
            _("A P0 leaves only with a second signature."),
            where=order.title[:60],
            remedy=_("Ask a second commander to sign it."),
        )
    check_second_hand(order, first=by.pk, second=order.second_by_id)


def check_second_hand(order: Order, *, first: int, second: int) -> None:
    """Return quietly where two people sign; raise SameHand (O416) where it is one."""
    if first == second:
        raise SameHand(
            _("You have signed this order already; the other signature is somebody else's."),
            where=order.title[:60],
            remedy=_("Ask a second commander."),
        )


ASKS: Final = re.compile(
    r"报送|填报|上报|报表|填表|台账|\breports?\b|\bsubmit|\bfill in\b|\bform\b|\bspreadsheet", re.I
)


def check_annex(text: str, order: Order, *, at: datetime, zone: ZoneInfo) -> None:
    """Return quietly where an annex neither names an earlier deadline nor asks for data (O417)."""
    if not text.strip():
        raise AnnexRefused(_("The annex is empty."), remedy=_("Write one sentence."))
    asked = ASKS.search(text)
    if asked:
        raise AnnexRefused(
            _("An annex may not ask for data: “%s”.") % asked.group(0),
            where=order.title[:60],
            remedy=_(
                "Send a request for data instead; it is answered from what is already reported."
            ),
        )
    for named in deadlines(text, said_at=at, zone=zone):
        if order.due_at is not None and not named.begins and named.moment < order.due_at:
            raise AnnexRefused(
                _("An annex may not shorten the deadline: “%s”.") % text[named.start : named.end],
                where=order.title[:60],
                remedy=_("Leave the time out; the order's own stands."),
            )


def check_fit(order: Order, *, at: datetime) -> None:
    """Return quietly where the draft is one matter with a test and a time; raise Unfit (O410).

    An order may ask for data only by naming data elements that exist, so that no new form arises.
    """
    fault, cure = "", ""
    if not order.title_zh.strip() and not order.title_en.strip():
        fault, cure = _("The order has no title."), _("Write one sentence with one verb.")
    elif not order.closure_zh.strip() and not order.closure_en.strip():
        fault, cure = (
            _("Nothing says by what the order counts as done."),
            _("Name the one test by which it is closed."),
        )
    elif order.due_at is None and order.due_minutes is None:
        fault, cure = _("The order has no time by which it is due."), _("Give a day and an hour.")
    elif order.due_at is not None and order.due_at <= at:
        fault, cure = _("The order is due in the past."), _("Give a later day or hour.")
    unknown = [name for name in order.elements if name not in ELEMENTS]
    if unknown:
        fault = _("An order may ask only for known data elements; unknown: %s.") % ", ".join(
            unknown
        )
        cure = _("Send a request for data instead; it is answered from what is already reported.")
    if fault:
        raise Unfit(fault, where=order.title[:60], remedy=cure)


def check_below(issuer: Unit, units: Sequence[Unit]) -> None:
    """Return quietly where every unit lies in the issuer's subtree; raise OutsideSubtree (O409)."""
    for unit in units:
        inside = (
            unit.package_id == issuer.package_id
            and issuer.lft <= unit.lft
            and unit.rgt <= issuer.rgt
        )
        if not inside:
            raise OutsideSubtree(
                _("%(unit)s is not below %(issuer)s.") % {"unit": unit.name, "issuer": issuer.name},
                where=unit.code,
                remedy=_("Ask the office above both to issue it."),
            )


def reading_minutes(text: str, units: int) -> int:
    """Return how many minutes of reading an order costs at so many units, at least one if any.

    >>> reading_minutes("今晚22:00前腾出5间隔离病房。" * 10, 9)
    5
    >>> reading_minutes("Free five isolation rooms by 22:00 tonight. " * 10, 9)
    4
    """
    if units == 0 or not text.strip():
        return 0
    characters = sum("\u4e00" <= c <= "\u9fff" for c in text)
    words = len("".join(" " if "\u4e00" <= c <= "\u9fff" else c for c in text).split())
    return max(1, math.ceil(units * (characters / READING_ZH + words / READING_EN)))
