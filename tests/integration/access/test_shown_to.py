"""Page, API and export ask one function what of a count its reader may see."""

from __future__ import annotations

import pytest

from cast import NOON, Cast, Province
from yipan.access.rules import Action
from yipan.access.scope import Scope, scope_of, system_scope
from yipan.access.suppression import Hidden, Shown, Sum, shown_to, table_shown_to
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db


def counted(province: Province) -> dict[Unit, float | None]:
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


# ---- a whole table: rows of units, columns that add up, a total row ----


def beside(province: Province) -> list[Unit]:
    return [province[code] for code in ("100101", "100102", "100201")]


def of_public_facts(cast: Cast) -> Scope:
    cast.commander.grants.update(sensitivity=0)
    return scope_of(cast.commander, at=NOON)


def test_a_total_row_gives_no_cell_away(cast: Cast, province: Province) -> None:
    shown = table_shown_to(
        of_public_facts(cast), beside(province), {"fever": [3, 15, 20]},
        action=Action.REPORT_READ, totals={"fever": 38},
    )  # fmt: skip
    assert shown.cells["fever"] == [Hidden.FEWER, Hidden.WITHHELD, 20]
    assert shown.totals == {"fever": 38}
    assert shown.hidden == 2


def test_columns_that_add_up_give_no_cell_away(cast: Cast, province: Province) -> None:
    columns = {"men": [2, 9, 0], "women": [8, 9, 30], "all": [10, 18, 30]}
    shown = table_shown_to(
        of_public_facts(cast), beside(province), columns,
        action=Action.REPORT_READ, sums=[Sum("all", ("men", "women"))],
    )  # fmt: skip
    first = {name: cells[0] for name, cells in shown.cells.items()}
    assert first["men"] is Hidden.FEWER
    assert Hidden.WITHHELD in (first["women"], first["all"])
    assert [shown.cells[n][2] for n in columns] == [0, 30, 30]


def test_a_rate_is_withheld_with_its_count(cast: Cast, province: Province) -> None:
    shown = table_shown_to(
        of_public_facts(cast), beside(province),
        {"fever": [3, 15, None], "rate": [0.03, 0.15, None], "twice": [0.06, 0.3, None], "masks": [4, 1, 2]},
        action=Action.REPORT_READ, about_people={"fever"},
        rests_on={"rate": {"fever"}, "twice": {"rate"}},
    )  # fmt: skip
    assert shown.cells["rate"] == [Hidden.WITHHELD, 0.15, None]
    assert shown.cells["twice"] == [Hidden.WITHHELD, 0.3, None]
    assert shown.cells["masks"] == [4, 1, 2]  # of things: exact for everybody


def test_a_table_of_ones_own_places_is_whole(cast: Cast, province: Province) -> None:
    county = [province["100101"]]
    scope = scope_of(cast.county_officer, at=NOON)
    shown = table_shown_to(scope, county, {"fever": [3]}, action=Action.REPORT_READ)
    assert (shown.cells, shown.hidden) == ({"fever": [3]}, 0)


def test_what_was_published_of_a_cell_stays(cast: Cast, province: Province) -> None:
    units = beside(province)
    shown = table_shown_to(
        of_public_facts(cast), units, {"confirmed": [3, 2, 9]},
        action=Action.REPORT_READ, public={("confirmed", units[0].pk)},
    )  # fmt: skip
    assert shown.cells["confirmed"] == [3, Hidden.FEWER, 9]
