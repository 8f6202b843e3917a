"""The least tightening that keeps a risk: one factor searched finely on paired members, no more of them than needed.

A family of plans has one factor: planned for more, a plan is safer and adds less. Its chance of excess falls with
the factor, nearly as a logistic curve, so the search goes by the logarithm of the odds between the last factor that
failed and the first that held. Members are run in batches: as soon as Wilson's interval lies on one side of the
risk no more are run, and a plan that was seen before is not run again. Looking several times at growing
samples makes the *search* too trusting: a plan exactly at a risk of one in ten is called safe in 5 to 6 % of cases with at
most 400 to 500 members (9 % with 1,000) instead of 2 %; what is reported is measured on other members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from yipan.engines.economy.chances import Chance, wilson

FIRST, LARGEST = 1.25, 4.0
NEAR = 0.01
"""Factors closer than this are not told apart."""

LITTLE_VALUE = 0.002
"""Nor are plans whose value differs by less than this share."""

HALVINGS = 5
BATCH = 100
EDGE = 0.15
"""The search goes no nearer to an end of its interval than this share of it: two points do not make a line."""

Excess = NDArray[np.bool_]
P = TypeVar("P")


class Judge(Generic[P]):
    """Counts in how many members a plan exceeds its limits, in batches, and remembers plans by `key`.

    `over` runs members first … first + n − 1 of a plan and tells which exceed. At most `most` members
    serve the search; `first_fresh` is the first that the search never uses.
    """

    def __init__(
        self,
        over: Callable[[P, int, int], Excess],
        key: Callable[[P], bytes],
        *,
        risk: float,
        most: int,
        batch: int = BATCH,
    ) -> None:
        self.over, self.key, self.risk = over, key, risk
        self.most, self.batch = most, min(batch, most)
        self.first_fresh = most
        self.run = 0
        self._seen: dict[bytes, list[Excess]] = {}

    def chance(self, plan: P) -> Chance:
        """Return the chance on members of the search, as many as decide on which side of the risk it is."""
        found = self._seen.setdefault(self.key(plan), [])
        while True:
            size = sum(part.size for part in found)
            if size:
                chance = wilson(int(sum(part.sum() for part in found)), size)
                if chance.high <= self.risk or chance.low > self.risk or size >= self.most:
                    return chance
            more = min(self.batch, self.most - size)
            found.append(self.over(plan, more, size))
            self.run += more

    def proof(self, plan: P, members: int, *, whole: bool = False) -> Chance:
        """Return the chance on `members` used for nothing else.

        Without `whole` no more are run once so many exceed that the risk cannot be kept. Members too few to
        prove the risk even if none exceeds are all run.
        """
        borne = members if whole else most_borne(members, self.risk)
        if borne < 0:
            borne = members
        happened = done = 0
        while done < members and happened <= borne:
            more = min(5 * self.batch, members - done)
            happened += int(self.over(plan, more, self.first_fresh).sum())
            self.first_fresh += more
            done += more
        self.run += done
        return wilson(happened, done)


def most_borne(members: int, risk: float) -> int:
    """Return in how many of the members it may happen with Wilson's upper bound still within the risk, −1 if in none.

    >>> most_borne(2000, 0.1), most_borne(20, 0.1)
    (173, -1)
    """
    low, high = -1, members + 1
    while high - low > 1:
        middle = (low + high) // 2
        within = middle <= members and wilson(middle, members).high <= risk
        low, high = (middle, high) if within else (low, middle)
    return low


@dataclass(frozen=True)
class Tried(Generic[P]):
    """A plan of a family, what it adds, and its chance of excess among the members of the search."""

    family: str
    factor: float
    plan: P
    value: float
    chance: Chance


def tighten(
    at: Callable[[float], tuple[P, float] | None],
    judge: Judge[P],
    *,
    family: str,
    tries: int,
    most: float = LARGEST,
    told: Callable[[Tried[P]], None] | None = None,
) -> list[Tried[P]]:
    """Return what was tried, by factor: from 1 up to `most` until the risk is kept, then in between.

    `at` gives plan and value for a factor, None where there is none. Ends after `tries` plans, when the interval is
    as narrow as NEAR, or when its two ends differ little in value.
    """
    tried: dict[float, Tried[P]] = {}

    def attempt(factor: float) -> Tried[P] | None:
        found = at(factor)
        if found is None:
            return None
        one = Tried(family, factor, *found, judge.chance(found[0]))
        tried[factor] = one
        if told is not None:
            told(one)
        return one

    low = attempt(1.0)
    if low is None or low.chance.high <= judge.risk:
        return list(tried.values())
    high: Tried[P] | None = None
    factor, moved = min(most, FIRST), 0
    for _try in range(tries - 1):
        one = attempt(factor)
        if one is None:
            break
        if one.chance.high <= judge.risk:
            high, moved = one, max(moved, 0) + 1
        else:
            before, low, moved = low, one, min(moved, 0) - 1
        if high is None:
            if factor >= most:
                break
            factor = min(most, _beyond(before, low, judge))
            continue
        little = 0.0 <= low.value - high.value <= LITTLE_VALUE * abs(high.value)
        if high.factor - low.factor <= NEAR or little:
            break
        # one end that moves twice running means that the line is no good there
        share = 0.5 if abs(moved) > 2 else _share_of_way(low, high, judge)
        factor = low.factor + min(max(share, EDGE), 1.0 - EDGE) * (high.factor - low.factor)
    return sorted(tried.values(), key=lambda one: one.factor)


def _share_of_way(low: Tried[P], high: Tried[P], judge: Judge[P]) -> float:
    """Return how far from one plan to the other the odds, taken as log-linear, are those the risk still bears."""
    ends = [_odds(t.chance.happened, t.chance.members) for t in (low, high)]
    borne = max(0.5, most_borne(judge.most, judge.risk) - 1.0)
    if ends[0] <= ends[1]:
        return 0.5
    return (ends[0] - _odds(borne, judge.most)) / (ends[0] - ends[1])


def _beyond(before: Tried[P], low: Tried[P], judge: Judge[P]) -> float:
    """Return the next factor while none holds: a little beyond where the last two point, within bounds."""
    away = low.factor - before.factor
    share = _share_of_way(before, low, judge) if away > 0 else 2.0
    share = share if share > 1.0 else 4.0  # no better for the step: take a large one
    step = min(max(1.15 * share, 1.5), 4.0) * away
    return before.factor + step


def _odds(happened: float, members: int) -> float:
    return log((happened + 0.5) / (members - happened + 0.5))


def as_good(
    at: Callable[[float], tuple[P, float] | None],
    judge: Judge[P],
    tried: list[Tried[P]],
    *,
    family: str,
    tries: int,
    told: Callable[[Tried[P]], None] | None = None,
) -> list[Tried[P]]:
    """Return plans of another family that add as much as the best safe one of `tried`; none where none is safe.

    Only plans are made to find the family's largest factor that adds as much; if that plan exceeds the risk, none of
    the family's that add more keeps it, and one run tells. Where it holds, or where nothing in `tried`
    does, the family is searched like the first.
    """
    safe = [one.value for one in tried if one.chance.high <= judge.risk]
    if not safe:
        return tighten(at, judge, family=family, tries=tries, told=told)
    least = max(safe)
    first = at(1.0)
    if first is None or first[1] <= least:
        return []
    low, high = 1.0, LARGEST
    for _step in range(HALVINGS):
        middle = 0.5 * (low + high)
        found = at(middle)
        low, high = (middle, high) if found is not None and found[1] > least else (low, middle)
    found = at(low)
    assert found is not None
    one = Tried(family, low, *found, judge.chance(found[0]))
    if told is not None:
        told(one)
    if one.chance.high > judge.risk:
        return [one]
    return [*tighten(at, judge, family=family, tries=tries, most=low, told=told), one]


def chosen(
    tried: list[Tried[P]], judge: Judge[P], *, members: int
) -> tuple[Tried[P], Chance, bool]:
    """Return the plan of most value that keeps the risk, also on members used for nothing else.

    Those that kept it in the search are proved in the order of their value, each on members of its own; where
    none does, the safest is measured and the answer says that the risk is not kept.
    """
    safe = sorted((t for t in tried if t.chance.high <= judge.risk), key=lambda t: -t.value)
    proved: set[bytes] = set()
    for one in safe:
        key = judge.key(one.plan)
        if key in proved:
            continue
        proved.add(key)
        chance = judge.proof(one.plan, members)
        if chance.high <= judge.risk:
            return one, chance, True
    safest = min(tried, key=lambda t: (t.chance.high, -t.value))
    chance = judge.proof(safest.plan, members, whole=True)
    return safest, chance, chance.high <= judge.risk
