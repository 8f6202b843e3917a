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
WEEKDAYS = {
    name: i
    for i, name in enumerate(
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    )
}
END_OF_DAY = time(23, 59)
END_OF_WORK = time(18)

_MONTH = "|".join([*MONTHS, "sept", *(m[:3] for m in MONTHS)])
_WEEKDAY = "|".join([*WEEKDAYS, "tues", "thurs", *(w[:3] for w in WEEKDAYS)])
_DATED = rf",?\s+(?:(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?:{_MONTH})\b"
_EN_CLOCK = (
    r"(?P<c_hour>\d{1,2})(?::(?P<c_minute>\d{2}))?\s*(?P<c_half>[ap]\.?m\.?)"
    r"|(?P<c_hour2>\d{1,2})[:h](?P<c_minute2>\d{2})(?:\s*(?:hrs?|hours)\b)?"
    r"|(?P<c_four>\d{4})\s*(?:hrs?|hours)\b"
    r"|(?P<c_word>noon|midnight|end of (?:the )?(?:working )?day|close of business|cob|eod)"
)
_ZH_CLOCK = (
    r"(?P<c_part>凌晨|早上|早|上午|中午|下午|傍晚|晚上|晚|夜间|夜)?\s*"
    r"(?:(?P<z_hour>\d{1,2}|[一二两三四五六七八九十]{1,3})"
    r"(?:[::：](?P<z_minute>\d{2})|[时点](?:整|(?P<z_half>半)|(?P<z_min>\d{1,2})分?)?)"
    r"|(?P<z_word>下班|零点|零时|午夜))"
)
_EN_AFTER = rf"(?:,?\s*(?:at|by|before|no later than)?\s*(?:{_EN_CLOCK})(?![\d:]))?"
_ZH_AFTER = rf"(?:\s*(?:{_ZH_CLOCK}))?"

