"""Numbers, moments and chances as people read them, in the language in use (zh-Hans or en).

Chinese counts in 万 from a hundred thousand and money in 亿元; English in thousands, m and bn. An
estimate keeps two digits, a count is exact. Numerals and unit are joined so that they never break.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _

NARROW = "\u00a0"  # a numeral and its unit stay together
MINUS = "\u2212"
DASH = "\u2013"
EN_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EN_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ZH_DAYS = "一二三四五六日"


def chinese() -> bool:
    """Return whether the language in use is Chinese."""
    return (get_language() or "").startswith("zh")


def count(n: float) -> str:
    """Return an exact count with thousands set apart and a real minus sign.

    >>> count(-8312)
    '\u22128,312'
    """
    return f"{round(n):,}".replace("-", MINUS)


def people(n: float) -> str:
    """Return a number of people: exact below 100,000, then in 万 (zh) or m (en)."""
    if abs(n) < 100_000:
        return count(n)
    if chinese():
        return f"{n / 10_000:,.0f}万"
    return f"{n / 1_000_000:,.1f}{NARROW}m"


def money(value_100m_cny: float) -> str:
    """Return an amount given in 100 million CNY: 亿元 (zh), bn CNY (en)."""
    if chinese():
        return f"{two_digits(value_100m_cny)}亿元"
    return f"{two_digits(value_100m_cny / 10)}{NARROW}bn{NARROW}CNY"


def two_digits(x: float) -> str:
    """Return an estimate to two significant digits, whole numbers above 100 to three.

    >>> two_digits(0.237), two_digits(3149.2), two_digits(0)
    ('0.24', '3,150', '0')
    """
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else str(x)
    digits = 3 if abs(x) >= 100 else 2
    places = digits - 1 - math.floor(math.log10(abs(x)))
    return f"{round(x, places):,.{max(0, places)}f}".replace("-", MINUS)


def decimal(x: float, places: int = 1) -> str:
    """Return a number with so many places and a real minus sign."""
    return f"{x:,.{places}f}".replace("-", MINUS)


def interval(mid: float, low: float, high: float, *, level: int = 90, places: int = 1) -> str:
    """Return an estimate with its interval: `0.2 (90%: 0.0–0.4)` or `0.2（90%区间 0.0–0.4）`."""
    span = f"{decimal(low, places)}{DASH}{decimal(high, places)}"
    if chinese():
        return f"{decimal(mid, places)}（{level}%区间 {span}）"
    return f"{decimal(mid, places)} ({level}%: {span})"


def percent(x: float, *, places: int = 0) -> str:
    """Return a share of one as per cent."""
    return f"{100 * x:.{places}f}%".replace("-", MINUS)


def day(d: date) -> str:
    """Return a day without its year: `24 Feb`, `2月24日`."""
    return f"{d.month}月{d.day}日" if chinese() else f"{d.day} {EN_MONTHS[d.month - 1]}"


def when(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment in the province's zone: `Mon 24 Feb 2020, 18:00`, `2020年2月24日（周一）18:00`."""
    t = moment.astimezone(zone)
    if chinese():
        return f"{t.year}年{t.month}月{t.day}日（周{ZH_DAYS[t.weekday()]}）{t:%H:%M}"
    return f"{EN_DAYS[t.weekday()]} {t.day} {EN_MONTHS[t.month - 1]} {t.year}, {t:%H:%M}"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment without its year: `24 Feb 18:00`, `2月24日18:00`."""
    t = moment.astimezone(zone)
    return f"{day(t.date())}{'' if chinese() else ' '}{t:%H:%M}"


def duration(minutes: float) -> str:
    """Return a length of time: `9 min`, `2 h 10`, `3 d`; `9分钟`, `2小时10分`, `3天`."""
    whole = round(abs(minutes))
    hours, rest = divmod(whole, 60)
    if whole < 60:
        text = f"{whole}分钟" if chinese() else f"{whole}{NARROW}min"
    elif hours < 48:
        tail = (f"{rest}分" if chinese() else f"{NARROW}{rest:02d}") if rest else ""
        text = f"{hours}小时{tail}" if chinese() else f"{hours}{NARROW}h{tail}"
    else:
        text = f"{hours // 24}天" if chinese() else f"{hours // 24}{NARROW}d"
    return text


def likelihood(p: float) -> str:
    """Return the word for a probability; the number always stands beside it."""
    if p >= 0.9:
        return _("almost certainly")
    if p >= 0.66:
        return _("likely")
    if p >= 0.33:
        return _("may or may not")
    if p >= 0.1:
        return _("unlikely")
    return _("very unlikely")
