"""What the pictures of assess draw: curve, Rt band and map of neighbours, each with its words.

Fields are in docs/reference/elements.md; the elements hold no words of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from yipan.assess.models import Tier, UnitSituation
from yipan.assess.situation import words as sentences
from yipan.kernel import words
from yipan.places import queries as places
from yipan.places.models import Package

TICK_DAYS = 7
INSET_DAYS = 14
RT_TOP = 3


def shared_labels() -> dict[str, str]:
    """Return the labels that every picture needs."""
    return {
        "table": _("Table"),
        "picture": _("Picture"),
        "failed": _("The data of the picture could not be read; the table has the same facts."),
    }


def ticks(dates: Sequence[str]) -> list[dict[str, str]]:
    """Return one label a week, counted back from the last day."""
    return [
        {"date": text, "label": words.day(date.fromisoformat(text))}
        for text in reversed(list(dates)[::-1][::TICK_DAYS])
    ]


def curve(
    series: Mapping[str, Any],
    *,
    title: str,
    summary: str,
    peak: Mapping[str, Any] | None = None,
    notes: Iterable[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return `<yipan-curve>`'s data: bulletins by day, cases by onset, what is not yet reported."""
    marked = list(notes)
    if peak:
        top = date.fromisoformat(peak["day"])
        text = f"{words.day(top)}{'：' if words.chinese() else ': '}{words.count(peak['n'])}"
        marked.append({"date": peak["day"], "label": text})
    return {
        "title": title,
        "summary": summary,
        "dates": series["dates"],
        "ticks": ticks(series["dates"]),
        "incomplete_from": series.get("incomplete_from"),
        "onset": series.get("onset"),
        "expected": series.get("expected"),
        "reported": series["confirmed_new"],
        "notes": marked,
        "inset_days": INSET_DAYS,
        "labels": {
            **shared_labels(),
            "reported": _("By day of report"),
            "onset": _("Reported, by day of onset"),
            "expected": _("Not yet reported; line: 90%"),
            "incomplete": _("Still incomplete"),
            "inset": _("Last %d days") % INSET_DAYS,
            "tip_onset": _("{n} cases"),
        },
    }


def band(
    rt: Mapping[str, Any], *, latest: Mapping[str, Any], incomplete_from: str | None
) -> dict[str, Any]:
    """Return `<yipan-band>`'s data: Rt with its bands, a gap where there are too few cases to say."""
    said = sentences.rt_finding(latest)
    return {
        "title": said,
        "summary": said,
        "dates": rt["dates"],
        "ticks": ticks(rt["dates"]),
        "incomplete_from": incomplete_from,
        **{name: rt[name] for name in ("median", "lo50", "hi50", "lo90", "hi90")},
        "reference": 1,
        "y_max": RT_TOP,
        "labels": {
            **shared_labels(),
            "band50": "50%",
            "band90": "90%",
            "incomplete": _("Last days: still incomplete"),
            "too_few": _("Too few cases to say"),
            "above": _("growing ↑"),
            "below": _("shrinking ↓"),
            "cut": _("Cut at %d") % RT_TOP,
        },
    }


@dataclass(frozen=True)
class DayRow:
    """One day of the curve's table twin, latest first."""

    day: date
    new: int | None
    onset: int | None
    expected: Mapping[str, float] | None
    rt: str


def day_rows(series: Mapping[str, Any]) -> list[DayRow]:
    """Return the curve and the band as rows: the same facts as the pictures."""
    dates = series["dates"]
    onset = series.get("onset") or [None] * len(dates)
    expected = series.get("expected") or [None] * len(dates)
    rt = series["rt"]
    rows = [
        DayRow(date.fromisoformat(d), series["confirmed_new"][i], onset[i], expected[i], _rt(rt, i))
        for i, d in enumerate(dates)
    ]
    return rows[::-1]


def _rt(rt: Mapping[str, Any], i: int) -> str:
    median = rt["median"][i]
    return "" if median is None else words.interval(median, rt["lo90"][i], rt["hi90"][i])


def map_of(
    package: Package, rows: Sequence[UnitSituation], *, selected: str, title: str, query: str
) -> dict[str, Any]:
    """Return `<yipan-map>`'s data for a few counties: one and those that touch it."""
    topology = places.topology(package)
    tail = f"?{query}" if query else ""
    codes = {row.unit.code for row in rows}
    return {
        "title": title,
        "summary": title,
        "topology": f"{reverse('web:topology')}?v={topology.digest[:16]}" if topology else None,
        "selected": selected,
        "units": [
            {
                "code": row.unit.code,
                "name": row.unit.name,
                "keys": [row.unit.name_en.lower(), row.unit.code],
                "lon": row.unit.lon,
                "lat": row.unit.lat,
                "population": row.unit.population or 0,
                "tier": row.tier,
                "tier_label": str(Tier(row.tier).label),
                "lines": [],
                "href": reverse("assess:county", args=[row.unit.code]) + tail,
            }
            for row in rows
            if row.unit.lon is not None
        ],
        "adjacency": [[a, b] for a, b in places.adjacency(package) if a in codes and b in codes],
        "labels": {
            **shared_labels(),
            "map": title,
            "keys": _("Arrow keys move to the adjacent county, Enter opens it, Escape leaves."),
            "open": _("Open the county"),
            "scale": "{km} km",
            "circles": _("No boundaries are loaded: circles at the centres, by population."),
            "none": _("No name begins with {typed}"),
        },
    }
