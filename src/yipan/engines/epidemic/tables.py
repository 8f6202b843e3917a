"""A specification laid out as flat arrays for the compiled back-ends.

Compiled functions are handed arrays one by one: a tuple of arrays handed on from function to function
costs more than the work it is for. P places, A ages, K settings, M stages; a cell is a place and an age,
numbered place · A + age.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.course import FAMILIES, FLOWS, STOCKS, Delay
from yipan.engines.epidemic.specification import Specification

FAMILY, STEPS, TURN, BRANCH, BRANCH_END, FLOW, STOCK = 0, 1, 2, 3, 4, 5, 8
"""Columns of `stage`: delay family (−1: the end), Erlang steps, number of the redirect (−1: none), first
branch, one past the last; three flows (onsets, detected, deaths); two stocks (hospital, icu)."""

ENTRIES = FLOWS[1:]
"""Flows that stages count on entry."""

MEAN, SPREAD = 0, 1
"""Columns of `delay`: mean days; log-sd of lognormal or shape of gamma."""


MOST_DENSE = 1_000
"""Places up to which a mixing with few zeros is also kept as a full matrix (8 MB)."""

Places = np.ndarray[Any, np.dtype[np.int32]]
"""Numbers of places, in half the room: mixing may have millions of entries."""


class Infection(NamedTuple):
    """How infection happens."""

    population: Integers  # (cell,)
    susceptible: Integers  # (cell,) at time 0
    beta: Floats  # (day,)
    controls: Floats  # (period, P, K)
    control_days: int
    steady: Integers  # (day,) 1: β and controls are those of the day before
    contacted: (
        Floats  # (K, kind, A of the infector, A of the other), susceptibility of the other in it
    )
    kinds: Integers  # (P,)
    present: Floats  # (K, P, A)
    local: Integers  # (K,)
    kept: Floats  # (K, P, A) contacts of an infector there, as a share of the most anywhere
    beta_kept: Floats  # (day,) β as a share of the largest
    most_kept: Floats  # (day,) the largest share of contacts kept anywhere, by control and β
    rate: Floats  # (M, A) potential contacts that infect, per day, whatever place and control
    setting_upto: Floats  # (M, A, K) running shares of the settings in that rate
    age_infectivity: Floats  # (A,)
    respond: Integers  # (4,) cases (0: no response), window, after, lasts
    respond_left: Floats  # (K,)
    import_start: Integers  # (day + 1,)
    import_cell: Integers
    import_mean: Floats


class Mixing(NamedTuple):
    """Where residents of i spend their time (rows), and who spends time in j (columns)."""

    stays: Floats  # (P,)
    row_start: Integers  # (P + 1,)
    row_place: Places
    row_share: Floats
    row_upto: Floats  # running sums of the shares but one's own
    column_start: Integers
    column_place: Places
    column_share: Floats
    column_own: Floats  # (P,) share of those present in j who live in j
    column_upto: Floats
    column_most: Floats  # (P, A): the largest share of that age among residents present
    age_share: Floats  # (P, A)
    dense: Floats  # (P, P) the shares, or nothing where most are zero or places very many
    turned: Floats  # the same with rows and columns exchanged
    leaves: Floats  # (P,) rate per day at which one of i leaves for good
    journey_start: Integers  # (P + 1,)
    journey_place: Places
    journey_upto: Floats  # running sums of the rates


class CourseTables(NamedTuple):
    """How a course goes."""

    stage: Integers  # (M, 10) columns above
    delay: Floats  # (M, 2) columns above
    branch_to: Integers
    branch_upto: Floats  # (branches, A) running sums
    turn_to: Integers  # (R,)
    turn_share: Floats  # (R, day, P)
    entry: int
    dispersion: float


class Seeds(NamedTuple):
    """How many people are in which stage and cell at time 0."""

    stage: Integers
    cell: Integers
    persons: Integers


class Births(NamedTuple):
    """People to be let live from a moment on: seeds, or those who come back from the cells."""

    name: np.ndarray[Any, np.dtype[np.uint64]]
    cell: Integers
    stage: Integers
    step: Integers
    own: Floats


def infection_tables(spec: Specification) -> Infection:
    """Return the tables of infection."""
    P, A = spec.population.shape
    contacted = np.swapaxes(spec.contacts * spec.susceptibility[:, None], 2, 3)
    N = spec.present
    meets = np.einsum("kjba,kja->kjb", contacted[:, spec.kinds], N)
    meets = np.divide(meets, N, out=np.zeros_like(meets), where=N > 0)
    most = meets.max(axis=1)
    stages = spec.course.stages
    presence = np.array([[s.presence.get(k, 1.0) for k in spec.setting_names] for s in stages])
    infectivity = np.array([s.infectivity for s in stages])
    by_setting = np.einsum("mk,kb->mbk", presence, most)
    rate = by_setting.sum(axis=2)
    beta_max = float(spec.transmission.max())
    day, place, age = np.nonzero(spec.imports)
    taken = spec.immune + sum(spec.seeds.values(), np.zeros((P, A), dtype=np.int64))
    return Infection(
        population=spec.population.ravel(),
        susceptible=(spec.population - taken).ravel(),
        beta=spec.transmission,
        controls=np.ascontiguousarray(spec.controls),
        control_days=spec.control_days,
        steady=np.array([d > 0 and _as_before(spec, d) for d in range(spec.days)], dtype=np.int64),
        contacted=np.ascontiguousarray(contacted),
        kinds=spec.kinds,
        present=spec.present,
        local=np.array([s.local for s in spec.settings], dtype=np.int64),
        kept=_over(meets, np.broadcast_to(most[:, None], meets.shape)),
        beta_kept=_over(spec.transmission, np.full(spec.days, beta_max)),
        most_kept=_over(spec.transmission, np.full(spec.days, beta_max))
        * [spec.control(d).max() for d in range(spec.days)],
        rate=rate * infectivity[:, None] * spec.age_infectivity * beta_max,
        setting_upto=np.cumsum(_over(by_setting, np.broadcast_to(rate[..., None], by_setting.shape)), 2),
        age_infectivity=spec.age_infectivity,
        respond=np.array(
            [0, 1, 0, 0]
            if (r := spec.response) is None
            else [r.cases, r.window_days, r.after_days, r.lasts_days],
            dtype=np.int64,
        ),
        respond_left=np.ones(len(spec.settings)) if spec.response is None else spec.response.left,
        import_start=np.searchsorted(day, np.arange(spec.days + 1)).astype(np.int64),
        import_cell=(place * A + age).astype(np.int64),
        import_mean=spec.imports[day, place, age],
    )  # fmt: skip


def mixing_tables(spec: Specification) -> Mixing:
    """Return the tables of mixing."""
    P, A = spec.population.shape
    people = spec.population.sum(axis=1).astype(np.float64)
    rows, columns = spec.mixing.tocsr(), spec.mixing.T.tocsr()
    row_start, column_start = rows.indptr.astype(np.int64), columns.indptr.astype(np.int64)
    own = spec.mixing.diagonal().astype(np.float64)
    # Without its own entry each running sum tells which other place; the own share is drawn first.
    # In place: mixing may have millions of entries.
    row_other = rows.data.copy()
    row_other[rows.indices == _owner(row_start)] = 0.0
    column_other = people[columns.indices]
    column_other *= columns.data
    column_other[columns.indices == _owner(column_start)] = 0.0
    age_share = spec.population / people[:, None]
    most = np.zeros((P, A))
    for j in range(P):
        here = columns.indices[column_start[j] : column_start[j + 1]]
        if here.size:
            most[j] = age_share[here].max(axis=0)
    dense = rows.toarray() if _nearly_full(P, rows.nnz) else np.zeros((0, 0))
    return Mixing(
        stays=own,
        row_start=row_start,
        row_place=rows.indices.astype(np.int32, copy=False),
        row_share=rows.data,
        row_upto=_running(row_other, row_start),
        column_start=column_start,
        column_place=columns.indices.astype(np.int32, copy=False),
        column_share=columns.data,
        column_own=_over(own * people, np.asarray(columns @ people)),
        column_upto=_running(column_other, column_start),
        column_most=most,
        age_share=age_share,
        dense=dense,
        turned=np.ascontiguousarray(dense.T),
        leaves=np.asarray(spec.journeys.sum(axis=1)).ravel() / people,
        journey_start=spec.journeys.indptr.astype(np.int64),
        journey_place=spec.journeys.indices.astype(np.int32),
        journey_upto=_running(
            spec.journeys.data / np.repeat(people, np.diff(spec.journeys.indptr)),
            spec.journeys.indptr.astype(np.int64),
        ),
    )


def _nearly_full(places: int, entries: int) -> bool:
    return places <= MOST_DENSE and 3 * entries > places * places


def course_tables(spec: Specification) -> CourseTables:
    """Return the tables of the course."""
    course, A = spec.course, len(spec.ages)
    stage = np.zeros((len(course.stages), STOCK + len(STOCKS)), dtype=np.int64)
    delay = np.zeros((len(course.stages), 2))
    branch_to: list[int] = []
    branch_upto: list[Floats] = []
    turns = {turn.at: r for r, turn in enumerate(spec.redirects)}
    for s, said in enumerate(course.stages):
        stage[s, FAMILY] = -1 if said.delay is None else FAMILIES.index(said.delay.family)
        stage[s, STEPS] = 1 if said.delay is None else said.delay.steps
        stage[s, TURN] = turns.get(said.name, -1)
        stage[s, BRANCH] = len(branch_to)
        branch_to += [course.index(b.to) for b in said.branches]
        branch_upto += list(np.cumsum([course.shares(b, A) for b in said.branches], axis=0))
        stage[s, BRANCH_END] = len(branch_to)
        stage[s, FLOW:STOCK] = [m in said.counts for m in ENTRIES]
        stage[s, STOCK:] = [m in said.counts for m in STOCKS]
        if said.delay is not None:
            delay[s] = said.delay.mean_days, _spread(said.delay)
    shares = [t.share for t in spec.redirects]
    return CourseTables(
        stage=stage,
        delay=delay,
        branch_to=np.array(branch_to, dtype=np.int64),
        branch_upto=np.array(branch_upto).reshape(-1, A),
        turn_to=np.array([course.index(t.to) for t in spec.redirects], dtype=np.int64),
        turn_share=np.stack(shares) if shares else np.zeros((0, spec.days, len(spec.places))),
        entry=course.index(course.entry),
        dispersion=float(spec.dispersion),
    )


def seed_table(spec: Specification) -> Seeds:
    """Return the people seeded, by stage and cell."""
    rows = [
        (spec.course.index(name), cell, table.ravel()[cell])
        for name, table in spec.seeds.items()
        for cell in np.flatnonzero(table)
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Seeds(*(np.ascontiguousarray(c) for c in columns))


def _as_before(spec: Specification, day: int) -> bool:
    same = np.array_equal(spec.control(day), spec.control(day - 1))
    return same and bool(spec.transmission[day] == spec.transmission[day - 1])


def _over(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a, dtype=np.float64), where=b > 0)


def _owner(start: Integers) -> Places:
    return np.repeat(np.arange(start.size - 1, dtype=np.int32), np.diff(start))


def _running(values: Floats, start: Integers) -> Floats:
    """Return running sums within each row of a sparse matrix, in the room of its values."""
    summed: Floats = np.cumsum(values, out=values)
    before = np.concatenate([[0.0], summed])[start[:-1]]
    summed -= np.repeat(before, np.diff(start))
    return np.maximum(summed, 0.0, out=summed)


def _spread(delay: Delay) -> float:
    if delay.family == "lognormal":
        return float(np.sqrt(np.log1p((delay.sd_days / delay.mean_days) ** 2)))
    return (delay.mean_days / delay.sd_days) ** 2 if delay.family == "gamma" else 0.0
