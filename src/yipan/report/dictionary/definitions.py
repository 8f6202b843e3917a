"""What an element is, in full: one immutable record a version, with its signature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from yipan.report.dictionary import in_language

MEASURES = ("stock", "flow", "cum", "rate", "price", "need", "text", "list", "attr", "date", "flag")
TIME_BASES = ("instant", "interval")
REGISTERS = ("registry", "person", "place", "stock")
SOURCES = (*REGISTERS, "external", "derived", "reject", "")
PERIODS = ("daily", "weekly")
DECIMALS = {"price": 2, "rate": 2}  # of a measure, unless the element says otherwise
MOST_DECIMALS = 6

Measure = Literal[
    "stock", "flow", "cum", "rate", "price", "need", "text", "list", "attr", "date", "flag"
]


@dataclass(frozen=True, slots=True)
class Signature:
    """What makes two elements the same: nothing of it is a label."""

    concept: str
    population: str
    measure: str
    time_basis: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of one element of the dictionary; the id never changes its meaning."""

    id: str
    label_zh: str
    label_en: str
    concept: str
    measure: str
    time_basis: str
    population: str = "all"
    unit: str = ""
    source: str = ""  # empty: it may be asked, if nothing else gives it
    ask_period: str = ""  # daily or weekly, where it may be asked
    formula: str = ""  # how a derived one is computed, by ids
    system: str = ""  # which system an external one comes from
    level: str = ""  # of the unit that answers; empty: any
    cutoff: str = ""  # where the element has one of its own
    disaggregation: tuple[str, ...] = ()
    owner: str = ""
    freshness: str = ""
    sensitivity: int = 0
    legal_basis: str = ""
    retention_days: int | None = None
    definition_zh: str = ""
    definition_en: str = ""
    reason_zh: str = ""  # why a rejected one is not asked
    reason_en: str = ""
    version: int = 1
    valid_from: date | None = None
    valid_to: date | None = None  # half-open
    relevant: str = ""  # a condition on other answers; empty: always asked
    decimals: int = 0  # places after the point that an answer may have

    @property
    def signature(self) -> Signature:
        """The element's signature."""
        return Signature(self.concept, self.population, self.measure, self.time_basis, self.level)

    @property
    def label(self) -> str:
        """The label in the language in use."""
        return in_language(self.label_zh, self.label_en)

    @property
    def askable(self) -> bool:
        """Whether a unit may be asked for it."""
        return self.source == "" and self.ask_period in PERIODS

    @property
    def from_register(self) -> bool:
        """Whether a register answers it, exactly and at any cut-off."""
        return self.source in REGISTERS

    def revised(self, **changes: object) -> Definition:
        """Return the next version with these changes; the id stays."""
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]
