"""Conditions under which a question is asked at all: read, checked, told in words; nothing else is executed.

A condition has element ids, numbers, comparisons (`=` `!=` `<` `<=` `>` `>=`), `and`, `or`, `not` and
brackets: `abnormal > 0 and not closed = 1`. A comparison with something unanswered is false, as in
an XLSForm; so the page, the field app and ODK Collect skip the same questions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

LONGEST = 400
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_LONE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")
_WRITTEN = {"≥": ">=", "≤": "<=", "≠": "!=", "＝": "=", "＞": ">", "＜": "<", "<>": "!="}

Tree = list[Any]
"""`["and", a, b, …]`, `["or", …]`, `["not", a]` or `[comparison, side, side]`; a side is an id or a number."""


class ConditionWrong(ValueError):
    """A condition has something in it that a condition cannot have."""


@dataclass(frozen=True)
class Condition:
    """A condition that was read; `inputs` are the elements whose answers decide it."""

    text: str
    inputs: frozenset[str]
    tree: Tree

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=4096)
def read_condition(text: str) -> Condition:
    """Return a condition; raises ConditionWrong saying what it cannot have.

    >>> read_condition("abnormal > 0 and closed = 0").tree
    ['and', ['>', 'abnormal', 0], ['=', 'closed', 0]]
    """
    if len(text) > LONGEST:
        raise ConditionWrong(_("longer than %d characters") % LONGEST)
    plain = text
    for sign, word in _WRITTEN.items():
        plain = plain.replace(sign, word)
    try:
        tree = ast.parse(_LONE_EQUALS.sub("==", plain).strip(), mode="eval").body
    except SyntaxError as fault:
        raise ConditionWrong(_("cannot be read at character %d") % (fault.offset or 1)) from fault
    inputs: set[str] = set()
    made = _read(tree, inputs)
    if not inputs:
        raise ConditionWrong(_("names no element"))
    return Condition(text, frozenset(inputs), made)


def _read(node: ast.expr, inputs: set[str]) -> Tree:
    match node:
        case ast.BoolOp(op=op, values=values):
            word = "and" if isinstance(op, ast.And) else "or"
            return [word, *(_read(v, inputs) for v in values)]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ["not", _read(operand, inputs)]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            return [COMPARISONS[type(op)], _side(left, inputs), _side(right, inputs)]
    raise ConditionWrong(_("cannot have “%s”") % ast.unparse(node)[:40])


def _side(node: ast.expr, inputs: set[str]) -> str | int | float:
    match node:
        case ast.Name(id=name):
            inputs.add(name)
            return name
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
    raise ConditionWrong(_("cannot compare “%s”") % ast.unparse(node)[:40])


def holds(condition: Condition, answers: Mapping[str, float | None]) -> bool:
    """Return whether a condition holds; a comparison with something unanswered is false.

    >>> holds(read_condition("not (closed = 1)"), {})
    True
    >>> holds(read_condition("abnormal > 0"), {"abnormal": None})
    False
    """
    return _holds(condition.tree, answers)


def _holds(tree: Tree, answers: Mapping[str, float | None]) -> bool:
    word, *rest = tree
    if word == "and":
        return all(_holds(t, answers) for t in rest)
    if word == "or":
        return any(_holds(t, answers) for t in rest)
    if word == "not":
        return not _holds(rest[0], answers)
    left, right = (answers.get(s) if isinstance(s, str) else s for s in rest)
    return left is not None and right is not None and COMPARE[word](left, right)


def skipped(
    conditions: Mapping[str, Condition], answers: Mapping[str, float | None]
) -> frozenset[str]:
    """Return the elements not asked, given the answers; one skipped answers nothing for the others.

    `conditions` are those that count on the page (`on_page`). Chains are followed to their end; a
    circle cannot occur, because a dictionary with one is refused.
    """
    said = dict(answers)
    found: set[str] = set()
    while True:
        fresh = {n for n, c in conditions.items() if n not in found and not holds(c, said)}
        if not fresh:
            return frozenset(found)
        found |= fresh
        said.update(dict.fromkeys(fresh))


def on_page(texts: Mapping[str, str]) -> dict[str, Condition]:
    """Return the conditions that count on a page of these elements (id → its condition, or empty).

    One that rests on an element which is not on the page cannot be told there: that question is
    always asked, because nothing is asked only in order to skip something else.
    """
    found = {n: read_condition(text) for n, text in texts.items() if text}
    return {n: c for n, c in found.items() if c.inputs <= texts.keys()}


def circle(texts: Mapping[str, str]) -> list[str]:
    """Return a circle of conditions (the ids, the first again at the end), empty where there is none.

    >>> circle({"a": "b > 0", "b": "a > 0"})
    ['a', 'b', 'a']
    """
    rests = {n: sorted(read_condition(t).inputs) for n, t in texts.items() if t}
    done: set[str] = set()
    for start in sorted(rests):
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, left = stack.pop()
            if left:
                done.add(path.pop())
                continue
            if name in path:
                return [*path[path.index(name) :], name]
            if name in done or name not in rests:
                continue
            path.append(name)
            stack.append((name, True))
            stack.extend((n, False) for n in reversed(rests[name]))
    return []


def in_words(condition: Condition, labels: Mapping[str, str]) -> str:
    """Return a condition as a person reads it, in the language in use."""
    return _words(condition.tree, labels)


def _words(tree: Tree, labels: Mapping[str, str]) -> str:
    word, *rest = tree
    if word in ("and", "or"):
        join = _(" and ") if word == "and" else _(" or ")
        parts = [_words(t, labels) for t in rest]
        return join.join(f"({p})" if t[0] in ("and", "or") else p for t, p in zip(rest, parts, strict=True))  # fmt: skip
    if word == "not":
        return _("not (%s)") % _words(rest[0], labels)
    left, right = (labels.get(s, s) if isinstance(s, str) else f"{s:g}" for s in rest)
    sign = {"<=": "≤", ">=": "≥", "!=": "≠"}.get(word, word)
    return f"{left} {sign} {right}"


def as_xpath(condition: Condition, path: Callable[[str], str]) -> str:
    """Return a condition as an XLSForm writes it; `path` writes one element's answer.

    >>> as_xpath(read_condition("not a = 1 or b >= 2"), lambda name: "${%s}" % name)
    'not(${a} = 1) or ${b} >= 2'
    """
    return _xpath(condition.tree, path)


def _xpath(tree: Tree, path: Callable[[str], str]) -> str:
    word, *rest = tree
    if word in ("and", "or"):
        parts = (f"({_xpath(t, path)})" if t[0] in ("and", "or") else _xpath(t, path) for t in rest)
        return f" {word} ".join(parts)
    if word == "not":
        return f"not({_xpath(rest[0], path)})"
    left, right = (path(s) if isinstance(s, str) else f"{s:g}" for s in rest)
    text = f"{left} {word} {right}"
    # XPath takes an empty answer for "" in != and would then say yes.
    asked = [path(s) for s in rest if isinstance(s, str)]
    if word == "!=":
        text = " and ".join([*(f"{p} != ''" for p in asked), text])
        return f"({text})"
    return text


def names_unknown(condition: Condition, known: Iterable[str]) -> list[str]:
    """Return the names of a condition that are no element, sorted."""
    return sorted(condition.inputs - set(known))
