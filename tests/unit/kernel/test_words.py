"""Numbers, moments and lengths of time as people read them, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from yipan.kernel import words

ZONE = ZoneInfo("Asia/Shanghai")
EVENING = datetime(2020, 2, 24, 10, 0, tzinfo=UTC)  # 18:00 in the zone


@pytest.mark.parametrize(
    ("number", "en", "zh"),
    [
        (0, "0", "0"),
        (8312, "8,312", "8,312"),
        (-12, "\u221212", "\u221212"),
        (99_999, "99,999", "99,999"),
        (99_365_519, "99.4\u00a0m", "9,937万"),
        (140_000, "0.1\u00a0m", "14万"),
    ],
)
def test_people(number: float, en: str, zh: str) -> None:
    with translation.override("en"):
        assert words.people(number) == en
    with translation.override("zh-hans"):
        assert words.people(number) == zh


def test_money_changes_its_unit_with_the_language() -> None:
    with translation.override("en"):
        assert words.money(3149.2) == "315\u00a0bn\u00a0CNY"
    with translation.override("zh-hans"):
        assert words.money(3149.2) == "3,150亿元"


def test_an_interval_names_its_level() -> None:
    with translation.override("en"):
        assert words.interval(0.2, 0.0, 0.4) == "0.2 (90%: 0.0\u20130.4)"
    with translation.override("zh-hans"):
        assert words.interval(0.2, 0.0, 0.4) == "0.2（90%区间 0.0\u20130.4）"


def test_a_moment_is_told_in_the_zone_of_the_province() -> None:
    with translation.override("en"):
        assert words.when(EVENING, ZONE) == "Mon 24 Feb 2020, 18:00"
        assert words.clock(EVENING, ZONE) == "24 Feb 18:00"
        assert words.day(date(2020, 2, 3)) == "3 Feb"
    with translation.override("zh-hans"):
        assert words.when(EVENING, ZONE) == "2020年2月24日（周一）18:00"
        assert words.clock(EVENING, ZONE) == "2月24日18:00"


@pytest.mark.parametrize(
    ("minutes", "en", "zh"),
    [
        (9, "9\u00a0min", "9分钟"),
        (60, "1\u00a0h", "1小时"),
        (130, "2\u00a0h\u00a010", "2小时10分"),
        (47 * 60 + 59, "47\u00a0h\u00a059", "47小时59分"),
        (3 * 24 * 60, "3\u00a0d", "3天"),
    ],
)
def test_a_length_of_time(minutes: float, en: str, zh: str) -> None:
    with translation.override("en"):
        assert words.duration(minutes) == en
    with translation.override("zh-hans"):
        assert words.duration(minutes) == zh


@pytest.mark.parametrize(
    ("p", "en"),
    [
        (1.0, "almost certainly"),
        (0.9, "almost certainly"),
        (0.89, "likely"),
        (0.66, "likely"),
        (0.5, "may or may not"),
        (0.33, "may or may not"),
        (0.2, "unlikely"),
        (0.09, "very unlikely"),
        (0.0, "very unlikely"),
    ],
)
def test_the_word_for_a_chance(p: float, en: str) -> None:
    with translation.override("en"):
        assert words.likelihood(p) == en
