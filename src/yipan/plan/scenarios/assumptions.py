"""Assumptions as data: dated, sourced, with a range; shown beside every result they produced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from yipan.plan.errors import MalformedAssumptions

PACKS = Path(__file__).parent / "packs"
DEFAULT_PACK = "china_2020_02"

LEVELS = ("closed", "minimum", "staggered", "open")
"""The four levels that people can order, in the order of their digits 0–3."""

SETTINGS = ("workplaces", "venues", "countryside", "schools", "transport", "community")
TIERS = ("low", "medium", "high", "undecided", "no_data")
ALL_TIERS = "all"
BRANCHES = ("primary", "secondary", "tertiary")
DIVISORS = ("days_in_bed", "workers_per_train")
"""Figures that something is divided by: above zero."""

PLANNING = "planning"
"""The source of a figure that nobody measured."""


@dataclass(frozen=True)
class Figure:
    """One assumed number: the value used alone, the range a run draws from, and where it is from."""

    key: str
    value: float
    low: float
    high: float
    unit: str
    dated: date
    source: str
    zh: str
    en: str

    @property
    def name(self) -> str:
        """The figure in words, in the language in use."""
        return self.zh if (get_language() or "").startswith("zh") else self.en

    @property
    def drawn(self) -> bool:
        """Whether runs differ in it."""
        return self.low < self.high

    def draw(self, u: float) -> float:
        """Return the quantile `u` in [0, 1] of the triangular distribution with mode `value`."""
        if not self.drawn:
            return self.value
        span, rise = self.high - self.low, self.value - self.low
        if u * span < rise:
            return self.low + float(np.sqrt(u * span * rise))
        return self.high - float(np.sqrt((1.0 - u) * span * (self.high - self.value)))


@dataclass(frozen=True)
class Section:
    """A section of the economy: its branch, the setting that orders it ("" for none), home working."""

    key: str
    branch: str
    setting: str
    remote: float
    zh: str
    en: str


@dataclass(frozen=True)
class Course:
    """One option as ordered: for each tier and setting one level (0–3) a week."""

    key: str
    number: int
    name_zh: str
    name_en: str
    openings: Mapping[str, Mapping[str, tuple[int, ...]]]  # tier -> setting -> level by week

    def as_dict(self) -> dict[str, dict[str, list[int]]]:
        """Return the openings as JSON keeps them."""
        return {
            tier: {setting: list(levels) for setting, levels in settings.items()}
            for tier, settings in self.openings.items()
        }


@dataclass(frozen=True)
class Assumptions:
    """A pack of assumptions as read, every figure checked."""

    name: str
    version: str
    dated: date
    title_zh: str
    title_en: str
    weeks: int
    figures: Mapping[str, Figure]
    sources: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Mapping[str, str]]
    sections: Mapping[str, Section]
    remote_source: str
    needs: NDArray[np.float64]  # (section, section): input i for one unit of output j
    needs_source: str
    branch_section: Mapping[str, str]
    courses: tuple[Course, ...]
    digest: str

    def value(self, key: str) -> float:
        """Return the single value of a figure."""
        return self.figures[key].value

    def at_levels(self, kind: str, drawn: Mapping[str, float]) -> tuple[float, ...]:
        """Return a figure's values at the four levels, closed to open, of one member's draw."""
        return tuple(drawn[f"{kind}_at_{level}"] for level in LEVELS)

    def central(self) -> dict[str, float]:
        """Return every figure's single value."""
        return {key: figure.value for key, figure in self.figures.items()}

    def draw(self, *, seed: int, member: int) -> dict[str, float]:
        """Return one member's figures: the same seed and member give the same figures in every option.

        The levels of one kind share their uniform number, so that "open" never falls below
        "staggered" within a run.
        """
        rng = np.random.default_rng([seed, member])
        uniform: dict[str, float] = {}
        drawn = {}
        for key in sorted(self.figures):
            group = key.partition("_at_")[0]
            if group not in uniform:
                uniform[group] = float(rng.random())
            drawn[key] = self.figures[key].draw(uniform[group])
        return drawn

    def as_record(self) -> dict[str, Any]:
        """Return what a scenario keeps beside its results."""
        return {
            "name": self.name,
            "version": self.version,
            "dated": self.dated.isoformat(),
            "title_zh": self.title_zh,
            "title_en": self.title_en,
            "digest": self.digest,
            "sources": {key: dict(words) for key, words in self.sources.items()},
            "figures": [
                {
                    "key": f.key,
                    "value": f.value,
                    "low": f.low,
                    "high": f.high,
                    "unit": f.unit,
                    "dated": f.dated.isoformat(),
                    "source": f.source,
                    "zh": f.zh,
                    "en": f.en,
                }
                for f in self.figures.values()
            ],
        }


def packs() -> list[str]:
    """Return the names of the packs that ship with the software."""
    return sorted(p.stem for p in PACKS.glob("*.yaml"))


