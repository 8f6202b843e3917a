"""Who infected whom, as a graph that is drawn and as a table: cases in sight, by pseudonym."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import networkx as nx  # type: ignore[import-untyped]
import numpy as np

from yipan.access.models import Incident
from yipan.access.scope import Scope
from yipan.engines.surveillance.chains import ChainSummary, summarise_chains
from yipan.places import queries as places
from yipan.report.cases import queries as cases
from yipan.report.contacts.queries import links
from yipan.report.models import Case

SURE: Final = {"confirmed": 0, "contact": 1, "probable": 2, "possible": 3}
"""How a link is known, the surest first: of two infectors named, the surer one is drawn."""
ROW, LEFT, RIGHT, TOP, WIDTH = 26, 24, 110, 34, 1180
BAR, HIGH = 16, 90
MOST_DRAWN = 240
TICKS = 8


@dataclass(frozen=True)
class Node:
    """One case in the graph, with where it is drawn."""

    case: Case
    day: date
    onset_known: bool
    infector: str  # pseudonym; empty: not known
    how: str
    chain: int
    generation: int
    offspring: int
    x: float = 0.0
    y: float = 0.0

    @property
    def name(self) -> str:
        """The beginning of the pseudonym, as every page shows it."""
        return self.case.pseudonym[:8]


@dataclass(frozen=True)
class Edge:
    """One link as it is drawn: a line along the day, then down to the infected case."""

    path: str
    how: str
    serial_days: int | None


@dataclass(frozen=True)
class Picture:
    """The chains of two cases and more, drawn; times run to the right, a case a row."""

    nodes: list[Node]
    edges: list[Edge]
    ticks: list[tuple[float, date]]
    width: int
    height: int
    left_out: int  # cases of smaller chains, where there were too many to draw


@dataclass(frozen=True)
class Found:
    """The chains of one incident as known at a moment."""

    nodes: list[Node]  # of chains of two and more, chain by chain, in the order drawn
    picture: Picture
    summary: ChainSummary
    chains: int  # of two and more
    largest: int
    alone: int  # cases without any link
    elsewhere: int  # links to cases out of the reader's sight
    dropped: int  # links that another, surer one contradicts
    serial_days: list[tuple[int, int]]  # days, pairs

    @property
    def looked_into(self) -> bool:
        """Whether links are known of most cases: of the others nobody knows how many they infected."""
        return self.alone < len(self.nodes)


def find_chains(incident: Incident, *, scope: Scope, known_at: datetime) -> Found:
    """Return the chains among the cases in sight, with what can be fitted to them."""
    with cases.reading(scope):
        rows = {
            c.pseudonym: c
            for c in cases.visible(incident, scope=scope, known_at=known_at).order_by(
                "report_day", "pseudonym"
            )
        }
    told = [(s, c, how) for s, c, how in links(incident, known_at=known_at) if c in rows]
    inside = [(s, c, how) for s, c, how in told if s in rows]
    graph, dropped = forest(inside)
    names = list(rows)
    index = {name: i for i, name in enumerate(names)}
    parent = [index[p] if (p := _infector(graph, name)) else -1 for name in names]
    today = places.board_time(incident.package).local_day(known_at)
    onset = [float(c.onset_day.toordinal()) if c.onset_day else float("nan") for c in rows.values()]
    summary = summarise_chains(parent, onset=np.array(onset), now=float(today.toordinal()))
    found = summary.chains
    nodes = {
        name: Node(
            case=row,
            day=row.onset_day or row.report_day,
            onset_known=row.onset_day is not None,
            infector=_infector(graph, name),
            how=str(graph.edges[_infector(graph, name), name]["how"])
            if _infector(graph, name)
            else "",
            chain=int(found.chain[i]),
            generation=int(found.generation[i]),
            offspring=int(found.offspring[i]),
        )
        for i, (name, row) in enumerate(rows.items())
    }
    linked = [set(c) for c in nx.weakly_connected_components(graph)]
    linked.sort(key=lambda c: (-len(c), min(nodes[n].day for n in c), min(c)))
    ordered = [nodes[n] for c in linked for n in _order(graph, c, nodes)]
    return Found(
        nodes=ordered,
        picture=_draw(linked, graph, nodes),
        summary=summary,
        chains=len(linked),
        largest=max((len(c) for c in linked), default=0),
        alone=len(rows) - len(ordered),
        elsewhere=len(told) - len(inside),
        dropped=dropped,
        serial_days=_serial_days(nodes),
    )


def forest(pairs: Sequence[tuple[str, str, str]]) -> tuple[nx.DiGraph, int]:
    """Return a graph in which each case has one infector at most and none infected itself.

    Of several infectors the surest stands, the first told among equals; a link that would close a
    circle is left out. The second value is how many were left out.

    >>> graph, left_out = forest([("a", "b", "possible"), ("c", "b", "confirmed"), ("b", "c", "probable")])
    >>> sorted(graph.edges), left_out
    ([('c', 'b')], 2)
    """
    graph: nx.DiGraph = nx.DiGraph()
    for source, case, how in sorted(pairs, key=lambda p: SURE.get(p[2], len(SURE))):
        known = case in graph and graph.in_degree(case) > 0
        if known or (case in graph and source in graph and nx.has_path(graph, case, source)):
            continue
        graph.add_edge(source, case, how=how)
    return graph, len(pairs) - graph.number_of_edges()


def _infector(graph: nx.DiGraph, name: str) -> str:
    return next(iter(graph.predecessors(name)), "") if name in graph else ""


def _order(graph: nx.DiGraph, members: set[str], nodes: Mapping[str, Node]) -> list[str]:
    """Return a chain's cases, each before those it infected, the earlier branch first."""
    (head,) = [n for n in members if graph.in_degree(n) == 0]
    return list(
        nx.dfs_preorder_nodes(
            graph, head, sort_neighbors=lambda ns: sorted(ns, key=lambda n: (nodes[n].day, n))
        )
    )


