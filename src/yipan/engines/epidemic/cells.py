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
from yipan.engines.epidemic.compiled import compiled, leaf
from yipan.engines.epidemic.events import moves_to, respond
from yipan.engines.epidemic.samplers import binomial, binomial_of_hazard, gamma, poisson
from yipan.engines.epidemic.streams import MANY, Stream, Word, opened, rewind, uniform
from yipan.engines.epidemic.tables import STOCK, CourseTables, Infection, Mixing, Places
from yipan.engines.epidemic.transitions import Transitions

RARE = 1.0
"""Expected number below which a binomial is drawn by skipping along a Poisson process."""

EACH = 4
"""Persons to a way up to which each draws a way, rather than each way a number of persons."""


@leaf
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


@leaf
def probability(hazard: float) -> float:
    """Return 1 − exp(−hazard), right to 10⁻¹² of itself; faster than expm1.

    >>> probability(1e-9), round(probability(0.5), 12)
    (9.999999995e-10, 0.393469340287)
    """
    if hazard > 1e-3:
        return 1.0 - math.exp(-hazard)
    return hazard * (1.0 - hazard * (0.5 - hazard * (1.0 / 6.0 - hazard * (1.0 / 24.0))))


@leaf
def scatter(
    n: int,
    first: int,
    last: int,
    at: int,
    rarer: Floats,
    hazard: Floats,
    upto: Floats,
    taken: Integers,
    gap: Floats,
    stream: Stream,
) -> None:
    """Share n > 0 persons out over the ways [first, last), likeliest last, exactly: a multinomial number.

    Way after way from the likeliest, those who take a rarer one are drawn; once few are left, each draws
    a way. `rarer[at + e]` is the probability of a rarer way than e given no likelier one, `hazard` its
    −log(1 − p), `upto` the probability of way e or a rarer one; `taken` (way from `first`,) receives the
    numbers.
    """
    for e in range(last - first):
        taken[e] = 0
    left, e = n, last - 1
    while e > first and left > 0:
        if left <= EACH * (e - first + 1) and left * hazard[at + e] > RARE:
            for _ in range(left):
                u, way = uniform(stream) * upto[at + e], e
                while way > first and u < upto[at + way - 1]:
                    way -= 1
                taken[way - first] += 1
            return
        k = hit(left, rarer[at + e], hazard[at + e], gap, stream)
        taken[e - first] = left - k
        left = k
        e -= 1
    taken[e - first] += left


@leaf
def mix_cases(cases: Floats, weights: Floats, mixed: Floats) -> None:
    """Write the mixture of the cases (first axis) into `mixed`."""
    into = mixed.reshape(mixed.size)
    parts = cases.reshape((weights.size, mixed.size))
    for q in range(into.size):
        into[q] = 0.0
        for case in range(weights.size):
            into[q] += weights[case] * parts[case, q]


@leaf
def tilt(parts: Floats, growth: float, whole: Floats) -> None:
    """Write into `whole` the part of ρ⁰ and ρ times the part of ρ¹ (first axis of `parts`)."""
    into = whole.reshape(whole.size)
    both = parts.reshape((2, whole.size))
    for q in range(into.size):
        into[q] = max(0.0, both[0, q] + growth * both[1, q])


@leaf
def condition(
    given: Floats,
    hazard: Floats,
    upto: Floats,
    exposure: Floats,
    missed: Floats,
    first: int,
    last: int,
) -> None:
    """Turn joint probabilities of the ways [first, last) into what `scatter` reads, in place.

    `given` (age, way) becomes the probability of a rarer (earlier) way given no likelier one, `hazard` its
    −log(1 − p), `upto` the running sums; `exposure` (group, age, way) becomes the mean on that way; `missed` (flow, age, way) the
    probability that the way passes through the flow.
    """
    for a in range(given.shape[0]):
        total = 0.0
        for e in range(first, last):
            p = given[a, e]
            for g in range(exposure.shape[2]):
                exposure[a, e, g] = exposure[a, e, g] / p if p > 1e-300 else 0.0
            for m in range(missed.shape[2]):
                q = missed[a, e, m] / p if p > 1e-300 else 1.0
                missed[a, e, m] = 0.0 if q > 1.0 - 1e-9 else (1.0 if q < 1e-9 else 1.0 - q)
            rarer = total
            total += p
            upto[a, e] = total
            given[a, e] = rarer / total if total > 0.0 else 0.0
            hazard[a, e] = -math.log(p / total) if 0.0 < p < 0.5 * total else np.inf
            if p >= 0.5 * total:
                hazard[a, e] = -math.log1p(-given[a, e])


