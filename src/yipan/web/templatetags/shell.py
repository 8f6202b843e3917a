"""The way from page to page: the loop's rooms that a person may enter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from yipan.access.context import MOMENT_FORMAT, Board
from yipan.access.models import Role, User
from yipan.access.rules import Action
from yipan.access.scope import Scope

register = template.Library()


@dataclass(frozen=True)
class Room:
    """One entry of the navigation: where it leads, for whom, and which keys go there."""

    section: str
    address: str  # URL name
    label: Promise
    key: str
    allows: Action
    front_line: str = ""  # URL name for who holds only the front line's role


ROOMS = (
    Room("board", "web:board", pgettext_lazy("navigation", "Board"), "g b", Action.ASSESS_READ),
    Room(
        "report",
        "report:home",
        pgettext_lazy("navigation", "Report"),
        "g r",
        Action.REPORT_READ,
        "report:form",
    ),
    Room("assess", "assess:home", pgettext_lazy("navigation", "Assess"), "g a", Action.ASSESS_READ),
    Room("plan", "plan:options", pgettext_lazy("navigation", "Plan"), "g p", Action.PLAN_READ),
    Room(
        "order",
        "order:watch",
        pgettext_lazy("navigation", "Order"),
        "g o",
        Action.ORDER_READ,
        "order:inbox",
    ),
)


@register.inclusion_tag("web/loop.html", takes_context=True)
def loop_nav(context: dict[str, Any]) -> dict[str, Any]:
    """Draw the navigation: the loop with its arrows, only the rooms this person may enter."""
    scope: Scope = context["scope"]
    front = scope.roles == {Role.FRONT_LINE}
    board = context.get("board")
    keep = f"?{board.query}" if board and board.query else ""
    entries: list[dict[str, Any]] = []
    for room in ROOMS:
        if not scope.may(room.allows):
            continue
        name = room.front_line if front and room.front_line else room.address
        entries.append(
            {
                "section": room.section,
                "address": f"{reverse(name)}{keep}",
                "label": room.label,
                "key": room.key,
                "arrow": bool(entries) and entries[-1]["section"] not in ("board", ""),
            }
        )
    return {"entries": entries, "section": context.get("section", "")}


@register.filter
def called(person: User, scope: Scope) -> str:
    """Return how the page calls a person: by name, or a demo person by role and place."""
    if person.display_name or not scope.words:
        return str(person)
    return scope.words[0]


@register.filter
def moment(board: Board, which: str = "at") -> str:
    """Return the moment shown (or `now`) as a date and time field writes it, in the board's zone."""
    at = board.now if which == "now" else board.at
    return f"{at.astimezone(board.time.zone):{MOMENT_FORMAT}}"
