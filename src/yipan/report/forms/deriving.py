"""A department's field made from what was answered once: registers at any cut-off, answers at theirs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yipan.report.dictionary.definitions import Definition
from yipan.report.dictionary.formulas import evaluate, read_formula
from yipan.report.forms.compiler import AVERAGE, AVERAGE_DAYS, Compiled, Outcome, auxiliaries
from yipan.report.requests.matching import Relation

Array = NDArray[np.float64]


class Facts(Protocol):
    """Where facts come from; every array is [period, unit], NaN where nothing is known."""

    def answered(self, element: Definition) -> Array:
        """What units answered on the page, at the page's cut-off."""
        ...

    def counted(self, element: Definition, *, cutoff: str, population: str, measure: str) -> Array:
        """What a register or another system says at a cut-off, for a population."""
        ...

    def helper(self, name: str, *, of: Definition, cutoff: str) -> Array:
        """A quantity a formula names that a register holds (receipts, issues)."""
        ...


def field_values(outcome: Outcome, compiled: Compiled, facts: Facts) -> Array:
    """Return a met field's values [period, unit], in the unit it was asked for.

    A field that rests only on registers is exact at its own cut-off; one that rests on an answer
    is as at the page's cut-off (`outcome.cutoff`). Raises KeyError for a field that is not met.
    """
    if not outcome.met or outcome.element is None:
        raise KeyError(f"{outcome.field.id} is not met")
    spec = outcome.field.spec
    made = _Maker(compiled, facts, outcome.cutoff or spec.cutoff or compiled.cutoff)
    population = spec.population if outcome.match.relation is Relation.POPULATION else ""
    values = made.element(outcome.element, population, spec.measure)
    if outcome.match.relation is Relation.MEASURE and outcome.asked:
        values = np.diff(values, axis=0, prepend=np.nan)  # a day's flow from two running totals
    conversion = outcome.match.conversion
    return values * conversion.factor if conversion is not None else values


class _Maker:
    """Makes elements from facts, one cut-off for all."""

    def __init__(self, compiled: Compiled, facts: Facts, cutoff: str) -> None:
        self.compiled = compiled
        self.facts = facts
        self.cutoff = cutoff

    def element(self, element: Definition, population: str, measure: str = "") -> Array:
        if element.id in self.compiled.solution.asked:
            return self.facts.answered(element)
        if element.from_register or element.source == "external":
            return self.facts.counted(
                element,
                cutoff=self.cutoff,
                population=population or element.population,
                measure=measure or element.measure,
            )
        return self.formula(self.compiled.expressions[element.id], element, population)

    def formula(self, text: str, of: Definition, population: str) -> Array:
        read = read_formula(text)
        return evaluate(read, {n: self.input(n, of, population) for n in read.inputs})

    def input(self, name: str, of: Definition, population: str) -> Array:
        dictionary = self.compiled.dictionary
        if name in dictionary:
            return self.element(dictionary[name], population)
        base = name.removesuffix(AVERAGE)
        if name.endswith(AVERAGE) and base in dictionary:
            known = self.element(dictionary[base], population)
            return evaluate(read_formula(f"mean({base}, {AVERAGE_DAYS})"), {base: known})
        helper = auxiliaries()[name]
        if helper.formula:
            return self.formula(helper.formula, of, population)
        return self.facts.helper(name, of=of, cutoff=self.cutoff)