@leaf
def carry(start: Integers, place: Places, share: Floats, given: Floats, got: Floats) -> None:
    """Add to each row of `got` (P, A) the rows of `given` that a sparse matrix says, by their shares."""
    A = given.shape[1]
    for j in range(start.size - 1):
        e, last = start[j], start[j + 1]
        while e + 4 <= last:  # four at a time: `got` is read and written less often
            i0, i1, i2, i3 = place[e], place[e + 1], place[e + 2], place[e + 3]
            s0, s1, s2, s3 = share[e], share[e + 1], share[e + 2], share[e + 3]
            for a in range(A):
                got[j, a] += (s0 * given[i0, a] + s1 * given[i1, a]) + (
                    s2 * given[i2, a] + s3 * given[i3, a]
                )
            e += 4
        while e < last:
            i, s = place[e], share[e]
            for a in range(A):
                got[j, a] += s * given[i, a]
            e += 1


@leaf
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
    for j in range(P):
        for a in range(A):
            force[j, a] = 0.0
            there[j, a] = 0.0
    for g in range(G):
        for j in range(P):
            for a in range(A):
                Y[g, j, a] = X[g, j, a] if group_local[g] else 0.0
        if not group_local[g]:
            carry(column_start, column_place, column_share, X[g], Y[g])
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
        carry(row_start, row_place, row_share, there, force)


@leaf
def sum_force_everywhere(
    X: Floats,
    Y: Floats,
    force: Floats,
    here: Floats,
    there: Floats,
    given: Floats,
    control: Floats,
    beta: float,
    contacted: Floats,
    present: Floats,
    local: Integers,
    age_infectivity: Floats,
    group_of: Integers,
    group_local: Integers,
    dense: Floats,
    turned: Floats,
) -> None:
    """As `sum_force`, where nearly every place mixes with every other and all are of one kind.

    Ages are the first axis of what it works on, so that every inner loop runs over places: `Y`
    (group, A, P), `here` and `there` (A, P), `given` (P,).
    """
    G, P, A = X.shape
    for a in range(A):
        for j in range(P):
            here[a, j] = 0.0
            there[a, j] = 0.0
    for g in range(G):
        for b in range(A):
            for j in range(P):
                Y[g, b, j] = X[g, j, b] if group_local[g] else 0.0
        if not group_local[g]:
            for b in range(A):
                for i in range(P):
                    x = X[g, i, b]
                    if x > 0.0:
                        for j in range(P):
                            Y[g, b, j] += x * dense[i, j]
    moving = False
    for k in range(local.size):
        g = group_of[k]
        if not local[k]:
            moving = True
        for b in range(A):
            scale = beta * age_infectivity[b]
            for j in range(P):
                given[j] = 0.0
                if Y[g, b, j] > 0.0:
                    given[j] = Y[g, b, j] * control[j, k] * scale / present[k, j, b]
            for a in range(A):
                c = contacted[k, 0, b, a]
                if local[k]:
                    for j in range(P):
                        here[a, j] += c * given[j]
                else:
                    for j in range(P):
                        there[a, j] += c * given[j]
    if moving:
        for a in range(A):
            for j in range(P):
                y = there[a, j]
                if y > 0.0:
                    for i in range(P):
                        here[a, i] += y * turned[j, i]
    for i in range(P):
        for a in range(A):
            force[i, a] = here[a, i]