@lru_cache(maxsize=8)
def load_pack(name: str = DEFAULT_PACK) -> Assumptions:
    """Return a pack that ships with the software, by name; raises MalformedAssumptions (P301)."""
    path = PACKS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(packs())
        raise MalformedAssumptions(
            _("There is no pack of assumptions “%s”.") % name,
            remedy=_("Known: %s.") % known,
        )
    return read_assumptions(yaml.safe_load(path.read_text(encoding="utf-8")), where=path.name)


def read_assumptions(data: Any, *, where: str) -> Assumptions:
    """Return the assumptions that `data` (as read from YAML) states.

    Raises MalformedAssumptions (P301) naming the first fault: a missing key, a figure outside its
    range, without a day or without a known source, a week too few, an unknown setting or tier.
    """
    try:
        return _read(data)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        missing = isinstance(fault, KeyError)
        raise MalformedAssumptions(
            (_("“%s” is missing.") % fault.args[0])
            if missing
            else str(fault.args[0] if fault.args else fault),
            where=where,
            remedy=_("Compare with the pack that ships with the software."),
        ) from fault


def _read(data: Any) -> Assumptions:
    sources = {key: {"zh": s["zh"], "en": s["en"]} for key, s in data["sources"].items()}
    figures = {key: _figure(key, f, sources) for key, f in data["figures"].items()}
    for key in _required_figures():
        figures[key]
    if tuple(data["levels"]) != LEVELS:
        raise ValueError(f"levels must be {', '.join(LEVELS)}.")
    settings = {key: {"zh": s["zh"], "en": s["en"]} for key, s in data["settings"].items()}
    if set(settings) != set(SETTINGS):
        raise ValueError(f"settings must be {', '.join(SETTINGS)}.")
    sections = {key: _section(str(key), s) for key, s in data["sections"].items()}
    if data["remote_source"] not in sources:
        raise ValueError(f"remote_source {data['remote_source']} is not among the sources.")
    tier_as = dict(data.get("tier_as", {}))
    if data["needs_source"] not in sources:
        raise ValueError(f"needs_source {data['needs_source']} is not among the sources.")
    courses = tuple(_course(option, tier_as) for option in data["options"])
    lengths = {
        len(levels)
        for course in courses
        for by_setting in course.openings.values()
        for levels in by_setting.values()
    }
    if len(lengths) != 1:
        raise ValueError("every opening must have the same number of weeks.")
    return Assumptions(
        name=data["name"],
        version=str(data["version"]),
        dated=_day(data["dated"]),
        title_zh=data["title_zh"],
        title_en=data["title_en"],
        weeks=lengths.pop(),
        figures=figures,
        sources=sources,
        settings=settings,
        sections=sections,
        remote_source=data["remote_source"],
        needs=_needs(data["needs"], sections),
        needs_source=data["needs_source"],
        branch_section={branch: data["branches"][branch] for branch in BRANCHES},
        courses=courses,
        digest=hashlib.sha256(
            json.dumps(data, sort_keys=True, ensure_ascii=False, default=str).encode()
        ).hexdigest(),
    )


def _required_figures() -> list[str]:
    by_level = [
        f"{kind}_at_{level}" for kind in ("contacts", "work", "imports") for level in LEVELS
    ]
    return [
        *by_level,
        "infections_per_case",
        "home_left",
        "masks_and_hygiene",
        "transmission_scale",
        "found_share",
        "traced_share",
        "time_elsewhere",
        "remote_scale",
        "contacts_traced_per_case",
        "days_away",
        "days_in_bed",
        "admitted_share",
        "share_of_beds_staffed",
        "other_contacts_in_transport",
        "other_contacts_in_venues",
        "workers_away",
        "return_capacity_week",
        "workers_per_train",
        "infected_per_return",
        "input_stock_weeks",
        "masks_per_worker_week",
        "mask_stock",
        "mask_supply_week",
        "nurses_per_bed",
        "cost_of_staffed_bed",
        "price_of_mask",
        "worth_of_school_week",
        "worth_of_community_week",
    ]


def over_weeks(pack: Assumptions, weeks: int) -> Assumptions:
    """Return the pack over another number of weeks: its courses cut, or their last level held on.

    >>> over_weeks(load_pack(), 3).courses[0].openings["low"]["venues"]
    (1, 1, 1)
    """
    if weeks == pack.weeks:
        return pack
    courses = tuple(
        replace(
            course,
            openings={
                tier: {
                    setting: (levels + levels[-1:] * weeks)[:weeks]
                    for setting, levels in by_setting.items()
                }
                for tier, by_setting in course.openings.items()
            },
        )
        for course in pack.courses
    )
    return replace(pack, weeks=weeks, courses=courses)


def at_central(pack: Assumptions) -> Assumptions:
    """Return the pack with every figure at its single value: runs then differ by chance alone."""
    fixed = {k: replace(f, low=f.value, high=f.value) for k, f in pack.figures.items()}
    return replace(pack, figures=fixed)


