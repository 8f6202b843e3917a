"""Workers back to their work: from origin to destination, week by week, under transport and tier rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yipan.engines.economy.optimise.programme import Builder
from yipan.engines.openings.question import taken
from yipan.plan.scenarios.asking import Limits, question_of
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels

FIRST_WEEK = {"low": 1, "medium": 2, "undecided": 3, "no_data": 3, "high": None}
"""First week (1 …) in which workers may leave a county of a tier; None: not while it has that tier. A
planning rule: a week's observation from medium, two where the tier is not known."""

ORIGINS = 6


@dataclass(frozen=True)
class Journey:
    """Workers from one county to another in one week (1 …)."""

    week: int
    origin: str
    destination: str
    workers: float


@dataclass(frozen=True)
class Returns:
    """The schedule, and what it leaves.

    `needed` (week,) workers who should have returned by the end of each week, `back` (week,) who have; `loads`
    (week,) train loads; `infected` expected infections that travel with them; `stuck` waiting workers whose origin
    may not let them go within the weeks; `most` persons a week.
    """

    journeys: tuple[Journey, ...]
    needed: tuple[float, ...]
    back: tuple[float, ...]
    loads: tuple[int, ...]
    infected: float
    stuck: float
    most: float


def waiting_of(build: Build) -> list[tuple[str, str, float]]:
    """Return who waits where, invented: each county's absent workers at the counties most travelled from."""
    province, pack = build.province, build.assumptions
    codes = [c.code for c in province.counties]
    away = pack.value("workers_away") * province.employed.sum(axis=1)
    trips = np.asarray(province.trips.todense()) if province.trips.nnz else np.zeros((len(codes),) * 2)  # fmt: skip
    found = []
    for d, code in enumerate(codes):
        into = trips[:, d].copy()
        into[d] = 0.0
        origins = np.argsort(-into, kind="stable")[:ORIGINS]
        total = into[origins].sum()
        for o in origins:
            if total > 0 and into[o] > 0:
                found.append((codes[int(o)], code, float(away[d] * into[o] / total)))
    return found


def schedule(
    build: Build, levels: Levels, waiting: Sequence[tuple[str, str, float]], limits: Limits
) -> Returns:
    """Return journeys that bring as many needed workers back as early as transport and tier rules allow.

    A linear programme: a worker counts by the value added of a working week at the destination and the weeks
    left; never more arrive than the levels need. Nobody leaves a county before its tier's first week.
    """
    province, pack = build.province, build.assumptions
    q = question_of(build, limits)
    codes = {c.code: i for i, c in enumerate(province.counties)}
    T, P = levels.shape[0], len(codes)
    busy = np.einsum("tpsl,psl->tp", taken(levels), q.step_workers)
    needed = np.maximum(np.maximum.accumulate(np.maximum(busy - q.hands, 0.0), axis=0), 0.0)
    pairs = [(codes[o], codes[d], n) for o, d, n in waiting if n > 0]
    first = [FIRST_WEEK[province.tiers[o]] for o, _d, _n in pairs]
    worker = province.weekly_value.sum(axis=1) / np.maximum(province.employed.sum(axis=1), 1.0)
    b = Builder()
    J = len(pairs)
    upper = np.array([[n if f is not None and t + 1 >= f else 0.0 for (_o, _d, n), f in zip(pairs, first, strict=True)] for t in range(T)]).reshape(T, J)  # fmt: skip
    gain = np.array([[worker[d] * (T - t) for _o, d, _n in pairs] for t in range(T)]).reshape(T, J)
    x = b.column("x", (T, J), 0.0, upper, gain)
    rows = b.row("waiting", (J,), -np.inf, np.array([n for _o, _d, n in pairs]))
    b.put(rows[None], x, 1.0)
    rows = b.row("trains", (T,), -np.inf, q.trains)
    b.put(rows[:, None], x, 1.0)
    rows = b.row("needed", (T, P), -np.inf, needed)
    to = np.array([d for _o, d, _n in pairs], dtype=np.int64)
    for t in range(T):
        b.put(rows[t][to][None, :], x[: t + 1], 1.0)
    flows = np.zeros((T, J))
    if J:
        flows = np.maximum(b.programme().solve(method="ipm").x[x], 0.0)
    sick = (province.start.incubating + province.start.ill) / np.maximum(province.residents, 1.0)
    carried = sum(float(flows[:, j].sum()) * sick[o] for j, (o, _d, _n) in enumerate(pairs))
    names = [c.code for c in province.counties]
    journeys = tuple(
        Journey(t + 1, names[pairs[j][0]], names[pairs[j][1]], round(float(flows[t, j])))
        for t, j in np.argwhere(flows >= 0.5)
    )
    per_train = pack.value("workers_per_train")
    by_week = flows.sum(axis=1)
    return Returns(
        journeys=journeys,
        needed=tuple(float(v) for v in needed.sum(axis=1)),
        back=tuple(float(v) for v in by_week.cumsum()),
        loads=tuple(int(np.ceil(v / per_train)) for v in by_week),
        infected=float(carried),
        stuck=float(sum(n for (_o, _d, n), f in zip(pairs, first, strict=True) if f is None or f > T)),
        most=q.trains,
    )  # fmt: skip