@leaf
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
    way_tells: Integers,
    pooled: Integers,
    carries: Integers,
    given: Floats,
    hazard: Floats,
    upto: Floats,
    exposure: Floats,
    passed: Floats,
    infectivity: Floats,
    dispersion: float,
    taken: Integers,
    moved: Integers,
    carried: Floats,
    part: Floats,
    gap: Floats,
    stream: Stream,
) -> float:
    """Let everybody infected move on for a step; their infectiousness on the way is summed in X.

    Returns by how much infectiousness grew, as a share of its mean; within [−1, 1].

    Individual infectiousness is shared out exactly: equal gammas given their sum are a Dirichlet, whatever
    the sum was. Those who carry none yet draw theirs, of mean one. Whoever enters a `pooled` substage,
    from which on age means nothing, is counted with the youngest of the place.
    """
    G, P, A = X.shape
    M, ways = moved.size, way_to.size
    alike = math.isinf(dispersion)
    for g in range(G):
        for i in range(P):
            for a in range(A):
                X[g, i, a] = 0.0
    before, after = 0.0, 0.0
    for i in range(P):
        at, cell = (kind_of[i] * A - 1) * ways, i * A - 1
        for a in range(A):
            at += ways
            cell += 1
            if active[cell] == 0:
                continue
            for f in range(M):
                if n[cell, f] == 0:
                    continue
                first, last = way_start[f], way_start[f + 1]
                before += n[cell, f] * infectivity[f]
                scatter(n[cell, f], first, last, at, given, hazard, upto, taken, gap, stream)
                whole = 0.0
                for e in range(first, last):
                    k, to = taken[e - first], way_to[e]
                    if k == 0:
                        continue
                    if a == 0 or pooled[to] == 0:
                        moved[to] += k
                    else:  # the youngest have moved on already
                        n[i * A, to] += k
                        active[i * A] += k
                    if way_tells[e] == 0:
                        continue
                    if way_tells[e] & 1:
                        for m in range(3):
                            p = passed[3 * (at + e) + m]
                            if p > 0.0:
                                counts[1 + m, day, i] += k if p == 1.0 else binomial(stream, k, p)
                    if alike:
                        for g in range(G):
                            X[g, i, a] += k * exposure[G * (at + e) + g]
                    else:
                        part[e - first] = gamma(stream, dispersion * k)
                        whole += part[e - first]
                if whole > 0.0:
                    # Those who carry none yet draw theirs, of mean one.
                    scale = mass[cell, f] / whole if carries[f] else 1.0 / dispersion
                    for e in range(first, last):
                        if part[e - first] > 0.0:
                            own = part[e - first] * scale
                            for g in range(G):
                                X[g, i, a] += own * exposure[G * (at + e) + g]
                            carried[way_to[e]] += own
                            part[e - first] = 0.0
            alive = 0
            for f in range(M):
                k = moved[f]
                moved[f] = 0
                after += k * infectivity[f]
                n[cell, f] = k if way_start[f + 1] > way_start[f] else 0
                alive += n[cell, f]
            active[cell] = alive
            if not alike:
                for f in range(M):
                    mass[cell, f] = carried[f] if carries[f] and n[cell, f] > 0 else 0.0
                    carried[f] = 0.0
    if before + after == 0.0:
        return 0.0
    return max(-1.0, min(1.0, 2.0 * (after - before) / (after + before)))


@compiled
def flat(table: Floats) -> Floats:
    """Return a table as one row: found by one number, not by three or four."""
    return table.reshape(table.size)


@leaf
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


