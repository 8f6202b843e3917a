"""What the pictures of the plan pages are told: plain data, findings made from the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, log10, sqrt
from statistics import median
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from yipan.kernel import words
from yipan.places.models import Unit
from yipan.plan.models import Option, Scenario
from yipan.plan.queries import accepted_risk, best_within, chance_words, within_risk
from yipan.plan.scenarios.assumptions import LEVELS, SETTINGS

LEVEL_WORDS = {
    "closed": pgettext_lazy("level of opening", "closed"),
    "minimum": pgettext_lazy("level of opening", "minimum"),
    "staggered": pgettext_lazy("level of opening", "staggered"),
    "open": pgettext_lazy("level of opening", "open"),
}
SETTING_WORDS = {
    "workplaces": pgettext_lazy("setting", "workplaces"),
    "venues": pgettext_lazy("setting", "public venues"),
    "countryside": pgettext_lazy("setting", "countryside"),
    "schools": pgettext_lazy("setting", "schools"),
    "transport": pgettext_lazy("setting", "public transport"),
    "community": pgettext_lazy("setting", "community"),
}
MAP_WEEKS = 4
STAGGERED = 2


def levels_key() -> list[dict[str, Any]]:
    """Return the key of the four levels."""
    return [{"level": i, "label": str(LEVEL_WORDS[name])} for i, name in enumerate(LEVELS)]


# --- the options on one scale


@dataclass(frozen=True)
class Row:
    """One option as the comparison shows it."""

    option: Option
    value: Mapping[str, float]
    gain: Mapping[str, float] | None
    infections: Mapping[str, float]
    peak: Mapping[str, float]
    share: Mapping[str, float]
    chance: Mapping[str, float]
    staffed: int
    within: bool
    caution: float | None = None
    delay: Mapping[str, float] | None = None
    verified: Mapping[str, float] | None = None
    R_last: float = 0.0
    lacks: str = ""


@dataclass(frozen=True)
class Scale:
    """The one scale of a column of interval glyphs."""

    low: float
    high: float
    reference: float


def rows(scenario: Scenario) -> list[Row]:
    """Return the options in order, each with what the comparison shows."""
    best = best_within(scenario)
    top = best.results["summary"]["value_added_100m_cny"]["median"] if best else None
    return [
        Row(
            option=option,
            value=option.results["summary"]["value_added_100m_cny"],
            gain=option.results.get("over_hold", {}).get("value_added_100m_cny"),
            infections=option.results["summary"]["infections"],
            peak=option.results["summary"]["peak_beds"],
            share=option.results["summary"]["share_of_ordinary"],
            chance=option.results["summary"]["beds_exceeded"],
            staffed=option.results["staffed_beds"],
            within=within_risk(option),
            caution=_caution(option, best, top),
            delay=option.results.get("delay", {}).get("value_added_100m_cny"),
            verified=option.results.get("verified"),
            R_last=float(option.results.get("R", {}).get("last_week", 0.0)),
            lacks=lacks(option),
        )
        for option in scenario.options.all()
    ]


def _caution(option: Option, best: Option | None, top: float | None) -> float | None:
    """What an option within the risk gives up against the best one within it, on the same members."""
    if best is None or top is None or not within_risk(option):
        return None
    own = option.results.get("by_member", {}).get("value")
    other = best.results.get("by_member", {}).get("value")
    if own and other and len(own) == len(other):
        return float(median(b - a for a, b in zip(own, other, strict=True)))
    return float(top - option.results["summary"]["value_added_100m_cny"]["median"])


def lacks(option: Option) -> str:
    """Return in words what an option needs and there is not: workers who cannot be back, masks."""
    need = option.results.get("needs")
    if not need:
        return ""
    late = [
        i
        for i, (asked, most) in enumerate(
            zip(need["workers_back"], need["workers_most"], strict=True)
        )
        if asked > most * 1.001 + 1
    ]
    found = []
    if late:
        week = late[0]
        gap = need["workers_back"][week] - need["workers_most"][week]
        found.append(
            _("%(n)s workers more than can be back in week %(week)d")
            % {"n": words.people(gap), "week": week + 1}
        )
    if max(need["masks_short"]) > 0:
        found.append(_("%(n)s masks short") % {"n": words.people(max(need["masks_short"]))})
    return (_("; ")).join(found)


def edit_words() -> dict[str, str]:
    """Return what an unfinished edit is told."""
    return {
        "incomplete": _("The edit is not complete."),
        "remedy": _("Choose counties, weeks and a level."),
    }


def level_cell(level: int) -> dict[str, Any]:
    """Return one level as a cell of the grid: its number and its word."""
    return {"level": level, "word": str(LEVEL_WORDS[LEVELS[level]])}


def value_scale(table: Sequence[Row]) -> Scale:
    """Return one scale for all options' value added, a little wider than the widest interval."""
    low = min(row.value["q05"] for row in table)
    high = max(row.value["q95"] for row in table)
    room = max(0.06 * (high - low), 1e-9)
    hold = next((r.value["median"] for r in table if r.option.key == "hold"), low)
    return Scale(low - room, high + room, hold)


