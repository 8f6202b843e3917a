"""Units of measure: which words are the same unit, and what one is in another, with the source."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Conversion:
    """`1 from = factor to`; `note` is its source, or the assumption to show beside the value."""

    source_unit: str
    target_unit: str
    factor: float
    note: str = ""

    @property
    def inverse(self) -> Conversion:
        """The way back."""
        return Conversion(self.target_unit, self.source_unit, 1 / self.factor, self.note)


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    text = files(__package__).joinpath("units.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.safe_load(text)
    return loaded


@lru_cache(maxsize=1)
def _same() -> dict[str, str]:
    return {
        _folded(word): unit for unit, words in _data()["same"].items() for word in (unit, *words)
    }


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).strip().casefold()


def canonical(word: str) -> str:
    """Return the unit a word names; an unknown word stands for itself.

    >>> canonical("公斤"), canonical(" KG "), canonical("把")
    ('kg', 'kg', '把')
    """
    return _same().get(_folded(word), _folded(word))


def house_conversions() -> list[Conversion]:
    """Return the conversions this system ships, each with its source."""
    return [
        Conversion(row["from"], row["to"], float(row["factor"]), row["source"])
        for row in _data()["conversions"]
    ]


class Converter:
    """Finds what one unit is in another: directly, back, or by one unit between."""

    def __init__(self, conversions: Iterable[Conversion] = ()) -> None:
        self.known: dict[tuple[str, str], Conversion] = {}
        for given in (*house_conversions(), *conversions):
            one = Conversion(
                canonical(given.source_unit), canonical(given.target_unit), given.factor, given.note
            )
            for way in (one, one.inverse):
                self.known[way.source_unit, way.target_unit] = way

    def find(self, source: str, target: str) -> Conversion | None:
        """Return the conversion from one unit to another, None where there is none."""
        a, b = canonical(source), canonical(target)
        if a == b:
            return Conversion(a, b, 1.0)
        if (a, b) in self.known:
            return self.known[a, b]
        for (start, middle), first in sorted(self.known.items()):
            second = self.known.get((middle, b))
            if start == a and second is not None:
                notes = "; ".join(n for n in (first.note, second.note) if n)
                return Conversion(a, b, first.factor * second.factor, notes)
        return None
