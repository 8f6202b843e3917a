"""Registers counted at any cut-off, and what a department receives from them and from the page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province
from unit.report.village_forms import DICTIONARY, field, form
from yipan.access.models import Incident, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.actions import Report, submit_values, take_batch
from yipan.report.errors import CellMapWrong, EventVoided, FutureDay, Missing, ReportError
from yipan.report.exchange.excel.filling import fill
from yipan.report.forms.tables import corrected_since, department_table
from yipan.report.models import DataRequest, RegisterEvent, TableRelease
from yipan.report.registers.actions import Event, enter, void
from yipan.report.registers.queries import count
from yipan.report.requests import actions
from yipan.report.requests.actions import Why
from yipan.report.values.queries import roll_up

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
TODAY = date(2020, 2, 24)
VILLAGE = "100101001"


def at(hour: float, day: int = 24) -> datetime:
    """A moment of the province's day."""
    return datetime(2020, 2, day, tzinfo=UTC) + timedelta(hours=hour - 8)


def arrival(who: str, hour: float, *tags: str, day: int = 24, change: float = 1) -> Event:
    return Event("person", "arrivals", change, at(hour, day), who, tags)


def entered(
    incident: Incident, province: Province, who: User, *events: Event, key: str = "reg-00001"
) -> None:
    enter(
        incident=incident, unit=province[VILLAGE], events=events, actor=who, source="form",
        at=NOON, client_key=key, scope=scope_of(who, at=NOON),
    )  # fmt: skip


def counted(incident: Incident, province: Province, cutoff: float, *, measure: str = "flow",
            population: str = "", known_at: datetime = NOON) -> float:  # fmt: skip
    table = count(
        incident, concept="arrivals", measure=measure, units=[province[VILLAGE].pk],
        ends=[at(cutoff, 23), at(cutoff, 24)], known_at=known_at, population=population,
    )  # fmt: skip
    return float(table[-1, 0])


# ---- registers


def test_refusals(drill: Incident, province: Province, cast: Cast) -> None:
    with pytest.raises(NotFound):
        entered(drill, province, cast.other_county_officer, arrival("p1", 9))
    with pytest.raises(FutureDay):
        entered(drill, province, cast.village_reporter, arrival("p1", 23))
    with pytest.raises(Missing):  # a person's event names the person
        entered(drill, province, cast.village_reporter, arrival("", 9))
    for change in (0, float("nan"), float("inf")):
        with pytest.raises(ReportError):
            entered(drill, province, cast.village_reporter, arrival("p1", 9, change=change))
    assert not RegisterEvent.objects.exists()


def test_any_cut_off_is_a_query(drill: Incident, province: Province, cast: Cast) -> None:
    events = [arrival("p1", 20, day=23), arrival("p2", 7), arrival("p3", 8), arrival("p4", 11.5)]
    entered(drill, province, cast.village_reporter, *events)
    assert counted(drill, province, 8) == 2  # from 8:00 yesterday to before 8:00 today
    assert counted(drill, province, 12) == 4
    assert counted(drill, province, 20) == 4  # p1 at 20:00 sharp opened this period, and is in it
    assert counted(drill, province, 12, measure="cum") == 4


def test_any_population_is_a_query(drill: Incident, province: Province, cast: Cast) -> None:
    entered(
        drill,
        province,
        cast.village_reporter,
        arrival("p1", 9, "students", "poor"),
        arrival("p2", 9),
    )
    assert counted(drill, province, 12, population="students") == 1
    assert counted(drill, province, 12, population="poor") == 1
    assert counted(drill, province, 12, population="sailors") == 0


def test_who_leaves_is_no_longer_in_stock_and_was_there(
    drill: Incident, province: Province, cast: Cast
) -> None:
    entered(drill, province, cast.village_reporter, arrival("p1", 9), arrival("p1", 11, change=-1))
    assert counted(drill, province, 10, measure="stock") == 1
    assert counted(drill, province, 12, measure="stock") == 0
    assert counted(drill, province, 12, measure="cum") == 1


def test_a_wrong_event_is_voided_and_what_was_known_then_stays(
    drill: Incident, province: Province, cast: Cast
) -> None:
    entered(drill, province, cast.village_reporter, arrival("p1", 9))
    event = RegisterEvent.objects.get()
    later = NOON + timedelta(hours=1)
    scope = scope_of(cast.village_reporter, at=later)
    with pytest.raises(Missing):
        void(event=event, reason=" ", actor=None, at=later, scope=scope)
    void(event=event, reason="another village", actor=None, at=later, scope=scope)
    with pytest.raises(EventVoided):
        void(event=event, reason="again", actor=None, at=later, scope=scope)
    assert counted(drill, province, 12, known_at=later) == 0
    assert counted(drill, province, 12, known_at=NOON) == 1
    assert RegisterEvent.objects.count() == 2


