"""What may happen to an order before it leaves, and the words and costs of its draft."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from yipan.access.errors import Forbidden
from yipan.access.models import Role, User
from yipan.access.scope import Holding, Scope, system_scope
from yipan.kernel.errors import NotFound
from yipan.order.errors import (
    AnnexRefused,
    OutsideSubtree,
    ReasonMissing,
    SameHand,
    SecondSignatureMissing,
    UndoOver,
    Unfit,
    WrongOrderState,
)
from yipan.order.matters import LEVELS, by_setting, level_of, matters
from yipan.order.models import Order, OrderState, Priority
from yipan.order.orders import drafting
from yipan.order.orders.rules import (
    HOLD,
    TRANSITIONS,
    OrderAct,
    can,
    check_annex,
    check_below,
    check_can,
    check_fit,
    check_signatures,
    reading_minutes,
    release_at,
)
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS

NOON = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)
PROVINCE = Unit(pk=1, package_id=1, code="10", lft=1, rgt=100, name_en="P", name_zh="省")
COUNTY = Unit(pk=3, package_id=1, code="100101", lft=3, rgt=20, name_en="C", name_zh="县")


def order(state: str = "draft", **more: object) -> Order:
    made: dict[str, object] = {
        "title_zh": "一事一令",
        "title_en": "One matter",
        "closure_zh": "可查",
        "closure_en": "It can be looked up",
        "priority": Priority.P1,
        "state": state,
        "issuer": PROVINCE,
        "due_minutes": 60,
        "issued_at": NOON,
    }
    return Order(**(made | more))


def commander(where: Unit = PROVINCE) -> Scope:
    return Scope(User(pk=1), NOON, (Holding(Role.COMMANDER, where, 1),))


TABLE = """
            draft     held      issued     withdrawn superseded
