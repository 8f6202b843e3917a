"""Answer a scenario that came as files, and write the answer as files: tables, JSON, a page to print."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from yipan.assess.models import Tier
from yipan.kernel import words
from yipan.plan.findings import impossible_words, price_rows, safety_words
from yipan.plan.pictures import SETTING_WORDS
from yipan.plan.scenarios.asking import question_of, staffed
from yipan.plan.scenarios.assumptions import LEVELS, SETTINGS
from yipan.plan.scenarios.changes import changed
from yipan.plan.scenarios.files import ScenarioFile
from yipan.plan.scenarios.openings import Levels, levels_of
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.summaries import Members, by_member, county_results, paired, summarise
from yipan.plan.scenarios.targeting import Effort, delayed, needs, search, stage_labels

Progress = Callable[[str, int, int], None]
NAMES = {"targeted": ("按县择优", "Best by county"), "robust": ("按县稳健", "By county, robust"), "uniform": ("全省同步", "Uniform")}  # fmt: skip
BOM = "\ufeff"


@dataclass(frozen=True)
class Answered:
    """One option of the answer."""

    number: int
    key: str
    zh: str
    en: str
    levels: Levels
    results: dict[str, Any]
    counties: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The name in the language in use."""
        return self.zh if words.chinese() else self.en


@dataclass
class Decision:
    """The whole answer to a scenario."""

    scenario: ScenarioFile
    options: list[Answered]
    told: dict[str, Any]
    seconds: float
    recommended: Answered | None = field(default=None)


def decide(scenario: ScenarioFile, *, progress: Progress | None = None) -> Decision:
    """Run the pack's options, search the best, make the edits, and put all side by side on the same runs.

    Where nothing keeps the limits the answer says so, with what binds and its cures; an edit of an option that
    then does not exist is left out, and `edits_left_out` names it.
    """
    started = perf_counter()
    build, limits = scenario.build, scenario.limits
    beds = staffed(build, limits)
    q = question_of(build, limits)
    ordinary = build.province.weekly_value.sum(axis=1)
    options: list[Answered] = []
    kept: dict[str, dict[str, Any]] = {}

    def ran(levels: Levels, label: str) -> Members:
        bar = None if progress is None else (lambda done, total: progress(label, done, total))
        return run_option(build, levels, members=scenario.members, seed=scenario.seed, progress=bar)

    def keep(number: int, key: str, names: tuple[str, str], levels: Levels, more: dict[str, Any], base: str = "") -> None:  # fmt: skip
        members = ran(levels, _("Plan: %s") % key)
        kept[key] = by_member(members, staffed=beds)
        hold = kept.get("hold", kept[key])
        results = summarise(
            members, ordinary_week=ordinary, staffed=beds,
            cities={i: city.code for i, city in enumerate(build.province.cities)},
        )  # fmt: skip
        results |= {
            "R": {
                "first_week": round(build.reproduction(levels, 0), 4),
                "last_week": round(build.reproduction(levels, build.weeks - 1), 4),
            },
            "over_hold": paired(kept[key], hold),
            "over_base": paired(kept[key], kept[base]) if base else {},
            "needs": needs(build, q, levels),
        } | more
        options.append(Answered(number, key, *names, levels, results, county_results(members, ordinary_week=ordinary)))  # fmt: skip

    for course in build.assumptions.courses:
        keep(course.number, course.key, (course.name_zh, course.name_en), levels_of(course, build.province.tiers), {})  # fmt: skip
    effort = Effort(search=scenario.search_members, verify=scenario.verify_members)
    answer = search(
        build, limits, seed=scenario.seed, effort=effort, progress=progress, labels=stage_labels()
    )
    top = max(course.number for course in build.assumptions.courses)
    for i, found in enumerate(answer.options, start=1):
        keep(top + i, found.key, NAMES[found.key], found.levels, dict(found.told))
    left_out = _edits(scenario, options, keep)
    _delays(options, kept, ran, beds)
    told = dict(answer.told) | ({"edits_left_out": left_out} if left_out else {})
    decision = Decision(scenario, options, told, perf_counter() - started)
    decision.recommended = _recommended(decision)
    _caution(decision, kept)
    return decision


