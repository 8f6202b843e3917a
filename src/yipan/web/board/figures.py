"""The strip of figures, six at most: label, value, one line of context; each opens its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from yipan.access.suppression import Hidden
from yipan.assess.models import UnitSituation
from yipan.assess.situation.words import expected_words, rt_note
from yipan.kernel.words import DASH, MINUS, chinese, count, day, decimal
from yipan.web.board.facts import Facts

UNKNOWN = DASH


@dataclass(frozen=True)
class Figure:
    """One number of the strip; `key` names it on the page of its source."""

    key: str
    label: str
    value: str
    note: str = ""
    small: str = ""  # the unit, beside the value
    alert: bool = False


def figures(facts: Facts) -> list[Figure]:
    """Return the strip: of the province, or of the one county or city the person works for."""
    if not facts.province:
        return []
    if facts.here is not None:
        return [*_local(facts.here), *_orders(facts)]
    return [*_province(facts), *_orders(facts)]


def _province(facts: Facts) -> list[Figure]:
    p = facts.province
    pending, context = expected_words(p["not_yet_reported"])
    return [
        Figure("confirmed_new", _("New confirmed"), known(p["confirmed_new"]), _recent(facts)),
        Figure(
            "confirmed_7d",
            _("Confirmed, 7 days"),
            known(p["confirmed_7d"]),
            _("7 days before: %s") % known(p["confirmed_7d_before"]),
        ),
        Figure("not_yet_reported", _("Expected, not yet reported"), pending, context),
        rt_figure(p["rt"]),
        Figure("active", _("In hospital"), known(p["active"]), _hospital(p)),
    ]


def _recent(facts: Facts) -> str:
    """Return the two days before the last: what a zero or a jump is to be read against."""
    dates, new = facts.series.get("dates", []), facts.series.get("confirmed_new", [])
    pairs = list(zip(dates, new, strict=True))[-3:-1]
    mark = "，" if chinese() else ", "
    return mark.join(
        _("%(day)s: %(n)s") % {"day": _short(text), "n": known(n)} for text, n in pairs
    )


def _short(iso: str) -> str:
    return day(date.fromisoformat(iso))


def rt_figure(rt: dict[str, Any]) -> Figure:
    """Return Rt with its interval, or the plain words why none is shown."""
    label = _("Reproduction number Rt")
    if "note" in rt:
        return Figure("rt", label, UNKNOWN, rt_note(rt["note"]))
    span = f"{decimal(rt['q05'])}{DASH}{decimal(rt['q95'])}"
    side = _("below 1") if rt["q95"] < 1 else _("above 1") if rt["q05"] > 1 else _("around 1")
    note = _("90%%: %(span)s; %(side)s") % {"span": span, "side": side}
    if rt.get("biased_up"):
        note += _("; imports counted as local: biased up")
    return Figure("rt", label, decimal(rt["median"]), note)


def _hospital(p: dict[str, Any]) -> str:
    words = _("%(cured)s cured, %(deaths)s died") % {
        "cured": known(p["cured"]),
        "deaths": known(p["deaths"]),
    }
    if p["active"] is None or p["active_before"] is None:
        return words
    return _("%(change)s in a day; %(rest)s") % {
        "change": signed(p["active"] - p["active_before"]),
        "rest": words,
    }


def _local(here: UnitSituation) -> list[Figure]:
    last = here.last_case_day
    return [
        Figure(
            "confirmed_new",
            _("New confirmed"),
            known(here.confirmed_new),
            _("last case: %s") % day(last) if last else _("no case so far"),
        ),
        Figure("confirmed_7d", _("Confirmed, 7 days"), known(here.confirmed_7d)),
        Figure("confirmed_14d", _("Confirmed, 14 days"), known(here.confirmed_14d)),
        Figure(
            "confirmed",
            _("Confirmed in all"),
            known(here.confirmed),
            _("synthetic split of the published city total") if here.synthetic else "",
        ),
        *([rt_figure(here.rt)] if here.rt else []),
    ][:5]


def _orders(facts: Facts) -> list[Figure]:
    orders = facts.orders
    if orders is None:
        return []
    late = orders["overdue"]
    return [
        Figure(
            "orders_open",
            _("Orders open"),
            count(orders["open"]),
            _("%(late)s overdue, %(closed)s closed today")
            % {"late": count(late), "closed": count(orders["closed_today"])},
            alert=late > 0,
        )
    ]


def known(n: float | Hidden | None) -> str:
    """Return a count, or a dash where nobody has reported it: a blank is never a zero.

    A small count that the person may not see is said as such.
    """
    if isinstance(n, Hidden):
        return str(n)
    return UNKNOWN if n is None else count(n)


def signed(n: float) -> str:
    """Return a change with its sign.

    >>> signed(-59), signed(3), signed(0)
    ('−59', '+3', '0')
    """
    return f"+{count(n)}" if n > 0 else count(n).replace("-", MINUS)
