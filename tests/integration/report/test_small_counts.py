"""Small counts of people: the same cells hidden on the page, in the API and in every file; none to be worked out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province, person
from unit.report import village_forms
from unit.report.village_forms import element, field, form
from yipan.access.models import Incident, Role, User
from yipan.access.scope import scope_of, system_scope
from yipan.access.suppression import Hidden
from yipan.report.actions import Report, take_batch
from yipan.report.cases.actions import CaseRow, take_cases
from yipan.report.cases.queries import counts_by_unit
from yipan.report.forms.tables import department_table
from yipan.report.models import DataRequest
from yipan.report.registers.actions import Event, enter
from yipan.report.requests import actions
from yipan.report.requests.actions import Why

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
TODAY = date(2020, 2, 24)
ELEMENTS = [
    element("village", "attr", source="registry"),
    element("ill", unit="人"),
    element("ill_men", unit="人"),
    element("ill_women", unit="人", source="derived", formula="ill-ill_men"),
    element("beds", unit="张"),
    element("ill_a_bed", "rate", source="derived", formula="ill_men/beds"),
]
ROWS = {  # village: all, men, beds
    "100101001": (10, 3, 4),
    "100101002": (30, 9, 2),
    "100102001": (12, 5, 3),
    "100102002": (4, 4, 0),
    "100201001": (60, 31, 9),
}


@pytest.fixture
def asked(
    drill: Incident, province: Province, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> DataRequest:
    """A department's request, every village's page of today, and a figure of each."""
    since = NOON - timedelta(days=2)
    monkeypatch.setattr(village_forms, "DICTIONARY", {e.id: e for e in ELEMENTS})
    actions.record_elements(package=drill.package, definitions=ELEMENTS, at=since, by=None)
    names = ["village", "ill", "ill_men", "ill_women", "beds", "ill_a_bed", "ill_men"]
    wanted = form("HE", *(field(f"HE{i}", n) for i, n in enumerate(names, 1)))
    drafted = actions.draft_request(
        incident=drill, unit=province["10"], form=wanted, why=Why("a", "b", "c"),
        by=cast.department, at=since, scope=system_scope(),
    )  # fmt: skip
    made, answer = actions.submit_request(
        request=drafted, by=cast.department, at=since, scope=system_scope()
    )
    for a in answer.fields:
        if a.row.asked_at is not None:
            actions.rule(field=a.row, ruling="same", reason="so", by=cast.analyst, at=since, scope=system_scope())  # fmt: skip
    take_batch(
        incident=drill, source="api", at=NOON, key="today",
        rows=[
            Report(province[code].pk, TODAY, {"ill": ill, "ill_men": men, "beds": beds})
            for code, (ill, men, beds) in ROWS.items()
        ],
    )  # fmt: skip
    return made


@pytest.fixture
def reader(province: Province) -> User:
    """Somebody of the whole province who may read and export public facts only."""
    return person("reader", Role.DEPARTMENT, province["10"], sensitivity=0)


def seen(asked: DataRequest, who: User) -> dict[str, list[object]]:
    table = department_table(asked, day=TODAY, known_at=NOON, scope=scope_of(who, at=NOON))
    return {u.code: row for u, row in zip(table.units, table.cells, strict=True)}


def test_with_the_right_every_cell_is_exact(asked: DataRequest, cast: Cast) -> None:
    rows = seen(asked, cast.department)
    assert rows["100101001"][1:] == [10, 3, 7, 4, 0.75, 3]


def test_without_it_small_counts_are_hidden_and_what_gives_them_away(
    asked: DataRequest, reader: User
) -> None:
    rows = seen(asked, reader)
    ill, men, women, beds, rate, again = rows["100101001"][1:]
    assert men is Hidden.FEWER
    assert isinstance(ill, Hidden) or isinstance(women, Hidden)
    assert isinstance(again, Hidden)  # the same fact asked a second time
    assert rate is Hidden.WITHHELD  # × beds would give it
    assert beds == 4  # of things
    assert rows["100201001"][1:] == [60, 31, 29, 9, pytest.approx(31 / 9, abs=1e-5), 31]
    assert rows["100102002"][3:5] == [0, 0]  # zero is about nobody


def test_no_hidden_cell_is_to_be_had_from_the_shown_ones_and_the_sums(
    asked: DataRequest, reader: User
) -> None:
    """Every value from 1 to 4 of each hidden small count fits all that a reader sees, with the county's sums."""
    rows = seen(asked, reader)
    for county, (first, second) in {
        "100101": ("100101001", "100101002"), "100102": ("100102001", "100102002"),
    }.items():  # fmt: skip
        sums = [ROWS[first][i] + ROWS[second][i] for i in (0, 1)]
        sums.append(sums[0] - sums[1])
        shown = [rows[v][1:4] for v in (first, second)]
        possible = consistent(shown, sums)
        assert possible, (county, shown, sums)
        for v in (0, 1):
            for c in range(3):
                if shown[v][c] is Hidden.FEWER:
                    assert {p[v][c] for p in possible} == {1, 2, 3, 4}, (county, v, c, shown)


