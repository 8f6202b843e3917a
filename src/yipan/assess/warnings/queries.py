"""Every read of alarms, and how often they were right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Q, QuerySet

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.assess.models import DATA_QUALITY, Alarm, Verdict
from yipan.places import queries as places

RECENT_DAYS = 28
WAIT_DAYS = 7


def alarms(incident: Incident, *, scope: Scope, at: datetime) -> QuerySet[Alarm]:
    """Return the alarms in scope known at a moment, the latest first."""
    rows = Alarm.objects.filter(incident=incident, at__lte=at)
    return (
        scope.filter(rows, action=Action.ASSESS_READ)
        .select_related("unit", "judged_by")
        .order_by("-day", "kind", "unit__code")
    )


def open_alarms(incident: Incident, *, at: datetime, scope: Scope) -> QuerySet[Alarm]:
    """Return the alarms in scope of the last week that nobody has judged.

    Order's job drafts from those about the disease. After `WAIT_DAYS` a question has answered itself
    or become another alarm: it lapses, and the record counts it as never looked at.
    """
    last = places.board_time(incident.package).last_data_day(at)
    return alarms(incident, scope=scope, at=at).filter(
        Q(judged_at__isnull=True) | Q(judged_at__gt=at), day__gt=last - timedelta(days=WAIT_DAYS)
    )


def about_disease(rows: QuerySet[Alarm]) -> QuerySet[Alarm]:
    """Return those that ask about the disease."""
    return rows.exclude(kind__in=DATA_QUALITY)


def about_reporting(rows: QuerySet[Alarm]) -> QuerySet[Alarm]:
    """Return those that ask about the reporting."""
    return rows.filter(kind__in=DATA_QUALITY)


@dataclass(frozen=True)
class TrackRecord:
    """What became of the alarms of the last four weeks, in the scope asked."""

    raised: int
    judged: int
    false: int
    unclear: int
    lapsed: int  # nobody looked within a week

    @property
    def false_share(self) -> float | None:
        """The share of judged alarms that were false, None before any was judged."""
        told = self.judged - self.unclear
        return self.false / told if told else None


def track_record(incident: Incident, *, scope: Scope, at: datetime, day: date) -> TrackRecord:
    """Return what people made of the alarms about the disease in the `RECENT_DAYS` up to `day`."""
    rows = about_disease(alarms(incident, scope=scope, at=at)).filter(
        day__gt=day - timedelta(days=RECENT_DAYS)
    )
    judged = Q(judged_at__lte=at)
    found = rows.order_by().aggregate(
        raised=Count("pk"),
        judged=Count("pk", filter=judged),
        false=Count("pk", filter=judged & Q(verdict=Verdict.FALSE)),
        lapsed=Count("pk", filter=~judged & Q(day__lte=day - timedelta(days=WAIT_DAYS))),
        unclear=Count("pk", filter=judged & Q(verdict=Verdict.UNCLEAR)),
    )
    return TrackRecord(**found)
