"""Random people, random trees, random questions: no list, count or export shows a row too many."""

from __future__ import annotations

import random

import pytest
from django.db.models import Count, Sum

from cast import GRANTED, NOON, Province, make_tree, person
from yipan.access.actions import grant_role
from yipan.access.models import Grant, Role, User
from yipan.access.rules import PERMISSIONS, Action
from yipan.access.scope import scope_of
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db

PEOPLE = 12
PROBES = 1500


def random_tree(rng: random.Random, size: int) -> dict[str, tuple[str, str | None]]:
    tree: dict[str, tuple[str, str | None]] = {"0": ("province", None)}
    for number in range(1, size):
        tree[str(number)] = ("county", rng.choice(list(tree)))
    return tree


def allowed_slowly(user: User, action: Action, unit: Unit, sensitivity: int) -> bool:
    """The same question asked the plain way: walk up the parents, look for a grant."""
    above: Unit | None = unit
    while above is not None:
        for grant in Grant.objects.filter(user=user, unit=above):
            if action in PERMISSIONS[Role(grant.role)] and sensitivity <= grant.sensitivity:
                return True
        above = above.parent
    return False


def test_no_probe_finds_a_leak() -> None:
    rng = random.Random(20200224)
    province: Province = make_tree(random_tree(rng, 60))
    units = list(province.units.values())
    people = [person(f"p{number}") for number in range(PEOPLE)]
    for user in people:
        for unit in rng.sample(units, rng.randint(0, 3)):
            grant_role(
                user=user,
                role=rng.choice(list(Role)),
                unit=unit,
                sensitivity=rng.randint(0, 3),
                by=None,
                at=GRANTED,
            )
    truth = {
        (user.pk, unit.pk, action, level): None
        for user in people
        for unit in units
        for action in Action
        for level in range(4)
    }
    leaks = 0
    scopes = {user.pk: scope_of(user, at=NOON) for user in people}
    for user_id, unit_id, action, level in rng.sample(list(truth), PROBES):
        scope, unit = scopes[user_id], Unit.objects.get(pk=unit_id)
        user = next(u for u in people if u.pk == user_id)
        right = allowed_slowly(user, action, unit, level)
        rows = scope.filter(Unit.objects.all(), unit="", action=action, sensitivity=level)
        answers = {
            "act": scope.may(action, unit, sensitivity=level),
            "list": unit_id in {row.pk for row in rows},
            "count": rows.filter(pk=unit_id).count() == 1,
            "search": rows.filter(code=unit.code).exists(),
            "sum": bool(rows.filter(pk=unit_id).aggregate(n=Sum("population"))["n"]),
            "export": unit_id in rows.values_list("pk", flat=True).iterator(),
        }
        leaks += sum(answer != right for answer in answers.values())
    assert leaks == 0


def test_a_count_by_group_counts_only_what_the_list_shows() -> None:
    rng = random.Random(7)
    province = make_tree(random_tree(rng, 40))
    user = person("grouper", Role.COUNTY_OFFICER, province["3"])
    scope = scope_of(user, at=NOON)
    rows = scope.filter(Unit.objects.all(), unit="", action=Action.REPORT_READ)
    grouped = rows.values("level").annotate(n=Count("pk"))
    assert sum(row["n"] for row in grouped) == len(list(rows)) > 0


def test_a_path_through_another_row_is_scoped_by_that_rows_unit() -> None:
    """Grants listed by their unit: the same function, another path."""
    rng = random.Random(11)
    province = make_tree(random_tree(rng, 30))
    boss = person("boss", Role.ADMINISTRATOR, province["2"])
    for number in range(10):
        unit = rng.choice(list(province.units.values()))
        person(f"q{number}", Role.FRONT_LINE, unit)
    shown = scope_of(boss, at=NOON).filter(Grant.objects.all(), action=Action.ACCESS_MANAGE)
    top = province["2"]
    expected = Grant.objects.filter(unit__lft__gte=top.lft, unit__rgt__lte=top.rgt)
    assert set(shown) == set(expected)
