"""The watch page: how the orders in sight stand, what needs attention, where help may be needed."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.kernel.words import clock, duration, percent
from yipan.order import queries
from yipan.order.clocks.queries import open_calls
from yipan.order.deliveries.lanes import lane_of
from yipan.order.deliveries.queries import Known, clock_words, listed, sentences
from yipan.order.models import DeliveryState, Priority
from yipan.order.views.shared import tick
from yipan.places import queries as places
from yipan.places.models import Unit

SHOWN = 20
FILTERS: dict[str, str | Promise] = {
    "attention": gettext_lazy("Needs attention"),
    "overdue": gettext_lazy("Overdue"),
    "returned": gettext_lazy("Given back"),
    "claimed": gettext_lazy("To be verified"),
    "open": gettext_lazy("All open"),
    "all": gettext_lazy("All"),
}


@signed_in
def watch(request: PersonRequest) -> HttpResponse:
    """Show how the orders in sight stand."""
    request.scope.check(Action.ORDER_READ)
    tick(request)
    board, scope = request.board, request.scope
    counts = queries.outstanding(board.incident, scope, at=board.at)
    chosen = request.GET.get("show", "attention" if _attention(counts) else "open")
    chosen = chosen if chosen in FILTERS else "open"
    city = _city(request)
    found = _chosen(request, chosen, city)
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    rows = [(delivery, lane_of(delivery, at=board.at)) for delivery in page.object_list]
    steps = {p: queries.latencies(board.incident, scope, at=board.at, priority=p) for p in (1, 2)}
    busiest = max((1, 2), key=lambda p: _n(steps[p]))
    context = {
        "section": "order",
        "counts": counts,
        "headline": queries.headline(counts),
        "lead": lead(steps[busiest], busiest),
        "filters": _filters(counts),
        "chosen": chosen,
        "city": city,
        "page": page,
        "rows": rows,
        "reach": max((lane.reach for _delivery, lane in rows), default=60.0),
        "steps": steps[busiest],
        "busiest": Priority(busiest).label,
        "loads": queries.loads(board.incident, scope, at=board.at),
        "in_time": _share(counts["acknowledged_in_time"], counts["read_or_due"]),
        "calls": list(open_calls(scope.roots(Action.ORDER_VERIFY))[:20]) if not board.past else [],
        "drafts": queries.drafts(board.incident, scope).count(),
        "held": queries.held(board.incident, scope).count(),
        "may_draft": scope.may(Action.ORDER_DRAFT) and not board.past,
        # Only doors that open are shown.
        "may_receive": scope.may(Action.ORDER_RECEIVE),
        "may_export": scope.may(Action.EXPORT),
        "on_duty": scope.may(Action.ORDER_RECEIVE) or scope.may(Action.ORDER_VERIFY),
    }
    return render(request, "order/watch.html", context)


@signed_in
def watch_csv(request: PersonRequest) -> HttpResponse:
    """Return what the watch page shows as CSV, in the same scope and filter."""
    request.scope.check(Action.EXPORT)
    request.scope.check(Action.ORDER_READ)
    chosen = request.GET.get("show", "open")
    found = _chosen(request, chosen if chosen in FILTERS else "open", _city(request))
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="orders.csv"'
    writer = csv.writer(response)
    writer.writerow(
        [
            _("order"),
            _("title"),
            _("priority"),
            _("unit"),
            _("name"),
            _("state"),
            _("delivered"),
            _("acknowledged"),
            _("due"),
            _("clock"),
        ]
    )
    zone = request.board.time.zone
    for delivery in found[:100_000]:
        moments = (delivery.delivered_at, delivery.acknowledged_at, delivery.due_at)
        delivered, read, due = (clock(m, zone) if m else "" for m in moments)
        writer.writerow(
            [
                delivery.order_id,
                _plain(delivery.order.title),
                Priority(delivery.order.priority).label,
                delivery.unit.code,
                _plain(delivery.unit.name),
                DeliveryState(delivery.state_at).label,
                delivered,
                read if delivery.state_at != DeliveryState.DELIVERED else "",
                due,
                clock_words(delivery, at=request.board.at)[0],
            ]
        )
    return response


def _plain(text: str) -> str:
    """A cell that a spreadsheet would take for a formula is shown as text."""
    return f"'{text}" if text[:1] in "=+-@\t" else text


def _chosen(request: PersonRequest, chosen: str, city: Unit | None) -> QuerySet[Known]:
    board = request.board
    return listed(board.incident, request.scope, at=board.at, show=chosen, unit=city)


def _city(request: PersonRequest) -> Unit | None:
    code = request.GET.get("city", "")
    if not code:
        return None
    return request.scope.get(
        places.cities(request.board.package), action=Action.PLACE_READ, unit="", code=code
    )


def _attention(counts: dict[str, Any]) -> int:
    return int(counts["overdue"]) + int(counts["returned"])


def _filters(counts: dict[str, Any]) -> list[tuple[str, str, int]]:
    numbers = {
        "attention": _attention(counts),
        "overdue": counts["overdue"],
        "returned": counts["returned"],
        "claimed": counts["claimed"],
        "open": counts["open"],
        "all": counts["issued"],
    }
    return [(key, str(words), numbers[key]) for key, words in FILTERS.items()]


def _n(steps: dict[str, Any]) -> int:
    found = steps["acknowledge"]
    return found.n if found else 0


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"


@dataclass(frozen=True)
class Step:
    """One stretch and its words, for the sentence below the headline."""

    words: str | Promise
    median: float


SLOW_WORDS = {
    "acknowledge": gettext_lazy("reading"),
    "accept": gettext_lazy("acceptance"),
    "verify": gettext_lazy("verification"),
}


def lead(steps: dict[str, Any], priority: int) -> str:
    """Return the second sentence: how soon orders are read, and which step takes longest."""
    read = steps["acknowledge"]
    if read is None:
        return _("No order has been acknowledged yet.")
    told = _(
        "Half of all %(priority)s orders are acknowledged within %(median)s, nine in ten within %(p90)s."
    ) % {
        "priority": Priority(priority).label,
        "median": duration(read.median),
        "p90": duration(read.p90),
    }
    known = [Step(words, steps[name].median) for name, words in SLOW_WORDS.items() if steps[name]]
    slowest = max(known, key=lambda step: step.median)
    return sentences(told, _("After the work itself, %s takes longest.") % slowest.words)
