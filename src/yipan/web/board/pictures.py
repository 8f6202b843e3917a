"""What the board's pictures draw: the map, the curve and Rt, each with its finding and its summary.

Every text comes from here, translated; the elements hold no words. Fields are in
docs/reference/elements.md.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from yipan.access.suppression import Hidden
from yipan.assess.models import Tier, UnitSituation
from yipan.assess.situation import words as assessed
from yipan.kernel.words import chinese, count, day, interval, people
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.web.board.facts import TIERS, Facts
from yipan.web.board.figures import known
from yipan.web.board.sentences import map_finding

TICK_DAYS = 7
INSET_DAYS = 14
RT_TOP = 3

TIER_WORDS: dict[str, Promise] = {
    Tier.HIGH: gettext_lazy("High risk"),
    Tier.MEDIUM: gettext_lazy("Medium risk"),
    Tier.LOW: gettext_lazy("Low risk"),
    Tier.UNDECIDED: gettext_lazy("Undecided"),
    Tier.NO_DATA: gettext_lazy("No data"),
}


def picture_labels() -> dict[str, str]:
    """Return the labels that every picture needs."""
    return {
        "table": _("Table"),
        "picture": _("Picture"),
        "failed": _(
            "W410 The picture’s data could not be read; the table below has the same facts."
        ),
    }


# ---- the map ------------------------------------------------------------------------------------


def map_data(facts: Facts) -> dict[str, Any]:
    """Return the map: the counties in sight by tier, with what a county's card says."""
    package = facts.board.package
    topology = places.topology(package)
    return {
        "title": map_finding(facts),
        "summary": tier_summary(facts),
        "topology": f"{reverse('web:topology')}?v={topology.digest[:16]}" if topology else None,
        "units": [
            *(_unit(facts, s) for s in facts.counties if s.unit.lon is not None),
            *(_outside(u) for u in facts.outside),
        ],
        "adjacency": [list(pair) for pair in places.adjacency(package)],
        "cities": [
            {"code": u.code, "name": short_name(u.name), "lon": u.lon, "lat": u.lat}
            for u in places.cities(package)
            if u.lon is not None
        ],
        "inset": _inset(facts) if facts.whole else None,
        "legend": legend(facts),
        "selected": facts.here.unit.code if facts.here else None,
        "labels": {
            **picture_labels(),
            "map": _("Map of counties by tier"),
            "keys": _(
                "Arrow keys move to the adjacent county, letters look for a name, "
                "Enter opens it, Escape leaves."
            ),
            "legend": _("Tiers; press one to show only its counties"),
            "open": _("Open the county"),
            "why": _("Why"),
            "scale": "{km} km",
            "circles": _("No boundaries are loaded: circles at the centres, by population."),
            "none": _("No name begins with {typed}"),
        },
    }


def tier_summary(facts: Facts) -> str:
    """Return the tiers in one sentence: `1 high, 49 medium, 103 low, 1 undecided, 3 no data`."""
    parts = [
        f"{TIER_WORDS[tier]} {count(facts.tiers[tier][0])}"
        for tier in TIERS
        if facts.tiers[tier][0]
    ]
    return ("，" if chinese() else ", ").join(parts)


def legend(facts: Facts) -> list[dict[str, Any]]:
    """Return the tiers with their counties and people, in the order to show."""
    return [
        {
            "tier": str(tier),
            "label": str(TIER_WORDS[tier]),
            "count": facts.tiers[tier][0],
            "people": people_words(facts.tiers[tier][1]),
        }
        for tier in TIERS
    ]


def people_words(n: int) -> str:
    """Return a number of people with its unit."""
    return _("%s people") % people(n) if n else ""


def _unit(facts: Facts, s: UnitSituation) -> dict[str, Any]:
    unit = s.unit
    other = unit.name_en if chinese() else unit.name_zh
    address = reverse("assess:county", args=[unit.code])
    keep = f"?{facts.board.query}" if facts.board.query else ""
    return {
        "code": unit.code,
        "name": unit.name,
        "name_alt": other,
        "keys": [unit.name_en.lower(), unit.code],
        "lon": unit.lon,
        "lat": unit.lat,
        "population": unit.population or 0,
        "tier": s.tier,
        "tier_label": str(TIER_WORDS[Tier(s.tier)]) if s.tier else "",
        "lines": county_lines(s),
        "href": f"{address}{keep}",
        "why_href": f"{address}{keep}#why",
        "city": facts.city_of[s.unit_id].code if s.unit_id in facts.city_of else "",
    }


def _outside(unit: Unit) -> dict[str, Any]:
    """Return a county that is not this person's to see: its place and name, nothing else."""
    return {
        "code": unit.code,
        "name": unit.name,
        "lon": unit.lon,
        "lat": unit.lat,
        "population": unit.population or 0,
        "tier": "outside",
        "tier_label": _("outside your area"),
        "city": "",
    }


def county_lines(s: UnitSituation) -> list[str]:
    """Return what a county's card says: its counts, and the rule that decided its tier."""
    if s.confirmed is None:
        return [_("No count has been reported.")]
    told = {"n": known(s.confirmed), "recent": known(s.confirmed_14d)}
    first = (
        ngettext(
            "%(n)s case in all, %(recent)s in 14 days",
            "%(n)s cases in all, %(recent)s in 14 days",
            2 if isinstance(s.confirmed, Hidden) else s.confirmed,
        )
        % told
    )
    if s.rule:
        return [first, _("Rule %(rule)s decided the tier.") % {"rule": s.rule}]
    return [first]


