"""The situation in sentences: made from the numbers, careful with few."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.utils import translation

from yipan.assess.situation import words

DAY = date(2020, 2, 23)


def figures(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "day": DAY.isoformat(), "confirmed": 1271, "confirmed_new": 0, "days_without_new": 1,
        "confirmed_7d": 25, "confirmed_7d_before": 173, "peak": {"day": "2020-02-03", "n": 109},
        "tiers": {t: {"units": n, "people": 0} for t, n in
                  {"low": 85, "medium": 65, "high": 4, "undecided": 1, "no_data": 3}.items()},
        "silent": ["a", "b", "c"],
    }  # fmt: skip
    return base | more


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "No new case on 23 Feb; 1,271 in all. "),
        ({"days_without_new": 2}, "No new case for 2 days; 1,271 in all. "),
        (
            {"confirmed_new": 4, "days_without_new": 0},
            "4 new cases on 23 Feb, 1,271 in all; 25 in 7 days, down from 173. ",
        ),
        (
            {
                "confirmed_new": 1,
                "days_without_new": 0,
                "confirmed_7d": 3,
                "confirmed_7d_before": 9,
            },
            "1 new case on 23 Feb, 1,271 in all. ",
        ),
        (
            {"confirmed_new": None, "days_without_new": 0},
            "The count of 23 Feb is not published yet; 1,271 confirmed in all. ",
        ),
        ({"confirmed": 0}, "No case has been confirmed. "),
        ({"confirmed": None}, "No count is known yet. "),
    ],
)
def test_the_headline_follows_from_the_numbers(more: dict[str, Any], sentence: str) -> None:
    rest = "4 counties are high, 65 medium, 1 undecided, 3 are not heard from."
    with translation.override("en"):
        assert words.headline(figures(**more), DAY) == sentence + rest


def test_chinese_sentences_stand_without_a_space_between_them() -> None:
    with translation.override("zh-hans"):
        text = words.headline(figures(), DAY)
    assert " " not in text
    assert text.endswith("。")
    assert "1,271" in text


@pytest.mark.parametrize(
    ("rt", "text"),
    [
        ({"median": 0.2, "q05": 0.0, "q95": 0.4}, "fewer than one other"),
        ({"median": 2.0, "q05": 1.5, "q95": 2.4}, "more than one other"),
        ({"median": 1.0, "q05": 0.7, "q95": 1.4}, "may be above or below 1"),
        ({"note": "too_few_cases"}, "too few cases to say"),
    ],
)
def test_rt_is_said_with_what_its_interval_allows(rt: dict[str, Any], text: str) -> None:
    with translation.override("en"):
        assert text in words.rt_finding(rt)
