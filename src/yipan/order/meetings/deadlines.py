"""Moments in the words of a decision, in Chinese or English: "2月24日22:00前", "by 26 February 18:00". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = {
    name: i + 1
    for i, name in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ]
    )
}
END_OF_DAY = time(23, 59)

_ZH_DAY = r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})日"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[::：](?P<minute>\d{2})|[时点](?:(?P<half>半)|(?P<zmin>\d{1,2})分?)?)"
)
_EN_DAY = (
    r"(?P<eday>\d{1,2})\s+(?P<emonth>"
    + "|".join(MONTHS)
    + r"|"
    + "|".join(m[:3] for m in MONTHS)
    + r")\.?(?:\s+(?P<eyear>\d{4}))?"
)
_ZH = re.compile(rf"{_ZH_DAY}(?:\s*(?:上午|下午|晚上?|夜)?\s*{_CLOCK})?")
_EN = re.compile(rf"{_EN_DAY}(?:,?\s*(?:at\s+)?(?P<ehour>\d{{1,2}}):(?P<eminute>\d{{2}}))?", re.I)
_ISO = re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<H>\d{2}):(?P<M>\d{2}))?")
_DAILY = re.compile(
    rf"(?:每[日天]|此后每日|daily|every\s+day(?:\s+at)?)\s*(?:at\s+)?(?:{_CLOCK.replace('(?P<', '(?P<d')})?",
    re.I,
)
_WITHIN = re.compile(
    r"(?P<n>\d+|[一二两三四五六七八九十]+)\s*(?P<u>小时|日|天|hours?|days?)\s*内?", re.I
)
_TODAY = re.compile(
    rf"(?:今晚|今日|今天|当日|当晚|tonight|today)(?:\s*(?:at\s+|by\s+)?{_CLOCK.replace('(?P<', '(?P<t')})?",
    re.I,
)
_TOMORROW = re.compile(
    rf"(?:明日|明天|明早|tomorrow)(?:\s*(?:at\s+|by\s+|上午|下午|晚上?)?{_CLOCK.replace('(?P<', '(?P<t')})?",
    re.I,
)
_STANDING = re.compile(r"长期|standing", re.I)
_NUMERALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}


@dataclass(frozen=True)
class Deadline:
    """A moment in a text: where it stands, when it is, and whether it comes again each day."""

    start: int
    end: int
    moment: datetime
    daily: bool = False
    begins: bool = False  # "from 25 February": not a deadline but a beginning


def deadlines(text: str, *, said_at: datetime, zone: ZoneInfo) -> list[Deadline]:
    """Return the moments that `text` names, in their order; what has no hour means the day's end.

    >>> from zoneinfo import ZoneInfo
    >>> said = datetime(2020, 2, 24, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    >>> [d.moment.strftime("%m-%d %H:%M") for d in deadlines("时限：2月26日18:00。", said_at=said, zone=said.tzinfo)]
    ['02-26 18:00']
    >>> [d.moment.strftime("%m-%d %H:%M") for d in deadlines("By: 27 February.", said_at=said, zone=said.tzinfo)]
    ['02-27 23:59']
    """
    local = said_at.astimezone(zone)
    found = sorted(_found(text, local, zone), key=lambda d: (d.start, -d.end))
    kept: list[Deadline] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def deadline(text: str, *, said_at: datetime, zone: ZoneInfo) -> Deadline | None:
    """Return the deadline of a matter: the first moment by which it must be done, None for none."""
    named = deadlines(text, said_at=said_at, zone=zone)
    ending = [d for d in named if not d.begins and not d.daily]
    if ending:
        return ending[0]
    daily = [d for d in named if d.daily and not d.begins]
    return daily[0] if daily else None


def is_standing(text: str) -> bool:
    """Return whether the words say that it goes on without an end."""
    return _STANDING.search(text) is not None


def _found(text: str, local: datetime, zone: ZoneInfo) -> Iterator[Deadline]:
    for m in _ZH.finditer(text):
        day = _day(int(m["year"] or local.year), int(m["month"]), int(m["day"]))
        if day:
            yield _made(m, day, _zh_clock(m, ""), text, zone)
    for m in _EN.finditer(text):
        month = next(n for name, n in MONTHS.items() if name.startswith(m["emonth"].lower()[:3]))
        day = _day(int(m["eyear"] or local.year), month, int(m["eday"]))
        clock = _clock(m["ehour"], m["eminute"])
        if day:
            yield _made(m, day, clock, text, zone)
    for m in _ISO.finditer(text):
        day = _day(int(m["y"]), int(m["m"]), int(m["d"]))
        if day:
            yield _made(m, day, _clock(m["H"], m["M"]), text, zone)
    for pattern, ahead in ((_TODAY, 0), (_TOMORROW, 1)):
        for m in pattern.finditer(text):
            yield _made(m, local.date() + timedelta(days=ahead), _zh_clock(m, "t"), text, zone)
    for m in _DAILY.finditer(text):
        clock = _zh_clock(m, "d")
        if clock is None:
            continue  # "reviewed daily" says how often, not by when
        today = datetime.combine(local.date(), clock, tzinfo=zone)
        yield Deadline(
            m.start(), m.end(), today if today > local else today + timedelta(days=1), daily=True
        )
    for m in _WITHIN.finditer(text):
        n = _number(m["n"])
        hours = n if m["u"].lower().startswith(("小", "h")) else 24 * n
        if m.group(0).endswith("内") or re.search(
            r"within\s+(?:\w+\s+)?$", text[: m.start()], re.I
        ):
            yield Deadline(m.start(), m.end(), local + timedelta(hours=hours))


def _made(m: re.Match[str], day: date, clock: time | None, text: str, zone: ZoneInfo) -> Deadline:
    after = text[m.end() : m.end() + 2].lstrip()
    before = text[max(0, m.start() - 8) : m.start()].lower()
    begins = after.startswith("起") or bool(re.search(r"from:?\s*$", before))
    moment = datetime.combine(day, clock or END_OF_DAY, tzinfo=zone)
    if clock is None and begins:
        moment = datetime.combine(day, time(0), tzinfo=zone)
    return Deadline(m.start(), m.end(), moment, begins=begins)


def _zh_clock(m: re.Match[str], prefix: str) -> time | None:
    groups = m.groupdict()
    hour = groups.get(f"{prefix}hour")
    minute = groups.get(f"{prefix}minute") or groups.get(f"{prefix}zmin")
    if groups.get(f"{prefix}half"):
        minute = "30"
    found = _clock(hour, minute or "0") if hour else None
    afternoon = re.search(r"下午|晚|夜|tonight", m.group(0), re.I)
    if found and afternoon and found.hour < 12:
        found = found.replace(hour=found.hour + 12)
    return found


def _clock(hour: str | None, minute: str | None) -> time | None:
    if hour is None or not (0 <= int(hour) <= 24 and 0 <= int(minute or 0) < 60):
        return None
    return END_OF_DAY if int(hour) == 24 else time(int(hour), int(minute or 0))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _number(text: str) -> int:
    """Return a number written in digits or in Chinese up to 99.

    >>> [_number(t) for t in ("24", "两", "十五", "二十")]
    [24, 2, 15, 20]
    """
    if text.isdigit():
        return int(text)
    tens, _mark, ones = text.rpartition("十")
    if _mark:
        return 10 * (_NUMERALS[tens] if tens else 1) + (_NUMERALS[ones] if ones else 0)
    return _NUMERALS[text]
