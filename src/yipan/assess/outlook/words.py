"""The closer look in sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.assess.outlook.ahead import Score
from yipan.kernel import words

LEAST_ARRIVALS = 0.05  # below this nothing is said of where they come from
SMALL = 0.01  # a chance below this is told as below it, never as none
LEAST_TRIPS = 0.01  # trips below this are told as below it
MODELLED = re.compile(
    r"radiation model, (?P<share>[\d.]+%) commute"
)  # see places/writing.travel_basis


def severity_finding(found: Mapping[str, Any]) -> str:
    """Return the delay-corrected fatality with its interval, or why there is none."""
    if "estimate" not in found:
        return {
            "no_line_list": _("Fatality: no line list with onset days"),
            "no_delay": _("Fatality: no delay from onset to death is known for this disease"),
            "no_deaths": _("Fatality: deaths are not published"),
        }.get(found["note"], _("Fatality: nothing can be said"))
    span = _("95%%: %(low)s–%(high)s") % {
        "low": words.percent(found["low"], places=1),
        "high": words.percent(found["high"], places=1),
    }
    if found["estimate"] is None:
        return _("Fatality: too early to say (%s)") % span
    return _("%(share)s of cases die (%(span)s), corrected for those who may yet") % {
        "share": words.percent(found["estimate"], places=1),
        "span": span,
    }


def severity_context(found: Mapping[str, Any]) -> str:
    """Return what the fatality rests on."""
    if "estimate" not in found:
        return ""
    text = _("%(deaths)s deaths, %(cases)s cases with a known onset") % {
        "deaths": words.count(found["deaths"]),
        "cases": words.count(found["cases"]),
    }
    if found["note"] == "faster_than_delay":
        text += _("; deaths come faster than the assumed delay allows: it does not fit")
    return text


def stays_words(found: Mapping[str, Any]) -> str:
    """Return how long it takes from confirmation to cure, empty where nothing can be said."""
    if "days_to_cure" not in found:
        return ""
    cure = found["days_to_cure"]
    return _("From confirmation to cure %(days)s days (95%%: %(low)s–%(high)s)") % {
        "days": words.decimal(cure["median"]),
        "low": words.decimal(cure["low"]),
        "high": words.decimal(cure["high"]),
    }


def arrivals_words(found: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, str]:
    """Return the trips to a county expected of infected people (who may come more than once), and their context."""
    span = f"{words.count(found['q05'])}{words.DASH}{words.count(found['q95'])}"
    context = _("90%%: %(span)s, if travel is not limited; at least one: %(chance)s") % {
        "span": span,
        "chance": words.likelihood(found["chance"]),
    }
    origins = [names[o["code"]] for o in found["from"][:1] if o["code"] in names]
    if origins and found["mean"] >= LEAST_ARRIVALS:
        context += _("; mostly from %s") % origins[0]
    return trips(found["mean"]), context


def control_words(effect: Mapping[str, Any]) -> str:
    """Return what a control of travel changes: what it avoids, and what it only delays."""
    if effect["takes_hold"] == 0:
        sentence = _(
            "Without %(control)s of the travel here: %(with)s trips by infected people in a week instead "
            "of %(without)s. No chain is expected to take hold either way."
        )
    else:
        sentence = _(
            "Without %(control)s of the travel here: %(with)s trips by infected people in a week instead of "
            "%(without)s; the chance that a chain takes hold is %(held)s instead of %(hold)s."
        )
    told = sentence % {
        "control": words.percent(effect["control"]),
        "with": trips(effect["mean_with"]),
        "without": trips(effect["mean"]),
        "held": _chance(effect["takes_hold_with"]),
        "hold": _chance(effect["takes_hold"]),
    }
    later = effect["delay_days"]
    if later is None or later == 0:
        return told
    if later == float("inf"):
        more = _("An arrival is then no longer more likely than not within the week.")
    else:
        more = ngettext(
            "An arrival becomes more likely than not %(n)d day later.",
            "An arrival becomes more likely than not %(n)d days later.",
            int(later),
        ) % {"n": int(later)}
    return told + ("" if words.chinese() else " ") + more


def travel_words(basis: str) -> str:
    """Return what trips rest on in the language in use: a model's name, or a survey's as it stands."""
    found = MODELLED.fullmatch(basis)
    if found is None:
        return basis
    return _("radiation model, %(share)s of residents commute") % {"share": found["share"]}


def trips(mean: float) -> str:
    """Return expected trips: two digits, no more than two places; a few are never told as none."""
    if 0 < mean < LEAST_TRIPS:
        return _("under %s") % words.decimal(LEAST_TRIPS, 2)
    return words.decimal(mean, 2) if 0 < mean < 1 else words.two_digits(mean)


def _chance(p: float) -> str:
    """Return a chance in per cent; a small one is never told as none."""
    return _("under 1%") if 0 < p < SMALL else words.percent(p)


def forecast_finding(found: Mapping[str, Any]) -> str:
    """Return what the coming week brings, or why nothing is said of it."""
    if "note" in found:
        return {
            "too_few_days": _("No forecast: too few days of counts"),
            "no_counts": _("No forecast: no case so far"),
        }[found["note"]]
    day = 6
    return _("In a week, %(median)s new cases a day (90%%: %(low)s–%(high)s)") % {
        "median": words.count(found["median"][day]),
        "low": words.count(found["q05"][day]),
        "high": words.count(found["q95"][day]),
    }


def score_words(scores: Sequence[Score]) -> str:
    """Return how earlier forecasts did against what happened, beside the baseline."""
    if not scores:
        return _("No earlier forecast can be scored yet.")
    days = sum(s.days for s in scores)
    inside = sum(s.inside_90 for s in scores)
    own = sum(s.wis * s.days for s in scores) / days
    base = sum(s.baseline_wis * s.days for s in scores) / days
    return _(
        "Earlier forecasts, %(days)s days: %(inside)s inside the 90%% interval; "
        "score %(own)s against %(base)s of the baseline (smaller is better)."
    ) % {
        "days": words.count(days),
        "inside": words.count(inside),
        "own": words.decimal(own),
        "base": words.decimal(base),
    }


def pooled_note(note: str) -> str:
    """Return why there is no Rt by day of onset."""
    return {
        "no_line_list": _("Rt by onset: no line list with onset days"),
        "too_few_delays": _("Rt by onset: too few delays known to say"),
        "too_uncertain": _("Rt by onset: too early in the wave to say"),
        "no_serial_interval": _("Rt: no serial interval is known for this disease"),
    }[note]
