"""What is ordered, and what it leaves of contacts and work."""

from __future__ import annotations

import numpy as np

from yipan.plan.scenarios.assumptions import SETTINGS, load_pack
from yipan.plan.scenarios.openings import (
    ENGINE_SETTINGS,
    at_work,
    contacts_left,
    levels_of,
    people_at,
)

PACK = load_pack()
HOLD, TIERED, OPEN = PACK.courses
TIERS = ("low", "medium", "high", "undecided")
FIGURES = PACK.central()
EMPLOYED = np.ones((len(TIERS), len(PACK.sections)))


def left(course, tiers=TIERS, employed=EMPLOYED):  # type: ignore[no-untyped-def]
    return contacts_left(
        levels_of(course, tiers), assumptions=PACK, employed=employed, figures=FIGURES
    )


def test_every_county_gets_the_levels_of_its_tier() -> None:
    levels = levels_of(TIERED, TIERS)
    assert levels.shape == (PACK.weeks, len(TIERS), len(SETTINGS))
    for place, tier in enumerate(TIERS):
        for k, setting in enumerate(SETTINGS):
            assert tuple(levels[:, place, k]) == TIERED.openings[tier][setting]


def test_relabelling_counties_relabels_their_levels_and_nothing_else() -> None:
    order = [2, 0, 3, 1]
    turned = levels_of(TIERED, [TIERS[i] for i in order])
    assert (turned == levels_of(TIERED, TIERS)[:, order]).all()


def test_opening_never_lessens_contacts_nor_work() -> None:
    figures = {key: FIGURES[key] for key in FIGURES}
    for less, more in ((HOLD, OPEN), (TIERED, OPEN)):
        assert (left(less) <= left(more) + 1e-12).all()
        work = [
            at_work(levels_of(c, TIERS), assumptions=PACK, figures=figures) for c in (less, more)
        ]
        assert (work[0] <= work[1] + 1e-12).all()


def test_nothing_that_is_ordered_changes_the_home() -> None:
    home = ENGINE_SETTINGS.index("home")
    assert (left(HOLD)[..., home] == left(OPEN)[..., home]).all()


def test_shares_are_shares() -> None:
    for course in PACK.courses:
        assert left(course).min() >= 0
        assert left(course).max() <= 1


def test_a_county_of_one_section_has_the_contacts_of_the_setting_that_orders_it() -> None:
    section = list(PACK.sections).index("C")
    employed = np.zeros_like(EMPLOYED)
    employed[:, section] = 5.0
    work = left(TIERED, employed=employed)[..., ENGINE_SETTINGS.index("work")]
    levels = levels_of(TIERED, TIERS)[..., SETTINGS.index("workplaces")]
    at = np.array(PACK.at_levels("contacts", FIGURES)) * FIGURES["masks_and_hygiene"]
    np.testing.assert_allclose(work, at[levels])


def test_a_county_without_employment_is_still_defined() -> None:
    assert np.isfinite(left(TIERED, employed=np.zeros_like(EMPLOYED))).all()


def test_sections_that_are_never_shut_work_in_full() -> None:
    never = [k for k, s in enumerate(PACK.sections.values()) if not s.setting]
    work = at_work(levels_of(HOLD, TIERS), assumptions=PACK, figures=FIGURES)
    assert never
    assert (work[..., never] == 1.0).all()


def test_the_share_of_people_at_a_level_counts_people_not_counties() -> None:
    levels = np.zeros((1, 2, len(SETTINGS)), dtype=np.int64)
    levels[0, 1] = 3
    assert people_at(levels, np.array([300.0, 100.0]), "schools", least=2) == [0.25]
