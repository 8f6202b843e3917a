"""What a search found, in sentences: prices, the certificate, what is impossible and what would cure it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from yipan.kernel import words
from yipan.places import queries as places
from yipan.plan.models import Option, Scenario
from yipan.plan.pictures import LEVEL_WORDS, SETTING_WORDS
from yipan.plan.queries import accepted_risk, chance_words
from yipan.plan.scenarios.assumptions import LEVELS
from yipan.plan.scenarios.summaries import paired


def amount(value_100m: float) -> str:
    """Return money given in 100 million CNY in the unit a reader would use: 亿元, 万元; bn, m, thousand CNY."""
    cny = abs(value_100m) * 1e8
    if words.chinese():
        return (
            f"{words.two_digits(cny / 1e8)}亿元"
            if cny >= 5e7
            else f"{words.two_digits(cny / 1e4)}万元"
        )
    if cny >= 5e8:
        return f"{words.two_digits(cny / 1e9)} bn CNY"
    return (
        f"{words.two_digits(cny / 1e6)} m CNY"
        if cny >= 5e5
        else f"{words.two_digits(cny / 1e3)} k CNY"
    )


def prices(scenario: Scenario) -> list[dict[str, str]]:
    """Return what each limit is worth, the binding ones first: name, price, and how far it holds."""
    rows = scenario.answer.get("prices", [])
    return price_rows(rows, _names(scenario, [r["area"] for r in rows if r["area"]]))


def _names(scenario: Scenario, codes: list[str]) -> dict[str, str]:
    areas = places.by_codes(scenario.assessment.incident.package, codes)
    return {code: unit.name for code, unit in areas.items()}


def price_rows(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, str]]:
    """Return prices in words, the binding ones first; `names` are the areas' by code."""
    seen, told = set(), []
    for row in sorted(rows, key=lambda r: -(r["each_100m"] or 0.0)):
        free = row["limit"] in ("bed", "nurse") and not row["each_100m"]
        if free and row["limit"] in seen:
            continue
        seen.add(row["limit"])
        told.append(
            {
                "limit": row["limit"],
                "name": _price_name(row, names.get(row["area"], "")),
                "price": _price(row),
                "holds": _holds(row),
            }
        )
    return told


def _price_name(row: Mapping[str, Any], area: str) -> str:
    binding = bool(row["each_100m"])
    if row["limit"] == "bed":
        return _("One more staffed bed in %s") % area if binding else _("One more staffed bed")
    if row["limit"] == "nurse":
        return _("One more nurse for isolation beds in %s") % area
    if row["limit"] == "masks":
        return _("A thousand masks more in stock")
    if row["limit"] == "train":
        week = (row["week"] or 0) + 1
        return (
            _("One more charter train in week %d") % week
            if binding
            else _("One more charter train")
        )
    if row["limit"] == "end_R":
        return _("R of the last week allowed 0.01 higher")
    return _("One week of school for all, at staggered")


def _price(row: Mapping[str, Any]) -> str:
    if row["each_100m"] is None:
        return _("cannot be had within the limits")
    if not row["each_100m"]:
        return (
            _("nothing now") if row["limit"] != "school" else _("costs nothing: schools are open")
        )
    sign = words.MINUS if row["limit"] == "school" else "+"
    return f"≈ {sign}{amount(row['each_100m'])}"


def _holds(row: Mapping[str, Any]) -> str:
    if row["each_100m"] is None:
        return ""
    if not row["each_100m"]:
        if row["limit"] == "school":
            return _("The plan opens schools to staggered or more by the last week.")
        return _("This limit does not bind: more of it changes nothing.")
    if row["limit"] == "school":
        return _("Value added given up elsewhere to keep R and beds, worth of school not counted.")
    if row["limit"] == "end_R":
        return _("Holds to within a tenth for %s hundredths of R.") % words.count(row["units"])
    if row["units"] >= 64:
        return _("Holds to within a tenth for 64 and more.")
    return _("Holds to within a tenth for the first %s.") % words.count(row["units"])


