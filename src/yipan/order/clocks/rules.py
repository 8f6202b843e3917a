"""When a clock runs, when it reminds, when it calls the office above. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yipan.order.models import Priority

ANSWER_WITHIN: Final[Mapping[int, timedelta]] = {
    Priority.P0: timedelta(minutes=10),
    Priority.P1: timedelta(minutes=30),
    Priority.P2: timedelta(hours=2),
    Priority.P3: timedelta(hours=12),
}
"""How soon the office above must extend, assist or reassign; then its own office above is called."""

DUE_SOON: Final[Mapping[int, timedelta]] = {
    Priority.P0: timedelta(minutes=30),
    Priority.P1: timedelta(hours=2),
    Priority.P2: timedelta(hours=4),
    Priority.P3: timedelta(hours=12),
}
"""How long before the deadline a unit is reminded."""

CLOSES_AFTER: Final = timedelta(hours=24)
"""A verified delivery closes by itself when nobody has objected for so long."""


@dataclass(frozen=True)
class Hours:
    """When somebody is on duty: [opens, closes) on these weekdays, not on these days."""

    opens: time
    closes: time
    weekdays: frozenset[int] = frozenset(range(7))
    holidays: frozenset[date] = frozenset()

    def on(self, day: date) -> bool:
        """Return whether anybody is on duty on a day."""
        return day.weekday() in self.weekdays and day not in self.holidays


def add_duty_time(
    start: datetime, length: timedelta, hours: Hours | None, zone: ZoneInfo
) -> datetime:
    """Return the moment at which `length` of duty time has passed since `start`.

    Around the clock where no hours are given. Raises ValueError where nobody is ever on duty.

    >>> from zoneinfo import ZoneInfo
    >>> zone = ZoneInfo("Asia/Shanghai")
    >>> hours = Hours(time(8), time(18), frozenset(range(5)))
    >>> friday = datetime(2020, 2, 21, 17, tzinfo=zone)
    >>> add_duty_time(friday, timedelta(hours=2), hours, zone).isoformat()
    '2020-02-24T09:00:00+08:00'
    """
    if hours is None:
        return start + length
    left = length
    day = start.astimezone(zone).date()
    for _day in range(800):
        if hours.on(day):
            opens = datetime.combine(day, hours.opens, tzinfo=zone)
            closes = datetime.combine(day, hours.closes, tzinfo=zone)
            begin = max(start, opens)
            if begin < closes:
                if begin + left <= closes:
                    return begin + left
                left -= closes - begin
        day += timedelta(days=1)
    raise ValueError("nobody is on duty on any of the next 800 days")


def alone(
    span: tuple[datetime, datetime], others: Sequence[tuple[datetime, datetime]]
) -> timedelta:
    """Return how long [since, until) runs while none of `others` does.

    >>> day = datetime(2020, 2, 24)
    >>> hour = lambda n: day + timedelta(hours=n)
    >>> alone((hour(3), hour(8)), [(hour(1), hour(4)), (hour(6), hour(7)), (hour(6), hour(7))])
    datetime.timedelta(seconds=10800)
    >>> alone((hour(8), hour(3)), [])
    datetime.timedelta(0)
    """
    at, until = span
    left = timedelta(0)
    for first, last in sorted(others):
        left += max(timedelta(0), min(first, until) - at)
        at = max(at, last)
    return left + max(timedelta(0), until - at)


@dataclass(frozen=True)
class Called:
    """The last time a late delivery was brought before an office."""

    step: int
    unit: int  # the office's id
    answer_by: datetime
    answered_at: datetime | None
    assisted: bool


def next_call(
    last: Called | None, *, above: Sequence[int], priority: int, at: datetime
) -> tuple[int, int] | None:
    """Return (step, office) of the call that is due for a late delivery, None where none is.

    `above` are the offices from the unit's parent up to the issuer. The parent first; unanswered in
    time, the office above it; answered and late again, the parent once more; never beyond the issuer.
    """
    if not above:
        return None
    if last is None:
        return 1, above[0]
    if last.answered_at is None:
        if at <= last.answer_by:
            return None
        place = above.index(last.unit) if last.unit in above else -1
        return (last.step + 1, above[place + 1]) if place + 1 < len(above) else None
    if last.assisted and at <= last.answered_at + ANSWER_WITHIN[priority]:
        return None
    return last.step + 1, above[0]
