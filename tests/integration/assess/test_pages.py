"""The pages of assess: refusals first, then what they say, in both languages and at past moments."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from yipan.access.models import AuditRecord, User
from yipan.access.scope import Scope, system_scope
from yipan.assess import views
from yipan.assess.gaps.queries import gaps, unscreened
from yipan.assess.models import Assessment
from yipan.places.models import Unit
from yipan.report.actions import submit_values
from yipan.report.contacts.queries import UnitLoad, Unscreened

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
PAGES = ["/assess/", "/assess/counties/100101/", "/assess/cities/1001/", "/assess/counties.csv"]


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def rows(client: Client, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text(client, path).removeprefix("\ufeff"))))


def picture(page: str, element: str) -> dict[str, Any]:
    found = re.search(
        rf'<yipan-{element} [^>]*><script type="application/json">(.*?)</script>', page, re.S
    )
    assert found is not None, element
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize("path", [*PAGES, "/assess/gaps/"])
def test_nobody_is_sent_to_the_door(client: Client, evening: Assessment, path: str) -> None:
    assert client.get(path).status_code in (302, 401)


@pytest.mark.parametrize("path", PAGES)
def test_the_front_line_reads_no_assessments(
    cast: Cast, evening: Assessment, as_person: As, path: str
) -> None:
    assert as_person(cast.village_reporter).get(path).status_code in (403, 404)
    assert as_person(cast.stranger).get(path).status_code in (403, 404)


def test_a_county_out_of_sight_is_not_there(cast: Cast, evening: Assessment, as_person: As) -> None:
    client = as_person(cast.other_county_officer)
    out_of_sight = client.get("/assess/counties/100101/")
    absent = client.get("/assess/counties/999999/")
    assert out_of_sight.status_code == absent.status_code == 404


def test_lists_and_files_hold_only_what_is_in_scope(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    assert [r["code"] for r in rows(client, "/assess/counties.csv")] == ["100101"]
    page = text(client, "/assess/?tier=low")
    assert "Birch" not in page
    assert "Cedar" not in text(client, "/assess/")


def test_a_county_officer_reads_of_the_own_places(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    page = text(as_person(cast.county_officer), "/assess/")
    assert "Nobody in your places is silent" in page
    assert 'id="cities"' not in page


def test_only_who_may_assess_can_assess_now(cast: Cast, evening: Assessment, as_person: As) -> None:
    assert as_person(cast.department).post("/assess/now/").status_code == 403
    assert as_person(cast.analyst).get("/assess/now/").status_code == 405
    assert as_person(cast.analyst).post("/assess/now/").status_code == 302
    assert Assessment.objects.count() == 1  # the clock stands: this moment is assessed already


def test_nothing_is_assessed_in_the_past(cast: Cast, evening: Assessment, as_person: As) -> None:
    client = as_person(cast.analyst)
    assert client.post("/assess/now/?at=2020-02-20T18:00").status_code == 409


def test_the_province_says_its_numbers(cast: Cast, evening: Assessment, as_person: As) -> None:
    page = text(as_person(cast.analyst), "/assess/")
    assert "No new case on 23 Feb; 72 in all." in page
    assert "1 county is high, 0 medium, 1 is not heard from." in page
    curve = picture(page, "curve")
    assert curve["reported"] == evening.series["confirmed_new"]
    assert curve["dates"][-1] == "2020-02-23"
    assert "Rt: too few cases to say" in page


def test_the_county_says_its_tier_and_what_would_change_it(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    page = text(as_person(cast.county_officer), "/assess/counties/100101/")
    assert "Alder is high: 12 new cases in 14 days, 60 in all." in page
    assert "If no further case is confirmed, with the counts of 6 Mar" in page
    assert "If there is no cluster outbreak" in page
    assert picture(page, "curve")["reported"][0] == 40
    assert "rule 4" in page


def test_the_county_in_chinese(cast: Cast, evening: Assessment, as_person: As) -> None:
    cast.analyst.language = "zh-hans"
    cast.analyst.save(update_fields=["language"])
    page = text(as_person(cast.analyst), "/assess/counties/100101/")
    assert "赤杨县为高风险：14天内新增12例，累计60例。" in page
    assert "If no" not in page


def test_who_was_not_heard_from_has_no_data_and_its_last_counts(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    page = text(as_person(cast.analyst), "/assess/counties/100201/")
    assert "Cedar has no data for 23 Feb; before that 0 new cases in 14 days, 0 in all." in page


def test_a_city_shows_what_no_county_reported(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    page = text(as_person(cast.analyst), "/assess/cities/1001/")
    assert re.search(r"Reported by no county</dt><dd class=\"v\">3<", page)
    assert picture(page, "band")["dates"] == evening.series["dates"]


def test_the_gaps_name_the_silent(cast: Cast, evening: Assessment, as_person: As) -> None:
    page = text(as_person(cast.analyst), "/assess/gaps/")
    assert "Cedar" in page
    assert "County: 2 of 3 have reported 23 Feb" in page


def test_a_level_of_which_nothing_is_asked_owes_nothing(evening: Assessment) -> None:
    Unit.objects.filter(level="city").update(level="facility", reports=True)
    found = gaps(evening.incident, at=evening.known_at, scope=system_scope())
    assert [g.level for g in found] == ["county", "village"]


def test_files_carry_the_moment_and_are_recorded(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    client = as_person(cast.analyst)
    counties = {r["code"]: r for r in rows(client, "/assess/counties.csv")}
    assert counties["100101"]["confirmed"] == "60"
    assert counties["100201"]["confirmed_new"] == ""  # nobody said: empty, not 0
    assert counties["100101"]["known_at"].startswith("2020-02-24T")
    days = rows(client, "/assess/series.csv")
    assert [r["confirmed"] for r in days][-1] == "72"
    assert rows(client, "/assess/tier-changes.csv")[0]["pack"] == "china-2020-02"
    exported = AuditRecord.objects.filter(event="assess.exported", actor=cast.analyst)
    assert [r.detail["what"] for r in exported.order_by("pk")] == [
        "county", "series", "tier-changes",
    ]  # fmt: skip


def test_points_for_a_map_hold_what_the_file_holds(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    Unit.objects.filter(code="100101").update(lon=113.5, lat=34.0)
    found = json.loads(text(as_person(cast.analyst), "/assess/counties.geojson"))
    by_code = {f["id"]: f for f in found["features"]}
    assert by_code["100101"]["geometry"] == {"type": "Point", "coordinates": [113.5, 34.0]}
    assert by_code["100102"]["geometry"] is None
    assert by_code["100101"]["properties"]["tier"] == "high"
    assert by_code["100201"]["properties"]["confirmed_new"] is None
    officer = json.loads(text(as_person(cast.county_officer), "/assess/counties.geojson"))
    assert [f["id"] for f in officer["features"]] == ["100101"]


def test_a_past_moment_shows_nothing_made_later(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    page = text(as_person(cast.analyst), "/assess/?at=2020-02-20T18:00")
    assert "Nothing has been assessed yet." in page
    assert "Assess now" not in page


def test_households_that_screening_did_not_reach_are_added_up_by_county(
    cast: Cast, evening: Assessment, as_person: As
) -> None:
    incident = evening.incident
    for code, checked, missed in (("100101001", 90, 7), ("100101002", 80, 0), ("100102001", 50, 3)):
        submit_values(
            incident=incident,
            unit=Unit.objects.get(code=code),
            day=date(2020, 2, 24),
            values={"households_checked": checked, "households_not_reached": missed},
            actor=None,
            source="api",
            at=incident.clock_at,
            client_key=f"screening-{code}",
            scope=system_scope(),
        )
    day, found = unscreened(incident, at=incident.clock_at, scope=system_scope())
    assert day == date(2020, 2, 24)
    assert [(r.county.code, r.not_reached, r.checked, r.villages) for r in found] == [
        ("100101", 7, 170, 1), ("100102", 3, 50, 1),
    ]  # fmt: skip
    page = text(as_person(cast.county_officer), "/assess/gaps/")
    assert "Households not reached by screening" in page
    assert "Birch" not in page


def test_no_link_leads_where_nobody_may_go(cast: Cast, evening: Assessment, as_person: As) -> None:
    officer = as_person(cast.county_officer)
    page = text(officer, "/assess/counties/100101/")
    assert officer.get("/assess/cities/1001/").status_code == 404
    assert "/assess/cities/1001/" not in page
    assert "/assess/cities/1001/" in text(as_person(cast.analyst), "/assess/counties/100101/")
    auditor = as_person(cast.auditor)
    assert auditor.get("/assess/gaps/").status_code == 403
    assert "/assess/gaps/" not in text(auditor, "/assess/").partition("<main")[2]


def test_gaps_tell_of_contacts_and_places_to_those_who_trace(
    cast: Cast, evening: Assessment, as_person: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Unit.objects.get(code="100101")
    asked = []

    def late(incident: object, *, known_at: object, scope: Scope) -> list[UnitLoad]:
        asked.append(scope.user)
        return [UnitLoad(place, 9, 2, 7, 0, 3)]

    def waiting(incident: object, *, known_at: object, scope: Scope) -> list[Unscreened]:
        return [Unscreened(place, 4, date(2020, 2, 20), 4)]

    monkeypatch.setattr(views, "contacts_not_followed", late)
    monkeypatch.setattr(views, "places_not_screened", waiting)
    page = text(as_person(cast.county_officer), "/assess/gaps/")
    assert asked == [cast.county_officer]
    assert "1 unit has contacts not followed up in time" in page
    assert "1 place where cases were has not been screened since" in page
