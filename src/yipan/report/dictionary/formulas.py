"""Formulas of derived elements: read, checked, taken apart and evaluated; nothing else is executed.

A formula has element ids, numbers, + − × ÷, brackets, `x[t-1]` (the value of the period before),
`sum(x)` (of all periods so far) and `mean(x, n)` (of the last n periods).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FUNCTIONS = ("sum", "mean")
LONGEST = 400


class FormulaWrong(ValueError):
    """A formula has something in it that a formula cannot have."""


@dataclass(frozen=True)
class Formula:
    """A formula that was read; `inputs` are the names it uses, `before` those of an earlier period."""

    text: str
    inputs: frozenset[str]
    before: frozenset[str]
    terms: tuple[tuple[str, int], ...] | None  # (name, +1 or −1), where it is a plain sum

    @property
    def additive(self) -> bool:
        """Whether it is a plain sum or difference of the same period: then any part determines the rest."""
        return self.terms is not None


@lru_cache(maxsize=4096)
def read_formula(text: str) -> Formula:
    """Return a formula; raises FormulaWrong saying what it cannot have.

    >>> sorted(read_formula("3*mean(used, 3) - stock[t-1]").inputs)
    ['stock', 'used']
    >>> read_formula("a+b-c").terms
    (('a', 1), ('b', 1), ('c', -1))
    """
    if len(text) > LONGEST:
        raise FormulaWrong(f"longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.replace("×", "*").replace("÷", "/"), mode="eval").body
    except SyntaxError as fault:
        raise FormulaWrong(f"cannot be read at character {fault.offset or 1}") from fault
    inputs: set[str] = set()
    before: set[str] = set()
    _walk(tree, inputs, before)
    if not inputs:
        raise FormulaWrong("names no element")
    terms = _terms(tree, 1)
    if terms is not None and len({name for name, _sign in terms}) != len(terms):
        terms = None
    return Formula(text, frozenset(inputs), frozenset(before), terms)


def _walk(node: ast.expr, inputs: set[str], before: set[str]) -> None:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            _walk(left, inputs, before)
            _walk(right, inputs, before)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _walk(operand, inputs, before)
        case ast.Constant(value=int() | float()):
            return
        case ast.Name(id=name):
            inputs.add(name)
        case ast.Subscript(value=ast.Name(id=name), slice=place):
            if _shift(place):
                before.add(name)
            inputs.add(name)
        case ast.Call(func=ast.Name(id="sum"), args=[ast.Name(id=name)], keywords=[]):
            inputs.add(name)
            before.add(name)
        case ast.Call(
            func=ast.Name(id="mean"),
            args=[ast.Name(id=name), ast.Constant(value=int())],
            keywords=[],
        ):
            inputs.add(name)
            before.add(name)
        case _:
            raise FormulaWrong(f"cannot have “{ast.unparse(node)[:40]}”")


def _shift(place: ast.expr) -> int:
    match place:
        case ast.Name(id="t"):
            return 0
        case ast.BinOp(left=ast.Name(id="t"), op=ast.Sub(), right=ast.Constant(value=int(back))):
            if 1 <= back <= 366:
                return back
    raise FormulaWrong(f"cannot have the period “{ast.unparse(place)[:20]}”")


def _terms(node: ast.expr, sign: int) -> tuple[tuple[str, int], ...] | None:
    match node:
        case ast.Name(id=name):
            return ((name, sign),)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            first = _terms(left, sign)
            second = _terms(right, sign if isinstance(op, ast.Add) else -sign)
            return None if first is None or second is None else first + second
    return None


def solved_for(formula: Formula, head: str, wanted: str) -> str:
    """Return the formula of `wanted` where `head` is the plain sum that `formula` says.

    >>> solved_for(read_formula("a+b-c"), "t", "b")
    't+c-a'
    >>> solved_for(read_formula("a-b"), "t", "b")
    'a-t'
    """
    assert formula.terms is not None
    mine = dict(formula.terms)[wanted]
    parts = [(head, mine), *((n, -s * mine) for n, s in formula.terms if n != wanted)]
    parts.sort(key=lambda part: part[1] < 0)
    text = "".join(f"{'+' if sign > 0 else '-'}{name}" for name, sign in parts)
    return text.removeprefix("+")


Series = Mapping[str, NDArray[np.float64]]


def evaluate(formula: Formula, series: Series) -> NDArray[np.float64]:
    """Return the formula's value in every period, NaN where an input or a divisor is missing.

    `series` holds each input as an array [period, …], all of one shape; the result has it too.
    """
    text = formula.text.replace("×", "*").replace("÷", "/")
    value = _value(ast.parse(text, mode="eval").body, series)
    shape = next(iter(series.values())).shape if series else ()
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).copy()


def _value(node: ast.expr, series: Series) -> NDArray[np.float64] | float:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, series), _value(right, series)
            if isinstance(op, ast.Add):
                return a + b
            if isinstance(op, ast.Sub):
                return a - b
            if isinstance(op, ast.Mult):
                return a * b
            below = np.asarray(b, dtype=np.float64)
            return np.asarray(a) / np.where(below == 0, np.nan, below)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, series)
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return series[name]
        case ast.Subscript(value=ast.Name(id=name), slice=place):
            return _earlier(series[name], _shift(place))
        case ast.Call(func=ast.Name(id="sum"), args=[ast.Name(id=name)]):
            return np.nancumsum(series[name], axis=0)
        case ast.Call(args=[ast.Name(id=name), ast.Constant(value=int(n))]):
            return _rolling_mean(series[name], n)
    raise FormulaWrong(ast.unparse(node))  # pragma: no cover  (read_formula refused it)


def _earlier(values: NDArray[np.float64], back: int) -> NDArray[np.float64]:
    moved = np.full_like(values, np.nan)
    if back == 0:
        return values
    moved[back:] = values[:-back]
    return moved


def _rolling_mean(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the mean of the last n periods that were reported, NaN where none was."""
    known = ~np.isnan(values)
    total = np.nancumsum(values, axis=0)
    count = np.cumsum(known, axis=0)
    total[n:] -= total[:-n].copy()
    count[n:] -= count[:-n].copy()
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