def test_a_replay_enters_nothing_and_no_number_is_kept(
    drill: Incident, province: Province, cast: Cast
) -> None:
    for _ in range(3):
        entered(drill, province, cast.village_reporter, arrival("411525-19700101-1234", 9))
    event = RegisterEvent.objects.get()
    assert "411525" not in event.subject
    assert event.expires_at is not None


# ---- the department's table


@pytest.fixture
def health(drill: Incident, province: Province, cast: Cast) -> DataRequest:
    """A health department's request, in effect since yesterday."""
    since = NOON - timedelta(days=2)
    actions.record_elements(
        package=drill.package, definitions=DICTIONARY.values(), at=since, by=None
    )
    asked = form(
        "HE",
        field("HE1", "village"),
        field("HE2", "arrivals", cutoff="08:00"),
        field("HE3", "arrivals", population="students", cutoff="08:00"),
        field("HE4", "soap", cutoff="12:00"),
        field("HE5", "soap", unit="t"),
        field("HE6", "worry"),
        field("HE7", "soap_used"),
        field("HE8", "flags"),
    )
    drafted = actions.draft_request(
        incident=drill, unit=province["10"], form=asked, why=Why("a", "b", "c"),
        by=cast.department, at=since, scope=system_scope(),
    )  # fmt: skip
    made, answer = actions.submit_request(
        request=drafted, by=cast.department, at=since, scope=system_scope()
    )
    for a in answer.fields:
        if a.row.asked_at is not None:
            actions.rule(
                field=a.row,
                ruling="same",
                reason="so",
                by=cast.analyst,
                at=since,
                scope=system_scope(),
            )
    return made


def send_soap(incident: Incident, province: Province, who: User, **more: object) -> None:
    submit_values(
        incident=incident, unit=province[VILLAGE], day=TODAY, values={"soap": 12},
        texts={"worry": "=1+1"}, actor=who, source="form", at=NOON, client_key="form-00001",
        scope=scope_of(who, at=NOON), **more,
    )  # type: ignore[arg-type]  # fmt: skip


def cells(request: DataRequest, *, scope: object = None) -> dict[str, list[object]]:
    table = department_table(
        request,
        day=TODAY,
        known_at=NOON,
        scope=scope or system_scope(),  # type: ignore[arg-type]
    )
    return {c.code: [row[i] for row in table.cells] for i, c in enumerate(table.columns)}


def test_each_column_is_made_as_its_lineage_says(
    drill: Incident, province: Province, cast: Cast, health: DataRequest
) -> None:
    entered(
        drill,
        province,
        cast.village_reporter,
        arrival("p1", 20, "students", day=23),
        arrival("p2", 9),
    )
    send_soap(drill, province, cast.village_reporter)
    stock = [Event("stock", "soap.received", 5, at(10))]
    entered(drill, province, cast.village_reporter, *stock, key="reg-00002")
    take_batch(incident=drill, rows=[Report(province[VILLAGE].pk, date(2020, 2, 23), {"soap": 10})],
               source="api", at=NOON, key="yesterday")  # fmt: skip
    first = {name: column[0] for name, column in cells(health).items()}
    assert first["HE1"] == province[VILLAGE].name
    assert first["HE2"] == 1  # by 08:00 only the one of the evening before
    assert first["HE3"] == 1
    assert first["HE4"] == 12
    assert first["HE5"] == pytest.approx(0.012)
    assert first["HE6"] == "=1+1"
    assert first["HE7"] == 10 + 5 - 12
    assert first["HE8"] is None  # rejected: an empty column with its reason
    assert cells(health)["HE4"][1] is None  # another village has not reported: empty, not zero
    assert cells(health)["HE2"][1] is None  # it keeps no register of persons: not zero either
    enter(
        incident=drill, unit=province["100101002"], events=[arrival("p9", 11)], actor=None, source="form",
        at=NOON, client_key="reg-00003", scope=system_scope(),
    )  # fmt: skip
    assert cells(health)["HE2"][1] == 0  # it does now, and by 08:00 nobody had arrived


def test_a_table_has_only_the_units_in_scope(
    cast: Cast, health: DataRequest, drill: Incident
) -> None:
    officer = cells(health, scope=scope_of(cast.county_officer, at=NOON))
    assert len(officer["HE1"]) == 2
    assert len(cells(health)["HE1"]) == 5