# --- value added against risk, drawn by the server so that it prints and works without scripts

FRONTIER = {"width": 640, "height": 420, "left": 62, "right": 18, "top": 26, "bottom": 46}


def frontier(scenario: Scenario) -> dict[str, Any]:
    """Return the marks of the picture “value added against risk”: risk on a square-root scale."""
    table = rows(scenario)
    box = FRONTIER
    accepted = accepted_risk(scenario)
    computed = scenario.answer.get("frontier", [])
    seen = [row.chance["high"] for row in table] + [p["chance"]["share"] for p in computed]
    top_risk = max(0.1, 2 * accepted, *seen)
    top_risk = min(1.0, top_risk)
    scale = value_scale(table)
    step = _step(scale.high - scale.low)
    first, last = floor(scale.low / step) * step, ceil(scale.high / step) * step

    def x(risk: float) -> float:
        inner = box["width"] - box["left"] - box["right"]
        return round(box["left"] + inner * sqrt(risk / top_risk), 1)

    def y(value: float) -> float:
        inner = box["height"] - box["top"] - box["bottom"]
        return round(box["top"] + inner * (last - value) / (last - first), 1)

    bottom = box["height"] - box["bottom"]
    marks = []
    for row in table:
        right = x(row.chance["share"]) > 0.72 * box["width"]
        marks.append(
            {
                "option": row.option,
                "x": x(row.chance["share"]),
                "y": y(row.value["median"]),
                "x0": x(row.chance["low"]),
                "x1": x(row.chance["high"]),
                "y0": y(row.value["q95"]),
                "y1": y(row.value["q05"]),
                "disc_y": y(row.value["median"]) + 4,
                "text_x": x(row.chance["share"]) + (-14 if right else 14),
                "text_y": y(row.value["median"]) - 12,
                "end": right,
            }
        )
    _spread_labels(marks)
    values = []
    value = first
    while value <= last + step / 2:
        values.append({"y": y(value), "text_y": y(value) + 4, "label": words.count(value)})
        value += step
    risks = [r for r in (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if r <= top_risk * 1.001]
    line = efficient(computed)
    bound = scenario.answer.get("bound_100m")
    return {
        "marks": marks,
        "line": " ".join(f"{x(risk):g},{y(value):g}" for risk, value in line),
        "points": [{"x": x(risk), "y": y(value)} for risk, value in line],
        "computed": [
            {
                "value": p["value"]["median"],
                "chance": p["chance"]["share"],
                "high": p["chance"]["high"],
                "R": p["R_last"],
            }
            for p in computed
        ],
        "bound": bound,
        "values": values,
        "risks": [{"x": x(r), "label": words.percent(r)} for r in risks],
        "accepted_x": x(min(accepted, top_risk)),
        "accepted": words.percent(accepted_risk(scenario)),
        **box,
        "bottom": bottom,
        "right_edge": box["width"] - box["right"],
        "plot_height": bottom - box["top"],
        "within_width": x(min(accepted, top_risk)) - box["left"],
        "left_text": box["left"] - 8,
        "tick_end": bottom + 5,
        "tick_text": bottom + 18,
        "axis_text": bottom + 38,
        "accepted_text": x(min(accepted, top_risk)) + 5,
        "note_y": bottom - 8,
        "title": frontier_finding(scenario),
    }


def _spread_labels(marks: list[dict[str, Any]]) -> None:
    """Move labels up or down where they would lie over one another: two lines apart, nearest first."""
    placed: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda m: m["x"]):
        y = mark["text_y"]
        for shift in (0, 34, -18, 52, -36, 70):
            y = mark["text_y"] + shift
            if all(abs(y - py) >= 16 or abs(mark["text_x"] - px) >= 150 for px, py in placed):
                break
        mark["text_y"] = y
        placed.append((mark["text_x"], y))


