"""Where each number of the board comes from: value, interval, time, source, method, earlier values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.assess import queries as assessing
from yipan.assess.situation.words import expected_words, rt_note
from yipan.kernel.errors import NotFound
from yipan.kernel.words import chinese, clock, count, decimal, interval
from yipan.web.board.facts import Facts
from yipan.web.board.figures import known

EARLIER = 10  # evenings shown below a number


@dataclass(frozen=True)
class Part:
    """One part of a method: what it is, its value, and who published it."""

    label: str
    value: str
    source: str = ""


@dataclass(frozen=True)
class Definition:
    """What a number means, how it is made, and how to read it out of an assessment's figures."""

    label: Promise
    meaning: Promise
    formula: Promise
    read: Callable[[Mapping[str, Any]], str]
    method: tuple[str, ...] = ()


def _count_of(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda figures: known(figures.get(name))


def _pending(figures: Mapping[str, Any]) -> str:
    value, context = expected_words(figures["not_yet_reported"])
    return f"{value}（{context}）" if chinese() else f"{value} ({context})"


def _rt(figures: Mapping[str, Any]) -> str:
    rt = figures["rt"]
    return rt_note(rt["note"]) if "note" in rt else interval(rt["median"], rt["q05"], rt["q95"])


NUMBERS: dict[str, Definition] = {
    "confirmed_new": Definition(
        gettext_lazy("New confirmed"),
        gettext_lazy("Cases confirmed on the last data day, 0–24 h."),
        gettext_lazy("Total of the day less total of the day before, as published."),
        _count_of("confirmed_new"),
    ),
    "confirmed_7d": Definition(
        gettext_lazy("Confirmed, 7 days"),
        gettext_lazy("Cases confirmed in the seven days up to the last data day, both included."),
        gettext_lazy("Sum of new confirmed over the seven days."),
        _count_of("confirmed_7d"),
    ),
    "confirmed_14d": Definition(
        gettext_lazy("Confirmed, 14 days"),
        gettext_lazy("Cases confirmed in the 14 days up to the last data day, both included."),
        gettext_lazy("Sum of new confirmed over the 14 days."),
        _count_of("confirmed_14d"),
    ),
    "confirmed": Definition(
        gettext_lazy("Confirmed in all"),
        gettext_lazy("All cases confirmed up to the last data day, less those withdrawn."),
        gettext_lazy("As published."),
        _count_of("confirmed"),
    ),
    "active": Definition(
        gettext_lazy("In hospital"),
        gettext_lazy("Confirmed cases neither cured nor dead; every one of them is in hospital."),
        gettext_lazy("Confirmed − cured − died, each as published for the province."),
        _count_of("active"),
    ),
    "not_yet_reported": Definition(
        gettext_lazy("Expected, not yet reported"),
        gettext_lazy("Cases whose illness has begun and whose report is still on its way."),
        gettext_lazy(
            "Cases reported by day of onset, divided by the share that is usually reported after "
            "so many days; the interval is from the spread of that delay."
        ),
        _pending,
        ("onset_to_report", "nowcast"),
    ),
    "rt": Definition(
        gettext_lazy("Reproduction number Rt"),
        gettext_lazy("How many people one case infects, on average, in the window up to the day."),
        gettext_lazy(
            "Local cases of the window against the infectiousness of earlier cases, weighted by the "
            "serial interval (Cori and others, 2013); shown only with at least 11 local cases."
        ),
        _rt,
        ("rt", "serial_interval"),
    ),
    "orders_open": Definition(
        gettext_lazy("Orders open"),
        gettext_lazy("Deliveries of issued orders that are neither verified nor closed."),
        gettext_lazy("Counted at the moment shown, from the acts themselves."),
        lambda figures: "",
    ),
}
LOCAL = ("confirmed_new", "confirmed_7d", "confirmed_14d", "confirmed", "rt")


def number(facts: Facts, key: str) -> dict[str, Any]:
    """Return everything the page of one number says. Raises NotFound (K004) for a number it has not."""
    definition = NUMBERS.get(key)
    if definition is None:
        raise NotFound(
            _("The board has no number of this name."),
            where=key,
            remedy=_("Open the number from the board."),
        )
    if key == "orders_open":
        return {**_described(definition), **_orders(facts)}
    return {
        **_described(definition),
        "value": _value(facts, key, definition),
        "place": (facts.here.unit if facts.here and key in LOCAL else facts.root).name,
        "earlier": _earlier(facts, key, definition),
        "sources": sources(facts),
        "method": method(facts, definition.method),
    }


def _described(definition: Definition) -> dict[str, Any]:
    return {
        "label": definition.label,
        "meaning": definition.meaning,
        "formula": definition.formula,
    }


def _value(facts: Facts, key: str, definition: Definition) -> str:
    here = facts.here
    if here is not None and key in LOCAL:
        if key == "rt":
            return _rt({"rt": here.rt}) if here.rt else known(None)
        return known(getattr(here, key))
    return definition.read(facts.province) if facts.province else known(None)


def _earlier(facts: Facts, key: str, definition: Definition) -> list[tuple[str, str]]:
    """Return the number as it stood on earlier evenings, as it was known then."""
    if facts.assessment is None or facts.here is not None:
        return []
    rows = assessing.assessments(facts.board.incident, at=facts.assessment.known_at)
    zone = facts.board.time.zone
    return [(clock(a.known_at, zone), definition.read(a.province)) for a in rows[1 : EARLIER + 1]]


def sources(facts: Facts) -> list[str]:
    """Return the publishers behind the counts, in the language in use."""
    basis = facts.province.get("basis", "")
    wanted = {"bulletin": ("health-commission",), "cities": ("health-commission",)}.get(basis, ())
    return [
        f"{s.get('title_zh') or s['title']}，{s.get('publisher_zh') or s.get('publisher', '')}"
        if chinese()
        else f"{s['title']}, {s.get('publisher', '')}"
        for s in facts.board.package.sources
        if s.get("name") in wanted
    ]


def method(facts: Facts, parts: tuple[str, ...]) -> list[Part]:
    """Return the parts of the assessment's method that one number rests on, each with its source."""
    used = facts.assessment.method if facts.assessment else {}
    return [_PARTS[name](used[name]) for name in (*parts, "yipan") if used.get(name) is not None]


def _delay(label: str, part: Mapping[str, Any]) -> Part:
    mean, sd = decimal(part["mean_days"]), decimal(part["sd_days"])
    return Part(label, _("%(mean)s ± %(sd)s days") % {"mean": mean, "sd": sd}, part["source"])


_PARTS: dict[str, Callable[[Any], Part]] = {
    "serial_interval": lambda part: _delay(_("Serial interval"), part),
    "onset_to_report": lambda part: _delay(_("From onset to report"), part),
    "rt": lambda part: Part(
        _("Estimator"),
        _("window of %d days, by day of confirmation") % part["window_days"],
        part["estimator"],
    ),
    "nowcast": lambda part: Part(
        _("Cases with a known day of onset"), count(part["cases_with_onset"])
    ),
    "yipan": lambda part: Part(_("Software"), f"Yipan {part}"),
}


def _orders(facts: Facts) -> dict[str, Any]:
    orders = facts.orders
    return {
        "value": known(None) if orders is None else count(orders["open"]),
        "place": facts.own.name if facts.own else "",
        "earlier": [],
        "sources": [],
        "method": [],
    }
