"""Who may do what, as a table; whoever changes a right changes it here too."""

from __future__ import annotations

import pytest

from yipan.access.models import Role
from yipan.access.rules import HOME, PERMISSIONS, Action, home_of, roles_with

#                      front  county health depart analyst command auditor admin
TABLE = """
place.read               ✓      ✓      ✓      ✓      ✓      ✓      ✓      ✓
report.submit            ✓      ✓      ·      ·      ·      ·      ·      ·
report.read              ✓      ✓      ✓      ✓      ✓      ✓      ·      ·
report.correct           ✓      ✓      ·      ·      ·      ·      ·      ·
case.read                ·      ✓      ✓      ·      ✓      ·      ·      ·
identity.reveal          ·      ✓      ✓      ·      ·      ·      ·      ·
status.set               ·      ·      ✓      ·      ·      ·      ·      ·
status.rule              ·      ·      ✓      ·      ·      ·      ·      ·
data.request             ·      ·      ·      ✓      ·      ✓      ·      ·
data.rule                ·      ·      ·      ·      ✓      ·      ·      ·
data.freeze              ·      ·      ·      ·      ·      ✓      ·      ·
assess.read              ·      ✓      ✓      ✓      ✓      ✓      ✓      ·
assess.run               ·      ·      ·      ·      ✓      ✓      ·      ·
plan.read                ·      ✓      ·      ✓      ✓      ✓      ✓      ·
plan.run                 ·      ·      ·      ·      ✓      ✓      ·      ·
plan.sign                ·      ·      ·      ·      ·      ✓      ·      ·
order.read               ✓      ✓      ✓      ✓      ✓      ✓      ✓      ·
order.draft              ·      ·      ·      ✓      ·      ✓      ·      ·
order.issue              ·      ·      ·      ·      ·      ✓      ·      ·
order.receive            ✓      ✓      ·      ·      ·      ·      ·      ·
order.verify             ·      ✓      ·      ✓      ·      ✓      ·      ·
export                   ·      ✓      ·      ✓      ✓      ✓      ✓      ·
audit.read               ·      ·      ·      ·      ·      ·      ✓      ·
access.manage            ·      ·      ·      ·      ·      ·      ·      ✓
incident.manage          ·      ·      ·      ·      ·      ✓      ·      ✓
package.load             ·      ·      ·      ·      ·      ·      ·      ✓
"""
ROLES = [
    Role.FRONT_LINE,
    Role.COUNTY_OFFICER,
    Role.HEALTH_OFFICER,
    Role.DEPARTMENT,
    Role.ANALYST,
    Role.COMMANDER,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
]
ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().splitlines()}
CELLS = [
    (Action(name), role, mark == "✓")
    for name, marks in ROWS.items()
    for role, mark in zip(ROLES, marks, strict=True)
]


@pytest.mark.parametrize(("action", "role", "allowed"), sorted(CELLS, key=lambda cell: cell[2]))
def test_a_role_may_do_exactly_what_the_table_says(
    action: Action, role: Role, allowed: bool
) -> None:
    assert (action in PERMISSIONS[role]) is allowed


def test_the_table_has_every_action_and_every_role() -> None:
    assert set(ROWS) == {a.value for a in Action}
    assert set(ROLES) == set(Role) == set(PERMISSIONS) == set(HOME)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Action.ACCESS_MANAGE, Action.AUDIT_READ),  # who gives rights does not watch over them
        (Action.ACCESS_MANAGE, Action.REPORT_READ),
        (Action.ACCESS_MANAGE, Action.CASE_READ),
        (Action.PLAN_SIGN, Action.CASE_READ),
        (Action.PLAN_SIGN, Action.ORDER_RECEIVE),  # who orders does not close the order
        (Action.AUDIT_READ, Action.CASE_READ),
        (Action.STATUS_SET, Action.ORDER_ISSUE),  # who commands says nothing about a person
        (Action.STATUS_SET, Action.PLAN_SIGN),
        (Action.STATUS_SET, Action.ACCESS_MANAGE),
        (Action.STATUS_SET, Action.DATA_REQUEST),  # nor does a department
        (Action.IDENTITY_REVEAL, Action.AUDIT_READ),
        (Action.IDENTITY_REVEAL, Action.PLAN_SIGN),
        (Action.DATA_REQUEST, Action.DATA_RULE),  # who asks does not rule on the asking
    ],
)
def test_duties_are_kept_apart(one: Action, other: Action) -> None:
    assert not roles_with(one) & roles_with(other)


def test_a_day_begins_with_the_widest_role() -> None:
    assert home_of([]) is None
    assert home_of([Role.FRONT_LINE, Role.COMMANDER]) == "web:board"
    assert home_of([Role.AUDITOR]) == "access:audit"
