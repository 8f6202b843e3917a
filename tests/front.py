"""A small province that reports day by day, for assessments checked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cast import Province
from yipan.access.models import Incident
from yipan.assess.actions import assess
from yipan.assess.models import Assessment
from yipan.kernel.time import BoardTime
from yipan.places.models import Unit
from yipan.report.actions import CaseRow, Report, take_batch, take_cases
from yipan.report.models import Source

CLOCK = BoardTime(ZoneInfo("Asia/Shanghai"))
FIRST = date(2020, 2, 1)


@dataclass
class Front:
    """What the front line sends, in as few words as a test needs."""

    incident: Incident
    province: Province
    sent: int = 0

    def day(self, n: int) -> date:
        """Return the n-th day, 1 February being the first."""
        return FIRST + timedelta(days=n - 1)

    def counties(
        self,
        n: int,
        *,
        recorded_at: datetime | None = None,
        reason: str = "",
        **new: tuple[float, float | None] | float,
    ) -> None:
        """Send one day's counts: c100101=3, or c100101=(3, 1) with the word on a cluster."""
        self.send(self.told(n, recorded_at=recorded_at, **new), Source.API, reason)

    def told(
        self,
        n: int,
        *,
        recorded_at: datetime | None = None,
        **new: tuple[float, float | None] | float,
    ) -> list[Report]:
        """Return one day's counts as reports, not yet sent."""
        rows = []
        for name, told in new.items():
            count, cluster = told if isinstance(told, tuple) else (told, 0.0)
            values = {"confirmed_new": float(count)}
            if cluster is not None:
                values["cluster_14d"] = cluster
            rows.append(
                Report(
                    self.province[name[1:]].pk,
                    self.day(n),
                    values,
                    recorded_at or CLOCK.known_from(self.day(n)),
                )
            )
        return rows

    def bulletin(self, n: int, **confirmed: float) -> None:
        """Publish running totals of one day: u10=20, u1001=12."""
        self.send(self.published(n, **confirmed), Source.BULLETIN)

    def published(self, n: int, **confirmed: float) -> list[Report]:
        """Return one day's running totals as reports, not yet sent."""
        return [
            Report(
                self.province[name[1:]].pk,
                self.day(n),
                {"confirmed": float(total)},
                CLOCK.known_from(self.day(n)),
            )
            for name, total in confirmed.items()
        ]

    def cases(self, rows: Sequence[tuple[str, int, int | None, bool | None]]) -> None:
        """Send cases (county, report day, onset day, imported)."""
        self.sent += 1
        take_cases(
            incident=self.incident,
            cases=[
                CaseRow(
                    unit=self.province[code].pk,
                    number=f"{self.sent}-{i}",
                    report_day=self.day(report),
                    onset_day=None if onset is None else self.day(onset),
                    imported=imported,
                    recorded_at=CLOCK.known_from(self.day(report)),
                )
                for i, (code, report, onset, imported) in enumerate(rows)
            ],
            actor=None,
            source=Source.API,
            at=CLOCK.known_from(self.day(28)),
            unit=self.province["10"],
        )

    def assess(self, n: int, *, hour: int = 12) -> Assessment:
        """Assess the morning after the n-th day, at noon unless said."""
        moment = datetime.combine(self.day(n + 1), datetime.min.time(), tzinfo=CLOCK.zone)
        known_at = moment + timedelta(hours=hour)
        return assess(
            incident=self.incident, known_at=known_at, made_at=known_at + timedelta(days=60)
        )

    def send(self, rows: list[Report], source: str, reason: str = "") -> None:
        """Send reports in one batch."""
        self.sent += 1
        take_batch(
            incident=self.incident,
            rows=rows,
            source=source,
            at=CLOCK.known_from(self.day(28)),
            key=f"front:{self.sent}",
            reason=reason,
        )


def make_evening(front: Front) -> Assessment:
    """Assess the evening of 24 February 2020, an exercise whose clock stands there.

    Alder has 60 cases and a cluster, Birch had 4 three weeks ago, Cedar has not been heard from.
    """
    at = CLOCK.day_bounds(date(2020, 2, 24))[0] + timedelta(hours=18)
    told = front.told(1, c100101=40, c100102=4, c100201=0)
    published = front.published(23, u10=72, u1001=67, u1002=2)
    for n in range(2, 23):
        told += front.told(n, c100101=(1 if n < 22 else 0, 1.0), c100102=0, c100201=0)
        published += front.published(n, u10=50 + n, u1001=45 + n, u1002=2)
    front.send(told + front.told(23, c100101=(0, 1.0), c100102=0), Source.API)
    front.send(published, Source.BULLETIN)
    incident = front.incident
    incident.exercise = True
    incident.clock_at = at
    incident.clock_set_at = timezone.now() + timedelta(days=1)  # it stands still
    incident.save()
    return front.assess(23, hour=18)


@pytest.fixture
def front(incident: Incident, province: Province) -> Front:
    """The front line of the small province; its three counties owe a daily count."""
    incident.activated_at = CLOCK.day_bounds(FIRST)[0]
    incident.save(update_fields=["activated_at"])
    Unit.objects.filter(package=province.package, level="county").update(reports=True)
    return Front(incident, province)