def test_the_health_department_opens_its_excel(
    drill: Incident, province: Province, cast: Cast, health: DataRequest, as_person: As
) -> None:
    send_soap(drill, province, cast.village_reporter)
    client = as_person(cast.department)
    response = client.get(reverse("report:table_xlsx", args=[health.pk]) + "?day=2020-02-24")
    assert response.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    table, about = book.worksheets
    assert [c.value for c in table[1]][2:4] == ["HE1", "HE2 (person)"]
    row = next(r for r in table.iter_rows(min_row=2, values_only=True) if r[0] == VILLAGE)
    assert 12 in row
    worry = next(c for r in table.iter_rows(min_row=2) for c in r if c.value == "=1+1")
    assert worry.data_type == "s"  # what came in as text leaves as text
    told = {r[0]: r for r in about.iter_rows(values_only=True)}
    assert told["HE4"][4] == "18:00"
    assert "12:00" in told["HE4"][7]
    assert TableRelease.objects.get().cells > 0


def test_a_departments_own_workbook_is_filled_by_its_cell_map(
    drill: Incident, province: Province, cast: Cast, health: DataRequest, as_person: As
) -> None:
    send_soap(drill, province, cast.village_reporter)
    mine = openpyxl.Workbook()
    sheet = mine.active
    sheet.title = "日报"
    sheet["B1"] = "肥皂"
    sheet["D1"] = "=SUM(B4:B8)"
    body = io.BytesIO()
    mine.save(body)
    cell_map = {
        "sheet": "日报",
        "first_row": 4,
        "columns": {"unit_code": "A", "HE4": "B", "HE6": "C"},
    }
    client = as_person(cast.department)
    address = reverse("report:table_template", args=[health.pk])
    file = SimpleUploadedFile("t.xlsx", body.getvalue())
    assert as_person(cast.analyst).post(address, {"file": file}).status_code == 403
    kept = client.post(address, {"file": SimpleUploadedFile("t.xlsx", body.getvalue()), "cell_map": json.dumps(cell_map)})  # fmt: skip
    assert kept.status_code == 302
    response = client.get(reverse("report:table_xlsx", args=[health.pk]) + "?day=2020-02-24")
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    assert book.sheetnames[0] == "日报"
    filled = book["日报"]
    assert filled["D1"].value == "=SUM(B4:B8)"  # the department's own formula stays
    assert (filled["A4"].value, filled["B4"].value) == (VILLAGE, 12)
    assert filled["C4"].value == "'=1+1"
    assert filled["C4"].data_type == "s"
    assert len(book.sheetnames) == 2


@pytest.mark.parametrize(
    "cell_map",
    [{}, {"columns": {"A": "A"}, "sheet": "none"}, {"columns": {"A": "?!"}}, {"columns": {"A": "A"}, "first_row": 0}],
)  # fmt: skip
def test_a_cell_map_that_cannot_be_used_says_why(cell_map: dict[str, object]) -> None:
    body = io.BytesIO()
    openpyxl.Workbook().save(body)
    with pytest.raises(CellMapWrong):
        fill(body.getvalue(), cell_map, rows=[])
    with pytest.raises(CellMapWrong):
        fill(b"no workbook", {"columns": {"A": "A"}}, rows=[])


def test_who_received_a_figure_is_told_of_its_correction_and_who_did_not_is_not(
    drill: Incident, province: Province, cast: Cast, health: DataRequest, as_person: As
) -> None:
    send_soap(drill, province, cast.village_reporter)
    as_person(cast.department).get(
        reverse("report:table_csv", args=[health.pk]) + "?day=2020-02-24"
    )
    later = NOON + timedelta(hours=1)
    submit_values(
        incident=drill, unit=province[VILLAGE], day=TODAY, values={"soap": 21}, actor=None, source="form",
        at=later, client_key="form-00002", scope=system_scope(), reasons={"soap": "figures swapped"},
    )  # fmt: skip
    told = corrected_since(health, known_at=later, scope=system_scope())
    assert [(v.value, v.reason) for v in told] == [(21, "figures swapped")]
    assert corrected_since(health, known_at=NOON, scope=system_scope()) == []
    other = replace(form("OT", field("OT1", "soap")))
    not_delivered = actions.draft_request(
        incident=drill, unit=province["10"], form=other, why=Why("a", "b", "c"), by=None, at=NOON, scope=system_scope()
    )  # fmt: skip
    assert corrected_since(not_delivered, known_at=later, scope=system_scope()) == []