# Days in the words that name them; each with the clock that may follow.
_ZH_DAY = re.compile(
    r"(?:(?P<year>\d{4})年)?(?:(?P<month>\d{1,2}|[一二三四五六七八九十]{1,2})月)"
    r"(?:(?P<day>\d{1,2}|[一二三四五六七八九十]{1,3})[日号]|(?P<third>上旬|中旬|下旬|底|末))"
    rf"(?:[(（](?:周|星期)[一二三四五六日天][)）])?{_ZH_AFTER}"
)
_ZH_DAY_ONLY = re.compile(rf"(?<![\d月年第每])(?P<day>\d{{1,2}})[日号](?![内均前]?常){_ZH_AFTER}")
_EN_DAY = re.compile(
    rf"(?:\b(?:{_WEEKDAY})\.?,?\s+)?\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?"
    rf"(?P<month>{_MONTH})\b\.?(?:,?\s+(?P<year>\d{{4}})(?![:h\d])(?!\s*(?:hrs?|hours)\b))?{_EN_AFTER}",
    re.I,
)
_US_DAY = re.compile(
    rf"\b(?P<month>{_MONTH})\b\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)"
    rf"(?:,?\s+(?P<year>\d{{4}})(?![:h\d]))?{_EN_AFTER}",
    re.I,
)
_ISO = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[T ]\s*(?P<c_hour2>\d{1,2}):(?P<c_minute2>\d{2}))?"
)
_ZH_SOON = re.compile(
    rf"(?P<soon>今晚|今夜|今日|今天|当日|当天|当晚|明日|明天|明早|明晚|次日|翌日|后日|后天|大后天){_ZH_AFTER}"
)
_EN_SOON = re.compile(
    rf"\b(?:(?:{_EN_CLOCK})\s+(?:on\s+)?)?(?P<soon>tonight|this evening|today|the same day|the day after tomorrow|"
    rf"tomorrow(?:\s+(?:morning|evening|night))?)\b",
    re.I,
)
_EN_SOON_THEN = re.compile(
    rf"\b(?P<soon>tonight|this evening|today|the day after tomorrow|tomorrow(?:\s+(?:morning|evening|night))?)\b"
    rf"{_EN_AFTER}",
    re.I,
)
_ZH_WEEK = re.compile(
    rf"(?P<which>本周|这周|下周|下星期|本星期|周|星期|礼拜)(?P<weekday>[一二三四五六日天末])(?!期){_ZH_AFTER}"
)
_EN_WEEK = re.compile(
    rf"\b(?P<which>(?:this|next|on|by|before|until|till|no later than|coming|this coming)\s+)"
    rf"(?:the\s+)?(?P<weekday>{_WEEKDAY})\b(?!{_DATED})\.?{_EN_AFTER}",
    re.I,
)
_EN_CLOCK_WEEK = re.compile(
    rf"(?:{_EN_CLOCK})\s+(?:on\s+)?(?P<which>)(?P<weekday>{_WEEKDAY})\b(?!{_DATED})",
    re.I,
)
_END_OF = re.compile(
    r"(?P<zh>本周内|本周末|周内|本月底|月底|本月内|月内|年底|下周内|下月底)"
    r"|\b(?:the\s+)?end of\s+(?:the\s+|this\s+)?(?P<en>next week|week|next month|month|year|"
    rf"{_MONTH})\b",
    re.I,
)
_DAILY = re.compile(
    rf"(?:每日|每天|此后每日){_ZH_AFTER}"
    rf"|(?:\b(?:{_EN_CLOCK})\s+(?:daily|every day|each day))"
    rf"|\b(?:daily|every\s+day|each\s+day)(?:\s+(?:at|by))?\s*(?:{_EN_CLOCK.replace('c_', 'd_')})?",
    re.I,
)
_WITHIN = re.compile(
    r"(?P<half>半)?(?P<n>\d+|[一二两三四五六七八九十]+|\b(?:an?|one|two|three|four|five|six|seven|ten|fourteen|fifteen)\b)?"
    r"\s*(?:个)?\s*(?P<u>工作日|小时|日|天|周|星期|月|working days?|business days?|hours?|hrs?\b|days?|weeks?|fortnight)\s*(?P<in>之内|以内|内)?",
    re.I,
)
_BEFORE_EN = re.compile(r"\b(?:within|in)\s+(?:the\s+next\s+|at most\s+|no more than\s+)?$", re.I)
_STANDING = re.compile(
    r"长期|持续(?:推进|进行|落实)?[。；]?$|standing|until further notice|ongoing", re.I
)
_AT_ONCE = re.compile(
    r"立即|立刻|马上|即刻|即日起|immediately|at once|without delay|forthwith", re.I
)
_NUMERALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_EN_NUMERALS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_EN_NUMERALS |= {"seven": 7, "ten": 10, "fourteen": 14, "fifteen": 15}
_SOON = {
    "今": 0, "当": 0, "明": 1, "次": 1, "翌": 1, "后": 2, "大": 3,
    "tonight": 0, "this evening": 0, "today": 0, "the same day": 0, "tomorrow": 1,
    "the day after tomorrow": 2,
}  # fmt: skip
_RANGE = re.compile(
    rf"(?:(?:(?P<m1>\d{{1,2}})月)?(?P<d1>\d{{1,2}})日?\s*(?:至|到|—|–|－|-|~|～)\s*"
    rf"(?=(?:\d{{1,2}}月)?\d{{1,2}}日))"
    rf"|(?:\b(?:from\s+|between\s+)?\d{{1,2}}(?:\s+(?:{_MONTH}))?\s*(?:–|-|—|to|and)\s*(?=\d{{1,2}}\s+(?:{_MONTH})))",
    re.I,
)


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
    opening = [m.span() for m in _RANGE.finditer(text)]  # "25–" of "25–28 February" only begins
    every = [d for d in _found(text, local, zone) if not _inside(d, opening)]
    found = sorted(every, key=lambda d: (d.start, -d.end))
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


def is_at_once(text: str) -> bool:
    """Return whether the words want it at once, without naming an hour."""
    return _AT_ONCE.search(text) is not None


def _inside(one: Deadline, spans: list[tuple[int, int]]) -> bool:
    return any(start <= one.start and one.end <= end for start, end in spans)


