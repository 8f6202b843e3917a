"""Assess over the API: refusals first, then the same numbers as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from yipan.access.models import User
from yipan.assess.models import Assessment

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ROOT = "/api/assess"
PATHS = ["/assessments", "/assessments/latest", "/series", "/situations", "/tier-changes", "/gaps"]


def read(client: Client, path: str) -> Any:
    answer = client.get(ROOT + path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def assess(client: Client, known_at: str) -> Any:
    return client.post(
        f"{ROOT}/assessments", json.dumps({"known_at": known_at}), content_type="application/json"
    )


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_nothing(client: Client, evening: Assessment, path: str) -> None:
    assert client.get(ROOT + path).status_code == 401


@pytest.mark.parametrize("path", PATHS[:-1])
def test_the_front_line_reads_no_assessments(
    cast: Cast, evening: Assessment, as_person: As, path: str
) -> None:
    assert as_person(cast.village_reporter).get(ROOT + path).status_code == 403


def test_only_who_may_assess_can(cast: Cast, evening: Assessment, as_person: As) -> None:
    assert assess(as_person(cast.department), "2020-02-20T18:00").status_code == 403


def test_out_of_sight_and_absent_look_the_same(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.other_county_officer)
    answers = [client.get(f"{ROOT}/situations/{code}") for code in ("100101", "999999")]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].json()["code"] == answers[1].json()["code"] == "K004"


def test_before_the_first_assessment_there_is_none(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    answer = as_person(cast.analyst).get(f"{ROOT}/assessments/latest?at=2020-02-20T18:00")
    assert answer.status_code == 404
    assert answer.json()["code"] == "A202"


def test_the_future_and_nonsense_are_refused(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.analyst)
    future = assess(client, "2020-02-25T18:00")
    assert (future.status_code, future.json()["code"]) == (422, "A201")
    assert assess(client, "yesterday").status_code == 422


def test_a_moment_is_assessed_once(cast: Cast, evening: Assessment, as_person: As) -> None:
    client = as_person(cast.analyst)
    first = assess(client, "2020-02-20T18:00").json()
    assert first["data_day"] == "2020-02-19"
    assert assess(client, "2020-02-20T18:00").json()["id"] == first["id"]
    assert [a["data_day"] for a in read(client, "/assessments")] == ["2020-02-23", "2020-02-19"]


def test_the_latest_assessment_and_its_units(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.analyst)
    latest = read(client, "/assessments/latest")
    assert latest["province"]["confirmed"] == 72
    assert latest["headline"].startswith("No new case on 23 Feb")
    counties = {s["code"]: s for s in read(client, "/situations")}
    assert {code: s["tier"] for code, s in counties.items()} == {
        "100101": "high", "100102": "low", "100201": "no_data",
    }  # fmt: skip
    assert counties["100201"]["confirmed_new"] is None
    assert [s["code"] for s in read(client, "/situations?level=city")] == ["1001", "1002"]
    assert [s["code"] for s in read(client, "/situations?tier=low")] == ["100102"]
    assert read(client, "/series") == evening.series
    assert read(client, "/tier-changes?code=100101")[0]["after"] == "high"


def test_a_county_officer_gets_the_own_county_alone(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    assert [s["code"] for s in read(client, "/situations")] == ["100101"]
    assert {c["code"] for c in read(client, "/tier-changes")} == {"100101"}
    silent = [code for gap in read(client, "/gaps") for code in gap["silent"]]
    assert all(code.startswith("100101") for code in silent)
