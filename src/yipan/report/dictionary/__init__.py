"""The data dictionary: what each element means, who reports it, and what it may be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml
from django.utils.translation import get_language


def in_language(zh: str, en: str) -> str:
    """Return the Chinese or the English text, by the language now in use."""
    return zh if (get_language() or "").startswith("zh") else en


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the dictionary; its id never changes its meaning."""

    id: str
    label_zh: str
    label_en: str
    definition_zh: str
    definition_en: str
    unit_zh: str
    unit_en: str
    measure: str  # cumulative, flow, stock, flag, text, …
    min: int
    max: int
    levels: frozenset[str]
    sensitivity: int
    group: str
    warn_change: float | None
    relevant: str = ""  # a condition on other answers of the page; empty: always asked
    decimals: int = 0  # places after the point that a value may have
    on_request: bool = False  # on a unit's page only where a department asks for it
    register: str = ""  # concept that the line list counts for the unit, who confirms it

    @property
    def label(self) -> str:
        """The label in the language in use."""
        return in_language(self.label_zh, self.label_en)

    @property
    def definition(self) -> str:
        """The definition in the language in use."""
        return in_language(self.definition_zh, self.definition_en)

    @property
    def unit(self) -> str:
        """The unit of measure in the language in use; empty for a flag."""
        return in_language(self.unit_zh, self.unit_en)

    @property
    def cumulative(self) -> bool:
        """Whether it is a running total, which cannot fall without a correction."""
        return self.measure == "cumulative"

    @property
    def words(self) -> bool:
        """Whether it is answered in words."""
        return self.measure == "text"

    def shown(self, value: float | None) -> str:
        """Return a value as its field holds it: plain digits, with as many places as it may have.

        >>> ELEMENTS["masks_stock"].shown(420.0)
        '420'
        """
        if value is None:
            return ""
        text = f"{value:.{self.decimals}f}"
        return text.rstrip("0").rstrip(".") if self.decimals else text

    @property
    def flag(self) -> bool:
        """Whether it is a yes or a no."""
        return self.measure == "flag"


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of the form."""

    id: str
    label_zh: str
    label_en: str

    @property
    def label(self) -> str:
        """The heading in the language in use."""
        return in_language(self.label_zh, self.label_en)


def _element(row: dict[str, Any]) -> Element:
    return Element(
        id=row["id"],
        label_zh=row["label"]["zh"],
        label_en=row["label"]["en"],
        definition_zh=row["definition"]["zh"],
        definition_en=row["definition"]["en"],
        unit_zh=row["unit"]["zh"],
        unit_en=row["unit"]["en"],
        measure=row["measure"],
        min=int(row.get("min", 0)),
        max=int(row["max"]),
        levels=frozenset(row["levels"]),
        sensitivity=int(row["sensitivity"]),
        group=row["group"],
        warn_change=row.get("warn_change"),
        relevant=row.get("relevant", ""),
        decimals=int(row.get("decimals", 0)),
        on_request=bool(row.get("on_request", False)),
        register=row.get("register", ""),
    )


@lru_cache(maxsize=1)
def _source() -> dict[str, Any]:
    text = files(__package__).joinpath("elements.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


ELEMENTS: MappingProxyType[str, Element] = MappingProxyType(
    {row["id"]: _element(row) for row in _source()["elements"]}
)
GROUPS: MappingProxyType[str, Group] = MappingProxyType(
    {k: Group(id=k, label_zh=v["zh"], label_en=v["en"]) for k, v in _source()["groups"].items()}
)
VERSION: int = _source()["version"]


def asked_of(level: str) -> list[Element]:
    """Return the elements a unit of this level reports unasked, in the order of the form."""
    return [e for e in ELEMENTS.values() if level in e.levels and not e.on_request]
