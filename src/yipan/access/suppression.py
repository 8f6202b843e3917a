"""Small counts outside their owner's level: hidden, and not to be had by subtraction either.

A count of 1 to 4 could be somebody whom the neighbours know. It is shown as “fewer than 5” (*primary*
suppression). Where a published sum would still give it away, further counts are withheld (*complementary*
suppression) until nobody who knows every shown number, every sum and these very rules can say more
about a hidden count than that it is 1 to 4. Zero is shown: it is about nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from scipy.optimize import linprog

from yipan.access.rules import Action
from yipan.access.scope import HOUSEHOLD, Scope
from yipan.places.models import Unit

K = TypeVar("K", bound=Hashable)

LEAST: Final = 5
"""The smallest count shown exactly to everyone."""
SLACK: Final = 1e-6
PROGRAMMES: Final = 400  # linear programmes for one table, about a second
UNKNOWNS: Final = 80  # hidden counts that one set of sums may share; beyond, structure decides


class Hidden(Enum):
    """Why a count is not shown."""

    FEWER = "fewer_than_5"  # 1 to 4
    WITHHELD = "withheld"  # it would give away another: see `_bounds` for what its reader knows

    def __str__(self) -> str:
        return _("fewer than 5") if self is Hidden.FEWER else _("not shown")

    @property
    def in_export(self) -> str:
        """What a CSV or a spreadsheet holds in its place; never a number."""
        return "<5" if self is Hidden.FEWER else "…"


Shown = float | Hidden | None
Cell = tuple[str, int]
TOTAL, REST = -1, -2  # in the place of a unit's id
ABOVE: Final = " (all)"


@dataclass(frozen=True)
class Sum(Generic[K]):
    """A total and the parts that add up to it, exactly."""

    total: K
    parts: tuple[K, ...]

    @property
    def cells(self) -> tuple[K, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


def suppress(
    counts: Mapping[K, float | None], sums: Sequence[Sum[K]] = (), *, public: Collection[K] = ()
) -> dict[K, Shown]:
    """Return what may be shown of each count: itself, Hidden, or None where there is none.

    `sums` are all the totals a reader knows to add up. `public` counts are known already (published
    by the authority) and stay shown; a count that public ones alone give away stays marked, though
    nothing can protect it. Counts are withheld from the smallest upwards, ties by key, so that the
    same table gives the same answer. Large tables of many sums that share counts are made safe by
    withholding totals (see `_Table._close`): more than need be, never less.

    >>> shown = suppress({"all": 30, "a": 3, "b": 7, "c": 20}, [Sum("all", ("a", "b", "c"))])
    >>> {k: v.name if isinstance(v, Hidden) else v for k, v in shown.items()}
    {'all': 30, 'a': 'FEWER', 'b': 'WITHHELD', 'c': 20}
    """
    hidden: dict[K, Hidden] = {
        k: Hidden.FEWER
        for k, n in counts.items()
        if n is not None and 0 < n < LEAST and k not in public
    }
    whole = [s for s in sums if all(counts.get(k) is not None for k in s.cells)]
    effort = _Effort()
    for joined in _joined(whole, frozenset(public)):
        if any(k in hidden for s in joined for k in s.cells):
            _Table(counts, joined, hidden, frozenset(public), effort).make_safe()
    return {k: hidden.get(k, n) for k, n in counts.items()}


def _joined(sums: Sequence[Sum[K]], public: frozenset[K]) -> list[list[Sum[K]]]:
    """Return the sums in sets that share counts which may be hidden, in an order of their own."""
    above: dict[K, K] = {}

    def top(k: K) -> K:
        while above.setdefault(k, k) != k:
            above[k] = above[above[k]]
            k = above[k]
        return k

    for s in sums:
        free = [k for k in s.cells if k not in public]
        for k in free[1:]:
            above[top(k)] = top(free[0])
    found: dict[K, list[Sum[K]]] = {}
    for s in sums:
        free = [k for k in s.cells if k not in public]
        if free:
            found.setdefault(top(free[0]), []).append(s)
    return sorted(found.values(), key=lambda g: min(str(s.total) for s in g))


class _Effort:
    """How many linear programmes one table may still cost; afterwards more is withheld than need be."""

    def __init__(self) -> None:
        self.left = PROGRAMMES


class _Table(Generic[K]):
    """A table on its way to being safe: what is hidden so far, and what a reader can make of it."""

    def __init__(
        self,
        counts: Mapping[K, float | None],
        sums: Sequence[Sum[K]],
        hidden: dict[K, Hidden],
        public: frozenset[K],
        effort: _Effort,
    ) -> None:
        self.counts = counts
        self.sums = sums
        self.hidden = hidden
        self.public = public
        self.effort = effort
        self.totals = {s.total for s in sums}
        self.beyond_help: set[K] = set()

    def make_safe(self) -> None:
        """Withhold counts until no small one is given away."""
        while True:
            groups = self._groups()
            if any(self._too_large(g) for g in groups):
                self._close()
                return
            weak = self.given_away(groups)
            if weak is None:
                return
            self.protect(*weak)

    def _too_large(self, group: Sequence[Sum[K]]) -> bool:
        if len(group) == 1:
            return False
        unknown = {k for s in group for k in s.cells if k in self.hidden}
        return len(unknown) > UNKNOWNS or self.effort.left <= 0

    def _close(self) -> None:
        """Withhold by structure, without working ranges out: more than need be, never less.

        Where every total adds up one way only, the totals above hidden counts are withheld: each is
        then an unknown of its own sum, so that the parts may be anything. Otherwise everything is
        withheld that these sums touch, zeros too: nothing is left to subtract from.
        """
        one_way = len(self.totals) == len(self.sums)
        if one_way and not self.totals & self.public:
            changed = True
            while changed:
                over = {s.total for s in self.sums if any(k in self.hidden for k in s.cells)}
                changed = any(self.hidden.get(k) is not Hidden.WITHHELD for k in over)
                self.hidden.update(dict.fromkeys(over, Hidden.WITHHELD))
            return
        touched = {k for s in self.sums for k in s.cells if k not in self.public}
        self.hidden.update(dict.fromkeys(touched, Hidden.WITHHELD))

    def given_away(self, groups: Sequence[Sequence[Sum[K]]]) -> tuple[K, Sequence[Sum[K]]] | None:
        """Return a small count of which one can say more than that it is 1 to 4, and its sums, or None."""
        for group in groups:
            cells = sorted({k for s in group for k in s.cells if k in self.hidden}, key=str)
            for k, (low, high) in self._ranges(cells, group):
                if low > 1 + SLACK or high < LEAST - 1 - SLACK:
                    return k, group
        return None

    def protect(self, weak: K, group: Sequence[Sum[K]]) -> None:
        """Withhold one more count near a weak one, or give it up where nothing is left to withhold.

        A small total that says “fewer than 5” bounds its parts: its label is the first to go. Then
        the smallest part of its own sums, then one further off, totals last.
        """
        if weak in self.totals:
            self.hidden[weak] = Hidden.WITHHELD
            return
        own = [s for s in group if weak in s.cells]
        telling = [s.total for s in own if self.hidden.get(s.total) is Hidden.FEWER]
        near = {k for s in own for k in s.cells}
        free = [
            k
            for s in group
            for k in s.cells
            if k not in self.hidden and k not in self.public and (self.counts[k] or 0) >= LEAST
        ]
        free.sort(key=lambda k: (k in self.totals, k not in near, self.counts[k] or 0, str(k)))
        if telling or free:
            self.hidden[[*telling, *free][0]] = Hidden.WITHHELD
        else:
            self.beyond_help.add(weak)

    def _groups(self) -> list[list[Sum[K]]]:
        """Return the sums in groups that share hidden counts: each group stands alone."""
        unknown = frozenset(k for s in self.sums for k in s.cells if k not in self.hidden)
        touched = [s for s in self.sums if any(k in self.hidden for k in s.cells)]
        return _joined(touched, unknown)

    def _bounds(self, k: K) -> tuple[float, float]:
        """Return what the label alone says: a reader knows these rules."""
        if self.hidden[k] is Hidden.FEWER:
            return 1, LEAST - 1
        return (1 if k in self.totals else LEAST), np.inf

    def _ranges(
        self, cells: Sequence[K], group: Sequence[Sum[K]]
    ) -> Iterator[tuple[K, tuple[float, float]]]:
        """Give each small count with the smallest and the largest value that fit all that is shown."""
        place = {cell: i for i, cell in enumerate(cells)}
        matrix = np.zeros((len(group), len(cells)))
        rest = np.zeros(len(group))
        for row, s in enumerate(group):
            for cell, sign in [(s.total, 1.0), *((p, -1.0) for p in s.parts)]:
                if cell in self.hidden:
                    matrix[row, place[cell]] += sign
                else:
                    rest[row] -= sign * (self.counts[cell] or 0)
        bounds = np.array([self._bounds(cell) for cell in cells])
        small = [k for k in cells if self.hidden[k] is Hidden.FEWER and k not in self.beyond_help]
        if len(group) == 1:
            lows, highs = _of_one_sum(matrix[0], float(rest[0]), bounds)
            for k in small:
                yield k, (float(lows[place[k]]), float(highs[place[k]]))
            return
        pairs = [(float(low), float(high)) for low, high in bounds]
        for k in small:
            goal = np.zeros(len(cells))
            goal[place[k]] = 1.0
            low, high = (
                linprog(way * goal, A_eq=matrix, b_eq=rest, bounds=pairs) for way in (1.0, -1.0)
            )
            self.effort.left -= 2
            yield k, (_optimum(low, 1.0), _optimum(high, -1.0))


def _of_one_sum(
    signs: NDArray[np.float64], rest: float, bounds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ranges of the unknowns of one equation: no need of a linear programme."""
    ends = np.stack([signs * bounds[:, 0], signs * bounds[:, 1]])
    least, most = ends.min(axis=0), ends.max(axis=0)
    own_least = rest - _of_the_others(most)
    own_most = rest - _of_the_others(least)
    own = np.stack([signs * own_least, signs * own_most])
    return np.maximum(bounds[:, 0], own.min(axis=0)), np.minimum(bounds[:, 1], own.max(axis=0))


