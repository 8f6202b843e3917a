"""Tiers by ordered rules: the four rules of February 2020, by hand."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml

from yipan.engines.surveillance.tiers import (
    MalformedTierPack,
    RulePack,
    decide_tier,
    parse_rule_pack,
)


@pytest.fixture(scope="module")
def china() -> RulePack:
    text = (files("yipan.assess.tiers") / "packs" / "china_2020_02.yaml").read_text(
        encoding="utf-8"
    )
    return parse_rule_pack(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("cumulative", "new_14_days", "cluster", "tier", "rule"),
    [
        (0, 0, None, "low", 1),
        (120, 0, True, "low", 1),  # a cluster without a case in 14 days does not count
        (1, 1, None, "medium", 2),
        (50, 12, True, "medium", 2),
        (51, 1, False, "medium", 3),
        (51, 1, True, "high", 4),
        (51, 1, None, "undecided", None),
        (None, None, None, "no_data", None),
    ],
)
def test_the_rules_of_february_2020(
    china: RulePack,
    cumulative: int | None,
    new_14_days: int | None,
    cluster: bool | None,
    tier: str,
    rule: int | None,
) -> None:
    facts = {
        "ever": None if cumulative is None else cumulative > 0,
        "cumulative": cumulative,
        "new_14_days": new_14_days,
        "cluster_14_days": cluster,
    }
    decision = decide_tier(china, facts)
    assert (decision.tier, decision.rule) == (tier, rule)


def test_the_trace_names_every_rule(china: RulePack) -> None:
    decision = decide_tier(
        china, {"ever": True, "cumulative": 60, "new_14_days": 2, "cluster_14_days": False}
    )
    assert [row["outcome"] for row in decision.trace] == [
        "not_fired",
        "not_fired",
        "fired",
        "not_reached",
    ]
    assert decision.trace[2]["values"] == {"cumulative": 60, "cluster_14_days": False}


@pytest.mark.parametrize(
    "condition", [{"fact": "x"}, {"fact": "x", "at_most": 1, "equals": 1}, "x > 1"]
)
def test_a_condition_that_is_none_is_refused(condition: Any) -> None:
    with pytest.raises(MalformedTierPack, match="is not a condition"):
        parse_rule_pack(
            {"name": "p", "version": "1", "source": "s",
             "rules": [{"number": 1, "when": condition, "tier": "low", "text_zh": "", "text_en": ""}]}
        )  # fmt: skip
