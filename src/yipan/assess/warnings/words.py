"""Alarms in sentences."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.suppression import Hidden
from yipan.assess.models import Alarm, AlarmKind
from yipan.assess.warnings.queries import TrackRecord
from yipan.kernel import words


def sentence(alarm: Alarm) -> str:
    """Return what an alarm asks about, with its numbers."""
    observed: object = alarm.observed
    if isinstance(observed, Hidden):  # see assess/shown
        return _("small counts, not shown here")
    evidence, seen = alarm.evidence, words.count(alarm.observed or 0)
    if alarm.kind == AlarmKind.EXCESS:
        return _("%(seen)s cases in %(days)d days, %(expected)s expected (p %(p)s)") % {
            "seen": seen,
            "days": evidence["window_days"],
            "expected": words.decimal(alarm.expected or 0),
            "p": chance(alarm.p_value),
        }
    if alarm.kind == AlarmKind.REINTRODUCTION:
        if not evidence["before"]:
            return _("the first case ever: %s") % seen
        return _("%(seen)s after %(days)d days without a case") % {
            "seen": seen,
            "days": evidence["quiet_days"],
        }
    if alarm.kind == AlarmKind.CLUSTER:
        others = len(evidence["places"]) - 1
        text = _("%(seen)s cases since %(day)s, %(expected)s expected (p %(p)s)") % {
            "seen": seen,
            "day": words.day(date.fromisoformat(evidence["from"])),
            "expected": words.decimal(alarm.expected or 0),
            "p": chance(alarm.p_value),
        }
        if others:
            text += ngettext(
                "; with %(n)d county beside it", "; with %(n)d counties beside it", others
            ) % {"n": others}
        return text
    if alarm.kind == AlarmKind.LINKED:
        return _(
            "%(seen)s cases of the last two weeks are linked, %(cases)s in the chain since %(day)s"
        ) % {
            "seen": seen,
            "cases": words.count(evidence["cases"]),
            "day": words.day(date.fromisoformat(evidence["from"])),
        }
    if alarm.kind == AlarmKind.STREAK:
        return _("%(seen)s new cases reported on each of %(days)d days running") % {
            "seen": seen,
            "days": evidence["days"],
        }
    return _(
        "no case in %(days)d days, its neighbours had %(n)s; like them, that has a chance of %(p)s"
    ) % {
        "days": evidence["days"],
        "n": words.count(evidence["cases_of_neighbours"]),
        "p": chance(alarm.p_value),
    }


def null_in_words(alarm: Alarm) -> str:
    """Return what an alarm's probability stands against, empty for an alarm of a rule."""
    told = {
        "the rate of the days before": _("against the rate of its own days before"),
        "like its neighbours": _("against the rate of its neighbours"),
        "permutation": _("against the same cases with their days shuffled"),
    }
    return told.get(alarm.evidence.get("null", ""), "")


def chance(p: float | None) -> str:
    """Return a probability as alarms tell it: two digits, and never zero."""
    if p is None:
        return "–"
    return "<0.0001" if p < 0.0001 else words.two_digits(p)


def headline(open_count: int, record: TrackRecord) -> str:
    """Return how many alarms wait for a person, and how the earlier ones turned out."""
    if open_count:
        text = ngettext(
            "%(n)d alarm waits for somebody to look.",
            "%(n)d alarms wait for somebody to look.",
            open_count,
        ) % {"n": open_count}
    else:
        text = _("No alarm waits for somebody to look.")
    share = record.false_share
    if share is None:
        return text
    told = _("Of %(judged)d judged in four weeks, %(false)d were false.") % {
        "judged": record.judged,
        "false": record.false,
    }
    return text + ("" if words.chinese() else " ") + told
