"""The situation in sentences, made by rule from the numbers, in the language in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.kernel import words

Figures = Mapping[str, Any]

STEADY = 0.25  # a week within this share of the week before is "about the same"
FEW = 10  # below this in both weeks nothing is said of a trend


def headline(province: Figures, day: date) -> str:
    """Return the sentence a commander could say aloud: new cases, tiers, who is silent."""
    return join([new_cases(province, day), tiers_and_silence(province)])


def join(sentences: Sequence[str]) -> str:
    """Join whole sentences as the language does: with a space, or without one."""
    return ("" if words.chinese() else " ").join(s for s in sentences if s)


def new_cases(province: Figures, day: date) -> str:
    """Return what the last data day brought, and how the week compares with the one before."""
    n, quiet = province["confirmed_new"], province["days_without_new"]
    total = province["confirmed"]
    if total is None:
        return _("No count is known yet.")
    if n is None:
        return _("The count of %(day)s is not published yet; %(total)s confirmed in all.") % {
            "day": words.day(day),
            "total": words.count(total),
        }
    if total == 0:
        return _("No case has been confirmed.")
    if quiet >= 2:
        return ngettext(
            "No new case for %(n)d day; %(total)s in all.",
            "No new case for %(n)d days; %(total)s in all.",
            quiet,
        ) % {"n": quiet, "total": words.count(total)}
    given = {"n": words.count(n), "day": words.day(day), "total": words.count(total)}
    if n == 0:
        return _("No new case on %(day)s; %(total)s in all.") % given
    return (
        ngettext(
            "%(n)s new case on %(day)s, %(total)s in all",
            "%(n)s new cases on %(day)s, %(total)s in all",
            n,
        )
        % given
        + trend_clause(province)
        + _(".")
    )


def trend_clause(province: Figures) -> str:
    """Return the clause that compares the week with the week before; empty where too few to say."""
    now, before = province["confirmed_7d"], province["confirmed_7d_before"]
    if now is None or before is None or max(now, before) < FEW:
        return ""
    given = {"now": words.count(now), "before": words.count(before)}
    if abs(now - before) <= STEADY * before:
        return _("; %(now)s in 7 days, about the same as the %(before)s before") % given
    if now < before:
        return _("; %(now)s in 7 days, down from %(before)s") % given
    return _("; %(now)s in 7 days, up from %(before)s") % given


def tiers_and_silence(province: Figures) -> str:
    """Return how many counties are medium and high, and how many were not heard from."""
    tiers = {name: entry["units"] for name, entry in province["tiers"].items()}
    silent = len(province["silent"])
    high, medium = tiers.get("high", 0), tiers.get("medium", 0)
    parts = []
    if high or medium:
        parts.append(
            ngettext("%(n)d county is high", "%(n)d counties are high", high) % {"n": high}
            if high
            else _("no county is high")
        )
        parts.append(_("%(n)d medium") % {"n": medium})
    elif tiers.get("low"):
        parts.append(_("no county is above low"))
    if tiers.get("undecided"):
        parts.append(_("%(n)d undecided") % {"n": tiers["undecided"]})
    if silent:
        parts.append(
            ngettext("%(n)d is not heard from", "%(n)d are not heard from", silent) % {"n": silent}
        )
    if not parts:
        return ""
    text = (_(", ")).join(parts) + _(".")
    return text[0].upper() + text[1:]


def curve_finding(province: Figures) -> str:
    """Return the finding over the curve: when new cases peaked and what they have done since."""
    peak = province.get("peak")
    if not peak:
        return _("No case has been confirmed.")
    day = words.day(date.fromisoformat(peak["day"]))
    since = (date.fromisoformat(province["day"]) - date.fromisoformat(peak["day"])).days
    now, before = province["confirmed_7d"], province["confirmed_7d_before"]
    given = {"day": day, "n": words.count(peak["n"])}
    if since < 7 or now is None or before is None:
        return _("Most cases in a day so far: %(n)s on %(day)s") % given
    if now < before:
        return _("New cases peaked on %(day)s and have fallen since") % given
    return _("New cases peaked on %(day)s and are not falling now") % given


def rt_finding(rt: Figures) -> str:
    """Return what Rt says, in plain words with its interval, or why nothing is said."""
    if "note" in rt:
        return rt_note(rt["note"])
    given = {"value": words.interval(rt["median"], rt["q05"], rt["q95"])}
    if rt["q95"] < 1:
        return _("Each case infects fewer than one other: Rt %(value)s") % given
    if rt["q05"] > 1:
        return _("Each case infects more than one other: Rt %(value)s") % given
    return _("Rt %(value)s: it may be above or below 1") % given


def rt_note(note: str) -> str:
    """Return why Rt is not shown."""
    return {
        "too_few_cases": _("Rt: too few cases to say"),
        "no_serial_interval": _("Rt: no serial interval is known for this disease"),
        "no_data": _("Rt: no counts"),
    }[note]


def expected_words(pending: Figures) -> tuple[str, str]:
    """Return the number expected but not yet reported and its line of context."""
    if "note" in pending:
        return "–", {
            "no_line_list": _("no line list with onset days"),
            "too_few_delays": _("too few delays known to say"),
            "too_uncertain": _("too early in the wave to say"),
        }[pending["note"]]
    return words.count(round(pending["median"])), _(
        "90%%: %(low)s–%(high)s, onset in the last %(days)d days"
    ) % {
        "low": words.count(round(pending["q05"])),
        "high": words.count(round(pending["q95"])),
        "days": pending["days"],
    }
