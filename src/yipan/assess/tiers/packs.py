"""Rule packs as data: which are shipped, which one an incident uses, and the words of their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from django.utils.translation import gettext as _

from yipan.assess.errors import PackUnknown
from yipan.engines.errors import MalformedTierPack
from yipan.engines.surveillance.tiers import RulePack, TierRule, parse_rule_pack
from yipan.kernel.words import chinese

if TYPE_CHECKING:  # packs are read from the command line too, where no database is set up
    from yipan.access.models import Incident

DEFAULT = "china-2020-02"


@dataclass(frozen=True)
class FactSource:
    """How a fact is made of reported elements: a sum over days per people, or a ratio of two sums."""

    elements: tuple[str, ...]
    days: int
    per: float
    ratio: bool

    @property
    def counts_cases(self) -> bool:
        """Whether a case more makes the fact larger."""
        return self.elements[0] == "confirmed_new" and not self.ratio


@dataclass(frozen=True)
class Pack:
    """A rule pack with the words of its facts, and where each fact comes from."""

    rules: RulePack
    level: str  # county, or place: a compound, a village, a workplace
    source_zh: str
    facts: Mapping[str, Mapping[str, str]]  # name → {"zh", "en"}
    sources: Mapping[str, FactSource | str]  # name → its elements, or the name of a known fact

    @property
    def source(self) -> str:
        """Who published the rules, in the language in use."""
        return self.source_zh if chinese() and self.source_zh else self.rules.source

    @property
    def elements(self) -> tuple[str, ...]:
        """The data elements that its facts are made of, each once."""
        made = [s for s in self.sources.values() if isinstance(s, FactSource)]
        return tuple(dict.fromkeys(name for source in made for name in source.elements))

    @property
    def name(self) -> str:
        """The pack's name, as a tier change records it."""
        return self.rules.name

    def fact_label(self, name: str) -> str:
        """Return a fact's label in the language in use."""
        return self.facts[name]["zh" if chinese() else "en"]

    def rule(self, number: int | None) -> TierRule | None:
        """Return the rule of that number, None for none."""
        return next((rule for rule in self.rules.rules if rule.number == number), None)

    def as_dict(self) -> dict[str, str]:
        """Return the pack as an assessment's method records it."""
        return {
            "name": self.rules.name,
            "version": self.rules.version,
            "source": self.rules.source,
        }


def text_of(rule: TierRule) -> str:
    """Return a rule's words in the language in use."""
    return rule.text_zh if chinese() else rule.text_en


@lru_cache(maxsize=1)
def packs() -> Mapping[str, Pack]:
    """Return the packs shipped, by name."""
    found: dict[str, Pack] = {}
    for path in sorted((files(__package__) / "packs").iterdir(), key=lambda p: p.name):
        if path.name.endswith(".yaml"):
            data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            found[data["name"]] = parse_pack(data)
    return found


def parse_pack(data: Mapping[str, Any]) -> Pack:
    """Return the pack that a parsed YAML document describes.

    Raises MalformedTierPack (E807) for rules that cannot be read or ask for a fact it does not name.
    """
    rules = parse_rule_pack(data)
    facts: Mapping[str, Any] = data["facts"]
    missing = [name for name in rules.facts() if name not in facts]
    if missing:
        raise MalformedTierPack(
            f"The rules ask for facts that are not described: {', '.join(missing)}.",
            where=rules.name,
            remedy="Give each a label in zh and en under `facts`.",
        )
    return Pack(
        rules=rules,
        level=str(data.get("level", "county")),
        source_zh=str(data.get("source_zh", "")),
        facts={name: {"zh": row["zh"], "en": row["en"]} for name, row in facts.items()},
        sources={name: _source(row.get("from", name)) for name, row in facts.items()},
    )


def _source(given: Any) -> FactSource | str:
    if isinstance(given, str):
        return given
    ratio = "ratio" in given
    elements = tuple(given["ratio"]) if ratio else (str(given["sum"]),)
    return FactSource(elements, int(given["days"]), float(given["per"]), ratio)


def pack_named(name: str) -> Pack:
    """Return the pack of that name. Raises PackUnknown (A203)."""
    pack = packs().get(name)
    if pack is None:
        raise PackUnknown(
            _("No tier pack is called “%s”.") % name[:60],
            where="tier pack",
            remedy=_("These are shipped: %s.") % ", ".join(packs()),
        )
    return pack


def pack_of(incident: Incident) -> Pack:
    """Return the pack of an incident: the one its data package names, else China's of February 2020.

    Raises PackUnknown (A203) also for a pack that acts on places below the county.
    """
    pack = pack_named(incident.package.parameters.get("tier_pack", DEFAULT))
    if pack.level != "county":
        raise PackUnknown(
            _("The tier pack “%s” acts on places, not on counties.") % pack.name,
            where="tier pack",
            remedy=_("Evaluate it on a list of places: yipan tiers PLACES.csv --pack %s")
            % pack.name,
        )
    return pack
