"""What a phone keeps for a day: the page as it is asked, what is known beside it, the key of the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import translation

from yipan.access.models import Incident
from yipan.kernel.time import BoardTime
from yipan.places.models import Unit
from yipan.report.dictionary.conditions import Condition, in_words
from yipan.report.field.sealing import public_key
from yipan.report.forms.current import asked_on
from yipan.report.forms.daily import Ask, Page, daily_page, default_day, week_of
from yipan.report.models import Value

ZH, EN = "zh-hans", "en"


def day_for_phone(
    incident: Incident, *, unit: Unit, clock: BoardTime, at: datetime
) -> dict[str, Any]:
    """Return the daily and the weekly page of a unit as a phone keeps them, in both languages.

    `ends_at` (milliseconds of the board's clock) is when a page's day or week gives way to the
    next: without a signal the phone turns the page by itself.
    """
    day = default_day(clock, unit, at)
    _start, end = clock.day_bounds(clock.local_day(at))
    daily = daily_page(incident, unit=unit, day=day, known_at=at)
    pages = [page_for_phone(daily, ends_at=end, zone=clock.zone)]
    if asked_on(incident, level=unit.level, day=day, now=at, period="weekly"):
        monday = week_of(day)
        _monday, ends = clock.day_bounds(monday + timedelta(days=6))
        weekly = daily_page(incident, unit=unit, day=monday, known_at=at, period="weekly")
        pages.append(page_for_phone(weekly, ends_at=max(end, ends), zone=clock.zone))
    key = public_key()
    return {
        "incident": {
            "slug": incident.slug,
            "name": [incident.name_zh, incident.name_en],
            "exercise": incident.exercise,
        },
        "unit": {
            "code": unit.code,
            "name": [unit.name_zh, unit.name_en],
            "above": _above(unit),
        },
        "pages": pages,
        "key": {"id": key.id, "point": key.point},
    }


def _above(unit: Unit) -> list[str]:
    parent = unit.parent
    return [parent.name_zh, parent.name_en] if parent is not None else ["", ""]


def page_for_phone(page: Page, *, ends_at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return one page as data; the rules it carries are those of the server's own door."""
    conditions = page.conditions
    labels = [
        {a.element.id: a.element.label_zh for a in page.asks},
        {a.element.id: a.element.label_en for a in page.asks},
    ]
    return {
        "period": page.period,
        "day": page.day.isoformat(),
        "ends_at": round(ends_at.timestamp() * 1000),
        "received": page.reported.astimezone(zone).isoformat() if page.reported else None,
        "sections": [
            {
                "id": section.group.id,
                "label": [section.group.label_zh, section.group.label_en],
                "asks": [_ask(a, conditions.get(a.element.id), labels) for a in section.asks],
            }
            for section in page.sections
        ],
    }


def _ask(ask: Ask, condition: Condition | None, labels: list[dict[str, str]]) -> dict[str, Any]:
    e = ask.element
    told: dict[str, Any] = {
        "id": e.id,
        "label": [e.label_zh, e.label_en],
        "what": [e.definition_zh, e.definition_en],
        "unit": [e.unit_zh, e.unit_en],
        "kind": "words" if e.words else "flag" if e.flag else "count",
        "decimals": e.decimals,
        "min": e.min,
        "max": e.max,
        "total": e.cumulative,
        "warn": e.warn_change,
        "users": list(ask.users),
        "before": _value(ask, ask.yesterday),
        "known": _value(ask, ask.known),
    }
    if condition is not None:
        told["relevant"] = condition.tree
        told["only_if"] = [_in(ZH, condition, labels[0]), _in(EN, condition, labels[1])]
    return told


def _in(language: str, condition: Condition, labels: dict[str, str]) -> str:
    with translation.override(language):
        return in_words(condition, labels)


def _value(ask: Ask, value: Value | None) -> dict[str, str] | None:
    if value is None or (value.value is None and not value.text):
        return None
    said = value.text if ask.element.words else ask.element.shown(value.value)
    return {"day": value.day.isoformat(), "value": said}
