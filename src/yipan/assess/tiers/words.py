"""A tier in words: why it is so, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.assess.models import Tier
from yipan.assess.tiers.facts import WINDOW_DAYS
from yipan.assess.tiers.packs import Pack, text_of
from yipan.engines.surveillance.tiers import JOINT, Fact, decide_tier, nearest_switches
from yipan.kernel import words


@dataclass(frozen=True)
class RuleLine:
    """One rule as a page shows it: its words, the values it used, what came of it."""

    number: int
    text: str
    values: str
    outcome: str
    fired: bool


@dataclass(frozen=True)
class WhatIf:
    """If this happened, the tier would be that, by that rule."""

    condition: str
    tier: str
    rule: int | None


def facts_used(trace: Sequence[Mapping[str, Any]]) -> dict[str, Fact]:
    """Return the facts that stand in a trace."""
    return {name: value for row in trace for name, value in row["values"].items()}


def reason(tier: str, trace: Sequence[Mapping[str, Any]], pack: Pack) -> str:
    """Return in one sentence why the tier is what it is."""
    facts = facts_used(trace)
    if tier == Tier.NO_DATA and not any(row["outcome"] == "fired" for row in trace):
        return _("The count of the last data day has not come in.")
    if tier == Tier.UNDECIDED:
        missing = [pack.fact_label(name) for name in needs(trace)]
        return _("Undecided: needs to know %s.") % _(", ").join(missing)
    fired = next((row for row in trace if row["outcome"] == "fired"), None)
    if fired is None:
        return _("No rule holds.")
    rule = pack.rule(fired["number"])
    new, total = facts.get("new_14_days"), facts.get("cumulative")
    if new is None or total is None or rule is None:
        return text_of(rule) if rule is not None else ""
    return _("%(new)s in 14 days, %(total)s in all (rule %(rule)d)") % {
        "new": ngettext("%(n)s new case", "%(n)s new cases", int(new)) % {"n": words.count(new)},
        "total": words.count(total),
        "rule": fired["number"],
    }


def needs(trace: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the facts whose absence stopped the rules, each once."""
    stopped = next((row for row in trace if row["outcome"] == "unknown"), None)
    values = stopped["values"] if stopped else {}
    return [name for name, value in values.items() if value is None]


@dataclass(frozen=True)
class Chance:
    """The probability of a tier, or of several together where an unknown fact leaves them open."""

    tiers: tuple[str, ...]
    share: float
    text: str


def chances_in_words(chances: Mapping[str, float]) -> list[Chance]:
    """Return the probabilities, the likeliest first; the word for each and its number."""
    found = []
    for key, share in sorted(chances.items(), key=lambda entry: -entry[1]):
        tiers = tuple(sorted(key.split(JOINT), key=list(Tier.values).index))
        labels = [str(Tier(tier).label) for tier in tiers]
        text = _("%(tier)s: %(word)s (%(share)s)") % {
            "tier": _(" or ").join(labels),
            "word": words.likelihood(share),
            "share": _percent(share),
        }
        found.append(Chance(tiers, share, text))
    return found


def _percent(share: float) -> str:
    """Neither 0 nor 100 %: what is not yet reported is never known to the last case."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if share > 0.995 else words.percent(share)


def switches_in_words(facts: Mapping[str, Fact], pack: Pack) -> list[WhatIf]:
    """Return the nearest change of one fact that would give another tier, for any pack."""
    comparisons = {
        "at_most": _("%(fact)s at most %(limit)s"),
        "more_than": _("%(fact)s above %(limit)s"),
        "at_least": _("%(fact)s at least %(limit)s"),
        "below": _("%(fact)s below %(limit)s"),
        "equals": _("%(fact)s: %(limit)s"),
    }
    return [
        WhatIf(
            comparisons[switch.comparison]
            % {"fact": pack.fact_label(switch.fact), "limit": value_in_words(switch.limit)},
            switch.tier,
            switch.rule,
        )
        for switch in nearest_switches(pack.rules, facts)
    ]


def rule_lines(trace: Sequence[Mapping[str, Any]], pack: Pack) -> list[RuleLine]:
    """Return each rule of a decision in words, in order."""
    outcomes = {
        "fired": _("fired"),
        "not_fired": _("no"),
        "unknown": _("not known"),
        "not_reached": _("not reached"),
    }
    lines = []
    for row in trace:
        rule = pack.rule(row["number"])
        asked = row["outcome"] != "not_reached"
        lines.append(
            RuleLine(
                number=row["number"],
                text=text_of(rule) if rule is not None else "",
                values=values_in_words(row["values"], pack) if asked else "",
                outcome=outcomes[row["outcome"]],
                fired=row["outcome"] == "fired",
            )
        )
    return lines


def values_in_words(values: Mapping[str, Fact], pack: Pack) -> str:
    """Return the values a rule used, each with its label."""
    return _("; ").join(
        _("%(label)s: %(value)s") % {"label": pack.fact_label(name), "value": value_in_words(value)}
        for name, value in values.items()
    )


def value_in_words(value: Fact) -> str:
    """Return one fact's value in words; a fact nobody told is not known, never no."""
    if value is None:
        return _("not known")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return words.count(value) if value == round(value) else words.decimal(value, 1)


def what_would_change(
    trace: Sequence[Mapping[str, Any]], pack: Pack, *, last_case: date | None, day: date
) -> list[WhatIf]:
    """Return what would give the county another tier, each by the same rules on other facts.

    The rules of February 2020 move several facts together (a case more is a case in 14 days and one
    in all); of any other pack, the nearest change of a single fact is told.
    """
    facts = facts_used(trace)
    if "new_14_days" not in facts:
        return switches_in_words(facts, pack) if any(v is not None for v in facts.values()) else []
    present = decide_tier(pack.rules, facts)
    found = []
    for condition, changed in _scenarios(facts, last_case, day):
        then = decide_tier(pack.rules, {**facts, **changed})
        if then.tier != present.tier:
            found.append(WhatIf(condition, then.tier, then.rule))
    return found


def _scenarios(
    facts: Mapping[str, Fact], last_case: date | None, day: date
) -> list[tuple[str, dict[str, Fact]]]:
    new, total = facts.get("new_14_days"), facts.get("cumulative")
    if new is None and total is None:
        return []
    new, total = float(new or 0), float(total or 0)
    out: list[tuple[str, dict[str, Fact]]] = []
    if new > 0 and last_case is not None:
        clear = last_case + timedelta(days=WINDOW_DAYS)
        text = _("If no further case is confirmed, with the counts of %s") % words.day(clear)
        out.append((text, {"new_14_days": 0}))
    one_more: dict[str, Fact] = {"ever": True, "new_14_days": new + 1, "cumulative": total + 1}
    out.append((_("If one more case is confirmed"), one_more))
    over = 51 - total
    if over > 1 and new > 0:
        text = ngettext(
            "If %(n)s more case is confirmed", "If %(n)s more cases are confirmed", int(over)
        ) % {"n": words.count(over)}
        grown: dict[str, Fact] = {"new_14_days": new + over, "cumulative": total + over}
        for cluster, more in ((True, _(" and there is a cluster outbreak")), (False, "")):
            if cluster or facts.get("cluster_14_days") is not False:
                out.append((text + more, {**grown, "cluster_14_days": cluster}))
    if facts.get("cluster_14_days") is not True:
        out.append((_("If a cluster outbreak is found"), {"cluster_14_days": True}))
    if facts.get("cluster_14_days") is not False:
        out.append((_("If there is no cluster outbreak"), {"cluster_14_days": False}))
    return out