def consistent(
    shown: list[list[object]], sums: list[int]
) -> list[tuple[tuple[int, int, int], ...]]:
    """Every pair of rows (all, men, women) that fits what is shown and the sums of ≥ 5 or 0."""

    def fits(n: int, told: object, total: bool) -> bool:
        if told is Hidden.FEWER:
            return 1 <= n <= 4
        return n >= (1 if total else 5) if told is Hidden.WITHHELD else n == told

    found = []
    for m1, w1, m2, w2 in product(range(45), repeat=4):
        rows = ((m1 + w1, m1, w1), (m2 + w2, m2, w2))
        if (m1 + m2, w1 + w2) != (sums[1], sums[2]) and min(sums[1:]) >= 5:
            continue
        if all(sums[c] < 5 or rows[0][c] + rows[1][c] == sums[c] for c in range(3)) and all(
            fits(rows[v][c], shown[v][c], c == 0) for v in (0, 1) for c in range(3)
        ):
            found.append(rows)
    return found


def test_page_api_and_files_hide_the_same_cells(
    asked: DataRequest, reader: User, as_person: As
) -> None:
    client = as_person(reader)
    rows = seen(asked, reader)

    def told(cells: list[object]) -> list[object]:
        return [c.in_export if isinstance(c, Hidden) else c for c in cells]

    expected = {code: told(row) for code, row in rows.items()}
    day = "?day=2020-02-24"
    text = client.get(reverse("report:table_csv", args=[asked.pk]) + day).content.decode("utf-8-sig")  # fmt: skip
    in_csv = {r[0]: r[2:] for r in list(csv.reader(io.StringIO(text)))[1:]}
    assert in_csv == {c: ["" if v is None else str(v) for v in row] for c, row in expected.items()}
    body = client.get(reverse("report:table_xlsx", args=[asked.pk]) + day).content
    sheet, about = openpyxl.load_workbook(io.BytesIO(body)).worksheets
    assert {r[0]: list(r[2:]) for r in sheet.iter_rows(min_row=2, values_only=True)} == expected
    hidden = sum(isinstance(c, Hidden) for row in rows.values() for c in row)
    assert ("Small counts not shown", hidden) in [r[:2] for r in about.iter_rows(values_only=True)]
    data = client.get(reverse("report:table_json", args=[asked.pk]) + day).json()
    assert {r["unit"]: r["cells"] for r in data["rows"]} == expected
    api = client.get(f"/api/report/requests/{asked.pk}/table?day=2020-02-24").json()
    assert (api["rows"], api["hidden"]) == (data["rows"], hidden)
    page = client.get(reverse("report:table", args=[asked.pk]) + day).content.decode()
    assert page.count("fewer than 5") == sum(c is Hidden.FEWER for r in rows.values() for c in r)