def _found(text: str, local: datetime, zone: ZoneInfo) -> Iterator[Deadline]:
    for pattern in (_ZH_DAY, _EN_DAY, _US_DAY, _ISO):
        for m in pattern.finditer(text):
            day = _named_day(m, local)
            if day:
                yield _made(m, day, _clock_of(m), text, zone)
    for m in _ZH_DAY_ONLY.finditer(text):
        day = _coming(int(m["day"]), local.date())
        if day and _by(text, m):
            yield _made(m, day, _clock_of(m), text, zone)
    for pattern in (_ZH_SOON, _EN_SOON, _EN_SOON_THEN):
        for m in pattern.finditer(text):
            word = m["soon"].lower()
            ahead = next(n for name, n in reversed(_SOON.items()) if word.startswith(name))
            yield _made(m, local.date() + timedelta(days=ahead), _clock_of(m), text, zone)
    for pattern in (_ZH_WEEK, _EN_WEEK, _EN_CLOCK_WEEK):
        for m in pattern.finditer(text):
            yield _made(m, _week_day(m, local.date()), _clock_of(m), text, zone)
    for m in _END_OF.finditer(text):
        yield _made(m, _last_day((m["zh"] or m["en"]).lower(), local.date()), None, text, zone)
    yield from _daily(text, local, zone)
    yield from _within(text, local)


def _daily(text: str, local: datetime, zone: ZoneInfo) -> Iterator[Deadline]:
    for m in _DAILY.finditer(text):
        clock = _clock_of(m)
        if clock is None:
            continue  # "reviewed daily" says how often, not by when
        today = datetime.combine(local.date(), clock, tzinfo=zone)
        yield Deadline(
            m.start(), m.end(), today if today > local else today + timedelta(days=1), daily=True
        )


def _within(text: str, local: datetime) -> Iterator[Deadline]:
    for m in _WITHIN.finditer(text):
        if not m["n"] and not m["half"] and "fortnight" not in m["u"].lower():
            continue
        if not m["in"] and not _BEFORE_EN.search(text[: m.start()]):
            continue
        n = _number(m["n"]) if m["n"] else 1
        unit = m["u"].lower()
        if "working" in unit or "business" in unit or unit == "工作日":
            yield Deadline(m.start(), m.end(), _working_days(local, n))
            continue
        hours = next(h for name, h in _HOURS.items() if unit.startswith(name)) * n
        yield Deadline(
            m.start(), m.end(), local + timedelta(hours=hours / 2 if m["half"] else hours)
        )


_HOURS = {
    "小时": 1, "hour": 1, "hr": 1, "日": 24, "天": 24, "day": 24, "周": 168, "星期": 168,
    "week": 168, "fortnight": 336, "月": 720,
}  # fmt: skip


def _working_days(local: datetime, n: int) -> datetime:
    """Monday to Friday; holidays are not known here, and a person looks at the proposal."""
    day = local
    while n > 0:
        day += timedelta(days=1)
        n -= day.weekday() < 5
    return day


def _named_day(m: re.Match[str], local: datetime) -> date | None:
    groups = m.groupdict()
    month = groups["month"]
    number = (
        _number(month)
        if month.isdigit() or month[0] in "一二三四五六七八九十"
        else next(n for name, n in MONTHS.items() if name.startswith(month.lower()[:3]))
    )
    third = groups.get("third")
    year = int(groups["year"]) if groups.get("year") else _likely_year(local.date(), number)
    if third:
        ends = {"上旬": 10, "中旬": 20}
        return _day(year, number, ends[third]) if third in ends else _month_end(year, number)
    return _day(year, number, _number(groups["day"]))


def _likely_year(today: date, month: int) -> int:
    """A month without its year is the one that lies nearest: in December, January is the next."""
    ahead = (month - today.month) % 12
    return (
        today.year + (today.month + ahead > 12)
        if ahead <= 6
        else today.year - (month > today.month)
    )


def _coming(day: int, today: date) -> date | None:
    """ "26日" is of this month, or of the next where it has passed."""
    this = _day(today.year, today.month, day)
    if this is None or this >= today:
        return this
    following = _month_end(today.year, today.month) + timedelta(days=1)
    return _day(following.year, following.month, day)


def _by(text: str, m: re.Match[str]) -> bool:
    """A bare day counts only where the words say that it is a limit."""
    after, before = text[m.end() : m.end() + 2], text[max(0, m.start() - 6) : m.start()]
    return after.startswith(("前", "止", "之前", "以前", "内", "起")) or before.endswith(
        ("于", "在", "：", ":", "时限", "截止", "至", "到")
    )


