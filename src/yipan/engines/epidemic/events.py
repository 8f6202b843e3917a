"""The event-driven back-end: exact in continuous time, its cost follows infections.

Each infected person draws a whole course at once, and all potential contacts that could infect
(a Poisson process at the uncontrolled rate, thinned by control, place and day). A contact names its
target's cell and waits in the list of its day; on its day contacts are met in order of time, and infect
with probability S / N of that cell. Nothing is lost to a time step, and any delay will do.

Every person, and every contact before it is one, has a random stream of its own, named by its line of
descent. Two runs with one seed therefore share each person's fate as long as their pasts agree, so
that differences between policies are not noise.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.compiled import compiled, leaf
from yipan.engines.epidemic.samplers import erlang, gamma, normal, poisson
from yipan.engines.epidemic.streams import ONE_BLOCK, Stream, Word, mixed, opened, rewind, uniform
from yipan.engines.epidemic.tables import (
    BRANCH,
    BRANCH_END,
    FAMILY,
    FLOW,
    MEAN,
    SPREAD,
    STEPS,
    STOCK,
    TURN,
    Births,
    CourseTables,
    Infection,
    Mixing,
    Places,
)

Names = np.ndarray[Any, np.dtype[np.uint64]]

COURSE, CONTACT, FATE, SPLIT = 0, 1, 2, 3
"""Lanes of a person's stream: the own course, being contacted, being susceptible, hand-over."""

IMPORT = 12
"""What distinguishes the names of those who arrive."""


class People(NamedTuple):
    """The infected whose course is not over at the end of an event-driven stretch."""

    name: Names
    cell: Integers
    since: Floats
    stage: Integers
    step: Integers  # Erlang steps done in that stage at `since`
    own: Floats  # individual infectiousness; < 0: drawn from the stream
    infected: Integers  # 1: newly infected, so the first stage counts and may be redirected


@leaf
def stay(family: int, steps: int, mean: float, spread: float, stream: Stream) -> float:
    """Draw how long a stage of which `steps` Erlang steps are to come lasts; `mean` is of one step."""
    if family == 0:
        return erlang(stream, steps) * mean
    if family == 1:
        return gamma(stream, spread) * mean / spread
    if family == 2:
        return mean * math.exp(spread * normal(stream) - 0.5 * spread * spread)
    return mean


@leaf
def branched(
    first: int, last: int, age: int, branch_to: Integers, branch_upto: Floats, stream: Stream
) -> int:
    """Draw which of the branches [first, last) is taken."""
    b = first
    if first == last - 1:
        return int(branch_to[b])
    u = uniform(stream)
    while b < last - 1 and u >= branch_upto[b, age]:
        b += 1
    return int(branch_to[b])


@leaf
def searched(upto: Floats, first: int, last: int, value: float) -> int:
    """Return the first position in [first, last) whose running sum exceeds `value`."""
    low, high = first, last - 1
    while low < high:
        middle = (low + high) // 2
        if upto[middle] > value:
            high = middle
        else:
            low = middle + 1
    return low


@leaf
def other_place(
    own: float, home: int, start: Integers, place: Places, upto: Floats, u: float
) -> int:
    """Return the place drawn by u: one's own with probability `own`, else one of the row's others."""
    first, last = start[home], start[home + 1]
    if u < own or last == first or upto[last - 1] <= 0.0:
        return home
    return int(place[searched(upto, first, last, (u - own) / (1.0 - own) * upto[last - 1])])


@leaf
def met_age(contacted: Floats, present: Floats, u: float) -> int:
    """Draw the age of the person met: weights (A,) are contacts times people present."""
    total = 0.0
    for a in range(present.size):
        total += contacted[a] * present[a]
    target, last = u * total, 0
    for a in range(present.size):
        weight = contacted[a] * present[a]
        if weight > 0.0:
            last = a
            target -= weight
            if target < 0.0:
                return a
    return last


