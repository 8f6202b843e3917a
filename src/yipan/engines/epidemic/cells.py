"""The cell-binomial back-end: exact binomials over the cells where somebody is infected.

One step of h days: those already infected move on (exactly, transitions.py), which tells how infectious
they were on the way; that gives the force of infection of the step, corrected for those infected within
it; susceptibles are infected with probability 1 − exp(−∫λ) and stand where a moment of infection would have
brought them, uniform but for the growth of infectiousness within the step. The error is of third order in h
where all places grow alike, and of second order otherwise.
"""

from __future__ import annotations

import math

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.compiled import compiled
from yipan.engines.epidemic.samplers import binomial, binomial_of_hazard, gamma, poisson
from yipan.engines.epidemic.streams import Stream, Word, rewind, uniform
from yipan.engines.epidemic.tables import STOCK, CourseTables, Infection, Mixing, Places
from yipan.engines.epidemic.transitions import Transitions

RARE = 0.5
"""Expected number below which a binomial is drawn by skipping along a Poisson process."""


@compiled
def hit(n: int, p: float, hazard: float, gap: Floats, stream: Stream) -> int:
    """Return a binomial number of n persons with probability p = 1 − exp(−hazard), exactly.

    Where few are expected, each person has an exponential clock: the points of a Poisson process laid
    over n · hazard fall on persons at random, and a person hit twice counts once. `gap[0]` is what is
    left to its next point.
    """
    length = n * hazard
    if length > RARE:
        return binomial_of_hazard(stream, n, p, hazard)
    gap[0] -= length
    k = 0
    while gap[0] < 0.0:
        if uniform(stream) * n >= k:
            k += 1
        gap[0] -= math.log(uniform(stream))
    return k


@compiled
def mix_cases(cases: Floats, weights: Floats, mixed: Floats) -> None:
    """Write the mixture of the cases (first axis) into `mixed`."""
    into = mixed.reshape(mixed.size)
    parts = cases.reshape((weights.size, mixed.size))
    for q in range(into.size):
        into[q] = 0.0
        for case in range(weights.size):
            into[q] += weights[case] * parts[case, q]


@compiled
def tilt(parts: Floats, growth: float, whole: Floats) -> None:
    """Write into `whole` the part of ρ⁰ and ρ times the part of ρ¹ (first axis of `parts`)."""
    into = whole.reshape(whole.size)
    both = parts.reshape((2, whole.size))
    for q in range(into.size):
        into[q] = max(0.0, both[0, q] + growth * both[1, q])


@compiled
def condition(
    given: Floats, hazard: Floats, exposure: Floats, missed: Floats, first: int, last: int
) -> None:
    """Turn joint probabilities of the ways [first, last) into conditional ones, in place.

    `given` (age, way) becomes the probability given that no earlier way was taken, `hazard` its
    −log(1 − p); `exposure` (group, age, way) the mean on that way; `missed` (flow, age, way) the
    probability that the way passes through the flow.
    """
    for a in range(given.shape[0]):
        left = 0.0
        for e in range(first, last):
            left += given[a, e]
        for e in range(first, last):
            p = given[a, e]
            for g in range(exposure.shape[0]):
                exposure[g, a, e] = exposure[g, a, e] / p if p > 1e-300 else 0.0
            for m in range(missed.shape[0]):
                q = missed[m, a, e] / p if p > 1e-300 else 1.0
                missed[m, a, e] = 0.0 if q > 1.0 - 1e-9 else (1.0 if q < 1e-9 else 1.0 - q)
            given[a, e] = min(1.0, p / left) if left > 0.0 else 0.0
            hazard[a, e] = -math.log1p(-given[a, e]) if given[a, e] < 1.0 else np.inf
            left -= p


