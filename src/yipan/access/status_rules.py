"""When a person's status may be set, for how long, and who rules on an appeal: pure tables and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.access.errors import AppealRefused, EventRefused, StatusRefused
from yipan.access.models import Appeal, EventKind, HealthEvent, PersonStatus, User

# What each kind of event must say; nothing else is taken.
EVIDENCE: Final[Mapping[EventKind, frozenset[str]]] = {
    EventKind.POSITIVE_TEST: frozenset({"laboratory", "report"}),
    EventKind.CONTACT: frozenset({"case", "setting"}),
    EventKind.EXPOSURE: frozenset({"place", "from"}),
}

# Where somebody comes from says nothing of where they have been: ask travel and dates.
PROXIES: Final = frozenset(
    [
        "hukou",
        "household",
        "registration",
        "registered",
        "residence",
        "origin",
        "birthplace",
        "native",
        "ancestral",
        "ethnicity",
        "nationality",
        "province_of_id",
        "id_prefix",
        "surname",
        "户籍",
        "籍贯",
        "户口",
        "民族",
        "出生地",
        "原籍",
    ]
)


@dataclass(frozen=True)
class StatusRule:
    """One rule: which event it needs, what the person must do, for how long at most, and its source."""

    event: EventKind
    words: str | Promise
    longest: timedelta  # from the end of the event's day
    source: str | Promise


_PLAN_5: Final = gettext_lazy(
    "National Health Commission of China, COVID-19 prevention and control plan, "
    "5th edition, 21 February 2020"
)
STATUS_RULES: Final[Mapping[str, StatusRule]] = {
    "contact-14d": StatusRule(
        EventKind.CONTACT,
        gettext_lazy("stay in quarantine: close contact, 14 days from the last contact"),
        timedelta(days=14),
        _PLAN_5,
    ),
    "exposure-14d": StatusRule(
        EventKind.EXPOSURE,
        gettext_lazy("stay in quarantine: 14 days from the last day at a place with spread"),
        timedelta(days=14),
        _PLAN_5,
    ),
    "case-28d": StatusRule(
        EventKind.POSITIVE_TEST,
        gettext_lazy("stay in isolation: until recovered, at most 28 days without a new test"),
        timedelta(days=28),
        gettext_lazy(
            "Our own bound: isolation ends earlier, when a health officer ends it on recovery; "
            "longer needs a new test."
        ),
    ),
}

APPEAL_WITHIN: Final = timedelta(hours=24)
IN_A_ROW: Final = 20
IN_A_ROW_WITHIN: Final = timedelta(minutes=10)
"""More statuses by one person in so short a time are a list being worked off, not persons being looked at."""
LEAST_RULED: Final = 5
"""Fewer rulings than this publish no rate."""


def check_event(
    *, kind: EventKind, occurred_on: date, evidence: Mapping[str, Any], today: date
) -> None:
    """Return quietly where an event can be the ground of something; raises EventRefused (S726).

    The evidence must say what its kind needs and nothing else. Where a person is registered or
    comes from is refused, whatever the key it is put under.
    """
    for key, value in evidence.items():
        said = {*str(key).lower().replace("_", " ").split(), str(key)}
        if said & PROXIES or any(p in str(value) for p in PROXIES if not p.isascii()):
            raise EventRefused(
                _("Where a person is registered or comes from is no evidence of exposure."),
                where=f"evidence.{key}",
                remedy=_("Ask where they have been, and on which days."),
            )
    needed = EVIDENCE[kind]
    missing = sorted(needed - {k for k, v in evidence.items() if str(v).strip()})
    extra = sorted(set(evidence) - needed)
    if missing or extra:
        raise EventRefused(
            _("This event needs exactly: %s.") % ", ".join(sorted(needed)),
            where=", ".join(f"evidence.{k}" for k in (missing or extra)),
            remedy=_("Complete it, and leave out what it does not need."),
        )
    if occurred_on > today:
        raise EventRefused(
            _("The event lies in the future."), where="occurred_on", remedy=_("Correct the day.")
        )


def expiry(rule: StatusRule, occurred_on: date, zone: ZoneInfo) -> datetime:
    """Return when a status by this rule ends: the last day of it is whole."""
    end = datetime.combine(occurred_on + timedelta(days=1), time(0), tzinfo=zone)
    return end + rule.longest


def check_can_set(
    *, rule_key: str, event: HealthEvent, already: bool, in_a_row: int, zone: ZoneInfo, at: datetime
) -> datetime:
    """Return when the status would end, where it may be set; raises StatusRefused (S727) otherwise.

    `already`: the event has carried a status before. `in_a_row`: how many statuses the same health
    officer has set in the last ten minutes.
    """
    rule = STATUS_RULES.get(rule_key)
    if rule is None or rule.event != event.kind:
        raise StatusRefused(
            _("The rule “%s” does not follow from this event.") % rule_key,
            where="rule",
            remedy=_("Register the event that the rule needs, or choose its own rule."),
        )
    if already:
        raise StatusRefused(
            _("This event has carried a status before; it carries no second one."),
            where="event",
            remedy=_("A new status needs a new event."),
        )
    if in_a_row >= IN_A_ROW:
        raise StatusRefused(
            _(
                "%(count)d statuses in ten minutes are a list, not persons; statuses are set one by one."
            )
            % {"count": in_a_row},
            where="bulk",
            remedy=_("Look at each person; go on in a few minutes."),
        )
    until = expiry(rule, event.occurred_on, zone)
    if until <= at:
        raise StatusRefused(
            _("By this rule the time after this event is over already."),
            where="event",
            remedy=_("Nothing need be done; if there was a later event, register it."),
        )
    return until


def is_active(status: PersonStatus, at: datetime) -> bool:
    """Return whether a status holds at `at`: set, not expired, not ended."""
    ended = status.ended_at
    return status.set_at <= at < status.expires_at and (ended is None or at < ended)


def check_can_contest(*, status: PersonStatus, open_appeal: bool, text: str, at: datetime) -> None:
    """Return quietly where the person may object now; raises AppealRefused (S728)."""
    if not is_active(status, at):
        raise AppealRefused(
            _("The status is over; there is nothing left to object to."), where="status"
        )
    if open_appeal:
        raise AppealRefused(
            _("Your objection is being looked at already."),
            where="status",
            remedy=_("You will have a ruling within 24 hours of it."),
        )
    if len(text.strip()) < 5:
        raise AppealRefused(
            _("Say why it is wrong."), where="text", remedy=_("A sentence is enough.")
        )


def check_can_rule(*, appeal: Appeal, by: User, reason: str) -> None:
    """Return quietly where `by` may rule on the appeal; raises AppealRefused (S728).

    Whoever set the status, or registered its event, does not judge it.
    """
    if appeal.ruled_at is not None:
        raise AppealRefused(_("This appeal has its ruling already."), where="appeal")
    if by.pk in (appeal.status.set_by_id, appeal.status.event.recorded_by_id):
        raise AppealRefused(
            _("Whoever set a status does not rule on the appeal against it."),
            where="by",
            remedy=_("Ask another health officer."),
        )
    if not reason.strip():
        raise AppealRefused(
            _("A ruling needs its reason."), where="reason", remedy=_("The person will read it.")
        )


def error_rate(*, ruled: int, upheld: int) -> float | None:
    """Return the share of ruled appeals in which the person was right; None where they are too few.

    >>> error_rate(ruled=20, upheld=5), error_rate(ruled=4, upheld=4)
    (0.25, None)
    """
    return upheld / ruled if ruled >= LEAST_RULED else None
