"""Who may do what to a delivery in which state: the whole table, refusals first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import Role, User
from yipan.access.scope import Holding, Scope, system_scope
from yipan.kernel.errors import NotFound, YipanError
from yipan.order.deliveries.rules import (
    ACT_WORDS,
    AUDIT_EVENT,
    FINAL,
    NOTIFICATION,
    OPEN,
    TRANSITIONS,
    WHO,
    Act,
    Party,
    Standing,
    can,
    check_can,
    next_state,
)
from yipan.order.errors import NotAbove, OwnWork, ReasonMissing, ReturnOver, WrongDeliveryState
from yipan.order.models import DeliveryState
from yipan.places.models import Unit

NOON = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)
S = DeliveryState


def unit(code: str, lft: int, rgt: int) -> Unit:
    return Unit(pk=lft, package_id=1, code=code, lft=lft, rgt=rgt, name_en=code, name_zh=code)


PROVINCE, CITY, COUNTY, VILLAGE = (
    unit("10", 1, 100),
    unit("1001", 2, 50),
    unit("100101", 3, 20),
    unit("100101001", 4, 5),
)
ELSEWHERE = unit("1002", 60, 70)
READER, WRITER = User(pk=1, username="reader"), User(pk=2, username="writer")


def holding(role: Role, where: Unit, who: User = READER) -> Scope:
    return Scope(user=who, at=NOON, holdings=(Holding(role, where, 1),))


def standing(state: DeliveryState, **more: object) -> Standing:
    return Standing(
        state=state,
        unit=COUNTY,
        parent=CITY,
        issuer=PROVINCE,
        acknowledged_at=NOON - timedelta(minutes=10),
        **more,  # type: ignore[arg-type]
    )


# Each row is an act, each column a state it may begin from; a dot is a refusal.
TABLE = """
             issued delivered acknowledged accepted returned in_progress claimed_done verified closed reassigned superseded cancelled
