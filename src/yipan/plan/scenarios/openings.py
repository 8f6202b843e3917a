"""What is ordered where: levels by county, setting and week, and what they mean for contacts and work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from yipan.plan.scenarios.assumptions import SETTINGS, TIERS, Assumptions, Course

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]

ENGINE_SETTINGS = ("home", "work", "school", "transport", "venues", "community")
"""The epidemic engine's settings; what people order governs all but the home."""

OPEN = 3


def levels_of(course: Course, tiers: Sequence[str]) -> Levels:
    """Return the ordered level of every week, county and setting, shape (week, county, setting).

    `tiers` names each county's tier; the settings are in the order of SETTINGS.
    """
    by_tier = {
        tier: np.array([course.openings[tier][setting] for setting in SETTINGS], dtype=np.int64).T
        for tier in set(tiers)
    }
    return np.stack([by_tier[tier] for tier in tiers], axis=1)


def typical(levels: Levels, tiers: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """Return tier → setting → level by week: what is ordered in a tier, the level of most of its counties.

    A tier that no county has takes the level of most counties of all tiers, so that every tier has a row.
    """
    every = np.arange(levels.shape[1])
    found: dict[str, dict[str, list[int]]] = {}
    for tier in TIERS:
        of = np.flatnonzero(np.array([t == tier for t in tiers]))
        some = levels[:, of if of.size else every]
        counts = np.stack([(some == level).sum(axis=1) for level in range(OPEN + 1)])
        most = counts.argmax(axis=0)  # (week, setting); the lower level where two are as many
        found[tier] = {s: [int(v) for v in most[:, k]] for k, s in enumerate(SETTINGS)}
    return found


def all_alike(levels: Levels, tiers: Sequence[str]) -> bool:
    """Return whether the counties of each tier are ordered alike."""
    named = np.array(tiers)
    return all(
        bool((levels[:, named == tier] == levels[:, named == tier][:, :1]).all())
        for tier in set(tiers)
    )


def contacts_left(
    levels: Levels, *, assumptions: Assumptions, employed: Floats, figures: Mapping[str, float]
) -> Floats:
    """Return the share of contacts left, shape (week, county, ENGINE_SETTINGS), in [0, 1].

    `employed` (county, section) are people by section, in the order of `assumptions.sections`. Work
    contacts are left in proportion to who may be at work: each section at the level of the setting
    that orders it, sections that are never shut as if open. Masks and hygiene lessen what is left
    outside the home.
    """
    weeks, counties, _settings = levels.shape
    at = np.array(assumptions.at_levels("contacts", figures))
    masks = figures["masks_and_hygiene"]
    left = np.ones((weeks, counties, len(ENGINE_SETTINGS)))
    left[..., 0] = figures["home_left"]
    working = at[opening_index(levels, assumptions)]  # (week, county, section)
    people = employed.sum(axis=1)
    share = employed / np.where(people > 0, people, 1.0)[:, None]
    share[people <= 0] = 1.0 / employed.shape[1]
    left[..., 1] = np.einsum("wcs,cs->wc", working, share) * masks
    for engine, ordered in (("school", "schools"), ("transport", "transport"), ("venues", "venues"), ("community", "community")):  # fmt: skip
        k = ENGINE_SETTINGS.index(engine)
        left[..., k] = at[levels[..., SETTINGS.index(ordered)]] * masks
    return left


def opening_index(levels: Levels, assumptions: Assumptions) -> Levels:
    """Return each section's level, shape (week, county, section); never-shut sections are open."""
    weeks, counties, _settings = levels.shape
    index = np.full((weeks, counties, len(assumptions.sections)), OPEN, dtype=np.int64)
    for k, section in enumerate(assumptions.sections.values()):
        if section.setting:
            index[..., k] = levels[..., SETTINGS.index(section.setting)]
    return index


def at_work(levels: Levels, *, assumptions: Assumptions, figures: Mapping[str, float]) -> Floats:
    """Return the share of the work that needs presence done, shape (week, county, section)."""
    index = opening_index(levels, assumptions)
    shares = np.array(assumptions.at_levels("work", figures))[index]
    for k, section in enumerate(assumptions.sections.values()):
        if not section.setting:
            shares[..., k] = 1.0
    return shares


def people_at(levels: Levels, people: Floats, setting: str, *, least: int) -> list[float]:
    """Return, week by week, the share of people whose county has `setting` at `least` or above."""
    there = levels[..., SETTINGS.index(setting)] >= least
    total = float(people.sum()) or 1.0
    return [float(people[week].sum() / total) for week in there]