countersign draft     .         .          .         .
issue       held      .         .          .         .
release     .         issued    .          .         .
undo        .         draft     .          .         .
withdraw    withdrawn withdrawn withdrawn  .         .
amend       .         .         superseded .         .
"""


def test_what_each_state_allows() -> None:
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    for act, *cells in rows:
        for state, after in zip(head, cells, strict=True):
            leads = TRANSITIONS[OrderAct(act)].get(OrderState(state))
            assert (leads or ".") == after


def test_refusals_come_before_states() -> None:
    analyst = Scope(User(pk=1), NOON, (Holding(Role.ANALYST, PROVINCE, 1),))
    with pytest.raises(Forbidden):
        check_can(OrderAct.ISSUE, order("issued"), scope=analyst, at=NOON)
    with pytest.raises(NotFound):
        check_can(OrderAct.ISSUE, order("issued"), scope=commander(COUNTY), at=NOON)
    with pytest.raises(WrongOrderState):
        check_can(OrderAct.ISSUE, order("issued"), scope=commander(), at=NOON)


def test_a_department_drafts_but_does_not_issue() -> None:
    scope = Scope(User(pk=1), NOON, (Holding(Role.DEPARTMENT, PROVINCE, 1),))
    assert not can(OrderAct.ISSUE, order(), scope=scope, at=NOON)


def test_what_has_left_is_withdrawn_not_undone() -> None:
    with pytest.raises(UndoOver):
        check_can(OrderAct.UNDO, order("issued"), scope=commander(), at=NOON)
    with pytest.raises(ReasonMissing):
        check_can(OrderAct.WITHDRAW, order("issued"), scope=commander(), at=NOON)


def test_only_a_p0_leaves_at_once() -> None:
    assert HOLD[Priority.P0] == timedelta(0)
    assert {HOLD[p] for p in (1, 2, 3)} == {timedelta(seconds=60)}
    assert release_at(order(priority=0)) == NOON
    assert release_at(order(priority=2)) == NOON + timedelta(seconds=60)


@pytest.mark.parametrize(
    "fault",
    [
        {"title_zh": " ", "title_en": ""},
        {"closure_zh": "", "closure_en": ""},
        {"due_minutes": None},
        {"due_at": NOON, "due_minutes": None},
        {"elements": ["a_new_form"]},
    ],
)
def test_an_unfit_draft_is_not_issued(fault: dict[str, object]) -> None:
    with pytest.raises(Unfit):
        check_fit(order(**fault), at=NOON)


def test_a_fit_draft_passes() -> None:
    check_fit(order(elements=["households_checked"]), at=NOON)


def test_an_order_reaches_only_below_its_issuer() -> None:
    check_below(PROVINCE, [COUNTY, PROVINCE])
    with pytest.raises(OutsideSubtree):
        check_below(COUNTY, [PROVINCE])
    other = Unit(pk=9, package_id=2, code="x", lft=4, rgt=5, name_en="x", name_zh="x")
    with pytest.raises(OutsideSubtree):
        check_below(PROVINCE, [other])


def test_reading_costs_more_for_more_units_and_longer_texts() -> None:
    text = "今晚22:00前腾出五间隔离病房。"
    costs = [reading_minutes(text * n, 9) for n in (1, 10, 100)]
    assert costs == sorted(costs)
    assert reading_minutes(text * 10, 90) >= reading_minutes(text * 10, 9)
    assert reading_minutes(text, 0) == reading_minutes("", 9) == 0


# ---- the words of a draft ----------------------------------------------------------------------------


def test_every_setting_of_a_plan_has_one_matter_with_every_level() -> None:
    assert set(by_setting()) == {
        "workplaces", "venues", "countryside", "schools", "transport", "community",
    }  # fmt: skip
    for matter in by_setting().values():
        assert tuple(matter.levels) == LEVELS


def test_every_matter_is_whole_and_asks_only_for_known_elements() -> None:
    for matter in matters().values():
        assert matter.label.zh
        assert matter.label.en
        assert matter.post.zh
        assert matter.post.en
        assert matter.closure.zh
        assert matter.closure.en
        assert matter.priority in range(4)
        assert matter.due_minutes > 0
        if matter.check:
            assert matter.check["element"] in ELEMENTS


def test_phases_cover_the_weeks_without_gap() -> None:
    weeks = ["closed", "closed", "minimum", "open", "open", "open"]
    found = drafting.phases(weeks, start=date(2020, 2, 24))
    assert [p.level for p in found] == ["closed", "minimum", "open"]
    assert all(a.end == b.start for a, b in pairwise(found))
    assert (found[-1].end - found[0].start).days == 7 * len(weeks)


def test_a_draft_says_from_when_what_is_done() -> None:
    matter = matters()["workplaces"]
    stretch = drafting.phases(["minimum", "staggered"], start=date(2020, 2, 24))
    assert drafting.title(matter, stretch).en == (
        "Workplaces: minimum from 24 Feb, staggered from 2 Mar"
    )
    assert drafting.title(matter, stretch).zh == "工作场所：2月24日起保底，3月2日起错峰"
    text = drafting.body(
        matter,
        stretch,
        tier="medium",
        option=drafting.Text("按等级分步", "Staged by tier"),
        signed=date(2020, 2, 23),
    )
    assert "24 Feb to 1 Mar (minimum)" in text.en
    assert "2月24日至3月1日（保底）" in text.zh
    assert "中风险" in text.zh


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="half-open"):
        level_of("half-open")


def test_the_system_may_do_what_the_state_allows() -> None:
    assert check_can(OrderAct.ISSUE, order(), scope=system_scope(), at=NOON) == OrderState.HELD


# ---- two signatures, annexes ---------------------------------------------------------------------------


def test_a_p0_needs_two_hands() -> None:
    one, two = User(pk=1), User(pk=2)
    with pytest.raises(SecondSignatureMissing):
        check_signatures(order(priority=Priority.P0), by=one)
    with pytest.raises(SameHand):
        check_signatures(order(priority=Priority.P0, second_by=one), by=one)
    check_signatures(order(priority=Priority.P0, second_by=two), by=one)
    check_signatures(order(priority=Priority.P1), by=one)


def test_only_a_p0_is_countersigned() -> None:
    with pytest.raises(WrongOrderState):
        check_can(OrderAct.COUNTERSIGN, order(), scope=commander(), at=NOON)
    assert can(OrderAct.COUNTERSIGN, order(priority=0), scope=commander(), at=NOON)


ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "请各村于2月24日18:00前完成。",
        "Do it by 24 February 18:00.",
        "请每日上报进度。",
        "Fill in the form below.",
        "Send a report each evening.",
    ],
)
def test_an_annex_neither_shortens_nor_asks(text: str) -> None:
    due = datetime(2020, 2, 24, 22, tzinfo=ZONE)
    with pytest.raises(AnnexRefused):
        check_annex(text, order(due_at=due), at=NOON, zone=ZONE)


@pytest.mark.parametrize(
    "text",
    ["钥匙在镇政府值班室领取。", "Keys are at the township duty office.", "2月25日12:00前均可。"],
)
def test_an_annex_helps(text: str) -> None:
    due = datetime(2020, 2, 24, 22, tzinfo=ZONE)
    check_annex(text, order(due_at=due), at=NOON, zone=ZONE)
