"""Assumptions as data: each figure dated and sourced, each fault named."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import yaml

from yipan.plan.errors import MalformedAssumptions
from yipan.plan.scenarios.assumptions import (
    DEFAULT_PACK,
    LEVELS,
    PACKS,
    SETTINGS,
    TIERS,
    load_pack,
    read_assumptions,
)

SHIPPED: dict[str, Any] = yaml.safe_load(
    (PACKS / f"{DEFAULT_PACK}.yaml").read_text(encoding="utf-8")
)


def broken(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(SHIPPED)
    *parents, last = path.split("/")
    place = data
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("figures/days_away", None),
        ("figures/days_away/source", "hearsay"),
        ("figures/days_away/source", None),
        ("figures/days_away/dated", None),
        ("figures/days_away/unit", " "),
        ("figures/days_away/high", 3),
        ("figures/days_away/low", -1),
        ("sections/A/branch", "quaternary"),
        ("sections/A/remote", 1.2),
        ("settings/schools", None),
        ("options/1/openings/low/schools", "0000"),
        ("options/1/openings/low/schools", "00004444"),
        ("options/1/openings/high", None),
        ("remote_source", "nobody"),
        ("levels", ["shut", "open"]),
    ],
)
def test_a_fault_is_named_and_nothing_is_read(path: str, value: Any) -> None:
    with pytest.raises(MalformedAssumptions) as refused:
        read_assumptions(broken(path, value), where="mine.yaml")
    assert refused.value.where == "mine.yaml"
    assert path.split("/")[1 if path.count("/") else 0].split("_")[0] in str(
        refused.value
    ) or path.split("/")[-1] in str(refused.value)


def test_a_pack_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(MalformedAssumptions, match=DEFAULT_PACK):
        load_pack("nowhere")


def test_every_option_orders_every_setting_of_every_tier_each_week() -> None:
    pack = load_pack()
    assert [course.key for course in pack.courses] == ["hold", "tiered", "open"]
    for course in pack.courses:
        assert set(course.openings) == set(TIERS)
        for by_setting in course.openings.values():
            assert set(by_setting) == set(SETTINGS)
            assert {len(levels) for levels in by_setting.values()} == {pack.weeks}


def test_a_county_whose_tier_is_not_known_is_ordered_like_a_medium_one() -> None:
    tiered = load_pack().courses[1]
    assert tiered.openings["undecided"] == tiered.openings["medium"] == tiered.openings["no_data"]
    assert tiered.openings["low"] != tiered.openings["medium"]


def test_a_lower_tier_is_never_ordered_shut_further() -> None:
    tiered = load_pack().courses[1]
    for setting in SETTINGS:
        low, medium, high = (
            np.array(tiered.openings[t][setting]) for t in ("low", "medium", "high")
        )
        assert (low >= medium).all(), setting
        assert (medium >= high).all(), setting


def test_a_member_draws_the_same_figures_whatever_is_drawn_beside_it() -> None:
    pack = load_pack()
    assert pack.draw(seed=3, member=7) == pack.draw(seed=3, member=7)
    assert pack.draw(seed=3, member=7) != pack.draw(seed=3, member=8)
    assert pack.draw(seed=4, member=7) != pack.draw(seed=3, member=7)


def test_draws_stay_in_their_range_with_the_mode_stated_and_levels_in_order() -> None:
    pack = load_pack()
    drawn = [pack.draw(seed=1, member=m) for m in range(400)]
    for figure in pack.figures.values():
        values = np.array([d[figure.key] for d in drawn])
        assert values.min() >= figure.low
        assert values.max() <= figure.high
        mean = (figure.low + figure.value + figure.high) / 3
        assert values.mean() == pytest.approx(mean, abs=0.1 * (figure.high - figure.low) + 1e-12)
    for kind in ("contacts", "work", "imports"):
        for one in drawn:
            at = [one[f"{kind}_at_{level}"] for level in LEVELS]
            assert at == sorted(at), kind
