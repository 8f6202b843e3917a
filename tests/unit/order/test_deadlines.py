"""Moments in the words of a decision: both languages, nothing guessed."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from yipan.order.meetings.deadlines import deadline, deadlines, is_standing

ZONE = ZoneInfo("Asia/Shanghai")
SAID = datetime(2020, 2, 24, 10, 0, tzinfo=ZONE)


def at(month: int, day: int, hour: int = 23, minute: int = 59) -> datetime:
    return datetime(2020, month, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("时限：2月24日22:00，此后每日18:00。", at(2, 24, 22, 0)),
        ("时限：2月25日12:00。", at(2, 25, 12, 0)),
        ("时限：2月27日。", at(2, 27)),
        ("首批名单：3月1日。", at(3, 1)),
        ("每日20:00。", at(2, 24, 20, 0)),
        ("今晚22时前", at(2, 24, 22, 0)),
        ("明天下午3点半前办结", at(2, 25, 15, 30)),
        ("24小时内答复。", at(2, 25, 10, 0)),
        ("问题两日内整改。", at(2, 26, 10, 0)),
        ("By: 24 February 22:00, then daily 18:00.", at(2, 24, 22, 0)),
        ("By: 27 February.", at(2, 27)),
        ("First list by: 25 February 18:00.", at(2, 25, 18, 0)),
        ("By: 1 March for the first list.", at(3, 1)),
        ("Daily 16:00.", at(2, 24, 16, 0)),
        ("2020-02-26 18:00", at(2, 26, 18, 0)),
        ("get an answer within 24 hours", at(2, 25, 10, 0)),
        ("tonight at 22:00", at(2, 24, 22, 0)),
        # 24 February 2020 is a Monday.
        ("今晚24时前报省指挥部", at(2, 24)),
        ("今晚8点前", at(2, 24, 20, 0)),
        ("明日12时前", at(2, 25, 12, 0)),
        ("后天下班前", at(2, 26, 18, 0)),
        ("2月26日（周三）下午3时前", at(2, 26, 15, 0)),
        ("二月二十六日前", at(2, 26)),
        ("26日18时前完成", at(2, 26, 18, 0)),
        ("本周五前报送", at(2, 28)),
        ("周三17:00前", at(2, 26, 17, 0)),
        ("下周一前", at(3, 2)),
        ("本月底前", at(2, 29)),
        ("3月上旬完成", at(3, 10)),
        ("2月底前", at(2, 29)),
        ("2月25日至28日集中排查", at(2, 28)),
        ("2月27日至3月1日", at(3, 1)),
        ("48小时内完成", at(2, 26, 10, 0)),
        ("一周内", at(3, 2, 10, 0)),
        ("3个工作日内", at(2, 27, 10, 0)),
        ("2020/2/26 9:00", at(2, 26, 9, 0)),
        ("within 48 hours", at(2, 26, 10, 0)),
        ("within the next two days", at(2, 26, 10, 0)),
        ("within five working days", at(3, 2, 10, 0)),
        ("by Friday", at(2, 28)),
        ("by noon on Wednesday", at(2, 26, 12, 0)),
        ("by 5 p.m. on Thursday", at(2, 27, 17, 0)),
        ("by next Tuesday at 9:00", at(3, 3, 9, 0)),
        ("by 6pm tomorrow", at(2, 25, 18, 0)),
        ("no later than tomorrow noon", at(2, 25, 12, 0)),
        ("by February 26, 2020", at(2, 26)),
        ("by Feb 26 at 6 pm", at(2, 26, 18, 0)),
        ("by Wednesday 26th of February, 18:00", at(2, 26, 18, 0)),
        ("by 1800 hrs today", at(2, 24, 18, 0)),
        ("by the end of the week", at(3, 1)),
        ("by the end of March", at(3, 31)),
        ("25–28 February", at(2, 28)),
        ("by close of business today", at(2, 24, 18, 0)),
    ],
)
def test_a_deadline(text: str, moment: datetime) -> None:
    found = deadline(text, said_at=SAID, zone=ZONE)
    assert found is not None
    assert found.moment == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "长期。",
        "2月25日起。",
        "From: 25 February.",
        "2月30日前",
        "review them daily",
        "连续在岗14天的医务人员",
        "Medical staff on duty for 14 days running",
        "第3周的安排",
        "在5个工作日后再议",
        "自2月25日起",
        "the 14 hospitals may open",
        "Open a second line by the river",
    ],
)
def test_what_is_no_deadline(text: str) -> None:
    assert deadline(text, said_at=SAID, zone=ZONE) is None


def test_a_month_without_its_year_is_the_nearest() -> None:
    december = datetime(2020, 12, 28, 10, 0, tzinfo=ZONE)
    january = deadline("1月5日前", said_at=december, zone=ZONE)
    assert january is not None
    assert january.moment.year == 2021
    november = deadline("by 30 November", said_at=december, zone=ZONE)
    assert november is not None
    assert november.moment.year == 2020


def test_a_daily_moment_is_the_next_one() -> None:
    late = datetime(2020, 2, 24, 21, 0, tzinfo=ZONE)
    found = deadline("每日20:00", said_at=late, zone=ZONE)
    assert found is not None
    assert (found.moment, found.daily) == (at(2, 25, 20, 0), True)


def test_moments_stand_in_their_order_and_never_overlap() -> None:
    found = deadlines("2月24日22:00，2月26日，此后每日18:00。", said_at=SAID, zone=ZONE)
    assert [d.moment for d in found] == [at(2, 24, 22, 0), at(2, 26), at(2, 24, 18, 0)]
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_what_goes_on_without_an_end() -> None:
    assert is_standing("牵头：疾控中心。长期。")
    assert is_standing("Lead: centres for disease control. Standing.")
    assert not is_standing("时限：2月24日")
