"""Risk tiers by ordered rules held as data: which rule fired, on which values, and what was not reached.

A rule pack is data (YAML) with its source. Conditions are a small typed language, never evaluated
as code: a condition names a fact, a comparison and a limit, or joins others with `all` or `any`.
Facts may be unknown; logic is Kleene's three-valued one, and a rule whose truth depends on an
unknown fact answers "undecided", never a silent default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yipan.engines.errors import MalformedTierPack

UNDECIDED = "undecided"
NO_DATA = "no_data"
COMPARISONS = ("equals", "at_most", "more_than")

Fact = float | bool | None


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
        if self.comparison == "equals":
            return value == self.limit
        return value <= self.limit if self.comparison == "at_most" else value > self.limit

    def names(self) -> tuple[str, ...]:
        """Return the fact the comparison needs."""
        return (self.fact,)


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


@dataclass(frozen=True)
class TierDecision:
    """The tier of one place, the rule that fired (None: none), and the trace of every rule."""

    tier: str
    rule: int | None
    trace: tuple[dict[str, Any], ...]


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
        return RulePack(str(data["name"]), str(data["version"]), str(data["source"]), rules)
    except KeyError as fault:
        raise MalformedTierPack(
            f"The rule pack lacks {fault}.", where=str(data.get("name", ""))
        ) from None


def decide_tier(pack: RulePack, facts: Mapping[str, Fact]) -> TierDecision:
    """Return the tier of one place by the first rule of `pack` that holds on `facts`.

    `facts` maps a fact's name to its value, None where it is unknown. The place has no data when
    every fact of the first rule is unknown. The trace has, for each rule in order, its number,
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
    first = trace[0] if trace else None
    if (
        first
        and first["outcome"] == "unknown"
        and not any(value is not None for value in first["values"].values())
    ):
        tier = NO_DATA
    return TierDecision(tier, fired, tuple(trace))


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
        remedy="Write {fact: name, at_most|more_than|equals: limit}, or join conditions with all or any.",
    )