@compiled
def sum_force(
    X: Floats,
    Y: Floats,
    force: Floats,
    there: Floats,
    control: Floats,
    beta: float,
    contacted: Floats,
    kinds: Integers,
    present: Floats,
    local: Integers,
    age_infectivity: Floats,
    group_of: Integers,
    group_local: Integers,
    row_start: Integers,
    row_place: Places,
    row_share: Floats,
    column_start: Integers,
    column_place: Places,
    column_share: Floats,
) -> None:
    """Turn infectiousness X (group, P, A) into ∫λ over the step, `force` (P, A), as Specification has λ."""
    G, P, A = X.shape
    force[:] = 0.0
    there[:] = 0.0
    for g in range(G):
        if group_local[g]:
            for j in range(P):
                for a in range(A):
                    Y[g, j, a] = X[g, j, a]
            continue
        for j in range(P):
            for a in range(A):
                Y[g, j, a] = 0.0
            for e in range(column_start[j], column_start[j + 1]):
                i, share = column_place[e], column_share[e]
                for a in range(A):
                    Y[g, j, a] += share * X[g, i, a]
    moving = False
    for k in range(local.size):
        g = group_of[k]
        if not local[k]:
            moving = True
        for j in range(P):
            u = control[j, k] * beta
            if u == 0.0:
                continue
            for b in range(A):
                y = Y[g, j, b]
                if y > 0.0:
                    y *= u * age_infectivity[b] / present[k, j, b]
                    if local[k]:
                        for a in range(A):
                            force[j, a] += contacted[k, kinds[j], b, a] * y
                    else:
                        for a in range(A):
                            there[j, a] += contacted[k, kinds[j], b, a] * y
    if moving:
        for i in range(P):
            for e in range(row_start[i], row_start[i + 1]):
                j, share = row_place[e], row_share[e]
                for a in range(A):
                    force[i, a] += share * there[j, a]


@compiled
def move_on(
    n: Integers,
    mass: Floats,
    active: Integers,
    X: Floats,
    counts: Integers,
    day: int,
    kind_of: Integers,
    way_start: Integers,
    way_to: Integers,
    carries: Integers,
    given: Floats,
    hazard: Floats,
    exposure: Floats,
    passed: Floats,
    infectivity: Floats,
    dispersion: float,
    gap: Floats,
    stream: Stream,
) -> float:
    """Let everybody infected move on for a step; their infectiousness on the way is summed in X.

    Returns by how much infectiousness grew, as a share of its mean; within [−1, 1].

    Individual infectiousness is shared out exactly: equal gammas given their sum are a Dirichlet, whatever
    the sum was. Those who carry none yet draw theirs, of mean one.
    """
    G, P, A = X.shape
    M = n.shape[1]
    alike = math.isinf(dispersion)
    moved, carried, part = np.zeros(M, np.int64), np.zeros(M), np.zeros(M)
    X[:] = 0.0
    before, after = 0.0, 0.0
    for i in range(P):
        kind = kind_of[i]
        for a in range(A):
            cell = i * A + a
            if active[cell] == 0:
                continue
            moved[:] = 0
            carried[:] = 0.0
            for f in range(M):
                left = n[cell, f]
                if left == 0:
                    continue
                first, last = way_start[f], way_start[f + 1]
                whole = 0.0
                for e in range(first, last):
                    part[e - first] = 0.0
                for e in range(first, last):
                    k = left
                    if e < last - 1:
                        k = hit(left, given[kind, a, e], hazard[kind, a, e], gap, stream)
                    if k == 0:
                        continue
                    left -= k
                    moved[way_to[e]] += k
                    for m in range(3):
                        p = passed[kind, m, a, e]
                        if p > 0.0:
                            counts[1 + m, day, i] += k if p == 1.0 else binomial(stream, k, p)
                    part[e - first] = k if alike else gamma(stream, dispersion * k)
                    whole += part[e - first]
                    if left == 0:
                        break
                scale = 1.0
                if not alike:
                    scale = mass[cell, f] / whole if carries[f] else 1.0 / dispersion
                for e in range(first, last):
                    own = part[e - first] * scale
                    if own > 0.0:
                        for g in range(G):
                            X[g, i, a] += own * exposure[kind, g, a, e]
                        carried[way_to[e]] += own
            alive = 0
            for f in range(M):
                going_on = way_start[f + 1] > way_start[f]
                before += n[cell, f] * infectivity[f]
                after += moved[f] * infectivity[f]
                n[cell, f] = moved[f] if going_on else 0
                mass[cell, f] = carried[f] if going_on and carries[f] else 0.0
                alive += n[cell, f]
            active[cell] = alive
    if before + after == 0.0:
        return 0.0
    return max(-1.0, min(1.0, 2.0 * (after - before) / (after + before)))


