"""Schools back by grade and tier, and the risk each stage adds, on the same runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from yipan.plan.scenarios.asking import Limits, staffed
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.summaries import by_member, paired, wilson

GRADES = {"final": (14, 17), "secondary": (12, 13, 14, 15, 16, 17), "primary": (6, 7, 8, 9, 10, 11)}
"""Stage → ages of the pupils it brings back (final: ninth and twelfth grade); each adds to those before."""

TIERS = (("low",), ("low", "medium", "undecided", "no_data"))
FIRST_WEEK = 2


@dataclass(frozen=True)
class Stage:
    """One stage: whose grades, in which tiers; all stages before it stand."""

    grades: str
    tiers: str  # low, or medium: low and medium (undecided counties count as medium)
    pupils: float
    share_of_contacts: float
    added: dict[str, Any]  # paired with the stage before
    exceeded: dict[str, float]
    over: int  # runs more in which beds are exceeded


def stages(
    build: Build, levels: Levels, limits: Limits, *, members: int, seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Stage]:  # fmt: skip
    """Return each stage with what it adds to the one before, member by member, from the second week on.

    First the final years in low-tier counties, then in medium ones; then all of secondary, then primary.
    In high-tier counties schools stay shut. The other settings are as `levels` order them.
    """
    order = [(grades, tiers) for grades in GRADES for tiers in range(len(TIERS))]
    beds = staffed(build, limits)
    open_grades: list[set[int]] = [set() for _county in build.province.counties]
    previous = by_member(_run(build, levels, open_grades, members, seed), staffed=beds)
    found = []
    for n, (grades, at) in enumerate(order):
        before = sum(_pupils(build, i, ages) for i, ages in enumerate(open_grades))
        for i, tier in enumerate(build.province.tiers):
            if tier in TIERS[at]:
                open_grades[i] |= set(GRADES[grades])
        ran = _run(build, levels, open_grades, members, seed)
        own = by_member(ran, staffed=beds)
        more = paired(own, previous)
        after = sum(_pupils(build, i, ages) for i, ages in enumerate(open_grades))
        found.append(
            Stage(
                grades=grades,
                tiers=("low", "medium")[at],
                pupils=round(after - before),
                share_of_contacts=float(np.mean([_share(build, ages) for ages in open_grades])),
                added=more,
                exceeded=wilson(int(sum(own["over"])), members).as_dict(),
                over=int(more.get("over", 0)),
            )
        )
        previous = own
        if progress is not None:
            progress(n + 1, len(order))
    return found


def _run(build: Build, levels: Levels, grades: list[set[int]], members: int, seed: int) -> Any:
    share = np.zeros(levels.shape[:2])
    share[FIRST_WEEK - 1 :] = np.array([_share(build, ages) for ages in grades])
    return run_option(replace(build, school_share=share), levels, members=members, seed=seed)


def _share(build: Build, ages: set[int]) -> float:
    """Share of school contacts that these ages make; a band's contacts are spread evenly over its years.

    The engine's school control knows no grade, so opening a grade counts as its share of all contacts.
    """
    contacts = build.province.contacts["school"].sum(axis=1)
    people = build.province.people.sum(axis=0)
    made = contacts * people
    pupils = sum(made[age // 5] / 5 for age in range(6, 18))
    return float(sum(made[age // 5] / 5 for age in ages) / max(pupils, 1e-12))


def _pupils(build: Build, county: int, ages: set[int]) -> float:
    return float(sum(build.province.people[county, age // 5] / 5 for age in ages))