def _week_day(m: re.Match[str], today: date) -> date:
    named = m["weekday"].lower()
    weekday = (
        "一二三四五六日".index(named.replace("天", "日").replace("末", "日"))
        if len(named) == 1
        else next(n for name, n in WEEKDAYS.items() if name.startswith(named[:3]))
    )
    monday = today - timedelta(days=today.weekday())
    which = (m["which"] or "").strip().lower()
    if which.startswith("下") or which == "next":
        return monday + timedelta(days=7 + weekday)
    this = monday + timedelta(days=weekday)
    return this if this >= today or which.startswith(("本", "这")) else this + timedelta(days=7)


def _last_day(word: str, today: date) -> date:
    sunday = today + timedelta(days=6 - today.weekday())
    following = _month_end(today.year, today.month) + timedelta(days=1)
    if word in ("next week", "下周内"):
        return sunday + timedelta(days=7)
    if "week" in word or "周" in word:
        return sunday
    if word in ("next month", "下月底"):
        return _month_end(following.year, following.month)
    if word in ("month", "本月底", "月底", "本月内", "月内"):
        return _month_end(today.year, today.month)
    if word in ("year", "年底"):
        return date(today.year, 12, 31)
    month = next(n for name, n in MONTHS.items() if name.startswith(word[:3]))
    return _month_end(_likely_year(today, month), month)


def _month_end(year: int, month: int) -> date:
    following = date(year + (month == 12), month % 12 + 1, 1)
    return following - timedelta(days=1)


def _made(m: re.Match[str], day: date, clock: time | None, text: str, zone: ZoneInfo) -> Deadline:
    after = text[m.end() : m.end() + 3].lstrip()
    before = text[max(0, m.start() - 14) : m.start()].lower()
    begins = after.startswith(("起", "开始", "以后", "之后")) or bool(
        re.search(r"(?:\bfrom:?|\bsince|\bas of|\bstarting|\bafter|自|从)\s*$", before)
    )
    moment = datetime.combine(day, clock or END_OF_DAY, tzinfo=zone)
    if clock is None and begins:
        moment = datetime.combine(day, time(0), tzinfo=zone)
    return Deadline(m.start(), m.end(), moment, begins=begins)


def _clock_of(m: re.Match[str]) -> time | None:
    """Return the hour that a match names, in either language; None where it names none."""
    groups = {
        k.replace("d_", "c_", 1) if k.startswith("d_") else k: v
        for k, v in m.groupdict().items()
        if v
    }
    soon = groups.get("soon", "").lower()
    if word := groups.get("c_word", "").lower() or groups.get("z_word", ""):
        if word == "noon":
            return time(12)
        late = word in ("midnight", "午夜", "零点", "零时")
        return END_OF_DAY if late else END_OF_WORK
    if "z_hour" in groups:
        minute = (
            "30" if "z_half" in groups else groups.get("z_minute") or groups.get("z_min") or "0"
        )
        part = groups.get("c_part", "") or soon
        return _later(_clock(str(_number(groups["z_hour"])), minute), part)
    if "c_four" in groups:
        return _clock(groups["c_four"][:2], groups["c_four"][2:])
    if "c_hour" in groups:
        half = groups["c_half"].replace(".", "").lower()
        hour = int(groups["c_hour"]) % 12 + (12 if half == "pm" else 0)
        return _clock(str(hour), groups.get("c_minute", "0"))
    if "c_hour2" in groups:
        return _later(_clock(groups["c_hour2"], groups["c_minute2"]), soon)
    return {"明早": time(12), "tomorrow morning": time(12)}.get(soon)


def _later(clock: time | None, part: str) -> time | None:
    """ "下午3点" is 15:00, "今晚8点" 20:00, "中午1点" 13:00."""
    evening = re.search(r"下午|傍晚|晚|夜|tonight|evening|night", part)
    if clock and clock != END_OF_DAY and evening and clock.hour < 12:
        return clock.replace(hour=clock.hour + 12)
    if clock and part == "中午" and clock.hour < 4:
        return clock.replace(hour=clock.hour + 12)
    return clock


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
    """Return a number in digits, in Chinese up to 99, or a small one in English.

    >>> [_number(t) for t in ("24", "两", "十五", "二十", "three")]
    [24, 2, 15, 20, 3]
    """
    if text.isdigit():
        return int(text)
    if text.lower() in _EN_NUMERALS:
        return _EN_NUMERALS[text.lower()]
    tens, _mark, ones = text.rpartition("十")
    if _mark:
        return 10 * (_NUMERALS[tens] if tens else 1) + (_NUMERALS[ones] if ones else 0)
    return _NUMERALS[text[-1]]