@compiled
def expect_new(
    fresh: Floats, factor: float, X: Floats, kind_of: Integers, new_exposure: Floats
) -> None:
    """Add to X how infectious those infected within the step, `factor` · `fresh` (cell,), are within it."""
    G, P, A = X.shape
    for i in range(P):
        for a in range(A):
            expected = factor * fresh[i * A + a]
            if expected > 0.0:
                for g in range(G):
                    X[g, i, a] += expected * new_exposure[kind_of[i], g, a]


@compiled
def infect(
    S: Integers,
    n: Integers,
    mass: Floats,
    active: Integers,
    force: Floats,
    fresh: Floats,
    counts: Integers,
    day: int,
    kind_of: Integers,
    arrivals: Integers,
    way_start: Integers,
    new_to: Integers,
    carries: Integers,
    given: Floats,
    hazard: Floats,
    passed: Floats,
    dispersion: float,
    gap: Floats,
    stream: Stream,
) -> None:
    """Infect susceptibles, and those who arrive, and put them where they stand at the end of the step."""
    P, A = force.shape
    last = new_to.size - 1
    for i in range(P):
        kind = kind_of[i]
        for a in range(A):
            cell, left = i * A + a, arrivals[i * A + a]
            if force[i, a] > 0.0 and S[cell] > 0:
                k = hit(S[cell], -math.expm1(-force[i, a]), force[i, a], gap, stream)
                S[cell] -= k
                left += k
            fresh[cell] = left
            if left == 0:
                continue
            counts[0, day, i] += left
            for e in range(last + 1):
                k = left
                if e < last:
                    k = hit(left, given[kind, a, e], hazard[kind, a, e], gap, stream)
                if k == 0:
                    continue
                left -= k
                to = new_to[e]
                for m in range(3):
                    p = passed[kind, m, a, e]
                    if p > 0.0:
                        counts[1 + m, day, i] += k if p == 1.0 else binomial(stream, k, p)
                if way_start[to + 1] > way_start[to]:
                    n[cell, to] += k
                    active[cell] += k
                    if carries[to]:
                        own = (
                            k
                            if math.isinf(dispersion)
                            else gamma(stream, dispersion * k) / dispersion
                        )
                        mass[cell, to] += own


