"""What may happen to an order before and after it leaves. Pure tables and rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.order.errors import OutsideSubtree, ReasonMissing, UndoOver, Unfit, WrongOrderState
from yipan.order.models import Order, OrderState, Priority
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS

O = OrderState  # noqa: E741


class OrderAct(StrEnum):
    """Everything that can happen to an order as a whole."""

    DRAFT = "draft"
    ISSUE = "issue"
    RELEASE = "release"
    UNDO = "undo"
    WITHDRAW = "withdraw"


TRANSITIONS: Final[Mapping[OrderAct, Mapping[OrderState, OrderState]]] = {
    OrderAct.ISSUE: {O.DRAFT: O.HELD},
    OrderAct.RELEASE: {O.HELD: O.ISSUED},
    OrderAct.UNDO: {O.HELD: O.DRAFT},
    OrderAct.WITHDRAW: {O.DRAFT: O.WITHDRAWN, O.HELD: O.WITHDRAWN, O.ISSUED: O.WITHDRAWN},
}

AUDIT_EVENT: Final[Mapping[OrderAct, str]] = {
    OrderAct.DRAFT: "order.drafted",
    OrderAct.ISSUE: "order.issued",
    OrderAct.RELEASE: "order.released",
    OrderAct.UNDO: "order.undone",
    OrderAct.WITHDRAW: "order.withdrawn",
}

WHO: Final[Mapping[OrderAct, Action | None]] = {
    OrderAct.DRAFT: Action.ORDER_DRAFT,
    OrderAct.ISSUE: Action.ORDER_ISSUE,
    OrderAct.RELEASE: None,  # the board itself, when the hold is over
    OrderAct.UNDO: Action.ORDER_ISSUE,
    OrderAct.WITHDRAW: Action.ORDER_ISSUE,
}

ORDER_ACT_WORDS: Final = {
    OrderAct.DRAFT: gettext_lazy("draft"),
    OrderAct.ISSUE: gettext_lazy("Issue"),
    OrderAct.RELEASE: gettext_lazy("release"),
    OrderAct.UNDO: gettext_lazy("Undo"),
    OrderAct.WITHDRAW: gettext_lazy("Withdraw"),
}

HOLD: Final[Mapping[int, timedelta]] = {
    Priority.P0: timedelta(0),
    Priority.P1: timedelta(seconds=60),
    Priority.P2: timedelta(seconds=60),
    Priority.P3: timedelta(seconds=60),
}
"""How long an issued order can still be undone before it leaves."""

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


def check_fit(order: Order, *, at: datetime) -> None:
    """Return quietly where the draft is one matter with a test and a time; raise Unfit (O410).

    An order may ask for data only by naming data elements that exist, so that no new form arises.
    """
    fault, cure = "", ""
    if not order.title_zh.strip() or not order.title_en.strip():
        fault, cure = _("The order has no title."), _("Write one sentence with one verb.")
    elif not order.closure_zh.strip() or not order.closure_en.strip():
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
