"""What the options promise: the ones that wait for a signature, or those of the decision in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from yipan.kernel.words import DASH, chinese, clock, count, money, two_digits
from yipan.plan import queries as planning
from yipan.web.board.facts import Facts


def outlook(facts: Facts) -> dict[str, Any] | None:
    """Return the latest options side by side, each figure with its 90 % interval; None without any."""
    scenario = facts.scenario
    if scenario is None:
        return None
    zone = facts.board.time.zone
    signed = facts.signature.option_id if facts.signature else None
    return {
        "title": planning.headline(scenario),
        "sub": _("Options of %(when)s, %(weeks)s weeks, %(members)s runs each")
        % {
            "when": clock(scenario.assessment.known_at, zone),
            "weeks": scenario.weeks,
            "members": count(scenario.members),
        },
        "href": reverse("plan:scenario", args=[scenario.pk]),
        "rows": [
            {
                "number": option.number,
                "name": option.name,
                "signed": option.pk == signed,
                "infections": _estimate(option.results["summary"]["infections"]),
                "beds": _estimate(option.results["summary"]["peak_beds"]),
                "value": _money(option.results["summary"]["value_added_100m_cny"]),
            }
            for option in scenario.options.all()
        ],
        "foot": _(
            "Median and 90% interval of the runs; the plan proposes, the headquarters decides."
        ),
    }


def _estimate(figure: Mapping[str, float]) -> dict[str, str]:
    span = f"{two_digits(figure['q05'])}{DASH}{two_digits(figure['q95'])}"
    return {"mid": two_digits(figure["median"]), "span": span}


def _money(figure: Mapping[str, float]) -> dict[str, str]:
    """Return an amount with its unit; the interval below it has the same unit and repeats none."""
    scale = 1 if chinese() else 10  # 100 million CNY in Chinese, billions in English
    low, high = (two_digits(figure[q] / scale) for q in ("q05", "q95"))
    return {"mid": money(figure["median"]), "span": f"{low}{DASH}{high}"}
