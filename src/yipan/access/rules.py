"""What each role may do, when a door closes, what an exercise may reach: pure tables and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident, Installation, Role


class Action(StrEnum):
    """Everything a person may be allowed to do; a page or an API verb asks for one of these."""

    PLACE_READ = "place.read"
    REPORT_SUBMIT = "report.submit"
    REPORT_READ = "report.read"
    REPORT_CORRECT = "report.correct"
    CASE_READ = "case.read"
    IDENTITY_REVEAL = "identity.reveal"
    STATUS_SET = "status.set"
    STATUS_RULE = "status.rule"
    DATA_REQUEST = "data.request"
    DATA_RULE = "data.rule"
    DATA_FREEZE = "data.freeze"
    ASSESS_READ = "assess.read"
    ASSESS_RUN = "assess.run"
    PLAN_READ = "plan.read"
    PLAN_RUN = "plan.run"
    PLAN_SIGN = "plan.sign"
    ORDER_READ = "order.read"
    ORDER_DRAFT = "order.draft"
    ORDER_ISSUE = "order.issue"
    ORDER_RECEIVE = "order.receive"
    ORDER_VERIFY = "order.verify"
    EXPORT = "export"  # beside the right to read what is exported
    AUDIT_READ = "audit.read"
    ACCESS_MANAGE = "access.manage"
    INCIDENT_MANAGE = "incident.manage"
    PACKAGE_LOAD = "package.load"


ACTION_WORDS: Final = {
    Action.PLACE_READ: _("see places"),
    Action.REPORT_SUBMIT: _("send reports"),
    Action.REPORT_READ: _("read reports"),
    Action.REPORT_CORRECT: _("correct reports"),
    Action.CASE_READ: _("read the line list"),
    Action.IDENTITY_REVEAL: _("see who a person is"),
    Action.STATUS_SET: _("set a person's status"),
    Action.STATUS_RULE: _("rule on a person's appeal"),
    Action.DATA_REQUEST: _("ask for data"),
    Action.DATA_RULE: _("rule on what data mean"),
    Action.DATA_FREEZE: _("freeze and thaw requests for data"),
    Action.ASSESS_READ: _("read assessments"),
    Action.ASSESS_RUN: _("make assessments"),
    Action.PLAN_READ: _("read plans"),
    Action.PLAN_RUN: _("make plans"),
    Action.PLAN_SIGN: _("sign a plan"),
    Action.ORDER_READ: _("read orders"),
    Action.ORDER_DRAFT: _("draft orders"),
    Action.ORDER_ISSUE: _("issue orders"),
    Action.ORDER_RECEIVE: _("acknowledge and close orders"),
    Action.ORDER_VERIFY: _("verify orders"),
    Action.EXPORT: _("export"),
    Action.AUDIT_READ: _("read the audit"),
    Action.ACCESS_MANAGE: _("manage people"),
    Action.INCIDENT_MANAGE: _("manage incidents"),
    Action.PACKAGE_LOAD: _("load data packages"),
}

A = Action
# Who audits does not manage, who manages reads no health data, who signs sees no line list, and only
# a health officer says what a person must do: nobody who issues orders, manages or signs.
PERMISSIONS: Final[Mapping[Role, frozenset[Action]]] = {
    Role.FRONT_LINE: frozenset(
        {A.PLACE_READ, A.REPORT_SUBMIT, A.REPORT_READ, A.REPORT_CORRECT}
        | {A.ORDER_READ, A.ORDER_RECEIVE}
    ),
    Role.COUNTY_OFFICER: frozenset(
        {A.PLACE_READ, A.REPORT_SUBMIT, A.REPORT_READ, A.REPORT_CORRECT, A.CASE_READ}
        | {A.ASSESS_READ, A.PLAN_READ, A.ORDER_READ, A.ORDER_RECEIVE, A.ORDER_VERIFY, A.EXPORT}
        | {A.IDENTITY_REVEAL}
    ),
    Role.HEALTH_OFFICER: frozenset(
        {A.PLACE_READ, A.REPORT_READ, A.CASE_READ, A.ASSESS_READ, A.ORDER_READ}
        | {A.IDENTITY_REVEAL, A.STATUS_SET, A.STATUS_RULE}
    ),
    Role.DEPARTMENT: frozenset(
        {A.PLACE_READ, A.REPORT_READ, A.ASSESS_READ, A.PLAN_READ}
        | {A.ORDER_READ, A.ORDER_DRAFT, A.ORDER_VERIFY, A.EXPORT, A.DATA_REQUEST}
    ),
    Role.ANALYST: frozenset(
        {A.PLACE_READ, A.REPORT_READ, A.CASE_READ, A.ASSESS_READ, A.ASSESS_RUN}
        | {A.PLAN_READ, A.PLAN_RUN, A.ORDER_READ, A.EXPORT, A.DATA_RULE}
    ),
    Role.COMMANDER: frozenset(
        {A.PLACE_READ, A.REPORT_READ, A.ASSESS_READ, A.ASSESS_RUN}
        | {A.PLAN_READ, A.PLAN_RUN, A.PLAN_SIGN}
        | {A.ORDER_READ, A.ORDER_DRAFT, A.ORDER_ISSUE, A.ORDER_VERIFY}
        | {A.EXPORT, A.INCIDENT_MANAGE, A.DATA_REQUEST, A.DATA_FREEZE}
    ),
    Role.AUDITOR: frozenset(
        {A.PLACE_READ, A.ASSESS_READ, A.PLAN_READ, A.ORDER_READ, A.EXPORT, A.AUDIT_READ}
    ),
    Role.ADMINISTRATOR: frozenset(
        {A.PLACE_READ, A.ACCESS_MANAGE, A.INCIDENT_MANAGE, A.PACKAGE_LOAD}
    ),
}

# Where each role begins its day: a URL name.
HOME: Final[Mapping[Role, str]] = {
    Role.COMMANDER: "web:board",
    Role.ANALYST: "web:board",
    Role.DEPARTMENT: "web:board",
    Role.COUNTY_OFFICER: "web:board",
    Role.HEALTH_OFFICER: "web:board",
    Role.FRONT_LINE: "report:form",
    Role.AUDITOR: "access:audit",
    Role.ADMINISTRATOR: "access:people",
}


def roles_with(action: Action) -> frozenset[Role]:
    """Return the roles that may do `action`."""
    return frozenset(role for role, allowed in PERMISSIONS.items() if action in allowed)


def home_of(roles: Iterable[Role]) -> str | None:
    """Return the URL name where a person with these roles begins, None without a role."""
    held = set(roles)
    return next((name for role, name in HOME.items() if role in held), None)


# ---- lockout ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LockoutRule:
    """So many failures within a window close the door; each further time for twice as long."""

    failures: int
    window: timedelta
    lock: timedelta
    longest: timedelta
    forget: timedelta  # after this long without a failure, all is forgotten


PER_ACCOUNT: Final = LockoutRule(
    failures=5,
    window=timedelta(minutes=15),
    lock=timedelta(minutes=15),
    longest=timedelta(hours=4),
    forget=timedelta(hours=24),
)
# An office may sit behind one address, so this bound is wider.
PER_ADDRESS: Final = replace(PER_ACCOUNT, failures=30)


@dataclass(frozen=True)
class Tally:
    """Failures counted so far for one account or address."""

    failures: int = 0
    first_at: datetime | None = None
    locked_until: datetime | None = None
    locks: int = 0


def is_locked(tally: Tally, at: datetime) -> bool:
    """Return whether the door is closed at `at`; it opens at `locked_until` exactly."""
    return tally.locked_until is not None and at < tally.locked_until


def after_failure(tally: Tally, rule: LockoutRule, at: datetime) -> Tally:
    """Return the tally after one more failure at `at`, the door closed if that was one too many."""
    known = _forgetting(tally, rule, at)
    within = known.first_at is not None and at < known.first_at + rule.window
    failures = known.failures + 1 if within else 1
    first_at = known.first_at if within else at
    if failures < rule.failures:
        return Tally(failures, first_at, None, known.locks)
    length = min(rule.lock * 2**known.locks, rule.longest)
    return Tally(0, None, at + length, known.locks + 1)


def _forgetting(tally: Tally, rule: LockoutRule, at: datetime) -> Tally:
    latest = tally.locked_until or tally.first_at
    return Tally() if latest is not None and at >= latest + rule.forget else tally


# ---- codes --------------------------------------------------------------------------------------

SETUP_CODE_LASTS: Final = timedelta(hours=24)
RESET_CODE_LASTS: Final = timedelta(hours=72)
RECOVERY_CODES: Final = 10
TOKEN_LONGEST: Final = timedelta(days=366)
TOKEN_USE_NOTED: Final = timedelta(minutes=1)


# ---- exercises ----------------------------------------------------------------------------------


def live_channels(*, exercise: bool, demo: bool) -> bool:
    """Return whether a message may leave for the real world.

    >>> live_channels(exercise=False, demo=False)
    True
    >>> any(live_channels(exercise=e, demo=d) for e, d in [(True, False), (False, True), (True, True)])
    False
    """
    return not exercise and not demo


def live_channels_allowed(incident: Incident, installation: Installation | None) -> bool:
    """Return whether orders of this incident may leave by a live channel (SMS, e-mail, webhook …).

    Never for an exercise, never on a demonstration, and not where nobody has said which it is.
    """
    if installation is None:
        return False
    return live_channels(exercise=incident.exercise, demo=installation.demo)


# Diseases offered when an incident is activated: key of a parameter set -> words. A key without a
# parameter set still carries reports and orders; assess and plan say what they lack.
DISEASES: Final = {
    "sars_cov_2_wild": _("COVID-19 (strain of 2020)"),
    "influenza_pandemic": _("pandemic influenza"),
    "other": _("another disease"),
}