def test_values_one_by_one_hide_no_less_than_the_table(
    asked: DataRequest, reader: User, as_person: As, cast: Cast
) -> None:
    client, rows = as_person(reader), seen(asked, reader)
    for code, row in rows.items():
        answers = {
            v["element"]: v
            for v in client.get(f"/api/report/values?unit={code}&day=2020-02-24").json()
        }
        for name, cell in (("ill", row[1]), ("ill_men", row[2])):
            if cell is Hidden.FEWER:
                assert (answers[name]["value"], answers[name]["hidden"]) == (None, "fewer_than_5")
            assert not (1 <= (answers[name]["value"] or 0) < 5)
        assert answers["beds"]["value"] == ROWS[code][2]
    history = "/api/report/values/history?unit=100101001&element=ill_men&day=2020-02-24"
    assert [v["value"] for v in client.get(history).json()] == [None]
    assert [v["value"] for v in as_person(cast.department).get(history).json()] == [3]
    page = client.get(reverse("report:unit", args=["100101001"])).content.decode()
    assert "fewer than 5" in page
    one = client.get(reverse("report:value", args=["100101001", "ill_men", "2020-02-24"])).content.decode()  # fmt: skip
    assert "fewer than 5" in one


@pytest.mark.parametrize("path", ["dhis2/dataValueSets", "adx"])
def test_other_systems_get_no_hidden_count_and_are_told_how_many(
    asked: DataRequest, reader: User, as_person: As, cast: Cast, path: str
) -> None:
    address = f"/api/report/{path}?day=2020-02-24"
    exact, less = as_person(cast.department).get(address), as_person(reader).get(address)
    assert exact["X-Yipan-Hidden"] == "0"
    assert int(less["X-Yipan-Hidden"]) >= 2
    sign = b'"value"' if path.startswith("dhis2") else b"<dataValue "
    assert exact.content.count(sign) - less.content.count(sign) == int(less["X-Yipan-Hidden"])


def test_an_officer_of_one_county_sees_their_own_exactly(asked: DataRequest, cast: Cast) -> None:
    rows: dict[str, list[Any]] = seen(asked, cast.county_officer)
    assert set(rows) == {"100101001", "100101002"}
    assert rows["100101001"][2] == 3


def arrivals(drill: Incident, province: Province, code: str, people: int) -> None:
    enter(
        incident=drill, unit=province[code], actor=None, source="form", at=NOON,
        client_key=f"arrivals-{code}", scope=system_scope(),
        events=[Event("person", "arrivals", 1, NOON, f"{code}-{i}") for i in range(people)],
    )  # fmt: skip


def test_a_registers_small_count_is_hidden_and_its_neighbours_with_it(
    drill: Incident, province: Province, cast: Cast, reader: User, as_person: As
) -> None:
    for code, people in (("100101001", 3), ("100101002", 7), ("100102001", 9), ("100102002", 8)):
        arrivals(drill, province, code, people)
    enter(
        incident=drill, unit=province["100101001"], actor=None, source="form", at=NOON,
        client_key="a-place", scope=system_scope(), events=[Event("place", "screened", 1, NOON)],
    )  # fmt: skip

    def told(who: User, unit: str, more: str = "") -> tuple[float | None, str | None]:
        path = (
            f"/api/report/registers/count?unit={unit}&concept=arrivals&until=2020-02-24T23:00{more}"
        )
        found = as_person(who).get(path).json()
        return found["count"], found["hidden"]

    assert told(reader, "100101001") == (None, "fewer_than_5")
    assert told(reader, "100101002") == (None, "withheld")  # the county's sum would give the other
    assert told(reader, "100101001", "&register=place") == (None, "fewer_than_5")
    assert told(reader, "100102001") == (9, None)
    assert told(cast.county_officer, "100101001") == (3, None)
    assert told(reader, "100201001") == (None, None)  # nobody keeps it there


def test_the_cases_of_a_county_are_hidden_where_they_are_few(
    drill: Incident, province: Province, cast: Cast, reader: User
) -> None:
    def take(code: str, cases: int) -> None:
        rows = [CaseRow(province[code].pk, f"{code}-{i}", TODAY) for i in range(cases)]
        take_cases(
            incident=drill, cases=rows, actor=None, source="api", at=NOON, unit=province["10"]
        )

    take("100101", 2)
    take("100102", 11)
    take("100201", 6)

    def told(who: User) -> dict[str, object]:
        rows = counts_by_unit(drill, scope=scope_of(who, at=NOON), known_at=NOON)
        return {r.county.code: r.cases for r in rows}

    assert told(reader) == {"100101": Hidden.FEWER, "100102": Hidden.WITHHELD, "100201": 6}
    assert told(cast.department) == {"100101": 2, "100102": 11, "100201": 6}