def certificate(option: Option) -> dict[str, str]:
    """Return the two numbers of an option's certificate in words, empty where it was not optimised."""
    found = option.results.get("certificate")
    if not found:
        return {}
    return {
        "envelope": _("%(gap)s below the optimum for its own course of infections, which is proved for that course.")
        % {"gap": words.percent(max(0.0, found["envelope_gap"]), places=1)},
        "bound": _("%(gap)s below the bound if only the economy counted (%(bound)s), which no plan can pass.")
        % {"gap": words.percent(found["bound_gap"], places=1), "bound": words.money(found["bound_100m"])},
        "rounding": _("Rounding to orderable levels cost %s of the relaxed plan.")
        % words.percent(max(0.0, found["rounding_loss"]), places=1),
    }  # fmt: skip


def price_of_safety(scenario: Scenario) -> str:
    """Return in a sentence what the robust option gives up against the best by county; empty where one lacks."""
    kept = {
        o.key: o.results.get("by_member", {})
        for o in scenario.options.all()
        if o.key in ("targeted", "robust") and o.base_id is None
    }
    if len(kept) < 2:
        return ""
    return safety_words(paired(kept["targeted"], kept["robust"]))


def safety_words(found: Mapping[str, Any]) -> str:
    """Return the price of safety in a sentence, from the paired differences of both options; empty without them."""
    value = found.get("value_added_100m_cny")
    if not value:
        return ""
    if value["q05"] == value["q95"] == 0:
        return _("Safety costs nothing: the best by county keeps the accepted risk as it is, so the robust plan is the same.")  # fmt: skip
    return _("Price of safety: the robust plan gives up %(price)s against the best by county (%(low)s to %(high)s, same runs).") % {
        "price": words.money(value["median"]), "low": words.money(value["q05"]), "high": words.money(value["q95"]),
    }  # fmt: skip


def impossible(scenario: Scenario) -> dict[str, Any] | None:
    """Return why no plan keeps the limits, and the cures, the cheapest first; None where plans exist."""
    found = scenario.answer.get("impossible")
    if not found:
        return None
    return impossible_words(found, _names(scenario, [b["area"] for b in found["beds"]]))