@leaf
def respond(detected: Integers, day: int, rule: Integers, until: Integers) -> bool:
    """Note until which day each place answers a cluster; returns whether any answers on `day`.

    `detected` (day, place), complete before `day`; `rule` cases, window, after, lasts; `until` (place,).
    """
    cases, window, after, lasts = rule[0], rule[1], rule[2], rule[3]
    if cases == 0:
        return False
    trigger, anywhere = day - after, False
    for i in range(until.size):
        seen = 0
        for d in range(max(0, trigger - window), max(0, trigger)):
            seen += detected[d, i]
        if seen >= cases:
            until[i] = day + lasts
        if until[i] > day:
            anywhere = True
    return anywhere


@leaf
def moves_to(home: int, upto: Floats, start: Integers, place: Places, u: float) -> int:
    """Return the place that one who leaves `home` for good goes to, drawn by u."""
    first, last = start[home], start[home + 1]
    return int(place[searched(upto, first, last, u * upto[last - 1])])


@leaf
def sift_up(times: Floats, slots: Integers, size: int) -> None:
    """Restore a heap, least time first, after one was put at its end."""
    q = size - 1
    while q > 0:
        up = (q - 1) // 2
        if times[up] <= times[q]:
            return
        times[up], times[q] = times[q], times[up]
        slots[up], slots[q] = slots[q], slots[up]
        q = up


@leaf
def sift_down(times: Floats, slots: Integers, size: int) -> None:
    """Restore a heap, least time first, after its first was replaced by its last."""
    q = 0
    while True:
        least, left = q, 2 * q + 1
        if left < size and times[left] < times[least]:
            least = left
        if left + 1 < size and times[left + 1] < times[least]:
            least = left + 1
        if least == q:
            return
        times[least], times[q] = times[q], times[least]
        slots[least], slots[q] = slots[q], slots[least]
        q = least


@compiled
def run_events(
    inf: Infection,
    mix: Mixing,
    crs: CourseTables,
    counts: Integers,
    births: Births,
    S: Integers,
    until: Integers,
    root: Word,
    seed: Word,
    first_day: int,
    stop_above: int,
    room: int,
) -> tuple[int, int, People]:
    """Run from the start of `first_day`, when `births` begin to live, until more than `stop_above` are infected.

    Changes `S` and `counts` (measure, day, place); stocks are booked as changes, to be summed over days.
    Returns the day at whose start it stopped, how many are then infected, and who they are (nobody, where
    `stop_above` is so high that nobody will ask). Day −1 says that `room`, for waiting contacts and for
    the infected, did not do: then what was changed is of no use, and the member begins again with more.
    """
    days = counts.shape[1]
    # Pages of these that nobody writes to cost nothing.
    p_name, p_cell, p_since = (
        np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room)
    )  # fmt: skip
    p_stage, p_step, p_own = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    p_infected = np.empty(room, np.int64)
    day, active, size = live(
        inf, mix, crs, counts, births, S, until, root, first_day, stop_above,
        opened(seed, ONE_BLOCK), opened(seed, ONE_BLOCK), np.full(days, -1, np.int64),
        np.zeros(days + 1, np.int64), np.empty(room), np.empty(room, np.int64),
        np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64),
        np.empty(room), np.empty(room, np.int64),
        p_name, p_cell, p_since, p_stage, p_step, p_own, p_infected, np.empty(room),
    )  # fmt: skip
    people = People(
        p_name[:size], p_cell[:size], p_since[:size], p_stage[:size], p_step[:size], p_own[:size],
        p_infected[:size],
    )  # fmt: skip
    return day, active, people