@leaf
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
    upto: Floats,
    passed: Floats,
    dispersion: float,
    taken: Integers,
    gap: Floats,
    stream: Stream,
) -> None:
    """Infect susceptibles, and those who arrive, and put them where they stand at the end of the step."""
    P, A = force.shape
    alike, ways = math.isinf(dispersion), new_to.size
    for i in range(P):
        kind = kind_of[i]
        for a in range(A):
            cell, came = i * A + a, arrivals[i * A + a]
            if force[i, a] > 0.0 and S[cell] > 0:
                k = hit(S[cell], probability(force[i, a]), force[i, a], gap, stream)
                S[cell] -= k
                came += k
            fresh[cell] = came
            if came == 0:
                continue
            counts[0, day, i] += came
            scatter(came, 0, ways, (kind * A + a) * ways, given, hazard, upto, taken, gap, stream)
            for e in range(ways):
                k, to = taken[e], new_to[e]
                if k == 0:
                    continue
                for m in range(3):
                    p = passed[3 * ((kind * A + a) * ways + e) + m]
                    if p > 0.0:
                        counts[1 + m, day, i] += k if p == 1.0 else binomial(stream, k, p)
                if way_start[to + 1] > way_start[to]:
                    n[cell, to] += k
                    active[cell] += k
                    if carries[to]:
                        mass[cell, to] += k if alike else gamma(stream, dispersion * k) / dispersion


@leaf
def travel(
    n: Integers,
    mass: Floats,
    active: Integers,
    h: float,
    A: int,
    leaves: Floats,
    journey_start: Integers,
    journey_place: Places,
    journey_upto: Floats,
    stage_of: Integers,
    stages: Integers,
    carries: Integers,
    dispersion: float,
    gap: Floats,
    stream: Stream,
) -> None:
    """Let infected people, but for patients, move to other places for good, at the end of a step.

    One after the other: few do. A person who has moved may move on within the step, so what is out by
    the order of places is of second order in the share that moves.
    """
    for cell in range(active.size):
        i, a = cell // A, cell % A
        if active[cell] == 0 or leaves[i] <= 0.0:
            continue
        hazard = leaves[i] * h
        p = probability(hazard)
        for f in range(n.shape[1]):
            if n[cell, f] == 0 or stages[stage_of[f], STOCK] == 1:
                continue
            for _ in range(hit(n[cell, f], p, hazard, gap, stream)):
                j = moves_to(i, journey_upto, journey_start, journey_place, uniform(stream))
                to = j * A + a
                if carries[f]:
                    own = 1.0
                    if not math.isinf(dispersion):
                        one = gamma(stream, dispersion)
                        rest = gamma(stream, dispersion * (n[cell, f] - 1))
                        own = mass[cell, f] * one / (one + rest)
                    mass[cell, f] -= own
                    mass[to, f] += own
                n[cell, f] -= 1
                n[to, f] += 1
                active[cell] -= 1
                active[to] += 1


