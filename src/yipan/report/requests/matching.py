"""Which element a field is: by signature and never by label; what differs is named.

Same signature, same element. Another population, cut-off or unit is a derivation where the source
can be cut so; the same signature under another definition is a conflict, to be ruled on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from yipan.report.dictionary.definitions import Definition, Signature
from yipan.report.dictionary.formulas import FormulaWrong, read_formula
from yipan.report.dictionary.units import Conversion, Converter
from yipan.report.requests.fields import Spec


class Relation(StrEnum):
    """How a field stands to the element it is matched with."""

    SAME = "same"
    UNIT = "unit"  # another unit of measure, with a conversion
    MEASURE = "measure"  # another measure of the same concept, where the source can give it
    POPULATION = "population"  # another population, cut from a source that can be cut
    REJECTED = "rejected"
    # What somebody must rule on:
    DEFINITION = "definition"  # the department words it otherwise
    NO_UNIT = "no_unit"  # no conversion between the units
    NO_MEASURE = "no_measure"
    NO_POPULATION = "no_population"  # a total that is asked cannot be cut
    NO_ELEMENT = "no_element"  # nothing in the dictionary has this concept


RULING = frozenset(
    {
        Relation.DEFINITION,
        Relation.NO_UNIT,
        Relation.NO_MEASURE,
        Relation.NO_POPULATION,
        Relation.NO_ELEMENT,
    }
)


@dataclass(frozen=True)
class Match:
    """What a field was matched with, and by what it is turned into what was asked for."""

    element: Definition | None
    relation: Relation
    conversion: Conversion | None = None  # from the element's unit to the field's

    @property
    def needs_ruling(self) -> bool:
        """Whether somebody must decide before the field can be met."""
        return self.relation in RULING


class Matcher:
    """Matches fields with one dictionary."""

    def __init__(self, dictionary: Mapping[str, Definition], converter: Converter) -> None:
        self.dictionary = dictionary
        self.converter = converter
        self.by_signature: dict[Signature, Definition] = {}
        self.by_concept: dict[str, list[Definition]] = defaultdict(list)
        for element in dictionary.values():
            self.by_signature.setdefault(element.signature, element)
            self.by_concept[element.concept].append(element)

    def match(self, spec: Spec) -> Match:
        """Return the element a field is, and what would have to be done to give it."""
        element = self._same(spec)
        if element is None:
            return self._other(spec)
        return self._judged(element, spec, Relation.SAME)

    def _same(self, spec: Spec) -> Definition | None:
        for level in dict.fromkeys((spec.level, "")):
            found = self.by_signature.get(
                Signature(spec.concept, spec.population, spec.measure, spec.time_basis, level)
            )
            if found is not None:
                return found
        return None

    def _other(self, spec: Spec) -> Match:
        """Another population or measure of a known concept."""
        near = [e for e in self.by_concept.get(spec.concept, []) if e.level in ("", spec.level)]
        if not near:
            return Match(None, Relation.NO_ELEMENT)

        def distance(element: Definition) -> tuple[bool, bool, bool, str]:
            return (
                element.measure != spec.measure or element.time_basis != spec.time_basis,
                element.population != spec.population,
                element.population != "all",
                element.id,
            )

        element = min(near, key=distance)
        if element.source == "reject":
            return Match(element, Relation.REJECTED)
        other_measure = (element.measure, element.time_basis) != (spec.measure, spec.time_basis)
        if other_measure and not self._gives_measure(element, spec):
            return Match(element, Relation.NO_MEASURE)
        if element.population != spec.population:
            if not self.can_be_cut(element):
                return Match(element, Relation.NO_POPULATION)
            return self._judged(element, spec, Relation.POPULATION)
        return self._judged(element, spec, Relation.MEASURE)

    def _judged(self, element: Definition, spec: Spec, relation: Relation) -> Match:
        if element.source == "reject":
            return Match(element, Relation.REJECTED)
        if spec.definition and spec.definition not in (
            element.definition_zh,
            element.definition_en,
        ):
            return Match(element, Relation.DEFINITION)
        if not spec.unit or not element.unit:
            return Match(element, relation)
        conversion = self.converter.find(element.unit, spec.unit)
        if conversion is None:
            return Match(element, Relation.NO_UNIT)
        if conversion.factor == 1.0 and conversion.source_unit == conversion.target_unit:
            return Match(element, relation)
        changed = Relation.UNIT if relation is Relation.SAME else relation
        return Match(element, changed, conversion)

    def can_be_cut(self, element: Definition, seen: frozenset[str] = frozenset()) -> bool:
        """Return whether another population can be counted: a register or system can be asked so.

        A plain sum can be cut where each of its terms can.
        """
        if element.from_register or element.source == "external":
            return True
        if element.source != "derived" or element.id in seen:
            return False
        try:
            formula = read_formula(element.formula)
        except FormulaWrong:
            return False
        inputs = [self.dictionary.get(n) for n in formula.inputs]
        return formula.additive and all(
            e is not None and self.can_be_cut(e, seen | {element.id}) for e in inputs
        )

    def _gives_measure(self, element: Definition, spec: Spec) -> bool:
        """Return whether another measure of the concept follows: registers count any of the three."""
        counted = {"stock", "flow", "cum"}
        if element.from_register:
            return element.measure in counted and spec.measure in counted
        # A running total known each day gives each day's flow; the other way needs the first day.
        return element.measure == "cum" and spec.measure == "flow"


def conflicts(elements: Iterable[Definition]) -> list[tuple[Definition, Definition]]:
    """Return the pairs with the same signature and another definition: each needs a ruling."""
    first: dict[Signature, Definition] = {}
    found = []
    for element in sorted(elements, key=lambda e: e.id):
        other = first.setdefault(element.signature, element)
        if other is not element and (
            other.definition_zh != element.definition_zh
            or other.definition_en != element.definition_en
            or other.formula != element.formula
        ):
            found.append((other, element))
    return found
