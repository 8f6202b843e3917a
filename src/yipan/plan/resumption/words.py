"""Bottlenecks, journeys and stages in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yipan.kernel import words
from yipan.plan.findings import amount
from yipan.plan.resumption.bottlenecks import KINDS, Held
from yipan.plan.resumption.returns import Returns
from yipan.plan.scenarios.assumptions import Assumptions


def kind_words() -> dict[str, str]:
    """Return the five bottlenecks in words."""
    return {
        "workers": _("workers"),
        "logistics": _("logistics"),
        "masks": _("protective equipment"),
        "parts": _("upstream parts"),
        "cash": _("cash"),
    }


def grade_words() -> dict[str, str]:
    """Return the school stages in words."""
    return {
        "final": _("final years (grades 9 and 12)"),
        "secondary": _("all of secondary"),
        "primary": _("primary"),
    }


def act(held: Held) -> str:
    """Return what the task force does for one firm."""
    n = held.amount
    if held.kind == "workers":
        return _("Bring %s workers back") % words.count(n)
    if held.kind == "logistics":
        return _("Passes for deliveries: from %(now)s to %(then)s of ordinary") % {
            "now": words.percent(held.firm.deliveries), "then": words.percent(held.next_share),
        }  # fmt: skip
    if held.kind == "masks":
        return _("Allot %s masks for four weeks") % words.count(n)
    if held.kind == "parts" and held.upstream:
        return _("Parts for %(days)s more days; they come from %(firm)s") % {
            "days": words.count(n), "firm": held.upstream,
        }  # fmt: skip
    if held.kind == "parts":
        return _("Parts for %s more days") % words.count(n)
    return _("Bridge %s days of costs") % words.count(n)


def section_name(pack: Assumptions, key: str) -> str:
    """Return a section's name in the language in use."""
    section = pack.sections.get(key)
    if section is None:
        return key
    return section.zh if (get_language() or "").startswith("zh") else section.en


def firm_row(held: Held, names: Mapping[str, str], pack: Assumptions) -> dict[str, Any]:
    """Return one firm as the table shows it."""
    return {
        "id": held.firm.id,
        "name": held.firm.name,
        "county": names[held.firm.county],
        "section": section_name(pack, held.firm.section),
        "kind": kind_words()[held.kind],
        "act": act(held),
        "now": words.percent(held.share),
        "after": words.percent(held.next_share),
        "gain": amount(held.gain),
        "direct": amount(held.direct),
    }


def headline(rows: Sequence[Held], names: Mapping[str, str]) -> str:
    """Return the page's sentence."""
    if not rows:
        return _("No firm of the register is held back by a bottleneck")
    top = rows[0]
    return _("Releasing %(firm)s (%(county)s) unlocks most: %(gain)s in four weeks; it waits for %(kind)s") % {
        "firm": top.firm.name, "county": names[top.firm.county], "gain": amount(top.gain),
        "kind": kind_words()[top.kind],
    }  # fmt: skip


def by_kind(rows: Sequence[Held]) -> list[dict[str, Any]]:
    """Return how many firms each bottleneck holds, and what they would unlock one by one."""
    return [
        {
            "name": kind_words()[kind],
            "firms": sum(1 for r in rows if r.kind == kind),
            "gain": amount(sum(r.gain for r in rows if r.kind == kind)),
        }
        for kind in KINDS
    ]


def weeks_of(back: Returns, start: date) -> list[dict[str, Any]]:
    """Return the returns week by week."""
    return [
        {
            "n": w + 1,
            "day": words.day(start + timedelta(days=7 * w)),
            "needed": words.count(back.needed[w]),
            "back": words.count(back.back[w]),
            "loads": words.count(back.loads[w]),
            "late": back.back[w] < back.needed[w] * 0.995 - 1,
        }
        for w in range(len(back.needed))
    ]


def largest(back: Returns, names: Mapping[str, str], *, shown: int = 12) -> list[dict[str, Any]]:
    """Return the largest journeys: from, to, week, workers."""
    ranked = sorted(back.journeys, key=lambda j: (-j.workers, j.week, j.origin, j.destination))
    return [
        {"week": j.week, "origin": names[j.origin], "destination": names[j.destination], "workers": words.count(j.workers)}
        for j in ranked[:shown]
    ]  # fmt: skip


def stage_rows(kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the school stages as the table shows them."""
    found = []
    for stage in kept:
        more = stage["added"].get("infections", {})
        tiers = (
            _("low-tier counties") if stage["tiers"] == "low" else _("medium-tier counties as well")
        )
        found.append(
            {
                "name": f"{grade_words()[stage['grades']]}, {tiers}",
                "pupils": words.people(stage["pupils"]),
                "infections": words.interval(more["median"], more["q05"], more["q95"], places=0) if more else "",
                "deaths": words.decimal(stage["added"].get("deaths", {}).get("median", 0.0), 0),
                "over": f"{stage['over']:+d}".replace("-", words.MINUS) if stage["over"] else "0",
                "risk": f"{words.percent(stage['exceeded']['share'], places=1)} (≤ {words.percent(stage['exceeded']['high'], places=1)})",
            }
        )  # fmt: skip
    return found