@compiled
def run_cells(
    inf: Infection,
    mix: Mixing,
    crs: CourseTables,
    x: Transitions,
    counts: Integers,
    S: Integers,
    until: Integers,
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
    stream = opened(seed, MANY)
    rewind(stream, name, first_day)
    gap = np.array([-math.log(uniform(stream))])
    active = np.zeros(P * A, np.int64)
    for cell in range(P * A):
        for f in range(M):
            active[cell] += n[cell, f]
    X, Y = np.zeros((G, P, A)), np.zeros((G, P, A))
    force, there = np.zeros((P, A)), np.zeros((P, A))
    Z, here, yonder = np.zeros((G, A, P)), np.zeros((A, P)), np.zeros((A, P))
    given_there, K = np.zeros(P), inf.local.size
    control, answered = np.ones((P, K)), False
    arrivals, tonight = np.zeros(P * A, np.int64), np.zeros((P, 2), np.int64)
    taken, moved = np.zeros(M, np.int64), np.zeros(M, np.int64)
    carried, part = np.zeros(M), np.zeros(M)
    most = 1
    for d in range(first_day, days):
        most = max(most, x.kind_start[d + 1] - x.kind_start[d])
    ways, new = x.way_to.size, x.new_to.size
    given, hazard = np.zeros((most, A, ways)), np.zeros((most, A, ways))
    upto, new_upto = np.zeros((most, A, ways)), np.zeros((most, A, new))
    exposure, passed = np.zeros((most, A, ways, G)), np.zeros((most, A, ways, 3))
    new_given, new_hazard = np.zeros((most, A, new)), np.zeros((most, A, new))
    new_exposure, new_passed = np.zeros((most, G, A)), np.zeros((most, A, new, 3))
    parts_given, parts_exposure = np.zeros((most, 2, A, new)), np.zeros((most, 2, G, A))
    parts_passed, none = np.zeros((most, 2, A, new, 3)), np.zeros((A, new, 0))
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
                        given[kind], hazard[kind], upto[kind], exposure[kind], passed[kind],
                        x.way_start[f], x.way_start[f + 1],
                    )  # fmt: skip
                mix_cases(x.new_chance, weights, parts_given[kind])
                mix_cases(x.new_exposure, weights, parts_exposure[kind])
                mix_cases(x.new_missed, weights, parts_passed[kind])
        period = inf.controls[min(day // inf.control_days, inf.controls.shape[0] - 1)]
        responding = respond(counts[2], day, inf.respond, until)
        for i in range(P):
            answer = responding and until[i] > day
            for k in range(K):
                control[i, k] = period[i, k] * (inf.respond_left[k] if answer else 1.0)
        for _ in range(x.steps_per_day):
            growth = move_on(
                n, mass, active, X, counts, day, x.kind_of[day], x.way_start, x.way_to, x.way_tells, x.pooled, x.carries,
                flat(given), flat(hazard), flat(upto), flat(exposure), flat(passed), x.infectivity, crs.dispersion, taken, moved, carried, part, gap, stream,
            )  # fmt: skip
            for kind in range(x.kind_start[day + 1] - x.kind_start[day]):
                tilt(parts_given[kind], growth / h, new_given[kind])
                tilt(parts_exposure[kind], growth / h, new_exposure[kind])
                tilt(parts_passed[kind], growth / h, new_passed[kind])
                condition(
                    new_given[kind],
                    new_hazard[kind],
                    new_upto[kind],
                    none,
                    new_passed[kind],
                    0,
                    new,
                )
            # Those infected within the step infect within it: as many as in the last step, in proportion,
            # unless controls or β changed; then as many as the force without them gives.
            same = not (responding or answered) and inf.steady[day] == 1
            steady = last_total > 0.0 and (same or day == last_day)
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
                if mix.dense.size > 0 and inf.contacted.shape[1] == 1:
                    sum_force_everywhere(
                        X, Z, force, here, yonder, given_there, control, inf.beta[day], inf.contacted,
                        inf.present, inf.local, inf.age_infectivity, x.group_of, x.group_local,
                        mix.dense, mix.turned,
                    )  # fmt: skip
                    continue
                sum_force(
                    X, Y, force, there, control, inf.beta[day], inf.contacted, inf.kinds,
                    inf.present, inf.local, inf.age_infectivity, x.group_of, x.group_local,
                    mix.row_start, mix.row_place, mix.row_share,
                    mix.column_start, mix.column_place, mix.column_share,
                )  # fmt: skip
            last_total, last_day, answered = total, day, responding
            arrivals[:] = 0
            for e in range(inf.import_start[day], inf.import_start[day + 1]):
                cell = inf.import_cell[e]
                for _ in range(poisson(stream, inf.import_mean[e] * h)):
                    if uniform(stream) * inf.population[cell] < S[cell]:
                        S[cell] -= 1
                        arrivals[cell] += 1
            infect(
                S, n, mass, active, force, fresh, counts, day, x.kind_of[day], arrivals,
                x.way_start, x.new_to, x.carries, flat(new_given), flat(new_hazard), flat(new_upto), flat(new_passed),
                crs.dispersion, taken, gap, stream,
            )  # fmt: skip
            if mix.journey_place.size > 0:
                travel(
                    n, mass, active, h, A, mix.leaves, mix.journey_start, mix.journey_place,
                    mix.journey_upto, x.stage_of, crs.stage, x.carries, crs.dispersion, gap, stream,
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