deliver      delivered . . . . . . . . . . .
acknowledge  . acknowledged . . . . . . . . . .
accept       . . accepted . . . . . . . . .
return       . . returned . . . . . . . . .
insist       . . . . acknowledged . . . . . . .
start        . . . in_progress . . . . . . . .
claim_done   . . . claimed_done . claimed_done . . . . . .
verify       . . . . . . verified . . . . .
reopen       . . . . . . in_progress in_progress in_progress . . .
close        . . . . . . . closed . . . .
extend       . delivered acknowledged accepted returned in_progress . . . . . .
assist       . delivered acknowledged accepted returned in_progress . . . . . .
reassign     . reassigned reassigned reassigned reassigned reassigned . . . . . .
supersede    superseded superseded superseded superseded superseded superseded superseded . . . . .
cancel       cancelled cancelled cancelled cancelled cancelled cancelled cancelled . . . . .
"""


def table() -> list[tuple[Act, DeliveryState, str]]:
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (Act(row[0]), DeliveryState(state), cell)
        for row in rows
        for state, cell in zip(head, row[1:], strict=True)
    ]


@pytest.mark.parametrize(("act", "state", "after"), table())
def test_what_each_state_allows(act: Act, state: DeliveryState, after: str) -> None:
    here = standing(state)
    if after == ".":
        with pytest.raises(WrongDeliveryState):
            check_can(act, here, scope=system_scope(), by=None, at=NOON, reason="why")
        assert next_state(act, state) is None
    else:
        assert check_can(act, here, scope=system_scope(), by=None, at=NOON, reason="why") == after


def test_the_table_above_is_the_whole_table() -> None:
    assert {(act, state) for act, state, _after in table()} == set(product(Act, DeliveryState))


def test_the_tables_stand_side_by_side() -> None:
    every = set(Act)
    assert set(TRANSITIONS) == set(AUDIT_EVENT) == set(NOTIFICATION) == set(WHO) == every
    assert set(ACT_WORDS) == every
    assert len(set(AUDIT_EVENT.values())) == len(Act)


def test_nothing_leads_out_of_a_final_state_and_every_open_one_leads_on() -> None:
    leading = {state for way in TRANSITIONS.values() for state in way}
    assert not leading & set(FINAL)
    assert set(OPEN) <= leading


# Who may: one row for each role at its place; the acts are those of an accountable county.
UNIT_ACTS = [Act.ACKNOWLEDGE, Act.ACCEPT, Act.RETURN, Act.START, Act.CLAIM_DONE]
ABOVE_ACTS = [
    Act.VERIFY, Act.REOPEN, Act.CLOSE, Act.INSIST, Act.REASSIGN, Act.EXTEND, Act.ASSIST,
]  # fmt: skip
ISSUER_ACTS = [Act.CANCEL, Act.SUPERSEDE]
PEOPLE = {
    "county officer of the unit": (Role.COUNTY_OFFICER, COUNTY, UNIT_ACTS),
    "county officer of the city above": (Role.COUNTY_OFFICER, CITY, UNIT_ACTS + ABOVE_ACTS),
    "front line of a village below": (Role.FRONT_LINE, VILLAGE, []),
    "department of the province": (Role.DEPARTMENT, PROVINCE, ABOVE_ACTS),
    "commander of the province": (Role.COMMANDER, PROVINCE, ABOVE_ACTS + ISSUER_ACTS),
    "commander of another city": (Role.COMMANDER, ELSEWHERE, []),
    "analyst": (Role.ANALYST, PROVINCE, []),
    "auditor": (Role.AUDITOR, PROVINCE, []),
    "administrator": (Role.ADMINISTRATOR, PROVINCE, []),
}


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("act", Act)
def test_who_may(name: str, act: Act) -> None:
    role, where, allowed = PEOPLE[name]
    begins = next(iter(TRANSITIONS[act]))
    assert can(act, standing(begins), scope=holding(role, where), by=READER, at=NOON) == (
        act in allowed
    )


@pytest.mark.parametrize("act", [act for act in Act if WHO[act] is not None])
def test_nobody_signed_in_may_nothing(act: Act) -> None:
    with pytest.raises(NotSignedIn):
        check_can(
            act, standing(next(iter(TRANSITIONS[act]))), scope=Scope(None, NOON), by=None, at=NOON
        )


def test_a_unit_out_of_sight_looks_absent() -> None:
    scope = holding(Role.COUNTY_OFFICER, ELSEWHERE)
    with pytest.raises(NotFound):
        check_can(Act.ACKNOWLEDGE, standing(S.DELIVERED), scope=scope, by=READER, at=NOON)


def test_who_sees_but_may_not_is_told_so() -> None:
    scope = holding(Role.ANALYST, PROVINCE)
    with pytest.raises(Forbidden):
        check_can(Act.ACKNOWLEDGE, standing(S.DELIVERED), scope=scope, by=READER, at=NOON)


def test_a_county_does_not_verify_itself() -> None:
    scope = holding(Role.COUNTY_OFFICER, COUNTY)
    with pytest.raises(NotAbove):
        check_can(Act.VERIFY, standing(S.CLAIMED_DONE), scope=scope, by=READER, at=NOON)


def test_nobody_verifies_their_own_work() -> None:
    here = standing(S.CLAIMED_DONE, claimed_by=READER.pk)
    scope = holding(Role.COUNTY_OFFICER, CITY)
    with pytest.raises(OwnWork):
        check_can(Act.VERIFY, here, scope=scope, by=READER, at=NOON)
    assert check_can(Act.VERIFY, here, scope=scope, by=WRITER, at=NOON) == S.VERIFIED


@pytest.mark.parametrize("act", [Act.RETURN, Act.REOPEN, Act.CANCEL, Act.REASSIGN, Act.INSIST])
@pytest.mark.parametrize("reason", ["", "   "])
def test_some_acts_need_a_reason(act: Act, reason: str) -> None:
    here = standing(next(iter(TRANSITIONS[act])))
    with pytest.raises(ReasonMissing):
        check_can(act, here, scope=system_scope(), by=None, at=NOON, reason=reason)


@pytest.mark.parametrize(("minutes", "open_"), [(0, True), (30, True), (30.1, False), (600, False)])
def test_a_return_is_open_for_half_an_hour(minutes: float, open_: bool) -> None:
    here = Standing(S.ACKNOWLEDGED, COUNTY, CITY, PROVINCE, acknowledged_at=NOON)
    at = NOON + timedelta(minutes=minutes)
    assert can(Act.RETURN, here, scope=system_scope(), by=None, at=at) == open_


def test_a_return_happens_once() -> None:
    here = standing(S.ACKNOWLEDGED, returned_before=True)
    with pytest.raises(ReturnOver):
        check_can(Act.RETURN, here, scope=system_scope(), by=None, at=NOON, reason="why")


def test_only_the_board_delivers() -> None:
    with pytest.raises(NotAbove):
        check_can(
            Act.DELIVER,
            standing(S.ISSUED),
            scope=holding(Role.COMMANDER, PROVINCE),
            by=READER,
            at=NOON,
        )


def test_can_and_check_can_never_disagree() -> None:
    for act, state in product(Act, DeliveryState):
        here, scope = standing(state), holding(Role.COMMANDER, PROVINCE)
        try:
            check_can(act, here, scope=scope, by=READER, at=NOON, reason="why")
            allowed = True
        except YipanError:
            allowed = False
        assert can(act, here, scope=scope, by=READER, at=NOON) == allowed


def test_every_party_that_is_told_exists() -> None:
    assert {party for told in NOTIFICATION.values() for party in told} <= set(Party)
