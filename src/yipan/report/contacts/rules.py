"""How contacts are followed: which days are owed, what is late, where a follow-up stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from itertools import takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from yipan.report.contacts.models import VisitResult
from yipan.report.dictionary import in_language

SYMPTOMS: Final[Mapping[str, str | Promise]] = {
    "fever": _("fever"),
    "cough": _("cough"),
    "breath": _("short of breath"),
    "throat": _("sore throat"),
    "fatigue": _("fatigue"),
    "diarrhoea": _("diarrhoea"),
    "unspecified": _("symptoms, not told which"),
}
UNSPECIFIED: Final = "unspecified"
"""Of a follow-up brought in from a system that says only that there were symptoms."""

SEEN: Final = frozenset({VisitResult.WELL, VisitResult.SYMPTOMS, VisitResult.BECAME_CASE})
"""Results with which the day is done; who was not found or refused is still owed that day."""
LAST: Final = frozenset({VisitResult.BECAME_CASE, VisitResult.ENDED})
"""Results after which nothing more is owed."""


@dataclass(frozen=True)
class FollowUpRule:
    """How contacts of one disease are followed."""

    disease: str
    days: int
    every_days: int
    by_hour: int
    symptoms: tuple[str, ...]
    source_zh: str
    source_en: str

    @property
    def source(self) -> str:
        """Where the figures come from, in the language in use."""
        return in_language(self.source_zh, self.source_en)

    def due_days(self, last_day: date) -> list[date]:
        """Return the days on which a contact is owed a visit: after the last contact, `days` of them.

        >>> rule = FollowUpRule("x", 14, 1, 20, (), "", "")
        >>> due = rule.due_days(date(2020, 2, 10))
        >>> due[0].isoformat(), due[-1].isoformat(), len(due)
        ('2020-02-11', '2020-02-24', 14)
        """
        every = range(self.every_days, self.days + 1, self.every_days)
        return [last_day + timedelta(days=n) for n in every]

    def late_from(self, day: date, zone: ZoneInfo) -> datetime:
        """Return the moment from which a day's visit is late."""
        return datetime.combine(day, time(self.by_hour), tzinfo=zone)


@lru_cache(maxsize=1)
def _source() -> dict[str, Any]:
    text = files(__package__).joinpath("follow_up.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def rule_for(disease: str) -> FollowUpRule:
    """Return how contacts of a disease are followed; of one that is not listed, as of another one.

    >>> rule_for("sars_cov_2_wild").days, rule_for("something new").disease
    (14, 'other')
    """
    known = _source()["diseases"]
    name = disease if disease in known else "other"
    row = known[name]
    return FollowUpRule(
        disease=name,
        days=int(row["days"]),
        every_days=int(row["every_days"]),
        by_hour=int(row["by_hour"]),
        symptoms=tuple(row["symptoms"]),
        source_zh=row["source"]["zh"],
        source_en=row["source"]["en"],
    )


class Standing(StrEnum):
    """Where the follow-up of a contact stands."""

    LATE = "late"
    SYMPTOMS = "symptoms"
    DUE = "due"
    DONE_TODAY = "done_today"
    NOT_YET = "not_yet"
    COMPLETED = "completed"
    ENDED = "ended"
    BECAME_CASE = "became_case"


STANDING_WORDS: Final[Mapping[Standing, str | Promise]] = {
    Standing.LATE: _("overdue"),
    Standing.SYMPTOMS: _("has symptoms: test and look again"),
    Standing.DUE: _("due today"),
    Standing.DONE_TODAY: _("done today"),
    Standing.NOT_YET: _("nothing due yet"),
    Standing.COMPLETED: _("follow-up over"),
    Standing.ENDED: _("ended early"),
    Standing.BECAME_CASE: _("became a case"),
}
OPEN: Final = frozenset(
    {Standing.LATE, Standing.SYMPTOMS, Standing.DUE, Standing.DONE_TODAY, Standing.NOT_YET}
)


@dataclass(frozen=True)
class Progress:
    """A follow-up at one moment: days owed until now and not seen, what holds, the last visit."""

    standing: Standing
    due: tuple[date, ...]
    missed: tuple[date, ...]  # whose hour is past and on which nobody saw the contact
    seen: frozenset[date]
    late_days: int  # days in a row, up to now, on which the contact was owed and not seen
    last_seen: date | None

    @property
    def open(self) -> bool:
        """Whether something is still owed."""
        return self.standing in OPEN

    @property
    def first(self) -> date:
        """The first day of the follow-up."""
        return self.due[0]

    @property
    def last(self) -> date:
        """The last day of the follow-up."""
        return self.due[-1]


def progress(
    rule: FollowUpRule,
    *,
    last_day: date,
    known_from: datetime,
    visits: Sequence[tuple[date, str]],
    at: datetime,
    zone: ZoneInfo,
) -> Progress:
    """Return where a follow-up stands at `at`.

    `known_from` is when the contact was recorded: days over before it were never owed.
    `visits` are (day, result) in the order they were recorded; the latest of a day holds.
    """
    due = tuple(rule.due_days(last_day))
    today = at.astimezone(zone).date()
    known_day = known_from.astimezone(zone).date()
    by_day = dict(visits)
    seen = frozenset(day for day, result in by_day.items() if result in SEEN)
    last_result = by_day[max(by_day)] if by_day else ""
    owed = [d for d in due if d >= known_day and d <= today]
    missed = tuple(d for d in owed if d not in seen and rule.late_from(d, zone) <= at)
    past = [d for d in owed if rule.late_from(d, zone) <= at]
    unseen = list(takewhile(lambda d: d not in seen, reversed(past)))
    late_days = 0 if today in seen else len(unseen)
    ended = next((r for r in by_day.values() if r in LAST), "")
    if ended == VisitResult.BECAME_CASE:
        standing = Standing.BECAME_CASE
    elif ended == VisitResult.ENDED:
        standing = Standing.ENDED
    elif at >= datetime.combine(due[-1] + timedelta(days=1), time(0), tzinfo=zone):
        standing = Standing.COMPLETED
    elif last_result == VisitResult.SYMPTOMS and late_days == 0:
        standing = Standing.SYMPTOMS
    elif late_days:
        standing = Standing.LATE
    elif today in seen:
        standing = Standing.DONE_TODAY
    elif today in due:
        standing = Standing.DUE
    else:
        standing = Standing.NOT_YET
    return Progress(
        standing=standing,
        due=due,
        missed=missed,
        seen=seen,
        late_days=late_days,
        last_seen=max(seen, default=None),
    )


def symptom_words(text: str) -> list[str]:
    """Return kept symptoms in words.

    >>> [str(w) for w in symptom_words("|fever|cough|")]
    ['fever', 'cough']
    """
    return [str(SYMPTOMS.get(key, key)) for key in text.strip("|").split("|") if key]
