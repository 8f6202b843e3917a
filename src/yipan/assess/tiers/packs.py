"""Rule packs as data: which are shipped, which one an incident uses, and the words of their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from django.utils.translation import gettext as _

from yipan.access.models import Incident
from yipan.assess.errors import PackUnknown
from yipan.engines.surveillance.tiers import RulePack, TierRule, parse_rule_pack
from yipan.kernel.words import chinese

DEFAULT = "china-2020-02"


@dataclass(frozen=True)
class Pack:
    """A rule pack with the words of its facts."""

    rules: RulePack
    facts: Mapping[str, Mapping[str, str]]  # name → {"zh", "en"}

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
            found[data["name"]] = Pack(parse_rule_pack(data), data["facts"])
    return found


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
    """Return the pack of an incident: the one its data package names, else China's of February 2020."""
    return pack_named(incident.package.parameters.get("tier_pack", DEFAULT))