def efficient(computed: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Return the computed plans that no other beats in both, as (risk, value), the safest first."""
    points = sorted((p["chance"]["share"], -p["value"]["median"]) for p in computed)
    best, kept = float("-inf"), []
    for risk, less in points:
        if -less > best:
            best = -less
            kept.append((risk, best))
    return kept


def _step(span: float) -> float:
    """Return a round step that cuts a span into at most four."""
    power = 10 ** floor(log10(span / 4)) if span > 0 else 1.0
    return next(m * power for m in (1, 2, 2.5, 5, 10) if span / (m * power) <= 4)


def frontier_finding(scenario: Scenario) -> str:
    """Return what the picture shows in one sentence: what the next step up costs in risk."""
    best = best_within(scenario)
    table = sorted(rows(scenario), key=lambda r: r.value["median"])
    if best is None:
        return _("Every option exceeds the accepted risk of %s") % words.percent(
            accepted_risk(scenario)
        )
    here = next(row for row in table if row.option.pk == best.pk)
    more = [
        row
        for row in table
        if row.value["median"] > 1.001 * here.value["median"]
        and row.chance["share"] > here.chance["share"]
    ]
    if not more:
        return _("The option that adds most keeps within the accepted risk")
    above = more[0]
    return _("The next %(gain)s raise the risk from %(low)s to %(high)s") % {
        "gain": words.money(above.value["median"] - here.value["median"]),
        "low": chance_words(here.chance["share"]),
        "high": chance_words(above.chance["share"]),
    }


# --- openings by week


def smallmaps(
    scenario: Scenario,
    levels: Mapping[int, Mapping[str, Mapping[str, list[int]]]],
    units: Sequence[Unit],
    *,
    setting: str,
    topology: str,
    chosen: Option | None = None,
) -> dict[str, Any]:
    """Return the small maps of one setting: one row an option, one column a week shown."""
    options = drawn(scenario, chosen)
    weeks = shown_weeks(scenario.weeks)
    people = {unit.code: float(unit.population or 0) for unit in units}
    everybody = sum(people.values()) or 1.0
    cells = []
    for option in options:
        of = levels[option.pk]
        for week in weeks:
            digits = [
                str(of[unit.code][setting][week]) if unit.code in of else "-" for unit in units
            ]
            there = sum(
                people[unit.code]
                for unit in units
                if unit.code in of and of[unit.code][setting][week] >= STAGGERED
            )
            cells.append(
                {
                    "row": option.key,
                    "column": str(week),
                    "levels": "".join(digits),
                    "label": words.percent(there / everybody),
                }
            )
    return {
        "title": openings_finding(scenario, cells, setting),
        "topology": topology or None,
        "units": [
            {
                "code": u.code,
                "name": u.name,
                "lon": u.lon,
                "lat": u.lat,
                "city": u.parent.code if u.parent else u.code,
            }
            for u in units
        ],
        "columns": [
            {"id": str(week), "label": week_label(scenario.start_day, week)} for week in weeks
        ],
        "rows": [
            {"id": o.key, "label": o.name, "number": o.number, "tone": o.number} for o in options
        ],
        "cells": cells,
        "levels": levels_key(),
        "labels": picture_labels(),
    }


def drawn(scenario: Scenario, chosen: Option | None) -> list[Option]:
    """Return the options whose openings are drawn: where most are searched, those that stay alike are left out.

    Hold, open at once and uniform order one level everywhere, which the table says as well; an option
    that is chosen is always drawn.
    """
    options = list(scenario.options.all())
    if len(options) <= 4:
        return options
    keys = {"tiered", "targeted", "robust", chosen.key if chosen else ""}
    return [option for option in options if option.key in keys]


def shown_weeks(weeks: int) -> list[int]:
    """Return which weeks are drawn: the first, the last, and evenly between.

    >>> shown_weeks(8)
    [0, 2, 5, 7]
    """
    if weeks <= MAP_WEEKS:
        return list(range(weeks))
    return [round(i * (weeks - 1) / (MAP_WEEKS - 1)) for i in range(MAP_WEEKS)]


def week_label(start: date, week: int) -> str:
    """Return a week's name with its first day."""
    return _("Week %(n)d, %(day)s") % {
        "n": week + 1,
        "day": words.day(start + timedelta(days=7 * week)),
    }


def openings_finding(scenario: Scenario, cells: Sequence[Mapping[str, str]], setting: str) -> str:
    """Return what the maps show in one sentence, from the option that changes most."""
    word = str(SETTING_WORDS[setting])
    staged = next((o for o in scenario.options.all() if o.key == "tiered"), None)
    if staged is None:
        return _("Openings of %s by county and week") % word
    own = [cell["label"] for cell in cells if cell["row"] == staged.key]
    return _("“%(option)s” brings %(setting)s to staggered or open for %(first)s of people in the first week, %(last)s in the last") % {
        "option": staged.name, "setting": word, "first": own[0], "last": own[-1],
    }  # fmt: skip


def openings_table(scenario: Scenario, setting: str) -> list[dict[str, Any]]:
    """Return option × tier rows of one setting, a level a week: what is ordered, as data."""
    return [
        {
            "option": option,
            "tier": tier,
            "levels": [str(LEVEL_WORDS[LEVELS[level]]) for level in by_setting[setting]],
        }
        for option in scenario.options.all()
        for tier, by_setting in option.openings.items()
        if tier in ("low", "medium", "high")
    ]


def other_settings(chosen: str) -> list[dict[str, Any]]:
    """Return the settings with their words, the chosen one marked."""
    return [
        {"key": key, "label": str(SETTING_WORDS[key]), "chosen": key == chosen} for key in SETTINGS
    ]


# --- beds by day


def beds_bands(scenario: Scenario, chosen: Option | None = None) -> list[dict[str, Any]]:
    """Return one band an option: beds occupied by day, all on one scale; of many options four."""
    options = list(scenario.options.all())
    if len(options) > 4:
        keys = {"hold", "open", "robust", chosen.key if chosen else "tiered"}
        options = [option for option in options if option.key in keys]
    days = scenario.weeks * 7
    dates = [(scenario.start_day + timedelta(days=i)).isoformat() for i in range(days)]
    top = max(max(o.results["series"]["beds"]["q95"]) for o in options)
    staffed = options[0].results["staffed_beds"]
    shown = staffed <= 1.6 * top
    ceiling = _round_top(max(top, staffed if shown else 0))
    ticks = [
        {"date": dates[7 * week], "label": words.day(scenario.start_day + timedelta(days=7 * week))}
        for week in range(0, scenario.weeks, 2)
    ]
    return [
        {
            "option": option,
            "data": {
                "title": beds_finding(option),
                "summary": beds_finding(option),
                "dates": dates,
                "ticks": ticks,
                "median": option.results["series"]["beds"]["median"],
                "lo50": option.results["series"]["beds"]["q25"],
                "hi50": option.results["series"]["beds"]["q75"],
                "lo90": option.results["series"]["beds"]["q05"],
                "hi90": option.results["series"]["beds"]["q95"],
                "reference": staffed if shown else 0,
                "y_max": ceiling,
                "labels": {
                    **picture_labels(),
                    "above": _("above staffed beds") if shown else "",
                    "below": "",
                },
            },
        }
        for option in options
    ]


def _round_top(value: float) -> float:
    """Return the top of an axis that four round steps reach, at least `value`."""
    power = 10.0 ** floor(log10(max(value, 4.0) / 4))
    return next(4.0 * m * power for m in (1, 2, 2.5, 5, 10) if 4.0 * m * power >= value)


def beds_finding(option: Option) -> str:
    """Return one option's beds in a sentence."""
    peak = option.results["summary"]["peak_beds"]
    return _("%(option)s: at most %(median)s beds (90%%: %(low)s–%(high)s)") % {
        "option": option.name,
        "median": words.count(peak["median"]),
        "low": words.count(peak["q05"]),
        "high": words.count(peak["q95"]),
    }


def picture_labels() -> dict[str, str]:
    """Return the words that the elements need."""
    return {
        "table": _("Table"),
        "picture": _("Picture"),
        "failed": _("The picture could not be drawn; the table has the same numbers."),
        "band50": _("50% of runs"),
        "band90": _("90% of runs"),
        "too_few": _("too few cases to say"),
        "incomplete": _("incomplete"),
        "cut": _("cut at the top"),
        "above": "",
        "below": "",
    }


# --- what signing does


def effects(option: Option, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return what an option opens, keeps shut and drafts, in words."""
    low = option.openings["low"]
    opened = [s for s in SETTINGS if low[s][0] >= STAGGERED]
    later = [s for s in SETTINGS if low[s][0] < STAGGERED <= low[s][-1]]
    shut = [s for s in SETTINGS if option.openings["high"][s][-1] < STAGGERED]
    found = []
    if opened:
        found.append((_("Opens"), _("at once in low-tier counties: %s") % _list(opened)))
    if later:
        found.append((_("Later"), _("in low-tier counties, week by week: %s") % _list(later)))
    if shut:
        found.append((_("Keeps"), _("limited in high-tier counties to the end: %s") % _list(shut)))
    found.append(
        (
            _("Changes"),
            _("%(changed)s of %(orders)s levels in the first week")
            % {"changed": words.count(counts["changed"]), "orders": words.count(counts["orders"])},
        )
    )
    return found


def _list(settings: Sequence[str]) -> str:
    joint = "、" if words.chinese() else ", "
    return joint.join(str(SETTING_WORDS[s]) for s in settings)