def _inset(facts: Facts) -> dict[str, str] | None:
    """Return the city whose districts are enlarged: where most counties crowd on the least land."""
    crowded: dict[str, list[float]] = {}
    names = {}
    for s in facts.counties:
        city = facts.city_of.get(s.unit_id)
        if city is not None and s.unit.area_km2 and s.unit.kind == "district":
            crowded.setdefault(city.code, []).append(s.unit.population or 0)
            names[city.code] = city.name
    if not crowded:
        return None
    code = max(crowded, key=lambda c: (sum(crowded[c]), c))
    label = _("%s, enlarged") % short_name(names[code])
    return {"city": code, "label": label}


def short_name(name: str) -> str:
    """Return a city's name as a map writes it: without the word for city."""
    return name[:-1] if len(name) > 2 and name.endswith("市") else name


# ---- the curve and Rt -----------------------------------------------------------------------------


def curve_data(facts: Facts) -> dict[str, Any]:
    """Return the province's curve as known then: bulletins, onset, what is not yet reported."""
    series, province = facts.series, facts.province
    dates = series["dates"]
    peak = province.get("peak")
    noted = (
        [
            {
                "date": peak["day"],
                "label": _("%(day)s: %(n)s")
                % {"day": day(date.fromisoformat(peak["day"])), "n": count(peak["n"])},
            }
        ]
        if peak
        else []
    )
    return {
        "title": assessed.curve_finding(province),
        "summary": _(
            "%(total)s confirmed in all; %(now)s in the last seven days, %(before)s before."
        )
        % {
            "total": known(province["confirmed"]),
            "now": known(province["confirmed_7d"]),
            "before": known(province["confirmed_7d_before"]),
        },
        "dates": dates,
        "ticks": ticks(dates),
        "incomplete_from": series.get("incomplete_from"),
        "onset": series.get("onset"),
        "expected": series.get("expected"),
        "reported": series["confirmed_new"],
        "events": [{"date": e["day"], "label": e["mark"]} for e in events(facts)],
        "notes": noted,
        "inset_days": INSET_DAYS,
        "labels": {
            **picture_labels(),
            "reported": _("Bulletins, by report day"),
            "onset": _("Reported, by onset day"),
            "expected": _("Not yet reported; line: 90%%") % (),
            "incomplete": _("Still incomplete"),
            "inset": _("Last %d days") % INSET_DAYS,
            "tip_onset": _("{n} cases"),
        },
    }


def band_data(facts: Facts) -> dict[str, Any]:
    """Return Rt of the province with its bands, empty where the window holds too few cases."""
    series, rt = facts.series, facts.province["rt"]
    dates = series["dates"]
    found = series.get("rt") or {}
    place = {d: i for i, d in enumerate(found.get("dates", []))}

    def row(name: str) -> list[float | None]:
        values = found.get(name) or []
        return [values[place[d]] if d in place and place[d] < len(values) else None for d in dates]

    note = (
        assessed.rt_note(rt["note"])
        if "note" in rt
        else _("%(day)s: %(value)s")
        % {
            "day": day(date.fromisoformat(rt.get("day") or dates[-1])),
            "value": interval(rt["median"], rt["q05"], rt["q95"]),
        }
    )
    return {
        "title": assessed.rt_finding(rt),
        "summary": note,
        "dates": dates,
        "ticks": ticks(dates),
        "incomplete_from": series.get("incomplete_from"),
        **{name: row(name) for name in ("median", "lo50", "hi50", "lo90", "hi90")},
        "reference": 1,
        "y_max": RT_TOP,
        "note": note,
        "labels": {
            **picture_labels(),
            "band50": "50%",
            "band90": "90%",
            "incomplete": _("Last days: still incomplete"),
            "too_few": _("Too few cases to say"),
            "above": _("growing ↑"),
            "below": _("shrinking ↓"),
            "cut": _("Cut at %d") % RT_TOP,
        },
    }


def ticks(dates: list[str]) -> list[dict[str, str]]:
    """Return one label a week, counted back from the last day, so that now is always labelled."""
    return [
        {"date": text, "label": day(date.fromisoformat(text))}
        for text in reversed(dates[::-1][::TICK_DAYS])
    ]


def events(facts: Facts) -> list[dict[str, str]]:
    """Return the package's events on the curve's days known then, each with its mark: ①, ② …"""
    dates = facts.series.get("dates", [])
    if not dates:
        return []
    today = facts.board.time.local_day(facts.board.at).isoformat()
    inside = [
        e
        for e in facts.board.package.parameters.get("events", [])
        if dates[0] <= e["day"] <= min(dates[-1], today)
    ]
    return [
        {
            "mark": chr(0x2460 + i),
            "day": e["day"],
            "when": day(date.fromisoformat(e["day"])),
            "text": e["text_zh"] if chinese() else e["text_en"],
        }
        for i, e in enumerate(inside[:20])
    ]