def _edits(scenario: ScenarioFile, options: list[Answered], keep: Callable[..., None]) -> list[str]:
    """Make the edits that the file states; return the options that were to be edited and do not exist."""
    left_out: list[str] = []
    codes = [county.code for county in scenario.build.province.counties]
    for i, (key, reason, changes) in enumerate(scenario.edits, start=1):
        base = next((option for option in options if option.key == key), None)
        if base is None:  # where nothing keeps the limits some options do not exist
            left_out.append(key)
            continue
        levels = changed(base.levels, codes, changes, weeks=scenario.build.weeks)
        more = {"edits": key, "reason": reason, "changes": [c.as_dict() for c in changes]}
        keep(options[-1].number + 1, f"edit-{i}", (f"{base.zh}（改）", f"{base.en}, edited"), levels, more, key)  # fmt: skip
    return left_out


def _delays(options: list[Answered], kept: dict[str, Any], ran: Callable[[Levels, str], Members], beds: Any) -> None:  # fmt: skip
    hold = next((o for o in options if o.key == "hold"), None)
    for option in options:
        if hold is not None and option.key in ("tiered", "targeted", "robust"):
            later = ran(delayed(option.levels, hold.levels), _("A week later: %s") % option.key)
            option.results["delay"] = paired(by_member(later, staffed=beds), kept[option.key])


def chance_of(option: Answered) -> dict[str, Any]:
    """Return the chance an option is judged by: of runs used for nothing else, where there are such."""
    found: dict[str, Any] = (
        option.results.get("verified") or option.results["summary"]["beds_exceeded"]
    )
    return found


def _recommended(decision: Decision) -> Answered | None:
    risk = decision.scenario.limits.accepted_risk
    safe = [o for o in decision.options if chance_of(o)["high"] <= risk]
    return max(safe, key=lambda o: o.results["summary"]["value_added_100m_cny"]["median"], default=None)  # fmt: skip


def _caution(decision: Decision, kept: dict[str, Any]) -> None:
    """Tell of every safe option what it gives up, and of the robust what safety costs, on the same runs."""
    best, risk = decision.recommended, decision.scenario.limits.accepted_risk
    by_key = {option.key: option for option in decision.options}
    for option in decision.options:
        if best is not None and chance_of(option)["high"] <= risk:
            option.results["caution"] = paired(kept[best.key], kept[option.key])
    if "robust" in by_key and "targeted" in by_key:
        by_key["robust"].results["price_of_safety"] = paired(kept["targeted"], kept["robust"])


# --- the files


def headline(decision: Decision) -> str:
    """Return the answer in one sentence."""
    best, risk = (
        decision.recommended,
        words.percent(decision.scenario.limits.accepted_risk, places=1),
    )
    if decision.told.get("impossible"):
        return _("No plan keeps these limits; the answer says what binds and what would cure it.")
    if best is None:
        return _("No option keeps the chance of exceeding staffed beds within %s; the frontier shows what can be had.") % risk  # fmt: skip
    gain = best.results["over_hold"].get("value_added_100m_cny", {}).get("median", 0.0)
    return _("“%(option)s” adds %(gain)s over holding, with a chance of %(chance)s of exceeding staffed beds (at most %(high)s).") % {
        "option": best.name, "gain": words.money(gain),
        "chance": words.percent(chance_of(best)["share"], places=1),
        "high": words.percent(chance_of(best)["high"], places=1),
    }  # fmt: skip


def as_json(decision: Decision) -> dict[str, Any]:
    """Return the answer as `answer.json` and `--json` give it."""
    scenario, build = decision.scenario, decision.scenario.build
    return {
        "format": 1,
        "name": scenario.name,
        "start": scenario.start.isoformat(),
        "weeks": build.weeks,
        "members": scenario.members,
        "seed": scenario.seed,
        "seconds": round(decision.seconds, 2),
        "headline": headline(decision),
        "recommended": decision.recommended.key if decision.recommended else None,
        "options": [
            {
                "number": o.number,
                "key": o.key,
                "name_zh": o.zh,
                "name_en": o.en,
                "within_accepted_risk": chance_of(o)["high"] <= scenario.limits.accepted_risk,
                **{k: v for k, v in o.results.items() if k != "series"},
            }
            for o in decision.options
        ],
        "answer": decision.told,
        "assumptions": build.assumptions.as_record() | build.as_record(),
    }


