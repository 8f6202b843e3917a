"""Small counts outside their owner's level: hidden, and not to be had by subtraction either.

A count of 1 to 4 could be somebody whom the neighbours know. It is shown as “fewer than 5” (*primary*
suppression). Where a published sum would still give it away, further counts are withheld (*complementary*
suppression) until nobody who knows every shown number, every sum and these very rules can say more
about a hidden count than that it is 1 to 4. Zero is shown: it is about nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
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


class Hidden(Enum):
    """Why a count is not shown."""

    FEWER = "fewer_than_5"  # 1 to 4
    WITHHELD = "withheld"  # it would give away another; 5 or more, or a total of small counts

    def __str__(self) -> str:
        return _("fewer than 5") if self is Hidden.FEWER else _("not shown")

    @property
    def in_export(self) -> str:
        """What a CSV or a spreadsheet holds in its place; never a number."""
        return "<5" if self is Hidden.FEWER else "…"


Shown = int | Hidden | None
Cell = tuple[str, int]


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
    counts: Mapping[K, int | None], sums: Sequence[Sum[K]] = (), *, public: Collection[K] = ()
) -> dict[K, Shown]:
    """Return what may be shown of each count: itself, Hidden, or None where there is none.

    `sums` are all the totals a reader knows to add up. `public` counts are known already (published
    by the authority) and stay shown; a count that public ones alone give away stays marked, though
    nothing can protect it. Counts are withheld from the smallest upwards, ties by key, so that the
    same table gives the same answer.

    >>> shown = suppress({"all": 30, "a": 3, "b": 7, "c": 20}, [Sum("all", ("a", "b", "c"))])
    >>> {k: v if isinstance(v, int) else v.name for k, v in shown.items()}
    {'all': 30, 'a': 'FEWER', 'b': 'WITHHELD', 'c': 20}
    """
    hidden: dict[K, Hidden] = {
        k: Hidden.FEWER
        for k, n in counts.items()
        if n is not None and 0 < n < LEAST and k not in public
    }
    whole = [s for s in sums if all(counts.get(k) is not None for k in s.cells)]
    table = _Table(counts, whole, hidden, frozenset(public))
    while (weak := table.given_away()) is not None:
        table.protect(weak)
    return {k: hidden.get(k, n) for k, n in counts.items()}


class _Table(Generic[K]):
    """A table on its way to being safe: what is hidden so far, and what a reader can make of it."""

    def __init__(
        self,
        counts: Mapping[K, int | None],
        sums: Sequence[Sum[K]],
        hidden: dict[K, Hidden],
        public: frozenset[K],
    ) -> None:
        self.counts = counts
        self.sums = sums
        self.hidden = hidden
        self.public = public
        self.totals = {s.total for s in sums}
        self.beyond_help: set[K] = set()

    def given_away(self) -> K | None:
        """Return a small count of which one can say more than that it is 1 to 4, or None."""
        for group in self._groups():
            cells = sorted({k for s in group for k in s.cells if k in self.hidden}, key=str)
            for k in cells:
                if self.hidden[k] is Hidden.FEWER and k not in self.beyond_help:
                    low, high = self._range(k, cells, group)
                    if low > 1 + SLACK or high < LEAST - 1 - SLACK:
                        return k
        return None

    def protect(self, weak: K) -> None:
        """Withhold one more count near a weak one, or give it up where nothing is left to withhold.

        A small total that says “fewer than 5” bounds its parts: its label is the first to go. Then
        the smallest part of its own sums, then one further off, totals last.
        """
        if weak in self.totals:
            self.hidden[weak] = Hidden.WITHHELD
            return
        group = next(g for g in self._groups() if any(weak in s.cells for s in g))
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
        groups: list[tuple[set[K], list[Sum[K]]]] = []
        for s in self.sums:
            unknown = {k for k in s.cells if k in self.hidden}
            if not unknown:
                continue
            touching = [g for g in groups if g[0] & unknown]
            groups = [g for g in groups if not g[0] & unknown]
            cells = unknown.union(*(g[0] for g in touching))
            groups.append((cells, [s for g in touching for s in g[1]] + [s]))
        return [sums for _cells, sums in groups]

    def _bounds(self, k: K) -> tuple[float, float]:
        """Return what the label alone says: a reader knows these rules."""
        if self.hidden[k] is Hidden.FEWER:
            return 1, LEAST - 1
        return (1 if k in self.totals else LEAST), np.inf

    def _range(self, k: K, cells: Sequence[K], group: Sequence[Sum[K]]) -> tuple[float, float]:
        """Return the smallest and the largest value of a hidden count that fits all that is shown."""
        place = {cell: i for i, cell in enumerate(cells)}
        matrix = np.zeros((len(group), len(cells)))
        rest = np.zeros(len(group))
        for row, s in enumerate(group):
            for cell, sign in [(s.total, 1.0), *((p, -1.0) for p in s.parts)]:
                if cell in self.hidden:
                    matrix[row, place[cell]] += sign
                else:
                    rest[row] -= sign * (self.counts[cell] or 0)
        bounds = [self._bounds(cell) for cell in cells]
        if len(group) == 1:
            return _of_one_sum(place[k], matrix[0], float(rest[0]), bounds)
        goal = np.zeros(len(cells))
        goal[place[k]] = 1.0
        low, high = (
            linprog(way * goal, A_eq=matrix, b_eq=rest, bounds=bounds) for way in (1.0, -1.0)
        )
        return _optimum(low, 1.0), _optimum(high, -1.0)


def _of_one_sum(
    at: int, signs: NDArray[np.float64], rest: float, bounds: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return the range of one unknown of one equation: no need of a linear programme."""
    least = most = rest
    for i, (low, high) in enumerate(bounds):
        if i != at:
            ends = signs[i] * low, signs[i] * high
            least, most = least - max(ends), most - min(ends)
    ends = signs[at] * least, signs[at] * most
    low, high = bounds[at]
    return max(low, min(ends)), min(high, max(ends))


def _optimum(solved: Any, way: float) -> float:
    if solved.status == 3:  # unbounded
        return -way * np.inf
    return float(way * solved.fun)


# ---- for whoever looks ----------------------------------------------------------------------------


def shown_to(
    scope: Scope,
    counts: Mapping[Unit, int | None],
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
    table: dict[Cell, int | None] = {("unit", u.pk): n for u, n in counts.items()}
    table |= {("rest", pk): (rest or {}).get(by_id[pk], 0) for pk in below}
    sums = [
        Sum(("unit", pk), (*(("unit", u.pk) for u in parts), ("rest", pk)))
        for pk, parts in below.items()
    ]
    open_to_all = {("unit", u.pk) for u in known} | {("rest", pk) for pk in below}
    shown = suppress(table, sums, public=open_to_all)
    return {unit: shown["unit", unit.pk] for unit in counts}