def _draw(linked: Sequence[set[str]], graph: nx.DiGraph, nodes: Mapping[str, Node]) -> Picture:
    drawn: list[set[str]] = []
    for members in linked:
        if sum(map(len, drawn)) + len(members) > MOST_DRAWN and drawn:
            break
        drawn.append(members)
    if not drawn:
        return Picture([], [], [], WIDTH, TOP, 0)
    days = [nodes[n].day for c in drawn for n in c]
    first, last = min(days), max(days)
    span = max((last - first).days, 1)

    def x(day: date) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (day - first).days / span, 1)

    placed: dict[str, Node] = {}
    y = float(TOP)
    for members in drawn:
        for name in _order(graph, members, nodes):
            node = nodes[name]
            placed[name] = Node(**{**node.__dict__, "x": x(node.day), "y": round(y + ROW / 2, 1)})
            y += ROW
        y += ROW / 3
    edges = [
        _edge(placed[source], placed[case], how)
        for source, case, how in graph.edges(data="how")
        if case in placed
    ]
    step = max(1, -(-span // TICKS))
    ticks = [
        (x(first + timedelta(days=n)), first + timedelta(days=n)) for n in range(0, span + 1, step)
    ]
    return Picture(
        nodes=list(placed.values()),
        edges=edges,
        ticks=ticks,
        width=WIDTH,
        height=int(y + ROW / 2),
        left_out=sum(map(len, linked)) - len(placed),
    )


def _edge(source: Node, case: Node, how: str) -> Edge:
    """Down from the infector, then along to the infected: also backwards, where the interval is negative."""
    path = f"M{source.x} {source.y + 6}V{case.y}H{case.x - 7 if case.x > source.x else case.x + 7}"
    known = source.onset_known and case.onset_known
    return Edge(path, how, (case.day - source.day).days if known else None)


def _serial_days(nodes: Mapping[str, Node]) -> list[tuple[int, int]]:
    """Return how many pairs have each serial interval in days, gaps included; it may be negative."""
    days = [
        (node.day - nodes[node.infector].day).days
        for node in nodes.values()
        if node.infector and node.onset_known and nodes[node.infector].onset_known
    ]
    if not days:
        return []
    return [(d, days.count(d)) for d in range(min(days), max(days) + 1)]


@dataclass(frozen=True)
class Bar:
    """One day of the histogram of serial intervals."""

    days: int
    pairs: int
    x: int
    height: int
    tick: bool


@dataclass(frozen=True)
class Bars:
    """The histogram: a bar a day, the days below zero apart."""

    bars: list[Bar]
    width: int

    @property
    def told(self) -> list[Bar]:
        """The bars that are not empty, for the table beside the picture."""
        return [b for b in self.bars if b.pairs]


def histogram(counted: Sequence[tuple[int, int]]) -> Bars:
    """Return the histogram of (days, pairs); labels stand at every fifth day.

    >>> [b.height for b in histogram([(-1, 1), (0, 0), (1, 2)]).bars]
    [45, 0, 90]
    """
    most = max((n for _d, n in counted), default=1)
    bars = [
        Bar(d, n, i * BAR, round(HIGH * n / most), d % 5 == 0) for i, (d, n) in enumerate(counted)
    ]
    return Bars(bars, max(len(bars) * BAR, BAR))