@compiled
def run_cells(
    inf: Infection,
    mix: Mixing,
    crs: CourseTables,
    x: Transitions,
    counts: Integers,
    S: Integers,
    n: Integers,
    mass: Floats,
    name: Word,
    seed: Word,
    first_day: int,
    stop_below: int,
) -> tuple[int, int]:
    """Run from the start of `first_day` until fewer than `stop_below` are infected at the end of a day.

    Changes `S`, `counts` (stocks as changes, to be summed over days) and the people in the cells: `n` (cell, substage) and `mass`, their summed
    individual infectiousness. Returns the day at whose start it stopped and how many are then infected.
    """
    days, P = counts.shape[1:]
    A, M, G = n.shape[0] // P, x.substages, x.groups
    h = 1.0 / x.steps_per_day
    stream = np.zeros(6, np.uint64)
    stream[0] = np.uint64(seed)
    rewind(stream, name, first_day)
    gap = np.array([-math.log(uniform(stream))])
    active = np.zeros(P * A, np.int64)
    for cell in range(P * A):
        for f in range(M):
            active[cell] += n[cell, f]
    X, Y = np.zeros((G, P, A)), np.zeros((G, P, A))
    force, there = np.zeros((P, A)), np.zeros((P, A))
    arrivals, tonight = np.zeros(P * A, np.int64), np.zeros((P, 2), np.int64)
    most = 1
    for d in range(first_day, days):
        most = max(most, x.kind_start[d + 1] - x.kind_start[d])
    ways, new = x.way_to.size, x.new_to.size
    given, hazard = np.zeros((most, A, ways)), np.zeros((most, A, ways))
    exposure, passed = np.zeros((most, G, A, ways)), np.zeros((most, 3, A, ways))
    new_given, new_hazard = np.zeros((most, A, new)), np.zeros((most, A, new))
    new_exposure, new_passed = np.zeros((most, G, A)), np.zeros((most, 3, A, new))
    parts_given, parts_exposure = np.zeros((most, 2, A, new)), np.zeros((most, 2, G, A))
    parts_passed, none = np.zeros((most, 2, 3, A, new)), np.zeros((0, A, new))
    fresh, last_total, last_day = np.zeros(P * A), 0.0, -1
    day, infected = first_day, 0
    while day < days:
        if day == first_day or x.kind_changes[day]:
            for kind in range(x.kind_start[day + 1] - x.kind_start[day]):
                weights = x.kind_weights[x.kind_start[day] + kind]
                mix_cases(x.chance, weights, given[kind])
                mix_cases(x.exposure, weights, exposure[kind])
                mix_cases(x.missed, weights, passed[kind])
                for f in range(M):
                    condition(
                        given[kind], hazard[kind], exposure[kind], passed[kind],
                        x.way_start[f], x.way_start[f + 1],
                    )  # fmt: skip
                mix_cases(x.new_chance, weights, parts_given[kind])
                mix_cases(x.new_exposure, weights, parts_exposure[kind])
                mix_cases(x.new_missed, weights, parts_passed[kind])
        control = inf.controls[min(day // inf.control_days, inf.controls.shape[0] - 1)]
        for _ in range(x.steps_per_day):
            growth = move_on(
                n, mass, active, X, counts, day, x.kind_of[day], x.way_start, x.way_to, x.carries,
                given, hazard, exposure, passed, x.infectivity, crs.dispersion, gap, stream,
            )  # fmt: skip
            for kind in range(x.kind_start[day + 1] - x.kind_start[day]):
                tilt(parts_given[kind], growth / h, new_given[kind])
                tilt(parts_exposure[kind], growth / h, new_exposure[kind])
                tilt(parts_passed[kind], growth / h, new_passed[kind])
                condition(new_given[kind], new_hazard[kind], none, new_passed[kind], 0, new)
            # Those infected within the step infect within it: as many as in the last step, in proportion,
            # unless controls or β changed; then as many as the force without them gives.
            steady = last_total > 0.0 and (inf.steady[day] == 1 or day == last_day)
            total = 0.0
            for g in range(G):
                for i in range(P):
                    for a in range(A):
                        total += X[g, i, a]
            for turn in range(1 if steady else 2):
                if steady:
                    expect_new(fresh, total / last_total, X, x.kind_of[day], new_exposure)
                elif turn == 1:
                    for cell in range(P * A):
                        fresh[cell] = S[cell] * -math.expm1(-force[cell // A, cell % A])
                    expect_new(fresh, 1.0, X, x.kind_of[day], new_exposure)
                sum_force(
                    X, Y, force, there, control, inf.beta[day], inf.contacted, inf.kinds,
                    inf.present, inf.local, inf.age_infectivity, x.group_of, x.group_local,
                    mix.row_start, mix.row_place, mix.row_share,
                    mix.column_start, mix.column_place, mix.column_share,
                )  # fmt: skip
            last_total, last_day = total, day
            arrivals[:] = 0
            for e in range(inf.import_start[day], inf.import_start[day + 1]):
                cell = inf.import_cell[e]
                for _ in range(poisson(stream, inf.import_mean[e] * h)):
                    if uniform(stream) * inf.population[cell] < S[cell]:
                        S[cell] -= 1
                        arrivals[cell] += 1
            infect(
                S, n, mass, active, force, fresh, counts, day, x.kind_of[day], arrivals,
                x.way_start, x.new_to, x.carries, new_given, new_hazard, new_passed,
                crs.dispersion, gap, stream,
            )  # fmt: skip
        infected = 0
        for i in range(P):
            for m in range(2):
                counts[4 + m, day, i] -= tonight[i, m]
                tonight[i, m] = 0
        for cell in range(P * A):
            if active[cell] > 0:
                infected += active[cell]
                for f in range(M):
                    for m in range(2):
                        if crs.stage[x.stage_of[f], STOCK + m]:
                            tonight[cell // A, m] += n[cell, f]
        for i in range(P):
            for m in range(2):
                counts[4 + m, day, i] += tonight[i, m]
        day += 1
        if infected < stop_below or (
            infected == 0 and inf.import_start[day] == inf.import_start[days]
        ):
            break
    if day < days:
        for i in range(P):
            for m in range(2):
                counts[4 + m, day, i] -= tonight[i, m]
    return day, infected
