"""The packs as published, cell by cell; chances that add up; switches that switch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.assess.tiers.facts import with_more_cases
from yipan.assess.tiers.packs import pack_named, packs, parse_pack
from yipan.engines.errors import MalformedTierPack, OutOfRange
from yipan.engines.surveillance.tiers import (
    Fact,
    decide_tier,
    nearest_switches,
    possible_tiers,
    tier_chances,
)

china = st.fixed_dictionaries(
    {
        "ever": st.sampled_from([True, False, None]),
        "new_14_days": st.one_of(st.none(), st.integers(0, 80)),
        "cumulative": st.one_of(st.none(), st.integers(0, 120)),
        "cluster_14_days": st.sampled_from([True, False, None]),
    }
)


@pytest.mark.parametrize(
    ("cases", "admissions", "beds", "tier"),
    [
        (199.9, 9.9, 9.9, "low"),
        (199.9, 10, 0, "medium"),
        (199.9, 0, 10, "medium"),
        (199.9, 19.9, 14.9, "medium"),
        (199.9, 20, 0, "high"),
        (199.9, 0, 15, "high"),
        (200, 0, 0, "medium"),
        (200, 9.9, 9.9, "medium"),
        (200, 10, 0, "high"),
        (200, 0, 10, "high"),
    ],
)
def test_cdc_community_levels(cases: float, admissions: float, beds: float, tier: str) -> None:
    facts: dict[str, Fact] = {
        "cases_7d_per_100k": cases,
        "admissions_7d_per_100k": admissions,
        "covid_beds_percent": beds,
    }
    assert decide_tier(pack_named("cdc-2022-02").rules, facts).tier == tier


@pytest.mark.parametrize(
    ("pack", "rate", "positivity", "tests", "tier", "rule"),
    [
        ("ecdc-2020-10", 24.9, 3.9, 301, "low", 4),
        ("ecdc-2020-10", 24.9, 4, 301, "medium", 5),
        ("ecdc-2020-10", 49.9, 4, 301, "medium", 5),
        ("ecdc-2020-10", 25, 3.9, 301, "medium", 5),
        ("ecdc-2020-10", 150, 3.9, 301, "medium", 5),
        ("ecdc-2020-10", 50, 4, 301, "high", 3),
        ("ecdc-2020-10", 150.1, 0, 301, "high", 3),
        ("ecdc-2020-10", 500, 0, 301, "high", 2),
        ("ecdc-2020-10", 500, 0, 300, "no_data", 1),
        ("ecdc-2021-06", 49.9, 3.9, 301, "low", 4),
        ("ecdc-2021-06", 74.9, 0.9, 301, "low", 4),
        ("ecdc-2021-06", 49.9, 4, 301, "medium", 5),
        ("ecdc-2021-06", 50, 1, 301, "medium", 5),
        ("ecdc-2021-06", 75, 3.9, 301, "medium", 5),
        ("ecdc-2021-06", 200, 3.9, 301, "medium", 5),
        ("ecdc-2021-06", 75, 4, 301, "high", 3),
        ("ecdc-2021-06", 200.1, 0, 301, "high", 3),
        ("ecdc-2021-06", 500, 0, 301, "high", 2),
    ],
)
def test_the_colours_of_the_european_map(
    pack: str, rate: float, positivity: float, tests: float, tier: str, rule: int
) -> None:
    facts: dict[str, Fact] = {
        "cases_14d_per_100k": rate,
        "positivity_percent": positivity,
        "tests_7d_per_100k": tests,
    }
    decision = decide_tier(pack_named(pack).rules, facts)
    assert (decision.tier, decision.rule) == (tier, rule)


@pytest.mark.parametrize(
    ("home", "busy", "stayed", "days", "negative", "tier"),
    [
        (True, False, False, 3, None, "high"),
        (False, True, False, 6, None, "high"),
        (True, False, False, 7, False, "high"),
        (True, False, False, 7, True, "medium"),
        (True, False, False, 9, True, "medium"),
        (True, False, False, 10, True, "low"),
        (True, False, False, 8, None, "undecided"),
        (False, False, True, 6, None, "medium"),
        (False, False, True, 7, True, "low"),
        (False, False, True, 7, False, "medium"),
        (False, False, False, None, None, "low"),
    ],
)
def test_the_ninth_edition_acts_on_places(
    home: bool, busy: bool, stayed: bool, days: int | None, negative: bool | None, tier: str
) -> None:
    pack = pack_named("china-2022-06")
    assert pack.level == "place"
    facts: dict[str, Fact] = {
        "lives_here": home,
        "busy_and_risky": busy,
        "stayed_here": stayed,
        "days_without_new": days,
        "day_7_all_negative": negative,
    }
    assert decide_tier(pack.rules, facts).tier == tier


def test_a_pack_without_its_data_is_undecided_and_says_what_it_needs() -> None:
    facts: dict[str, Fact] = {"cases_7d_per_100k": 3.0}
    decision = decide_tier(pack_named("cdc-2022-02").rules, facts)
    assert decision.tier == "undecided"
    assert decision.needs == ("admissions_7d_per_100k", "covid_beds_percent")


def test_a_pack_that_asks_for_a_fact_it_does_not_describe_is_refused() -> None:
    rule = {"number": 1, "when": {"fact": "x", "at_most": 1}, "tier": "low",
            "text_zh": "", "text_en": ""}  # fmt: skip
    with pytest.raises(MalformedTierPack, match="x"):
        parse_pack({"name": "p", "version": "1", "source": "s", "facts": {}, "rules": [rule]})


@given(china)
def test_the_decided_tier_is_among_the_possible(facts: dict[str, Fact]) -> None:
    rules = pack_named("china-2020-02").rules
    decision = decide_tier(rules, facts)
    possible = possible_tiers(rules, facts)
    if decision.rule is not None:
        assert possible == {decision.tier}
    assert possible


@given(china)
def test_learning_whether_there_is_a_cluster_never_leaves_the_possible(
    facts: dict[str, Fact],
) -> None:
    rules = pack_named("china-2020-02").rules
    possible = possible_tiers(rules, facts)
    for known in (True, False):
        if facts["cluster_14_days"] is None and possible != {"no_data"}:
            assert possible_tiers(rules, {**facts, "cluster_14_days": known}) <= possible


@given(china, st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_chances_add_up_to_one(facts: dict[str, Fact], weights: list[float]) -> None:
    pack = pack_named("china-2020-02")
    outcomes = [
        (w, with_more_cases(facts, more, pack, population=1000)) for more, w in enumerate(weights)
    ]
    if sum(weights) == 0:
        with pytest.raises(OutOfRange):
            tier_chances(pack.rules, outcomes)
    else:
        assert sum(tier_chances(pack.rules, outcomes).values()) == pytest.approx(1)


def test_an_unknown_cluster_is_a_joint_chance_never_imputed() -> None:
    pack = pack_named("china-2020-02")
    facts: dict[str, Fact] = {
        "ever": True, "new_14_days": 2, "cumulative": 50, "cluster_14_days": None,
    }  # fmt: skip
    outcomes = [(0.6, facts), (0.4, with_more_cases(facts, 1, pack, population=None))]
    assert tier_chances(pack.rules, outcomes) == pytest.approx({"medium": 0.6, "high|medium": 0.4})


@given(st.sampled_from(sorted(packs())), st.data())
def test_every_switch_switches(name: str, data: st.DataObject) -> None:
    rules = pack_named(name).rules
    facts: dict[str, Fact] = {
        fact: data.draw(
            st.sampled_from([True, False, None]) if fact in rules.flags() else st.integers(0, 600)
        )
        for fact in rules.facts()
    }
    present = decide_tier(rules, facts)
    for switch in nearest_switches(rules, facts):
        steps = {"at_most": 0, "at_least": 0, "more_than": 1e-9, "below": -1e-9}
        moved = (
            switch.limit
            if switch.comparison == "equals"
            else float(switch.limit) + steps[switch.comparison]
        )
        then = decide_tier(rules, {**facts, switch.fact: moved})
        assert then.tier == switch.tier != present.tier
        assert then.rule == switch.rule
