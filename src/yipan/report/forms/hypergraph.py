"""The cheapest set of elements to ask from which every wanted one can be derived.

A derivation is conjunctive (all of its inputs), an element may have several (alternatives), and
they may be cyclic: a total from its parts and a part from the total. Two elements must never
justify each other with nothing asked. Two exact methods see to that: the one used gathers what
every sufficient set must meet (`_Hitting`); the other, which checks it, is one integer programme with
ranks, a derived element standing strictly after its inputs (`cheapest_by_ranks`). Most of a real
problem is forced and settled before either; what remains falls into small independent parts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

Node = str

# What one part may cost: counted, not timed, so that the same forms give the same answer everywhere.
WORK = 5_000_000  # rules × askable elements × programmes
LEAST = 24  # programmes, however large the part
NODES = 2_000  # of branch and bound, for one programme
TURNS = 6
TOGETHER = 12  # ids ordered by one programme: 2^12 is far above its tolerances


@dataclass(frozen=True, slots=True)
class Derivation:
    """One way to know `head`: from all of `body`; `name` says by which formula."""

    head: Node
    body: frozenset[Node]
    name: str = ""


@dataclass(frozen=True)
class Problem:
    """What is wanted, what is known for nothing, what may be asked and at which cost."""

    wanted: frozenset[Node]
    known: frozenset[Node]
    askable: Mapping[Node, int]  # cost, a positive whole number
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True)
class Solution:
    """What to ask, how each wanted or used element is known, and what cannot be known."""

    asked: tuple[Node, ...]  # by id
    by: dict[Node, Derivation]  # how a derived element is known, in an order without cycles
    unmet: tuple[Node, ...]
    cost: int
    programmes: int = 0  # integer programmes solved; 0: everything was forced
    at_least: int = 0  # no set that is enough costs less than this
    first: bool = True  # whether it is the first by ids among the equally cheap

    @property
    def proved(self) -> bool:
        """Whether nothing cheaper can be enough: the work sufficed to prove it."""
        return self.at_least == self.cost


def closure(
    given: Iterable[Node], derivations: Iterable[Derivation]
) -> tuple[set[Node], dict[Node, Derivation]]:
    """Return all that follows from `given` and the derivation that first gave each.

    Every element's derivation uses only elements that stood before it, so the record has no cycle.
    """
    reached = set(given)
    waiting: dict[Node, list[int]] = defaultdict(list)
    rules = list(derivations)
    lacking: list[int] = []
    by: dict[Node, Derivation] = {}
    ready: list[int] = []
    for i, rule in enumerate(rules):
        missing = [n for n in rule.body if n not in reached]
        lacking.append(len(missing))
        for n in missing:
            waiting[n].append(i)
        if not missing:
            ready.append(i)
    # Whole rounds, names in order within one: the record does not depend on the order of input.
    while ready:
        fresh: list[Node] = []
        for i in sorted(ready, key=lambda k: (rules[k].head, rules[k].name, sorted(rules[k].body))):
            head = rules[i].head
            if head not in reached:
                reached.add(head)
                by[head] = rules[i]
                fresh.append(head)
        ready = []
        for n in fresh:
            for i in waiting[n]:
                lacking[i] -= 1
                if lacking[i] == 0:
                    ready.append(i)
    return reached, by


def solve(problem: Problem) -> Solution:
    """Return the cheapest set to ask; of equally cheap ones the first by element ids.

    "First" compares the sorted ids of two sets one by one. What cannot be known even if
    everything askable were asked is in `unmet` and costs nothing. A tangle beyond the work allowed
    for a part (`WORK`, `NODES`) ends with a set that is enough, how cheap any set could be at
    most (`at_least`), and `proved` or `first` false.
    """
    derivations = tuple(d for d in problem.derivations if d.head not in d.body)
    best_reached, _by = closure([*problem.known, *problem.askable], derivations)
    unmet = tuple(sorted(problem.wanted - best_reached))
    wanted = problem.wanted & best_reached
    useful = [d for d in derivations if d.body <= best_reached and d.head not in problem.known]
    known = set(problem.known)
    asked: set[Node] = set()
    programmes = 0
    reduced = _Reduced(wanted, known, dict(problem.askable), useful)
    asked |= reduced.settle()
    at_least = sum(problem.askable[n] for n in asked)
    first = True
    for part in reduced.parts():
        solved = _solve_part(part)
        asked |= solved.chosen
        programmes += solved.programmes
        at_least += solved.at_least
        first = first and solved.first
    reached, by = closure([*problem.known, *asked], derivations)
    assert wanted <= reached, "the programme left something wanted underived"
    cost = sum(problem.askable[n] for n in asked)
    return Solution(
        tuple(sorted(asked)), _used(wanted, by), unmet, cost, programmes, at_least, first
    )


def _used(wanted: Iterable[Node], by: Mapping[Node, Derivation]) -> dict[Node, Derivation]:
    """Keep of `by` only what a wanted element rests on, in an order without cycles."""
    needed: set[Node] = set()
    stack = [n for n in wanted if n in by]
    while stack:
        n = stack.pop()
        if n not in needed:
            needed.add(n)
            stack.extend(m for m in by[n].body if m in by)
    return {n: rule for n, rule in by.items() if n in needed}


@dataclass
class _Part:
    """An independent part of what remains."""

    wanted: set[Node]
    askable: dict[Node, int]
    rules: list[Derivation]
    nodes: set[Node] = field(default_factory=set)


@dataclass
class _Reduced:
    """What remains after everything forced has been settled."""

    wanted: set[Node] | frozenset[Node]
    known: set[Node]
    askable: dict[Node, int]
    rules: list[Derivation]

    def settle(self) -> set[Node]:
        """Ask what must be asked in any case, take what follows, until nothing more is forced."""
        asked: set[Node] = set()
        self.wanted = set(self.wanted)
        while True:
            self._take_what_follows()
            self._drop_what_does_not_matter()
            heads = {d.head for d in self.rules}
            forced = {n for n in self.wanted if n not in heads}
            forced |= self._needed_by_all(heads)
            if not forced:
                return asked
            asked |= forced
            self.known |= forced

    def _take_what_follows(self) -> None:
        self.known, _by = closure(self.known, self.rules)
        self.wanted = set(self.wanted) - self.known
        self.rules = _without_supersets(
            Derivation(d.head, d.body - self.known, d.name)
            for d in self.rules
            if d.head not in self.known
        )

    def _drop_what_does_not_matter(self) -> None:
        into: dict[Node, list[Derivation]] = defaultdict(list)
        for d in self.rules:
            into[d.head].append(d)
        relevant: set[Node] = set()
        stack = list(self.wanted)
        while stack:
            n = stack.pop()
            if n not in relevant:
                relevant.add(n)
                stack.extend(m for d in into[n] for m in d.body)
        self.rules = [d for d in self.rules if d.head in relevant]
        self.askable = {n: c for n, c in self.askable.items() if n in relevant}

    def _needed_by_all(self, heads: set[Node]) -> set[Node]:
        """What no rule gives and every way to a wanted, unaskable element goes through."""
        into: dict[Node, list[frozenset[Node]]] = defaultdict(list)
        for d in self.rules:
            into[d.head].append(d.body)
        forced: set[Node] = set()
        for n in self.wanted:
            if n not in self.askable and n in into:
                common = frozenset.intersection(*into[n])
                forced |= {m for m in common if m not in heads}
        return forced

    def parts(self) -> list[_Part]:
        """Return the independent parts, in the order of their first wanted element."""
        root: dict[Node, Node] = {}

        def find(n: Node) -> Node:
            root.setdefault(n, n)
            while root[n] != n:
                root[n] = root[root[n]]
                n = root[n]
            return n

        for d in self.rules:
            for n in d.body:
                root[find(n)] = find(d.head)
        groups: dict[Node, _Part] = {}
        for n in sorted(self.wanted):
            part = groups.setdefault(find(n), _Part(set(), {}, []))
            part.wanted.add(n)
        for d in self.rules:
            part = groups[find(d.head)]
            part.rules.append(d)
            part.nodes |= {d.head, *d.body}
        for n, cost in self.askable.items():
            if n in root and find(n) in groups:
                groups[find(n)].askable[n] = cost
        for part in groups.values():
            part.nodes |= part.wanted
        return list(groups.values())


def _without_supersets(rules: Iterable[Derivation]) -> list[Derivation]:
    """Drop a rule where another gives the same from less; of equal ones the first by name."""
    into: dict[Node, list[Derivation]] = defaultdict(list)
    for d in sorted(rules, key=lambda d: (d.head, len(d.body), d.name, sorted(d.body))):
        if d.head not in d.body and not any(other.body <= d.body for other in into[d.head]):
            into[d.head].append(d)
    return [d for same in into.values() for d in same]


class _Exhausted(Exception):
    """The work allowed for a part is used up."""


@dataclass(frozen=True)
class _Solved:
    """The set chosen for a part, and what was proved of it."""

    chosen: set[Node]
    programmes: int
    at_least: int
    first: bool


def _solve_part(part: _Part) -> _Solved:
    """Return the cheapest, first set of one part, as far as the work allowed for it reaches.

    After the cheapest cost is known, the ids are ordered a dozen at a time: one programme finds
    which of the dozen a cheapest set that agrees so far can have, the earlier the better.
    """
    search = _Hitting(part)
    best = search.enough()
    try:
        best = search.cheapest(best)
    except _Exhausted:
        return _Solved(best, search.programmes, search.at_least, False)
    cost = sum(part.askable[n] for n in best)
    taken: set[Node] = set()
    refused: set[Node] = set()
    ids = sorted(part.askable)
    try:
        for start in range(0, len(ids), TOGETHER):
            dozen = ids[start : start + TOGETHER]
            if sum(part.askable[n] for n in taken) == cost:
                break
            best = search.first(dozen, best, taken=taken, refused=refused, cost=cost)
            taken |= best & set(dozen)
            refused |= set(dozen) - best
    except _Exhausted:
        return _Solved(best, search.programmes, cost, False)
    return _Solved(best, search.programmes, cost, True)


class _Hitting:
    """Cheapest sets by what every one of them must meet.

    If asking S leaves something wanted underived, grow S to the largest closed set that still
    leaves it so: whoever asks enough asks something outside. Those outsides are gathered, and a set
    cover over them is solved until its answer derives all that is wanted. It is then the cheapest,
    because every set that is enough meets all of them. No two elements can justify each other:
    what follows is computed, never assumed.
    """

    def __init__(self, part: _Part) -> None:
        self.cost = part.askable
        self.asks = sorted(part.askable)
        self.place = {n: i for i, n in enumerate(self.asks)}
        self.wanted = frozenset(part.wanted)
        self.heads = [d.head for d in part.rules]
        self.lacking = [len(d.body) for d in part.rules]
        self.uses: dict[Node, list[int]] = defaultdict(list)
        for i, d in enumerate(part.rules):
            for n in d.body:
                self.uses[n].append(i)
        self.outsides: list[frozenset[Node]] = []
        self.programmes = 0
        self.at_least = 0
        self.allowed = max(LEAST, WORK // (len(part.rules) * len(self.asks) or 1))
        # Grown in several orders, one set that is not enough tells several things to be met.
        turns = range(0, len(self.asks), max(1, len(self.asks) // TURNS))
        self.orders = [
            *(self.asks[i:] + self.asks[:i] for i in turns),
            self.asks[::-1],
            sorted(self.asks, key=lambda n: (-self.cost[n], n)),
        ]
        self._gather_greedily()

    def _follow(
        self, reached: set[Node], lacking: list[int], more: Iterable[Node]
    ) -> tuple[set[Node], list[int]]:
        """Return what follows when `more` is added to a state; the state itself stays."""
        reached, lacking = set(reached), list(lacking)
        stack = [n for n in more if n not in reached]
        reached.update(stack)
        while stack:
            for i in self.uses[stack.pop()]:
                lacking[i] -= 1
                head = self.heads[i]
                if lacking[i] == 0 and head not in reached:
                    reached.add(head)
                    stack.append(head)
        return reached, lacking

    def _outside(self, chosen: Iterable[Node], order: Iterable[Node]) -> frozenset[Node] | None:
        """Return what lies outside the grown set, None where `chosen` is enough."""
        reached, lacking = self._follow(set(), self.lacking, chosen)
        if self.wanted <= reached:
            return None
        for n in order:
            if n not in reached:
                wider = self._follow(reached, lacking, [n])
                if not self.wanted <= wider[0]:
                    reached, lacking = wider
        return frozenset(n for n in self.asks if n not in reached)

    def _gather_greedily(self) -> None:
        chosen: set[Node] = set()
        while True:
            found = self._outside(chosen, self.asks)
            if found is None:
                return
            self._add(found)
            chosen.add(min(found, key=lambda n: (self.cost[n], n)))

    def _add(self, found: frozenset[Node]) -> None:
        # One that holds another says nothing more than the other.
        self.outsides = [o for o in self.outsides if not found <= o]
        self.outsides.append(found)

    def enough(self) -> set[Node]:
        """Return a set that is enough and from which nothing can be left out."""
        chosen = set(self.asks)
        # The dearest leaves first; of equally dear ones the last by id, so that the first stay.
        for n in sorted(self.asks, key=lambda n: (-self.cost[n], -self.place[n])):
            if self.wanted <= self._follow(set(), self.lacking, chosen - {n})[0]:
                chosen.discard(n)
        return chosen

    def cheapest(self, known: set[Node]) -> set[Node]:
        """Return a cheapest set that is enough; `known` is one that is enough."""
        cost = np.array([float(self.cost[m]) for m in self.asks])
        return self._cover_until_enough(cost, known, set(), set(), None)

    def first(
        self,
        dozen: list[Node],
        known: set[Node],
        *,
        taken: set[Node],
        refused: set[Node],
        cost: int,
    ) -> set[Node]:
        """Return a set of that cost, with `taken` and without `refused`, that has the first of a dozen.

        `known` is such a set, whatever it has of the dozen.
        """
        gain = np.zeros(len(self.asks))
        for i, n in enumerate(dozen):
            gain[self.place[n]] = -(2.0 ** (TOGETHER - 1 - i))
        return self._cover_until_enough(gain, known, taken, refused, cost)

    def _cover_until_enough(
        self,
        objective: NDArray[np.float64],
        known: set[Node],
        taken: set[Node],
        refused: set[Node],
        at_most: int | None,
    ) -> set[Node]:
        """Return a best set that is enough: what is gathered bounds it from below, `known` from above."""
        reached = sum(objective[self.place[n]] for n in known)
        while True:
            chosen = self._cover(objective, taken, refused, at_most)
            if sum(objective[self.place[n]] for n in chosen) > reached - 0.5:
                return known  # whatever meets all that was gathered is no better
            fresh = [
                found
                for order in self.orders
                if (found := self._outside(chosen, order)) is not None
            ]
            if not fresh:
                return chosen
            for found in dict.fromkeys(fresh):
                self._add(found)

    def _cover(
        self,
        objective: NDArray[np.float64],
        taken: set[Node],
        refused: set[Node],
        at_most: int | None,
    ) -> set[Node]:
        if self.programmes >= self.allowed:
            raise _Exhausted
        n = len(self.asks)
        rows = [(i, self.place[m]) for i, o in enumerate(self.outsides) for m in o]
        cost = np.array([float(self.cost[m]) for m in self.asks])
        low = np.array([1.0 if m in taken else 0.0 for m in self.asks])
        high = np.array([0.0 if m in refused else 1.0 for m in self.asks])
        limits = []
        if rows:
            ones = coo_array(
                (np.ones(len(rows)), tuple(zip(*rows, strict=True))), shape=(len(self.outsides), n)
            )
            limits.append(LinearConstraint(ones.tocsr(), 1, np.inf))
        if at_most is not None:
            limits.append(LinearConstraint(cost[None, :], -np.inf, at_most + 0.5))
        self.programmes += 1
        found = milp(
            objective,
            constraints=limits,
            bounds=Bounds(low, high),
            integrality=np.ones(n, dtype=np.int64),
            options={"mip_rel_gap": 0.0, "node_limit": NODES},
        )
        if at_most is None and found.mip_dual_bound is not None:
            # Every sufficient set meets all that was gathered, so it costs no less than this.
            self.at_least = max(self.at_least, math.ceil(found.mip_dual_bound - 1e-6))
        if found.status == 1:
            raise _Exhausted
        assert found.x is not None, "a sufficient set that agrees so far is known"
        return {m for m, x in zip(self.asks, found.x, strict=True) if x > 0.5}


def cheapest_by_ranks(problem: Problem) -> tuple[int, set[Node]]:
    """Return (cost, a cheapest set) by one integer programme with ranks: the second method."""
    derivations = [d for d in problem.derivations if d.head not in d.body]
    reached, _by = closure([*problem.known, *problem.askable], derivations)
    part = _Part(
        set(problem.wanted & reached) - problem.known,
        {n: c for n, c in problem.askable.items() if n not in problem.known},
        [
            Derivation(d.head, d.body - problem.known, d.name)
            for d in derivations
            if d.body <= reached and d.head not in problem.known
        ],
    )
    part.nodes = {*part.wanted, *part.askable, *(n for d in part.rules for n in (d.head, *d.body))}
    found = _Programme(part).solve()
    assert found is not None, "asking all is always enough"
    return found


class _Programme:
    """The integer programme of one part.

    Variables: asked[n] for the askable, known[n] for every node, used[d] for every rule, and a
    rank for every node on a cycle. Rows: known ≤ asked + Σ used; used ≤ known of each input; used
    implies that the head's rank is above each input's, within a strongly connected component.
    """

    def __init__(self, part: _Part) -> None:
        self.part = part
        nodes = sorted(part.nodes)
        self.asks = sorted(n for n in part.askable if n in part.nodes)
        self.columns: dict[tuple[str, Node | int], int] = {}
        for n in self.asks:
            self.columns["asked", n] = len(self.columns)
        for n in nodes:
            self.columns["known", n] = len(self.columns)
        for i in range(len(part.rules)):
            self.columns["used", i] = len(self.columns)
        self.component = _components(nodes, part.rules)
        sizes: dict[int, int] = defaultdict(int)
        for n in nodes:
            sizes[self.component[n]] += 1
        self.size = sizes
        for n in nodes:
            if sizes[self.component[n]] > 1:
                self.columns["rank", n] = len(self.columns)
        self._rows(nodes)

    def _rows(self, nodes: Collection[Node]) -> None:
        entries: list[tuple[int, int, float]] = []
        upper: list[float] = []
        into: dict[Node, list[int]] = defaultdict(list)
        for i, d in enumerate(self.part.rules):
            into[d.head].append(i)
        column = self.columns

        def row(cells: Iterable[tuple[tuple[str, Node | int], float]], at_most: float) -> None:
            entries.extend((len(upper), column[key], value) for key, value in cells)
            upper.append(at_most)

        for n in nodes:
            gives: list[tuple[tuple[str, Node | int], float]] = [(("known", n), 1.0)]
            if ("asked", n) in column:
                gives.append((("asked", n), -1.0))
            gives += [(("used", i), -1.0) for i in into[n]]
            row(gives, 0.0)
        for i, d in enumerate(self.part.rules):
            for n in d.body:
                row([(("used", i), 1.0), (("known", n), -1.0)], 0.0)
                if self.component[n] == self.component[d.head]:
                    # rank[head] ≥ rank[n] + 1 where the rule is used
                    m = float(self.size[self.component[n]])
                    row([(("rank", n), 1.0), (("rank", d.head), -1.0), (("used", i), m)], m - 1)
        row(((("asked", n), 1.0) for n in self.asks), np.inf)
        rows, columns, values = zip(*entries, strict=True)
        shape = (len(upper), len(column))
        self.matrix = coo_array((values, (rows, columns)), shape=shape).tocsr()
        self.upper = np.array(upper)

    def solve(self) -> tuple[int, set[Node]] | None:
        """Return (cost, asked) of a cheapest set, None where asking all is not enough."""
        n = len(self.columns)
        low, high = np.zeros(n), np.ones(n)
        whole = np.ones(n, dtype=np.int64)
        cost = np.zeros(n)
        for (kind, name), i in self.columns.items():
            if kind == "rank":
                high[i], whole[i] = self.size[self.component[str(name)]] - 1, 0
            elif kind == "known" and name in self.part.wanted:
                low[i] = 1
            elif kind == "asked":
                cost[i] = self.part.askable[str(name)]
        found = milp(
            cost,
            constraints=LinearConstraint(self.matrix, -np.inf, self.upper),
            bounds=Bounds(low, high),
            integrality=whole,
            options={"mip_rel_gap": 0.0},
        )
        if found.x is None:
            return None
        asked = {name for name in self.asks if found.x[self.columns["asked", name]] > 0.5}
        return sum(self.part.askable[name] for name in asked), asked


def _components(nodes: Collection[Node], rules: Collection[Derivation]) -> dict[Node, int]:
    """Return each node's strongly connected component (Tarjan, without recursion)."""
    after: dict[Node, list[Node]] = defaultdict(list)
    for d in rules:
        for n in d.body:
            after[n].append(d.head)
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    on: set[Node] = set()
    path: list[Node] = []
    component: dict[Node, int] = {}
    for start in sorted(nodes):
        if start in index:
            continue
        work: list[tuple[Node, int]] = [(start, 0)]
        while work:
            n, i = work.pop()
            if i == 0:
                index[n] = low[n] = len(index)
                path.append(n)
                on.add(n)
            for k in range(i, len(after[n])):
                m = after[n][k]
                if m not in index:
                    work += [(n, k + 1), (m, 0)]
                    break
                if m in on:
                    low[n] = min(low[n], index[m])
            else:
                if low[n] == index[n]:
                    while True:
                        m = path.pop()
                        on.discard(m)
                        component[m] = index[n]
                        if m == n:
                            break
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[n])
    return component


def cheapest_by_trying_all(problem: Problem) -> tuple[int, tuple[Node, ...]]:
    """Return (cost, asked) by trying every subset: the plain truth for small problems."""
    askable = sorted(problem.askable)
    reach: Callable[[Iterable[Node]], set[Node]] = lambda given: closure(  # noqa: E731
        given, problem.derivations
    )[0]
    wanted = problem.wanted & reach([*problem.known, *askable])
    best: tuple[int, tuple[Node, ...]] | None = None
    for mask in range(1 << len(askable)):
        chosen = tuple(n for i, n in enumerate(askable) if mask >> i & 1)
        cost = sum(problem.askable[n] for n in chosen)
        if (best is None or (cost, chosen) < best) and wanted <= reach([*problem.known, *chosen]):
            best = (cost, chosen)
    assert best is not None
    return best