def _of_the_others(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each term, the sum of all others; terms may be infinite, of one sign only."""
    endless = np.isinf(terms)
    finite = np.where(endless, 0.0, terms)
    others = finite.sum() - finite
    beyond = endless.sum() - endless > 0
    return np.where(beyond, terms[endless][0] if endless.any() else 0.0, others)


def _optimum(solved: Any, way: float) -> float:
    if solved.status == 3:  # unbounded
        return -way * np.inf
    return float(way * solved.fun)


# ---- for whoever looks ----------------------------------------------------------------------------


def shown_to(
    scope: Scope,
    counts: Mapping[Unit, float | None],
    *,
    action: Action,
    rest: Mapping[Unit, int] | None = None,
    public: Collection[Unit] = (),
) -> dict[Unit, Shown]:
    """Return what may be shown of counts of units to whoever holds `scope`: one answer for page,
    API and export.

    At places where the scope may read with `action` counts of small places (sensitivity 1), every
    count is exact; elsewhere small ones are hidden. Units given together with their parent are
    taken to add up to it, with what `rest` says lives in none of them (development zones, cases not
    allocated). `public` counts were published by the authority.
    """
    exact = {u for u in counts if scope.may(action, u, sensitivity=HOUSEHOLD)}
    known = exact.union(public)
    if len(known) == len(counts):
        return dict(counts)
    by_id = {u.pk: u for u in counts}
    below: dict[int, list[Unit]] = {}
    for unit in counts:
        if unit.parent_id in by_id:
            below.setdefault(unit.parent_id or 0, []).append(unit)
    table: dict[Cell, float | None] = {("unit", u.pk): n for u, n in counts.items()}
    table |= {("rest", pk): (rest or {}).get(by_id[pk], 0) for pk in below}
    sums = [
        Sum(("unit", pk), (*(("unit", u.pk) for u in parts), ("rest", pk)))
        for pk, parts in below.items()
    ]
    open_to_all = {("unit", u.pk) for u in known} | {("rest", pk) for pk in below}
    shown = suppress(table, sums, public=open_to_all)
    return {unit: shown["unit", unit.pk] for unit in counts}


@dataclass(frozen=True)
class ShownTable:
    """A table as its reader may see it: a column of cells in the order of the units, and totals."""

    cells: dict[str, list[Shown]]
    totals: dict[str, Shown] = field(default_factory=dict)

    @property
    def hidden(self) -> int:
        """How many cells and totals are not shown."""
        every = [*self.totals.values(), *(c for column in self.cells.values() for c in column)]
        return sum(isinstance(c, Hidden) for c in every)


def table_shown_to(
    scope: Scope,
    units: Sequence[Unit],
    columns: Mapping[str, Sequence[float | None]],
    *,
    action: Action,
    about_people: Collection[str] | None = None,
    sums: Sequence[Sum[str]] = (),
    rests_on: Mapping[str, Collection[str]] | None = None,
    totals: Mapping[str, float | None] | None = None,
    public: Collection[tuple[str, int]] = (),
    sums_above: bool = False,
) -> ShownTable:
    """Return what may be shown of a table, a row a unit: one answer for page, API and export.

    `columns` hold a cell for each unit; only those in `about_people` (all, if not said) count
    people. `sums` are columns that add up in every row; a column that is made from others in
    another way (a rate) names them in `rests_on` and is withheld with them. `totals` are the sums
    of whole columns as they are shown below or elsewhere; a unit without a value adds nothing to
    them. `public` are (column, unit id) that the authority published. `sums_above` says that the sums
    over the units under each parent are shown on other pages, exactly. Give the whole table, also
    where a page shows part of it: the answer depends on all of it.
    """
    counting = set(columns) if about_people is None else set(about_people) & set(columns)
    exact = [scope.may(action, u, sensitivity=HOUSEHOLD) for u in units]
    plain = ShownTable({n: list(c) for n, c in columns.items()}, dict(totals or {}))
    if not counting or all(exact):
        return plain
    published = set(public)
    table: dict[Cell, float | None] = {}
    known: set[Cell] = set()
    for name, cells in columns.items():
        for u, own, n in zip(units, exact, cells, strict=True):
            table[name, u.pk] = n
            if own or name not in counting or (name, u.pk) in published:
                known.add((name, u.pk))
    relations: list[Sum[Cell]] = [
        Sum((s.total, u.pk), tuple((p, u.pk) for p in s.parts)) for s in sums for u in units
    ]
    for name, total in (totals or {}).items():
        if name not in counting or total is None:
            continue
        parts = [(name, u.pk) for u in units if table[name, u.pk] is not None]
        table[name, TOTAL] = total
        table[name, REST] = total - sum(table[p] or 0 for p in parts)
        known.add((name, REST))
        relations.append(Sum((name, TOTAL), (*parts, (name, REST))))
    if sums_above:
        relations += _sums_above(table, units, counting, known)
    shown = suppress(table, relations, public=known)
    others = [u for u, own in zip(units, exact, strict=True) if not own]
    _withhold_dependants(shown, others, rests_on or {})
    return ShownTable(
        {n: [shown[n, u.pk] for u in units] for n in columns},
        {n: shown.get((n, TOTAL), total) for n, total in (totals or {}).items()},
    )


def _sums_above(
    table: dict[Cell, float | None],
    units: Sequence[Unit],
    counting: Collection[str],
    known: set[Cell],
) -> list[Sum[Cell]]:
    """Return the sums under each parent and put them into the table as known."""
    below: dict[int, list[int]] = {}
    for u in units:
        if u.parent_id is not None:
            below.setdefault(u.parent_id, []).append(u.pk)
    relations = []
    for name in sorted(counting):
        for parent, parts in below.items():
            there = tuple((name, pk) for pk in parts if table[name, pk] is not None)
            over = (f"{name}{ABOVE}", parent)
            table[over] = sum(table[p] or 0 for p in there)
            if table[over] == 0 or table[over] >= LEAST:  # type: ignore[operator]
                known.add(over)  # a small sum is hidden there too
            relations.append(Sum(over, there))
    return relations


def _withhold_dependants(
    shown: dict[Cell, Shown], units: Sequence[Unit], rests_on: Mapping[str, Collection[str]]
) -> None:
    """Withhold what is made from a hidden count, and what is made from that in turn."""
    for u in units:
        changed = True
        while changed:
            changed = False
            for name, inputs in rests_on.items():
                cell = (name, u.pk)
                if isinstance(shown[cell], Hidden) or shown[cell] is None:
                    continue
                if any(isinstance(shown.get((n, u.pk)), Hidden) for n in inputs):
                    shown[cell] = Hidden.WITHHELD
                    changed = True