def test_the_page_and_every_format_open(
    drill: Incident, cast: Cast, health: DataRequest, as_person: As
) -> None:
    client = as_person(cast.department)
    for name in ("table", "table_xlsx", "table_csv", "table_json"):
        assert client.get(reverse(f"report:{name}", args=[health.pk])).status_code == 200, name
    told = client.get(reverse("report:table_json", args=[health.pk])).json()
    assert [c["field"] for c in told["columns"]][:2] == ["HE1", "HE2"]
    assert as_person(cast.village_reporter).get(reverse("report:table_csv", args=[health.pk])).status_code in (403, 404)  # fmt: skip


# ---- the roll-up


def test_the_roll_up_sums_each_county_once_in_the_latest_version(
    drill: Incident, province: Province
) -> None:
    rows = [
        Report(province[code].pk, TODAY, {"fever": n, "masks_stock": 10 * n})
        for code, n in (("100101001", 1), ("100101002", 2), ("100102001", 4), ("100201001", 8))
    ]
    take_batch(incident=drill, rows=rows, source="api", at=NOON, key="a")
    later = NOON + timedelta(minutes=5)
    take_batch(incident=drill, rows=[Report(province["100101001"].pk, TODAY, {"fever": 5})], source="api",
               at=later, key="b", reason="recounted")  # fmt: skip

    def county(code: str, moment: datetime) -> tuple[float, int]:
        found = roll_up(drill, level="county", day=TODAY, known_at=moment)[province[code].pk][
            "fever"
        ]
        return found.total, found.reported

    assert county("100101", NOON) == (3, 2)
    assert county("100101", later) == (7, 2)
    assert county("100201", later) == (8, 1)
    whole = roll_up(drill, level="province", day=TODAY, known_at=later, elements=["masks_stock"])
    assert whole[province["10"].pk]["masks_stock"].total == 150
    assert set(whole[province["10"].pk]) == {"masks_stock"}


# ---- over the API


def api(client: Client, path: str, body: dict[str, object]) -> Any:
    return client.post(f"/api/report{path}", json.dumps(body), content_type="application/json")


SENT: dict[str, object] = {
    "unit": VILLAGE,
    "client_key": "api-00001",
    "events": [
        {"register": "person", "concept": "arrivals", "change": 1, "subject": "p1",
         "occurred_at": "2020-02-24T09:00", "populations": ["students"]},
    ],
}  # fmt: skip


def test_refusals_of_the_register_api(
    client: Client, cast: Cast, as_person: As, health: DataRequest
) -> None:
    for path in (
        "/requests",
        f"/requests/{health.pk}/table",
        f"/registers/count?unit={VILLAGE}&concept=arrivals",
    ):
        assert client.get(f"/api/report{path}").status_code == 401
    assert api(client, "/registers/events", SENT).status_code == 401
    assert api(as_person(cast.analyst), "/registers/events", SENT).status_code == 403
    other = as_person(cast.other_county_officer)
    assert api(other, "/registers/events", SENT).status_code == 404
    assert other.get(f"/api/report/requests/{health.pk}/table").status_code == 404
    wrong = {**SENT, "events": []}
    assert api(as_person(cast.village_reporter), "/registers/events", wrong).status_code == 422


def test_events_are_entered_counted_and_voided_over_the_api(
    cast: Cast, as_person: As, drill: Incident
) -> None:
    client = as_person(cast.village_reporter)
    where = f"/api/report/registers/count?unit={VILLAGE}&concept=arrivals"
    assert client.get(where).json()["count"] is None  # nobody keeps it yet
    for _ in range(2):
        assert api(client, "/registers/events", SENT).status_code == 200
    assert client.get(where).json()["count"] == 1
    assert client.get(f"{where}&until=2020-02-24T09:00").json()["count"] == 0  # half-open
    assert client.get(f"{where}&population=sailors").json()["count"] == 0
    event = RegisterEvent.objects.get()
    void_it = f"/registers/events/{event.pk}/void"
    assert api(client, void_it, {"reason": "another village"}).status_code == 200
    assert api(client, void_it, {"reason": "again"}).status_code == 409
    assert client.get(where).json()["count"] == 0


def test_a_table_over_the_api_says_how_each_column_is_met(
    cast: Cast, as_person: As, health: DataRequest
) -> None:
    client = as_person(cast.department)
    assert [r["code"] for r in client.get("/api/report/requests").json()] == ["HE"]
    told = client.get(f"/api/report/requests/{health.pk}/table?day=2020-02-24").json()
    assert {c["field"]: c["how"] for c in told["columns"]}["HE4"] == "asked"
    assert len(told["rows"]) == 5