def with_figures(pack: Assumptions, own: Mapping[str, Any], *, where: str) -> Assumptions:
    """Return the pack with some figures replaced by a scenario's own; raises MalformedAssumptions (P301).

    Each is stated whole, as in a pack: value, low, high, unit, dated, source, zh, en; what is left out is
    the pack's. A source that the pack does not know is kept under its own words.
    """
    figures, sources = dict(pack.figures), dict(pack.sources)
    for key, stated in own.items():
        if key not in figures:
            raise MalformedAssumptions(
                _("There is no figure “%s”.") % key,
                where=where,
                remedy=_("Known: %s.") % ", ".join(sorted(figures)),
            )
        old = figures[key]
        given = dict(stated) if isinstance(stated, Mapping) else {"value": stated}
        if "value" in given and "low" not in given:
            given |= {"low": given["value"], "high": given["value"]}
        whole = {
            "value": old.value, "low": old.low, "high": old.high, "unit": old.unit,
            "dated": old.dated, "source": old.source, "zh": old.zh, "en": old.en,
        } | given  # fmt: skip
        words = str(whole["source"])
        if words not in sources:
            sources[words] = {"zh": words, "en": words}
        try:
            figures[key] = _figure(key, whole, sources)
        except (KeyError, TypeError, ValueError) as fault:
            raise MalformedAssumptions(
                str(fault.args[0]),
                where=f"{where}: {key}",
                remedy=_("State value, low and high with low ≤ value ≤ high, none negative."),
            ) from fault
    changed = {key: str(own[key]) for key in sorted(own)}
    digest = hashlib.sha256((pack.digest + json.dumps(changed)).encode()).hexdigest() if own else pack.digest  # fmt: skip
    return replace(pack, figures=figures, sources=sources, digest=digest)


def _float(key: str, stated: Any) -> float:
    if isinstance(stated, bool) or not isinstance(stated, (int, float, str)):
        raise ValueError(_("%(key)s is “%(value)s”, no number.") % {"key": key, "value": stated})
    try:
        return float(stated)
    except ValueError:
        raise ValueError(
            _("%(key)s is “%(value)s”, no number.") % {"key": key, "value": str(stated)[:40]}
        ) from None


def _figure(key: str, data: Any, sources: Mapping[str, Any]) -> Figure:
    value, low, high = (_float(key, data[part]) for part in ("value", "low", "high"))
    if not 0 <= low <= value <= high:
        raise ValueError(
            _("%(key)s: %(low)g ≤ %(value)g ≤ %(high)g does not hold, or is negative.")
            % {"key": key, "low": low, "value": value, "high": high}
        )
    if str(data["unit"]).startswith("share") and high > 1:
        raise ValueError(
            _("%(key)s is a share; it cannot be %(high)g.") % {"key": key, "high": high}
        )
    if key in DIVISORS and not low > 0:
        raise ValueError(_("%s must be above zero.") % key)
    if data["source"] not in sources:
        raise ValueError(f"{key}: source {data['source']} is not among the sources.")
    if not str(data["unit"]).strip():
        raise ValueError(f"{key}: the unit is empty.")
    return Figure(
        key=key,
        value=value,
        low=low,
        high=high,
        unit=data["unit"],
        dated=_day(data["dated"]),
        source=data["source"],
        zh=data["zh"],
        en=data["en"],
    )


def _section(key: str, data: Any) -> Section:
    if data["branch"] not in BRANCHES or data["setting"] not in (*SETTINGS, ""):
        raise ValueError(f"section {key}: unknown branch or setting.")
    if not 0 <= data["remote"] <= 1:
        raise ValueError(f"section {key}: remote must be a share.")
    return Section(
        key, data["branch"], data["setting"], float(data["remote"]), data["zh"], data["en"]
    )


def _needs(data: Any, sections: Mapping[str, Section]) -> NDArray[np.float64]:
    table = np.array([data[key] for key in sections], dtype=np.float64)
    if table.shape != (len(sections),) * 2 or (table < 0).any() or (table.sum(axis=0) > 1).any():
        raise ValueError("needs: one row and one column for each section, each column at most 1.")
    return table


def _course(data: Any, tier_as: Mapping[str, str]) -> Course:
    given = data["openings"]
    openings = {}
    for tier in TIERS:
        named = tier_as.get(tier, tier)
        by_setting = given[ALL_TIERS] if ALL_TIERS in given else given[named]
        openings[tier] = {s: _levels(data["key"], s, by_setting[s]) for s in SETTINGS}
    return Course(
        key=data["key"],
        number=int(data["number"]),
        name_zh=data["name_zh"],
        name_en=data["name_en"],
        openings=openings,
    )


def _levels(option: str, setting: str, digits: Any) -> tuple[int, ...]:
    text = str(digits)
    if not text or set(text) - {"0", "1", "2", "3"}:
        raise ValueError(f"{option}, {setting}: “{text}” is not one digit 0–3 for each week.")
    return tuple(int(digit) for digit in text)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
