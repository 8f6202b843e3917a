"""Data days, publication moments and the board's clock; no function here reads the system clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class BoardTime:
    """The time conventions of one province: its zone and the hour at which a day's data are published."""

    zone: ZoneInfo
    publication_hour: int = 8

    def known_from(self, data_day: date) -> datetime:
        """Return the moment from which the counts of `data_day` (0–24 h) are known: the next morning."""
        return datetime.combine(
            data_day + timedelta(days=1), time(self.publication_hour), tzinfo=self.zone
        )

    def last_data_day(self, at: datetime) -> date:
        """Return the latest data day whose counts are known at `at`."""
        local = at.astimezone(self.zone)
        back = 1 if local.hour >= self.publication_hour else 2
        return local.date() - timedelta(days=back)

    def local_day(self, at: datetime) -> date:
        """Return the calendar day of `at` in the province's zone."""
        return at.astimezone(self.zone).date()

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the half-open interval [start, end) of a calendar day in the province's zone."""
        start = datetime.combine(day, time(0), tzinfo=self.zone)
        return start, datetime.combine(day + timedelta(days=1), time(0), tzinfo=self.zone)


def days(start: date, end: date) -> Iterator[date]:
    """Yield the days of the half-open period [start, end)."""
    for i in range((end - start).days):
        yield start + timedelta(days=i)