def impossible_words(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what binds and the cures in words, the cheapest first; `names` are the areas' by code."""
    binds = [
        _("%(area)s: %(lacking)s beds too few from week %(week)d, %(staffed)s staffed.")
        % {
            "area": names.get(b["area"], b["area"]),
            "lacking": words.count(max(1, b["lacking"])),
            "week": b["week"],
            "staffed": words.count(b["staffed"]),
        }
        for b in found["beds"]
    ]
    if found["over_R"]:
        binds.append(
            _("R is %(least)s in the last week even with everything at its least; the limit is %(limit)s.")
            % {"least": words.decimal(found["R_least"], 2), "limit": words.decimal(found["R_limit"], 2)}
        )  # fmt: skip
    if found["masks"]:
        binds.append(_("%s masks too few even at the least levels.") % words.people(found["masks"]))
    if found["hands"]:
        binds.append(
            _("%s workers too few even at the least levels.") % words.people(found["hands"])
        )
    return {"binds": binds, "cures": [_cure(c) for c in found["cures"]]}


def _cure(cure: Mapping[str, Any]) -> str:
    cost = f" ≈ {amount(cure['cost_100m'])}" if cure.get("cost_100m") else ""
    if cure["kind"] == "beds":
        return _("%s more staffed beds, where they lack.") % words.count(cure["amount"]) + cost
    if cure["kind"] == "end_R":
        return _("Allow R of %s in the last week: costs nothing now, and the epidemic grows on.") % words.decimal(cure["amount"] + 0.005, 2)  # fmt: skip
    if cure["kind"] == "beds_and_end_R":
        return _("%(beds)s more staffed beds together with R of %(R)s allowed in the last week.") % {
            "beds": words.count(cure["amount"]), "R": words.decimal(cure["R"] + 0.005, 2),
        } + cost  # fmt: skip
    if cure["kind"] == "masks":
        return _("%s more masks.") % words.people(cure["amount"]) + cost
    if cure["kind"] == "hands":
        return _("%s more workers at their places.") % words.people(cure["amount"])
    return _("Transmission lower by %s, by masks, finding and tracing.") % words.percent(cure["amount"], places=1)  # fmt: skip


def unreached(scenario: Scenario) -> str:
    """Return in a sentence that the accepted risk cannot be met, and what can; empty where it is met."""
    robust = next((o for o in scenario.options.all() if o.key == "robust"), None)
    if robust is None or robust.results.get("reached", True):
        return ""
    return _("No plan of this search meets the accepted risk of %(risk)s; the safest has %(least)s (upper end %(high)s). The frontier shows what can be had.") % {
        "risk": words.percent(accepted_risk(scenario)),
        "least": chance_words(robust.results["verified"]["share"]),
        "high": chance_words(robust.results["verified"]["high"]),
    }  # fmt: skip


def edited(option: Option) -> dict[str, Any] | None:
    """Return what an edit changed and what that does, beside the option it edits; None for other options."""
    if option.base is None:
        return None
    delta = option.results.get("over_base", {})
    base, own = option.base.results, option.results
    return {
        "base": option.base,
        "reason": option.reason,
        "by": option.made_by,
        "at": option.made_at,
        "changes": [_change(option, change) for change in option.changes],
        "rows": [
            {"name": _("Value added, 100 m CNY"), "before": words.count(base["summary"]["value_added_100m_cny"]["median"]),
             "after": words.count(own["summary"]["value_added_100m_cny"]["median"]),
             "delta": _interval(delta.get("value_added_100m_cny"), 1)},
            {"name": _("infections"), "before": words.count(base["summary"]["infections"]["median"]),
             "after": words.count(own["summary"]["infections"]["median"]),
             "delta": _interval(delta.get("infections"), 0)},
            {"name": _("peak beds"), "before": words.count(base["summary"]["peak_beds"]["median"]),
             "after": words.count(own["summary"]["peak_beds"]["median"]), "delta": ""},
            {"name": _("R in the last week"), "before": words.decimal(base["R"]["last_week"], 2),
             "after": words.decimal(own["R"]["last_week"], 2),
             "delta": words.decimal(own["R"]["last_week"] - base["R"]["last_week"], 3)},
            {"name": _("chance of exceeding staffed beds"), "before": _risk(base), "after": _risk(own),
             "delta": _("%+d runs") % delta["over"] if "over" in delta else ""},
        ],
    }  # fmt: skip


def _risk(results: Mapping[str, Any]) -> str:
    chance = results["summary"]["beds_exceeded"]
    return f"{chance_words(chance['share'])} (≤ {chance_words(chance['high'])})"


def _interval(found: Mapping[str, float] | None, places: int) -> str:
    if not found:
        return ""
    return words.interval(found["median"], found["q05"], found["q95"], places=places)


def _change(option: Option, change: Mapping[str, Any]) -> str:
    scenario = option.scenario
    units = places.by_codes(scenario.assessment.incident.package, change["counties"][:4])
    joint = "、" if words.chinese() else ", "
    names = joint.join(units[code].name for code in change["counties"][:4] if code in units)
    more = len(change["counties"]) - 4
    start = scenario.start_day + timedelta(days=7 * (change["first"] - 1))
    end = scenario.start_day + timedelta(days=7 * change["last"] - 1)
    return _("%(counties)s: %(setting)s %(level)s, %(start)s to %(end)s") % {
        "counties": names + (_(" and %d more") % more if more > 0 else ""),
        "setting": SETTING_WORDS[change["setting"]],
        "level": LEVEL_WORDS[LEVELS[change["level"]]],
        "start": words.day(start),
        "end": words.day(end),
    }
