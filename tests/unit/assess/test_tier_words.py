"""A tier in words: its reason, its rules one by one, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.utils import translation

from yipan.assess.errors import PackUnknown
from yipan.assess.tiers.packs import pack_named, packs
from yipan.assess.tiers.words import chances_in_words, reason, rule_lines, what_would_change
from yipan.engines.surveillance.tiers import Fact, decide_tier

CHINA = "china-2020-02"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Read the words in English unless a test says otherwise."""
    with translation.override("en"):
        yield


def decided(**facts: Fact) -> tuple[str, list[dict[str, Any]]]:
    base: dict[str, Fact] = {
        "ever": True, "new_14_days": 1, "cumulative": 31, "cluster_14_days": False,
    }  # fmt: skip
    decision = decide_tier(pack_named(CHINA).rules, base | facts)
    return decision.tier, list(decision.trace)


def test_every_fact_a_pack_asks_for_has_words_in_both_languages() -> None:
    for pack in packs().values():
        for rule in pack.rules.rules:
            assert rule.text_zh
            assert rule.text_en
            for name in rule.condition.names():
                assert pack.facts[name]["zh"]
                assert pack.facts[name]["en"]


def test_the_reason_names_the_numbers_and_the_rule() -> None:
    tier, trace = decided()
    assert reason(tier, trace, pack_named(CHINA)) == "1 new case in 14 days, 31 in all (rule 2)"
    with translation.override("zh-hans"):
        text = reason(tier, trace, pack_named(CHINA))
    assert "31" in text
    assert "规则2" in text


def test_undecided_says_what_it_needs() -> None:
    tier, trace = decided(cumulative=80, cluster_14_days=None)
    assert tier == "undecided"
    assert reason(tier, trace, pack_named(CHINA)).endswith("cluster outbreak in 14 days.")


def test_the_lines_show_values_only_of_rules_that_were_asked() -> None:
    _tier, trace = decided()
    lines = rule_lines(trace, pack_named(CHINA))
    assert [line.outcome for line in lines] == ["no", "fired", "not reached", "not reached"]
    assert lines[1].fired
    assert lines[1].values == "cumulative confirmed: 31"
    assert lines[2].values == ""


def test_what_would_change_follows_the_same_rules() -> None:
    _tier, trace = decided()
    found = what_would_change(
        trace, pack_named(CHINA), last_case=date(2020, 2, 22), day=date(2020, 2, 23)
    )
    assert [(w.condition, w.tier) for w in found] == [
        ("If no further case is confirmed, with the counts of 7 Mar", "low"),
        ("If 20 more cases are confirmed and there is a cluster outbreak", "high"),
    ]


def test_a_county_that_said_nothing_is_told_no_future() -> None:
    decision = decide_tier(pack_named(CHINA).rules, {})
    assert decision.tier == "no_data"
    assert not what_would_change(
        list(decision.trace), pack_named(CHINA), last_case=None, day=date(2020, 2, 23)
    )


def test_an_unknown_pack_names_those_there_are() -> None:
    with pytest.raises(PackUnknown) as refused:
        pack_named("none-such")
    assert refused.value.code == "A203"
    assert CHINA in refused.value.remedy


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "almost certainly (>99%)"),
        (0.62, "may or may not (62%)"),
        (0.001, "very unlikely (<1%)"),
    ],
)
def test_a_chance_is_a_word_and_its_number_and_never_certain(share: float, text: str) -> None:
    (chance,) = chances_in_words({"medium": share})
    assert chance.text == f"medium: {text}"


def test_a_joint_chance_names_both_tiers_in_order() -> None:
    (chance,) = chances_in_words({"high|medium": 0.4})
    assert chance.tiers == ("medium", "high")
    assert chance.text.startswith("medium or high: ")
