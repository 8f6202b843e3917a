"""One member of an ensemble: event-driven where few are infected, by cells where many are, with hand-over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic.cells import run_cells
from yipan.engines.epidemic.course import FLOWS, MEASURES
from yipan.engines.epidemic.events import run_events, to_cells, to_events
from yipan.engines.epidemic.specification import Specification
from yipan.engines.epidemic.streams import MANY, mixed, names, opened, rewind
from yipan.engines.epidemic.tables import (
    STOCK,
    Births,
    CourseTables,
    Infection,
    Mixing,
    Seeds,
    course_tables,
    infection_tables,
    mixing_tables,
    seed_table,
)
from yipan.engines.epidemic.transitions import Transitions, work_out

NEVER = int(np.iinfo(np.int64).max)
ROOM = 1 << 18
"""Contacts that may wait at once, and people infected at once, before a member is begun again with more room."""

SEED, CELLS, BACK = 11, 13, 14
"""What distinguishes names: people there at the start, the cells, people who come back from the cells."""


@dataclass(frozen=True)
class Plan:
    """A specification made ready: tables, and when to change the back-end.

    By cells from the end of a day on which more than `cells_above` people are infected, event-driven again
    once fewer than `events_below` are. The transitions of the cells take a while to work out, and an outbreak
    that stays small never asks for them.
    """

    specification: Specification
    steps_per_day: int
    by_cells: bool  # False: only events can run
    infection: Infection
    mixing: Mixing
    course: CourseTables
    seeds: Seeds
    cells_above: int
    events_below: int

    @cached_property
    def transitions(self) -> Transitions:
        """The transitions of one step of the cells."""
        return work_out(self.specification, steps_per_day=self.steps_per_day)


def make_ready(
    specification: Specification,
    *,
    back_end: str = "auto",
    steps_per_day: int = 1,
) -> Plan:
    """Lay a specification out for one back-end: auto, events or cells.

    A cell step costs about as much as the events of a day when twice as many people are infected as there
    are cells; auto changes there, and never below 1,000.
    """
    many = max(1_000, 2 * specification.population.size)
    limits = {"auto": (many, many // 4), "events": (NEVER, 0), "cells": (-1, -1)}
    if back_end == "auto" and not specification.course.memoryless:
        back_end = "events"
    cells_above, events_below = limits[back_end]
    return Plan(
        specification=specification,
        steps_per_day=steps_per_day,
        by_cells=back_end != "events",
        infection=infection_tables(specification),
        mixing=mixing_tables(specification),
        course=course_tables(specification),
        seeds=seed_table(specification),
        cells_above=cells_above,
        events_below=events_below,
    )


def simulate(plan: Plan, *, seed: int, member: int) -> Integers:
    """Run one member and return its counts, shape (measure, day, place), persons."""
    room = ROOM
    while (counts := _simulate(plan, seed=seed, member=member, room=room)) is None:
        room *= 4
    return counts


def _simulate(plan: Plan, *, seed: int, member: int, room: int) -> Integers | None:
    """Run one member, or return None where `room` for waiting contacts and infected people did not do."""
    inf, mix, crs = plan.infection, plan.mixing, plan.course
    days, P = inf.beta.size, inf.kinds.size
    counts = np.zeros((len(MEASURES), days, P), dtype=np.int64)
    S, until = inf.susceptible.copy(), np.zeros(P, dtype=np.int64)
    key = np.uint64(seed)
    root = _name(key, member)
    day = 0
    by_cells = plan.by_cells and plan.seeds.persons.sum() > plan.cells_above
    if by_cells:
        n, mass = _seeded_cells(plan, plan.transitions, seed=seed, member=member)
    else:
        living = _seeded_people(plan.seeds, _name(root, SEED))
    while day < days:
        if not by_cells:
            day, active, people = run_events(
                inf, mix, crs, counts, living, S, until, root, key, day, plan.cells_above, room
            )
            if day < 0:
                return None
            if day >= days or active <= plan.cells_above or not plan.by_cells:
                break
            x = plan.transitions
            n = np.zeros((inf.population.size, x.substages), dtype=np.int64)
            mass = np.zeros(n.shape)
            to_cells(inf, mix, crs, counts, people, x.first, x.carries, n, mass, key, day)
        x = plan.transitions
        day, active = run_cells(
            inf,
            mix,
            crs,
            x,
            counts,
            S,
            until,
            n,
            mass,
            _name(root, CELLS),
            key,
            day,
            plan.events_below,
        )
        if day >= days or active >= plan.events_below:
            break
        by_cells = False
        stream = opened(key, MANY)
        rewind(stream, _name(root, BACK), day)
        living = to_events(
            n, mass, x.first, x.stage_of, x.carries, crs.dispersion, _name(root, BACK), day, stream
        )
    if crs.stage[:, STOCK:].any():
        stocks = counts[len(FLOWS) :]
        np.cumsum(stocks, axis=1, out=stocks)
    return counts


def _seeded_cells(plan: Plan, x: Transitions, *, seed: int, member: int) -> tuple[Integers, Floats]:
    """Return the cells with the seeds in them: people, and their summed individual infectiousness."""
    n = np.zeros((plan.infection.population.size, x.substages), dtype=np.int64)
    np.add.at(n, (plan.seeds.cell, x.first[plan.seeds.stage]), plan.seeds.persons)
    k = plan.course.dispersion
    rng = np.random.Generator(np.random.Philox(key=[seed, member]))
    mass = n.astype(np.float64) if np.isinf(k) else rng.standard_gamma(k * n) / k
    return n, mass * x.carries


def _seeded_people(seeds: Seeds, root: np.uint64) -> Births:
    size = int(seeds.persons.sum())
    return Births(
        names(root, size),
        np.repeat(seeds.cell, seeds.persons),
        np.repeat(seeds.stage, seeds.persons),
        np.zeros(size, dtype=np.int64),
        np.full(size, -1.0),
    )


def _name(root: np.uint64, part: int) -> np.uint64:
    # Always the same type, or the compiled functions would be compiled once more for another.
    return np.uint64(mixed(root, np.uint64(part)))