def write(decision: Decision, folder: Path) -> list[str]:
    """Write the answer into a folder and return the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario, build = decision.scenario, decision.scenario.build
    counties = build.province.counties
    told = as_json(decision)
    (folder / "answer.json").write_text(json.dumps(told, ensure_ascii=False, indent=1, default=_plain) + "\n", encoding="utf-8")  # fmt: skip
    quantiles = ("q05", "q25", "median", "q75", "q95")
    units = {"value_added_100m_cny": "100 million CNY", "infections": "persons", "peak_beds": "beds", "deaths": "persons", "share_of_ordinary": "share"}  # fmt: skip
    _table(folder / "options.csv", ["number", "option", "name_zh", "name_en", "measure", "unit", *quantiles], (
        [o.number, o.key, o.zh, o.en, measure, unit, *(o.results["summary"][measure][k] for k in quantiles)]
        for o in decision.options for measure, unit in units.items()
    ))  # fmt: skip
    _table(folder / "risks.csv", ["option", "exceeded_runs", "runs", "share", "low", "high", "fresh_share", "fresh_high", "fresh_runs", "within", "R_first_week", "R_last_week"], (
        [o.key, *(o.results["summary"]["beds_exceeded"][k] for k in ("happened", "members", "share", "low", "high")),
         *((o.results.get("verified") or {}).get(k, "") for k in ("share", "high", "members")),
         int(chance_of(o)["high"] <= scenario.limits.accepted_risk), o.results["R"]["first_week"], o.results["R"]["last_week"]]
        for o in decision.options
    ))  # fmt: skip
    _table(folder / "openings.csv", ["option", "county", "setting", "week", "starts", "level", "level_name"], (
        [o.key, counties[c].code, setting, w + 1, (scenario.start + timedelta(days=7 * w)).isoformat(), int(o.levels[w, c, k]), LEVELS[int(o.levels[w, c, k])]]
        for o in decision.options for c in range(len(counties)) for k, setting in enumerate(SETTINGS) for w in range(build.weeks)
    ))  # fmt: skip
    _table(folder / "counties.csv", ["option", "county", "name", "tier", "infections_median", "infections_q05", "infections_q95", "value_added_100m_median"], (
        [o.key, county.code, county.name, tier, *(r["infections"][k] for k in ("median", "q05", "q95")), r["value_added_100m_cny"]["median"]]
        for o in decision.options for county, tier, r in zip(counties, build.province.tiers, o.counties, strict=True)
    ))  # fmt: skip
    _table(folder / "frontier.csv", ["kind", "at", "value_median_100m", "value_q05", "value_q95", "risk_share", "risk_low", "risk_high", "R_last_week"], (
        [p["kind"], p["at"], p["value"]["median"], p["value"]["q05"], p["value"]["q95"], p["chance"]["share"], p["chance"]["low"], p["chance"]["high"], p["R_last"]]
        for p in decision.told["frontier"]
    ))  # fmt: skip
    _table(folder / "prices.csv", ["limit", "area", "week", "each_100m", "holds_for_units"], (
        [p["limit"], p["area"], "" if p["week"] is None else p["week"] + 1, p["each_100m"], p["units"]] for p in decision.told["prices"]
    ))  # fmt: skip
    _table(folder / "assumptions.csv", ["key", "value", "low", "high", "unit", "dated", "source", "meaning_zh", "meaning_en"], (
        [f.key, f.value, f.low, f.high, f.unit, f.dated.isoformat(), build.assumptions.sources[f.source]["zh" if words.chinese() else "en"], f.zh, f.en]
        for f in build.assumptions.figures.values()
    ))  # fmt: skip
    (folder / "report.html").write_text(_page(decision), encoding="utf-8")
    (folder / "report.css").write_text(PRINT, encoding="utf-8")
    return sorted(p.name for p in folder.iterdir() if p.is_file())


def _page(decision: Decision) -> str:
    scenario, build = decision.scenario, decision.scenario.build
    counties = build.province.counties
    shown = decision.recommended or decision.options[-1]
    risk = scenario.limits.accepted_risk
    areas = {city.code: city.name for city in build.province.cities}
    names = {o.key: o.name for o in decision.options}
    return render_to_string(
        "plan/file_report.html",
        {
            "decision": decision,
            "scenario": scenario,
            "weeks": range(1, build.weeks + 1),
            "headline": headline(decision),
            "options": [
                {"option": o, "summary": o.results["summary"], "chance": chance_of(o), "R": o.results["R"],
                 "within": chance_of(o)["high"] <= risk, "gain": o.results["over_hold"].get("value_added_100m_cny"),
                 "delay": o.results.get("delay", {}).get("value_added_100m_cny"),
                 "caution": o.results.get("caution", {}).get("value_added_100m_cny"), "verified": o.results.get("verified"),
                 "certificate": _certificate(o.results.get("certificate")), "reason": o.results.get("reason", "")}
                for o in decision.options
            ],
            "shown": shown,
            "safety": safety_words(next((o.results.get("price_of_safety", {}) for o in decision.options if o.key == "robust"), {})),
            "settings": [SETTING_WORDS[key] for key in SETTINGS],
            "rows": [
                {"name": county.name, "tier": Tier(tier).label, "cells": ["".join(str(int(v)) for v in shown.levels[:, i, k]) for k in range(len(SETTINGS))]}
                for i, (county, tier) in enumerate(zip(counties, build.province.tiers, strict=True))
            ],
            "impossible": impossible_words(decision.told["impossible"], areas) if decision.told["impossible"] else None,
            "frontier": [{**point, "name": _point_name(point, names)} for point in decision.told["frontier"]],
            "prices": price_rows(decision.told["prices"], areas),
            "figures": [
                {"figure": f, "source": build.assumptions.sources[f.source]["zh" if words.chinese() else "en"]}
                for f in build.assumptions.figures.values()
            ],
        },
    )  # fmt: skip


def _certificate(found: Mapping[str, float] | None) -> dict[str, float] | None:
    """Return both gaps of a certificate, none below nothing: rounding may gain a hair on a relaxed plan."""
    return None if found is None else {k: max(0.0, found[k]) for k in ("envelope_gap", "bound_gap")}


def _point_name(point: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return what a point of the frontier is in words; `names` are the pack's courses by key."""
    at = words.decimal(point["at"], 2)
    if point["kind"] == "factor":
        return _("searched for a transmission %s times the expected") % at
    if point["kind"] == "tiers":
        return _("counties of a tier alike, for a transmission %s times the expected") % at
    if point["kind"] == "alike":
        return _("all counties alike, for a transmission %s times the expected") % at
    if point["kind"] == "end_R":
        return _("R of the last week allowed %s") % at
    return names.get(point["kind"], point["kind"])


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _table(path: Path, head: list[str], rows: Iterable[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(BOM)
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows(rows)


PRINT = """body { font: 14px/1.5 sans-serif; color: #15222b; max-width: 1100px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 22px; } h2 { font-size: 16px; margin-top: 24px; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 3px 8px; border-bottom: 1px solid #cfd8dc; vertical-align: top; }
.num { text-align: right; white-space: nowrap; } .mut { color: #55636d; font-weight: 400; } thead .num { white-space: normal; } tbody th { min-width: 10em; } .over { color: #8f1240; font-weight: 700; }
code { font-family: monospace; } tr { break-inside: avoid; }
.over::before { content: "\\25B2 "; } .day { white-space: nowrap; }
@media screen and (max-width: 700px) { table { display: block; overflow-x: auto; } }
@page { size: A4; margin: 14mm; } @media print { body { font-size: 10px; margin: 0; max-width: none; } }
"""
