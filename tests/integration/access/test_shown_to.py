"""Page, API and export ask one function what of a count its reader may see."""

from __future__ import annotations

import pytest

from cast import NOON, Cast, Province
from yipan.access.rules import Action
from yipan.access.scope import scope_of, system_scope
from yipan.access.suppression import Hidden, Shown, shown_to
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db


def counted(province: Province) -> dict[Unit, int | None]:
    numbers = {"10": 43, "1001": 23, "1002": 20, "100101": 3, "100102": 15, "100201": 20}
    return {province[code]: n for code, n in numbers.items()}


def by_code(shown: dict[Unit, Shown]) -> dict[str, Shown]:
    return {unit.code: value for unit, value in shown.items()}


def test_the_owner_sees_the_exact_count(cast: Cast, province: Province) -> None:
    shown = shown_to(
        scope_of(cast.county_officer, at=NOON), counted(province), action=Action.REPORT_READ
    )
    assert by_code(shown)["100101"] == 3


def test_a_neighbour_does_not_and_cannot_work_it_out(cast: Cast, province: Province) -> None:
    counts = counted(province)
    rest = {province["1001"]: 5}  # 23 = 3 + 15 + 5
    scope = scope_of(cast.other_county_officer, at=NOON)
    shown = by_code(shown_to(scope, counts, action=Action.REPORT_READ, rest=rest))
    assert shown["100101"] is Hidden.FEWER
    assert shown["100102"] is Hidden.WITHHELD
    assert shown["100201"] == 20  # their own
    assert shown["10"] == 43


def test_who_sees_the_whole_province_sees_every_count(cast: Cast, province: Province) -> None:
    counts = counted(province)
    for scope in (scope_of(cast.commander, at=NOON), system_scope()):
        assert shown_to(scope, counts, action=Action.REPORT_READ) == counts


def test_a_role_for_public_facts_only_sees_no_small_count(cast: Cast, province: Province) -> None:
    cast.commander.grants.update(sensitivity=0)
    shown = by_code(
        shown_to(
            scope_of(cast.commander, at=NOON),
            counted(province),
            action=Action.REPORT_READ,
            rest={province["1001"]: 5},
        )
    )
    assert shown["100101"] is Hidden.FEWER


def test_what_the_authority_published_is_shown_to_everyone(cast: Cast, province: Province) -> None:
    shown = shown_to(
        scope_of(cast.stranger, at=NOON),
        counted(province),
        action=Action.REPORT_READ,
        public=[province["100101"]],
    )
    assert by_code(shown)["100101"] == 3
