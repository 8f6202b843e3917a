"""Risk tiers by ordered rules held as data: which rule fired, on which values, and what was not reached.

A rule pack is data (YAML) with its source. Conditions are a small typed language, never evaluated
as code: a condition names a fact, a comparison and a limit, or joins others with `all` or `any`.
Facts may be unknown; logic is Kleene's three-valued one, and a rule whose truth depends on an
unknown fact answers "undecided", never a silent default.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from yipan.engines.errors import MalformedTierPack, OutOfRange

UNDECIDED = "undecided"
NO_DATA = "no_data"
COMPARISONS = ("equals", "at_most", "more_than", "below", "at_least")
JOINT = "|"
"""Joins the tiers of a chance that an unknown fact leaves open: `medium|high`."""

Fact = float | bool | None


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "equals": operator.eq,
    "at_most": operator.le,
    "more_than": operator.gt,
    "below": operator.lt,
    "at_least": operator.ge,
}


@dataclass(frozen=True)
class Comparison:
    """`fact` compared with `limit`; unknown where the fact is."""

    fact: str
    comparison: str
    limit: float | bool

    def holds(self, facts: Mapping[str, Fact]) -> bool | None:
        """Return whether the comparison holds, or None where the fact is unknown."""
        value = facts.get(self.fact)
        if value is None:
            return None
        return _COMPARE[self.comparison](value, self.limit)

    def names(self) -> tuple[str, ...]:
        """Return the fact the comparison needs."""
        return (self.fact,)

    def leaves(self) -> tuple[Comparison, ...]:
        """Return itself: the comparisons of a condition, flattened."""
        return (self,)


@dataclass(frozen=True)
class Joined:
    """Conditions joined by `all` or `any`; no condition at all under `all` always holds."""

    every: bool
    parts: tuple[Condition, ...]

    def holds(self, facts: Mapping[str, Fact]) -> bool | None:
        """Return the three-valued conjunction or disjunction of the parts."""
        answers = [part.holds(facts) for part in self.parts]
        if (not self.every) in answers:
            return not self.every
        return None if None in answers else self.every

    def names(self) -> tuple[str, ...]:
        """Return the facts the parts need, each once, in order."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names()))

    def leaves(self) -> tuple[Comparison, ...]:
        """Return the comparisons of the parts, flattened, in order."""
        return tuple(leaf for part in self.parts for leaf in part.leaves())


Condition = Comparison | Joined


@dataclass(frozen=True)
class TierRule:
    """One rule: its number, its condition, the tier it gives, and its words."""

    number: int
    condition: Condition
    tier: str
    text_zh: str
    text_en: str


@dataclass(frozen=True)
class RulePack:
    """An ordered set of rules with its source and version; the first that holds decides."""

    name: str
    version: str
    source: str
    rules: tuple[TierRule, ...]
    rising: frozenset[str] = frozenset()  # facts that never fall: a case ever, a running total

    def leaves(self) -> tuple[Comparison, ...]:
        """Return every comparison of every rule, in order."""
        return tuple(leaf for rule in self.rules for leaf in rule.condition.leaves())

    def facts(self) -> tuple[str, ...]:
        """Return the facts the rules ask for, each once, in order."""
        return tuple(dict.fromkeys(leaf.fact for leaf in self.leaves()))

    def flags(self) -> frozenset[str]:
        """Return the facts that are only ever compared with yes or no."""
        asked: dict[str, bool] = {}
        for leaf in self.leaves():
            asked[leaf.fact] = asked.get(leaf.fact, True) and isinstance(leaf.limit, bool)
        return frozenset(name for name, flag in asked.items() if flag)


