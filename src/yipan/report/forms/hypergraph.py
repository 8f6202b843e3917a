"""The cheapest set of elements to ask from which every wanted one can be derived.

A derivation is conjunctive (all of its inputs), an element may have several (alternatives), and
they may be cyclic: a total from its parts and a part from the total. The integer programme
therefore carries ranks: a derived element stands strictly after its inputs, so two elements can
never justify each other with nothing asked. Most of a real problem is forced and is settled
before any programme is solved; what remains falls into small independent parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

Node = str


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
    everything askable were asked is in `unmet` and costs nothing.
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
    for part in reduced.parts():
        chosen, solved = _solve_part(part)
        asked |= chosen
        programmes += solved
    reached, by = closure([*problem.known, *asked], derivations)
    assert wanted <= reached, "the programme left something wanted underived"
    cost = sum(problem.askable[n] for n in asked)
    return Solution(tuple(sorted(asked)), _used(wanted, by), unmet, cost, programmes)


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


def _solve_part(part: _Part) -> tuple[set[Node], int]:
    """Return the cheapest, first set of one part and how many programmes it took.

    After the cheapest cost is known, each id in order is asked for if some cheapest set that
    agrees so far has it.
    """
    programme = _Programme(part)
    best = programme.solve()
    assert best is not None, "what remains can always be met by asking all"
    cost, chosen = best
    solved = 1
    taken: set[Node] = set()
    refused: set[Node] = set()
    for n in sorted(part.askable):
        if n in chosen:
            taken.add(n)
            continue
        if sum(part.askable[m] for m in taken) + part.askable[n] > cost:
            refused.add(n)
            continue
        other = programme.solve(taken={*taken, n}, refused=refused, at_most=cost)
        solved += 1
        if other is None:
            refused.add(n)
        else:
            taken.add(n)
            chosen = other[1]
    return taken, solved


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
        cost_row = [(("asked", n), float(self.part.askable[n])) for n in self.asks]
        row(cost_row, np.inf)
        rows, columns, values = zip(*entries, strict=True)
        shape = (len(upper), len(column))
        self.matrix = coo_array((values, (rows, columns)), shape=shape).tocsr()
        self.upper = np.array(upper)

    def solve(
        self,
        *,
        taken: Collection[Node] = (),
        refused: Collection[Node] = (),
        at_most: int | None = None,
    ) -> tuple[int, set[Node]] | None:
        """Return (cost, asked) of a cheapest set, None where no set meets what is fixed."""
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
                low[i] = 1.0 if name in taken else 0.0
                high[i] = 0.0 if name in refused else 1.0
        upper = self.upper.copy()
        if at_most is not None:
            upper[-1] = at_most + 0.5
        found = milp(
            cost,
            constraints=LinearConstraint(self.matrix, -np.inf, upper),
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
