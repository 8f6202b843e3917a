"""The unit tree as arithmetic: parents in, integer nested set out; no database."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Span(NamedTuple):
    """The place of a node in the nested set: everything below it has lft and rgt between its own."""

    lft: int
    rgt: int
    depth: int


def nested_set(parents: Mapping[K, K | None], order: Sequence[K]) -> dict[K, Span]:
    """Return the nested-set span of every node, children in the sequence of `order`.

    `parents` maps each node to the node above it, None for a root. Spans count 1, 2, 3 … in one
    walk of the tree: node a lies below node b exactly when b.lft < a.lft and a.rgt < b.rgt.
    Raises ValueError when a node is its own ancestor or its parent is not in `parents`.

    >>> nested_set({"p": None, "a": "p", "b": "p"}, ["p", "a", "b"])["b"]
    Span(lft=4, rgt=5, depth=1)
    """
    below: dict[K | None, list[K]] = {}
    for node in order:
        below.setdefault(parents[node], []).append(node)
    spans: dict[K, Span] = {}
    for node, lft, rgt, depth in _walk(below):
        spans[node] = Span(lft, rgt, depth)
    if len(spans) != len(parents):
        lost = next(n for n in order if n not in spans)
        raise ValueError(f"not reachable from a root: {lost!r}")
    return spans


def _walk(below: Mapping[K | None, Sequence[K]]) -> Iterator[tuple[K, int, int, int]]:
    """Yield node, lft, rgt, depth without recursion: a tree may be deeper than Python's stack."""
    count = 0
    roots = iter(below.get(None, ()))
    open_nodes: list[tuple[K, int]] = []
    levels = [roots]
    while levels:
        node = next(levels[-1], None)
        count += 1
        if node is not None:
            open_nodes.append((node, count))
            levels.append(iter(below.get(node, ())))
            continue
        levels.pop()
        if open_nodes:
            done, lft = open_nodes.pop()
            yield done, lft, count, len(open_nodes)


def circles(parents: Mapping[K, K | None]) -> list[list[K]]:
    """Return every circle of nodes that are their own ancestors, each once.

    >>> circles({"a": "b", "b": "a", "c": "a", "p": None})
    [['a', 'b']]
    """
    settled: set[K] = set()
    found: list[list[K]] = []
    for start in parents:
        path: dict[K, int] = {}
        node: K | None = start
        while node is not None and node in parents and node not in settled and node not in path:
            path[node] = len(path)
            node = parents[node]
        if node is not None and node in path:
            found.append(list(path)[path[node] :])
        settled.update(path)
    return found


def broken_spans(rows: Iterable[tuple[K, K | None, int, int, int]]) -> K | None:
    """Return the first node whose span does not agree with its parent, None where all do.

    `rows` are (node, parent, lft, rgt, depth) by tree and lft; several trees may follow one another.

    >>> broken_spans([("p", None, 1, 4, 0), ("a", "p", 2, 3, 1)])
    >>> broken_spans([("p", None, 1, 4, 0), ("a", "p", 2, 5, 1)])
    'a'
    """
    above: list[tuple[K, int]] = []  # the nodes that hold the one looked at, and where each ends
    for node, parent, lft, rgt, depth in rows:
        if parent is None:
            above.clear()
        while above and above[-1][1] < lft:
            above.pop()
        holder = above[-1] if above else None
        inside = holder is None or (holder[0] == parent and rgt < holder[1])
        if not inside or (holder is None) != (parent is None) or depth != len(above) or lft >= rgt:
            return node
        above.append((node, rgt))
    return None