@dataclass(frozen=True)
class TierDecision:
    """The tier of one place, the rule that fired (None: none), and the trace of every rule."""

    tier: str
    rule: int | None
    trace: tuple[dict[str, Any], ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the unknown facts at which the rules stopped; empty where one fired."""
        stopped = next((row for row in self.trace if row["outcome"] == "unknown"), None)
        values: Mapping[str, Fact] = stopped["values"] if stopped else {}
        return tuple(name for name, value in values.items() if value is None)


@dataclass(frozen=True)
class Switch:
    """The nearest change of one fact that would give another tier.

    `fact` would have to be `comparison` `limit` (`at_most 0`, `more_than 50`); then `rule` gives `tier`.
    """

    fact: str
    comparison: str
    limit: float | bool
    tier: str
    rule: int | None


def parse_rule_pack(data: Mapping[str, Any]) -> RulePack:
    """Return the rule pack that `data` (a parsed YAML document) describes.

    Raises MalformedTierPack (E807) naming the rule and what it lacks.
    """
    try:
        rules = tuple(
            TierRule(
                number=int(row["number"]),
                condition=_condition(row.get("when", {"all": []}), f"rule {row['number']}"),
                tier=str(row["tier"]),
                text_zh=str(row["text_zh"]),
                text_en=str(row["text_en"]),
            )
            for row in data["rules"]
        )
        rising = {name for name, fact in data.get("facts", {}).items() if fact.get("rises_only")}
        return RulePack(
            str(data["name"]), str(data["version"]), str(data["source"]), rules, frozenset(rising)
        )
    except KeyError as fault:
        raise MalformedTierPack(
            f"The rule pack lacks {fault}.", where=str(data.get("name", ""))
        ) from None


def decide_tier(pack: RulePack, facts: Mapping[str, Fact]) -> TierDecision:
    """Return the tier of one place by the first rule of `pack` that holds on `facts`.

    `facts` maps a fact's name to its value, None where it is unknown. The place has no data when
    every fact the pack asks for is unknown. The trace has, for each rule in order, its number,
    tier, the values used, and the outcome: `fired`, `not_fired`, `unknown` or `not_reached`.

    >>> pack = parse_rule_pack({"name": "p", "version": "1", "source": "s", "rules": [
    ...     {"number": 1, "when": {"fact": "new_14_days", "at_most": 0}, "tier": "low",
    ...      "text_zh": "", "text_en": ""},
    ...     {"number": 2, "tier": "high", "text_zh": "", "text_en": ""}]})
    >>> decide_tier(pack, {"new_14_days": 3}).tier
    'high'
    """
    trace: list[dict[str, Any]] = []
    tier, fired = UNDECIDED, None
    stopped = False
    for rule in pack.rules:
        needed = rule.condition.names()
        entry: dict[str, Any] = {
            "number": rule.number,
            "tier": rule.tier,
            "values": {name: facts.get(name) for name in needed},
            "outcome": "not_reached",
        }
        trace.append(entry)
        if stopped:
            continue
        answer = rule.condition.holds(facts)
        entry["outcome"] = {True: "fired", False: "not_fired", None: "unknown"}[answer]
        if answer is None:
            stopped = True  # a later rule may fire only if this one surely does not
        elif answer:
            tier, fired, stopped = rule.tier, rule.number, True
    asked = pack.facts()
    if fired is None and asked and all(facts.get(name) is None for name in asked):
        tier = NO_DATA
    return TierDecision(tier, fired, tuple(trace))


def possible_tiers(pack: RulePack, facts: Mapping[str, Fact]) -> frozenset[str]:
    """Return the tiers a place may have, whatever the unknown yes-or-no facts turn out to be.

    Both answers of each unknown flag are tried. An unknown number is not: it leaves `undecided`
    (or `no_data`) in the set. One known tier is a set of one.

    >>> pack = parse_rule_pack({"name": "p", "version": "1", "source": "s", "rules": [
    ...     {"number": 1, "when": {"all": [{"fact": "in_all", "more_than": 50},
    ...      {"fact": "cluster", "equals": False}]}, "tier": "medium", "text_zh": "", "text_en": ""},
    ...     {"number": 2, "tier": "high", "text_zh": "", "text_en": ""}]})
    >>> sorted(possible_tiers(pack, {"in_all": 60, "cluster": None}))
    ['high', 'medium']
    """
    decision = decide_tier(pack, facts)
    if decision.tier == NO_DATA:
        return frozenset({NO_DATA})
    open_flags = sorted(name for name in pack.flags() if facts.get(name) is None)
    if decision.rule is not None or not open_flags:
        return frozenset({decision.tier})
    return frozenset(
        decide_tier(pack, {**facts, **dict(zip(open_flags, answers, strict=True))}).tier
        for answers in product((False, True), repeat=len(open_flags))
    )


def tier_chances(
    pack: RulePack, outcomes: Sequence[tuple[float, Mapping[str, Fact]]]
) -> dict[str, float]:
    """Return the probability of each tier over weighted `outcomes` (weight, facts); they sum to 1.

    Where an unknown flag leaves several tiers open, their *joint* probability stands under one key,
    `medium|high`: an unknown cluster is never imputed. Weights are ≥ 0 and not all 0.
    Raises OutOfRange (E802).

    >>> pack = parse_rule_pack({"name": "p", "version": "1", "source": "s", "rules": [
    ...     {"number": 1, "when": {"fact": "new", "at_most": 0}, "tier": "low",
    ...      "text_zh": "", "text_en": ""},
    ...     {"number": 2, "tier": "medium", "text_zh": "", "text_en": ""}]})
    >>> tier_chances(pack, [(3.0, {"new": 0}), (1.0, {"new": 1})])
    {'low': 0.75, 'medium': 0.25}
    """
    total = math.fsum(weight for weight, _facts in outcomes)
    if not total > 0 or any(weight < 0 for weight, _facts in outcomes):
        raise OutOfRange(
            f"The weights of the {len(outcomes)} outcomes sum to {total:g}.",
            where="outcomes",
            remedy="Weights are at least 0 and not all 0.",
        )
    chances: defaultdict[str, float] = defaultdict(float)
    for weight, facts in outcomes:
        if weight > 0:
            chances[JOINT.join(sorted(possible_tiers(pack, facts)))] += weight / total
    return dict(chances)


def nearest_switches(pack: RulePack, facts: Mapping[str, Fact]) -> tuple[Switch, ...]:
    """Return, for each known fact and each way it can move, the nearest move that changes the tier.

    Only one fact moves at a time, the others stay; a fact that only rises is not lowered, and moves
    that the rules cannot tell apart are not listed. An unknown flag is tried with both answers; of a
    place without any data nothing is said.

    >>> pack = parse_rule_pack({"name": "p", "version": "1", "source": "s", "rules": [
    ...     {"number": 1, "when": {"fact": "new", "at_most": 0}, "tier": "low",
    ...      "text_zh": "", "text_en": ""},
    ...     {"number": 2, "tier": "medium", "text_zh": "", "text_en": ""}]})
    >>> [(s.comparison, s.limit, s.tier) for s in nearest_switches(pack, {"new": 3})]
    [('at_most', 0, 'low')]
    """
    present = decide_tier(pack, facts)
    if present.tier == NO_DATA and present.rule is None:
        return ()
    found: dict[tuple[str, bool | None], tuple[float, Switch]] = {}
    for leaf in dict.fromkeys(pack.leaves()):
        value = facts.get(leaf.fact)
        for comparison, moved in _moves(leaf):
            if value is None and leaf.fact not in pack.flags():
                continue
            if moved == value:
                continue
            then = decide_tier(pack, {**facts, leaf.fact: moved})
            if then.tier == present.tier or then.rule is None:
                continue
            flag = isinstance(moved, bool)
            up = moved if flag else moved > float(value or 0)
            away = 0.0 if flag else abs(moved - float(value or 0))
            if not up and leaf.fact in pack.rising:
                continue
            key = (leaf.fact, bool(up))
            limit = moved if comparison == "equals" else leaf.limit
            if key not in found or away < found[key][0]:
                found[key] = away, Switch(leaf.fact, comparison, limit, then.tier, then.rule)
    return tuple(switch for _away, switch in found.values())


def _moves(leaf: Comparison) -> list[tuple[str, float | bool]]:
    """Return (comparison, value) just on either side of a comparison's limit."""
    limit = leaf.limit
    if leaf.comparison == "equals":
        if isinstance(limit, bool):
            return [("equals", limit), ("equals", not limit)]
        return [("equals", limit)]
    above, below = math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf)
    if leaf.comparison in ("at_most", "more_than"):
        return [("at_most", limit), ("more_than", above)]
    return [("at_least", limit), ("below", below)]


def _condition(data: Any, where: str) -> Condition:
    if isinstance(data, Mapping):
        for word in ("all", "any"):
            if word in data:
                parts: Sequence[Any] = data[word]
                return Joined(word == "all", tuple(_condition(part, where) for part in parts))
        limits = [name for name in COMPARISONS if name in data]
        if "fact" in data and len(limits) == 1:
            return Comparison(str(data["fact"]), limits[0], data[limits[0]])
    raise MalformedTierPack(
        f"{data!r} is not a condition.",
        where=where,
        remedy="Write {fact: name, at_most|more_than|below|at_least|equals: limit}, or join conditions with all or any.",
    )