@leaf
def live(
    inf: Infection,
    mix: Mixing,
    crs: CourseTables,
    counts: Integers,
    births: Births,
    S: Integers,
    until: Integers,
    root: Word,
    first_day: int,
    stop_above: int,
    course: Stream,
    contact: Stream,
    head: Integers,
    leaving: Integers,
    w_time: Floats,
    w_cell: Integers,
    w_name: Names,
    w_where: Integers,
    w_next: Integers,
    times: Floats,
    slots: Integers,
    p_name: Names,
    p_cell: Integers,
    p_since: Floats,
    p_stage: Integers,
    p_step: Integers,
    p_own: Floats,
    p_infected: Integers,
    p_until: Floats,
) -> tuple[int, int, int]:
    """Do the work of `run_events` in arrays that are there; returns the day, how many are infected or kept.

    `w_…`: contacts that wait for their day, `w_where` the place and setting they happen in, `head` the first of each day's list, `w_next` the next, free
    slots linked too; `times` and `slots`: today's contacts as a heap; `p_…`: the infected.
    """
    # Locals, so that the inner loops touch no tuple.
    population, beta_kept, controls, kept = inf.population, inf.beta_kept, inf.controls, inf.kept
    most_kept = inf.most_kept
    contacted, kinds, present, local = inf.contacted, inf.kinds, inf.present, inf.local
    rate, setting_upto, control_days = inf.rate, inf.setting_upto, inf.control_days
    stays, row_start, row_place, row_upto = mix.stays, mix.row_start, mix.row_place, mix.row_upto
    column_own, column_start = mix.column_own, mix.column_start
    column_place, column_upto = mix.column_place, mix.column_upto
    column_most, age_share = mix.column_most, mix.age_share
    leaves, journey_start = mix.leaves, mix.journey_start
    journey_place, journey_upto = mix.journey_place, mix.journey_upto
    stage_of, delay, branch_to, branch_upto = crs.stage, crs.delay, crs.branch_to, crs.branch_upto
    turn_to, turn_share, dispersion = crs.turn_to, crs.turn_share, crs.dispersion
    days, (P, A), K = counts.shape[1], age_share.shape, local.size
    alike = math.isinf(dispersion)
    keep = stop_above < np.iinfo(np.int64).max

    room, free, used = w_time.size, -1, 0
    size, active, born = 0, 0, 0

    day = first_day
    while day < days:
        for e in range(inf.import_start[day], inf.import_start[day + 1]):
            arriving = mixed(mixed(root, IMPORT), day * (P * A) + inf.import_cell[e])
            rewind(contact, arriving, 0)
            for k in range(poisson(contact, inf.import_mean[e])):
                if used == room:
                    return -1, 0, 0
                w_time[used], w_cell[used] = day + uniform(contact), inf.import_cell[e]
                w_name[used], w_next[used] = mixed(arriving, k), head[day]
                w_where[used] = -1
                head[day] = used
                used += 1
        responding = respond(counts[2], day, inf.respond, until)
        queued = 0
        while True:
            while head[day] >= 0:
                slot = head[day]
                head[day] = w_next[slot]
                times[queued], slots[queued] = w_time[slot], slot
                queued += 1
                sift_up(times, slots, queued)
            # Who begins to live: one who is there at the start, or the target of the next contact.
            if born < births.name.size:
                name, cell, stage = births.name[born], births.cell[born], births.stage[born]
                step, own, infected = births.step[born], births.own[born], 0
                since = float(first_day)
                born += 1
            elif queued == 0:
                break
            else:
                since, slot = times[0], slots[0]
                queued -= 1
                times[0], slots[0] = times[queued], slots[queued]
                sift_down(times, slots, queued)
                name, cell, where = w_name[slot], w_cell[slot], w_where[slot]
                w_next[slot] = free
                free = slot
                rewind(contact, name, FATE)
                if uniform(contact) * population[cell] >= S[cell]:
                    continue
                answered = responding and where >= 0 and until[where // K] > day
                if answered and uniform(contact) >= inf.respond_left[where % K]:
                    continue
                S[cell] -= 1
                counts[0, day, cell // A] += 1
                stage, step, own, infected = crs.entry, 0, -1.0, 1
            if keep:
                if size == room:
                    return -1, 0, 0
                p_name[size], p_cell[size], p_since[size] = name, cell, since
                p_stage[size], p_step[size], p_own[size] = stage, step, own
                p_infected[size] = infected

            # The whole course, its bookings, and the contacts made in it.
            i, b = cell // A, cell % A
            rewind(course, name, COURSE)
            if not alike:
                drawn = gamma(course, dispersion) / dispersion
                own = drawn if own < 0.0 else own
            else:
                own = 1.0
            time, made = since, 0
            entered = infected
            while time < days:
                today = int(time)
                if entered:
                    r = stage_of[stage, TURN]
                    if r >= 0 and uniform(course) < turn_share[r, today, i]:
                        stage = turn_to[r]
                    for m in range(3):
                        counts[1 + m, today, i] += stage_of[stage, FLOW + m]
                family = stage_of[stage, FAMILY]
                if family < 0:
                    break
                steps = stage_of[stage, STEPS]
                one = delay[stage, MEAN] / steps if family == 0 else delay[stage, MEAN]
                end = time + stay(family, steps - step, one, delay[stage, SPREAD], course)
                for m in range(2):
                    if stage_of[stage, STOCK + m]:
                        counts[4 + m, today, i] += 1
                        if end < days:
                            counts[4 + m, int(end), i] -= 1
                part = time
                while part < end and part < days:
                    stop, goes = end, leaves[i] > 0.0 and stage_of[stage, STOCK] == 0
                    if goes:
                        stop = min(end, part - math.log(uniform(course)) / leaves[i])
                    for _ in range(poisson(course, own * rate[stage, b] * (stop - part))):
                        made += 1
                        child = mixed(name, made)
                        rewind(contact, child, CONTACT)
                        when = part + (stop - part) * uniform(contact)
                        if when >= days:
                            continue
                        on = int(when)
                        thin = uniform(contact)
                        if thin >= most_kept[on]:
                            continue
                        k = 0
                        if K > 1:
                            u = uniform(contact)
                            while k < K - 1 and u >= setting_upto[stage, b, k]:
                                k += 1
                        j = i
                        if not local[k]:
                            j = other_place(
                                stays[i], i, row_start, row_place, row_upto, uniform(contact)
                            )
                        period = min(on // control_days, controls.shape[0] - 1)
                        if thin >= controls[period, j, k] * beta_kept[on] * kept[k, j, b]:
                            continue
                        a = met_age(contacted[k, kinds[j], b], present[k, j], uniform(contact))
                        h = j
                        while not local[k]:
                            h = other_place(
                                column_own[j],
                                j,
                                column_start,
                                column_place,
                                column_upto,
                                uniform(contact),
                            )
                            if uniform(contact) * column_most[j, a] < age_share[h, a]:
                                break
                        if free >= 0:
                            slot = free
                            free = w_next[slot]
                        else:
                            if used == room:
                                return -1, 0, 0
                            slot = used
                            used += 1
                        w_time[slot], w_cell[slot], w_name[slot] = when, h * A + a, child
                        w_where[slot] = j * K + k
                        w_next[slot] = head[on]
                        head[on] = slot
                    part = stop
                    if goes and stop < end:
                        i = moves_to(i, journey_upto, journey_start, journey_place, uniform(course))
                stage = branched(
                    stage_of[stage, BRANCH],
                    stage_of[stage, BRANCH_END],
                    b,
                    branch_to,
                    branch_upto,
                    course,
                )
                time, step, entered = end, 0, 1
            active += 1
            leaving[min(int(time), days)] += 1
            if keep:
                p_until[size] = time
                size += 1
        active -= leaving[day]
        day += 1
        if active > stop_above:
            break
        if active == 0 and inf.import_start[day] == inf.import_start[days]:
            break
        if keep and size > 4 * active + 1024:
            size = forget(
                p_name, p_cell, p_since, p_stage, p_step, p_own, p_infected, p_until, size, day
            )
    if keep:
        size = forget(
            p_name, p_cell, p_since, p_stage, p_step, p_own, p_infected, p_until, size, day
        )
    return day, active, size


@leaf
def forget(
    name: Names,
    cell: Integers,
    since: Floats,
    stage: Integers,
    step: Integers,
    own: Floats,
    infected: Integers,
    until: Floats,
    size: int,
    now: float,
) -> int:
    """Drop those whose course was over before `now`; returns how many remain."""
    kept = 0
    for q in range(size):
        if until[q] >= now:
            name[kept], cell[kept], since[kept], stage[kept] = name[q], cell[q], since[q], stage[q]
            step[kept], own[kept], infected[kept] = step[q], own[q], infected[q]
            until[kept] = until[q]
            kept += 1
    return kept


@compiled
def to_cells(
    inf: Infection,
    mix: Mixing,
    crs: CourseTables,
    counts: Integers,
    people: People,
    first: Integers,
    carries: Integers,
    n: Integers,
    mass: Floats,
    seed: Word,
    now: int,
) -> None:
    """Put everybody infected into the cells, each in the Erlang step of the stage they are in at `now`.

    Each course is lived again from the same stream; what it had booked after `now` is taken back. Given
    when a stage began and ends, the steps done in it are binomial: the ends of the steps are uniform.
    """
    stage_of, delay = crs.stage, crs.delay
    days, A = counts.shape[1], n.shape[0] // counts.shape[2]
    alike = math.isinf(crs.dispersion)
    course, other = opened(seed, ONE_BLOCK), opened(seed, ONE_BLOCK)
    for q in range(people.name.size):
        name, cell, time, stage = people.name[q], people.cell[q], people.since[q], people.stage[q]
        step, own, entered = people.step[q], people.own[q], people.infected[q]
        i, b = cell // A, cell % A
        rewind(course, name, COURSE)
        if not alike:
            drawn = gamma(course, crs.dispersion) / crs.dispersion
            own = drawn if own < 0.0 else own
        else:
            own = 1.0
        while time < days:
            today = int(time)
            if entered:
                r = stage_of[stage, TURN]
                if r >= 0 and uniform(course) < crs.turn_share[r, today, i]:
                    stage = crs.turn_to[r]
                if today >= now:
                    for m in range(3):
                        counts[1 + m, today, i] -= stage_of[stage, FLOW + m]
            family = stage_of[stage, FAMILY]
            if family < 0:
                break
            steps = stage_of[stage, STEPS]
            one = delay[stage, MEAN] / steps
            end = time + stay(family, steps - step, one, delay[stage, SPREAD], course)
            for m in range(2):
                if stage_of[stage, STOCK + m]:
                    counts[4 + m, today, i] -= 1
                    counts[4 + m, min(today, now), i] += 1
                    if end < days:
                        counts[4 + m, int(end), i] += 1
                    counts[4 + m, min(int(end), now), i] -= 1
            part, here = time, i
            while part < end and part < days:  # read on, as when it was lived
                stop, goes = end, mix.leaves[i] > 0.0 and stage_of[stage, STOCK] == 0
                if goes:
                    stop = min(end, part - math.log(uniform(course)) / mix.leaves[i])
                poisson(course, own * inf.rate[stage, b] * (stop - part))
                if part < now <= stop:
                    here = i
                part = stop
                if goes and stop < end:
                    i = moves_to(
                        i, mix.journey_upto, mix.journey_start, mix.journey_place, uniform(course)
                    )
            if time < now <= end:
                cell = here * A + b
                done = step
                rewind(other, name, SPLIT)
                for _ in range(steps - step - 1):
                    done += uniform(other) * (end - time) < now - time
                n[cell, first[stage] + done] += 1
                if carries[first[stage] + done]:
                    mass[cell, first[stage] + done] += own
            stage = branched(
                stage_of[stage, BRANCH],
                stage_of[stage, BRANCH_END],
                b,
                crs.branch_to,
                crs.branch_upto,
                course,
            )
            time, step, entered = end, 0, 1


@compiled
def to_events(
    n: Integers,
    mass: Floats,
    first: Integers,
    stage_of: Integers,
    carries: Integers,
    dispersion: float,
    root: Word,
    now: int,
    stream: Stream,
) -> Births:
    """Let everybody in the cells live on as persons, from the Erlang step they are in."""
    total = 0
    for cell in range(n.shape[0]):
        for f in range(n.shape[1]):
            total += n[cell, f]
    births = Births(
        np.empty(total, np.uint64),
        np.empty(total, np.int64),
        np.empty(total, np.int64),
        np.empty(total, np.int64),
        np.full(total, -1.0),
    )
    q = 0
    for cell in range(n.shape[0]):
        for f in range(n.shape[1]):
            left = mass[cell, f]
            for k in range(n[cell, f]):
                births.name[q] = mixed(root, np.uint64(now) * np.uint64(1 << 40) + np.uint64(q))
                births.cell[q], births.stage[q] = cell, stage_of[f]
                births.step[q] = f - first[stage_of[f]]
                if carries[f] and not math.isinf(dispersion):
                    # One person's part of a Dirichlet is a beta; the rest is a Dirichlet again.
                    one = gamma(stream, dispersion)
                    rest = gamma(stream, dispersion * (n[cell, f] - k - 1))
                    births.own[q] = left * one / (one + rest)
                    left -= births.own[q]
                q += 1
    return births
