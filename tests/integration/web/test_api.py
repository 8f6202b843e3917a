"""The one API: refused without a session, scoped like the pages, described whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from cast import Cast
from front import Front
from living import at
from yipan.access.models import User

pytestmark = pytest.mark.django_db
Door = Callable[[User | None], Client]
PUBLIC = {"/api/status-record"}  # how often statuses were wrong is published


@pytest.mark.parametrize(
    "path", ["/api/board", "/api/me", "/api/places/units", "/api/orders/inbox"]
)
def test_nobody_gets_401(door: Door, living: Front, path: str) -> None:
    answer = door(None).get(path)
    assert answer.status_code == 401
    assert answer.json()["code"].startswith("S7")


def test_a_village_reporter_gets_403(door: Door, living: Front, cast: Cast) -> None:
    answer = door(cast.village_reporter).get("/api/board")
    assert answer.status_code == 403
    assert answer.json()["code"] == "S703"


def test_an_unknown_number_is_404(door: Door, living: Front, cast: Cast) -> None:
    assert door(cast.commander).get("/api/board/numbers/happiness").status_code == 404


def test_a_moment_in_the_future_is_400(door: Door, living: Front, cast: Cast) -> None:
    answer = door(cast.commander).get("/api/board?at=2031-01-01T00:00")
    assert (answer.status_code, answer.json()["code"]) == (400, "S710")


def test_the_board_says_what_the_page_says(
    door: Door, living: Front, cast: Cast, morning: datetime
) -> None:
    client = door(cast.commander)
    told = client.get("/api/board").json()
    assert told["headline"].startswith("3 new cases on 17 Feb.")
    assert told["data_day"] == "2020-02-17"
    assert {t["tier"]: t["counties"] for t in told["tiers"]}["high"] == 1
    page = client.get("/").content.decode()
    for figure in told["figures"]:
        assert f'data-n="{figure["key"]}">{figure["value"]}</a>' in page
    before = client.get("/api/board" + at(morning, days=1)).json()
    assert (before["past"], before["data_day"]) == (True, "2020-02-16")


def test_a_county_officer_counts_one_county(door: Door, living: Front, cast: Cast) -> None:
    told = door(cast.county_officer).get("/api/board").json()
    assert sum(t["counties"] for t in told["tiers"]) == 1


def test_every_verb_is_described(door: Door, living: Front, cast: Cast) -> None:
    described = door(cast.commander).get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    rooms = {path.split("/")[2] for path in described["paths"]}
    assert {"board", "places", "report", "assess", "plan", "orders", "me"} <= rooms
    verbs = [verb for path in described["paths"].values() for verb in path.values()]
    assert all(verb["summary"] for verb in verbs)
    open_to_all = {
        path
        for path, item in described["paths"].items()
        for verb in item.values()
        if not verb.get("security")
    }
    assert open_to_all <= PUBLIC
    names = [verb["operationId"] for verb in verbs]
    assert len(names) == len(set(names))


def test_no_page_of_the_api_fetches_scripts_from_elsewhere(door: Door, cast: Cast) -> None:
    assert door(cast.commander).get("/api/docs").status_code == 404
