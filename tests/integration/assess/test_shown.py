"""Small counts outside the reader's right: hidden on every page, over the API and in every file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.test import Client

from cast import Cast
from yipan.access.models import Grant, User
from yipan.assess.models import Alarm, AlarmKind, Assessment, UnitSituation
from yipan.assess.shown import by_size, trace_shown
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


@pytest.fixture
def reader(cast: Cast, evening: Assessment, as_person: As) -> Client:
    """Somebody who may read the assessment and export it, and no count of a small place."""
    Grant.objects.filter(user=cast.auditor).update(sensitivity=0)
    return as_person(cast.auditor)


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def birch(client: Client) -> dict[str, str]:
    text = page(client, "/assess/counties.csv").removeprefix("\ufeff")
    return next(r for r in csv.DictReader(StringIO(text)) if r["code"] == "100102")


def test_the_files_mark_a_small_count_and_keep_zero_and_large_ones(reader: Client) -> None:
    row = birch(reader)
    assert row["confirmed"] in ("<5", "…")  # four
    assert row["confirmed_14d"] == "0"
    assert row["tier"] == "low"
    features = json.loads(page(reader, "/assess/counties.geojson"))["features"]
    counts = {f["id"]: f["properties"]["confirmed"] for f in features}
    assert counts["100102"] == row["confirmed"]
    assert 4 not in counts.values()


def test_who_may_sees_it_exactly(cast: Cast, evening: Assessment, as_person: As) -> None:
    assert birch(as_person(cast.analyst))["confirmed"] == "4"


def test_the_page_of_the_county_says_none_of_it(reader: Client) -> None:
    text = page(reader, "/assess/counties/100102/")
    assert "small counts, not shown here" in text
    assert "fewer than 5" in text or "not shown" in text
    assert "4 in all" not in text
    assert '"reported":[null' in text.replace(" ", "")


def test_the_page_of_its_city_hides_it_too(reader: Client) -> None:
    rows = page(reader, "/assess/cities/1001/").split("<tr>")
    row = next(r for r in rows if ">Birch</a></th>" in r).partition("</tr>")[0]
    assert ">4<" not in row
    assert "fewer than 5" in row or "not shown" in row


def test_the_api_gives_the_same_answer_and_no_trace_of_it(reader: Client) -> None:
    one = reader.get("/api/assess/situations/100102").json()
    many = {s["code"]: s for s in reader.get("/api/assess/situations").json()}
    assert one == many["100102"]
    assert one["confirmed"] == birch(reader)["confirmed"]
    assert all(v is None for step in one["trace"] for v in step["values"].values())
    changes = reader.get("/api/assess/tier-changes?code=100102").json()
    assert changes
    assert all(v is None for c in changes for step in c["trace"] for v in step["values"].values())


def test_an_alarm_of_few_cases_tells_no_number(
    reader: Client, evening: Assessment, cast: Cast, as_person: As
) -> None:
    Alarm.objects.create(
        incident=evening.incident, assessment=evening, unit=Unit.objects.get(code="100102"),
        kind=AlarmKind.EXCESS, day=evening.data_day, at=evening.known_at, observed=3,
        expected=0.1, p_value=0.0001, evidence={"window_days": 3, "null": "the rate of the days before"},
    )  # fmt: skip
    for path in ("/assess/alarms/", "/assess/"):
        text = page(reader, path)
        assert "small counts, not shown here" in text
        assert "3 cases in 3 days" not in text
    (told,) = [a for a in reader.get("/api/assess/alarms").json() if a["kind"] == "excess"]
    assert (told["observed"], told["expected"], told["p_value"]) == ("<5", None, None)
    assert "3 cases in 3 days" in page(as_person(cast.analyst), "/assess/alarms/")


def test_hiding_writes_nothing(reader: Client, evening: Assessment) -> None:
    page(reader, "/assess/counties/100102/")
    assert UnitSituation.objects.get(assessment=evening, unit__code="100102").confirmed == 4


def test_a_trace_keeps_what_was_unknown() -> None:
    trace = [{"number": 1, "outcome": "unknown", "values": {"a": None, "b": 3}}]
    assert trace_shown(trace) == [{"number": 1, "outcome": "unknown", "values": {"a": None}}]
    assert by_size(None) == 0.0
