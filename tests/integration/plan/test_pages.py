"""The pages and the API of plan: refusals first, then what a commander sees and does."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from yipan.access.models import User
from yipan.assess.models import Assessment
from yipan.plan.models import Scenario, Signature

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
API = "/api/plan/scenarios"


def addresses(scenario: Scenario) -> list[str]:
    pk = scenario.pk
    pages = ["/plan/", f"/plan/{pk}/", f"/plan/{pk}/counties/"]
    files = [
        f"/plan/{pk}/{name}.csv" for name in ("options", "openings", "counties", "assumptions")
    ]
    return [*pages, *files]


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


# ---- refusals


def test_nobody_is_shown_the_door(client: Client, scenario: Scenario) -> None:
    for address in addresses(scenario):
        assert client.get(address).status_code == 302, address
    assert client.post(f"/plan/{scenario.pk}/sign/").status_code == 401
    assert client.get(API).status_code == 401
    assert post(client, f"{API}/{scenario.pk}/signature", {}).status_code == 401


def test_roles_that_do_not_read_plans_are_refused(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.village_reporter)
    for address in addresses(scenario):
        assert client.get(address).status_code == 403, address
    assert client.get(API).status_code == 403


def test_who_reads_does_not_sign_nor_run(cast: Cast, as_person: As, scenario: Scenario) -> None:
    body = {"option": "tiered", "reason": "because"}
    department = as_person(cast.department)
    assert department.post(f"/plan/{scenario.pk}/sign/", body).status_code == 403
    assert post(department, f"{API}/{scenario.pk}/signature", body).status_code == 403
    assert department.post("/plan/make/").status_code == 403
    assert post(department, API, {}).status_code == 403
    assert not Signature.objects.exists()


def test_what_does_not_exist_is_not_found(cast: Cast, as_person: As, scenario: Scenario) -> None:
    client = as_person(cast.commander)
    assert client.get(f"/plan/{scenario.pk + 1}/").status_code == 404
    assert client.get(f"/plan/{scenario.pk}/?option=perfect").status_code == 404
    assert client.get(f"{API}/{scenario.pk + 1}").status_code == 404
    assert client.get(f"{API}/{scenario.pk}/options/perfect/counties").status_code == 404


def test_a_signature_without_a_reason_keeps_the_page(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.commander)
    answer = client.post(f"/plan/{scenario.pk}/sign/", {"option": "open", "reason": " "})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "P305" in page
    assert 'value="open" checked' in page


def test_a_second_signature_is_a_conflict(cast: Cast, as_person: As, scenario: Scenario) -> None:
    client = as_person(cast.commander)
    path = f"{API}/{scenario.pk}/signature"
    assert post(client, path, {"option": "hold", "reason": "wait"}).status_code == 200
    again = post(client, path, {"option": "open", "reason": "go"})
    assert (again.status_code, again.json()["code"]) == (409, "P304")


def test_too_few_or_too_many_runs_are_malformed(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.analyst)
    assert post(client, API, {"members": 2}).status_code == 422
    assert post(client, API, {"members": 10**7}).status_code == 422


# ---- what is shown


def test_every_page_and_file_opens(cast: Cast, as_person: As, scenario: Scenario) -> None:
    client = as_person(cast.commander)
    for address in addresses(scenario):
        assert client.get(address).status_code == 200, address


def test_before_the_first_scenario_the_page_says_how_to_make_one(
    cast: Cast, as_person: As, assessment: Assessment
) -> None:
    page = as_person(cast.analyst).get("/plan/").content.decode()
    assert "No options have been put side by side yet" in page
    assert 'action="/plan/make/"' in page
    assert 'action="/plan/make/"' not in as_person(cast.department).get("/plan/").content.decode()


def test_the_page_holds_nothing_inline(cast: Cast, as_person: As, scenario: Scenario) -> None:
    page = as_person(cast.commander).get("/plan/").content.decode()
    assert " style=" not in page
    assert "onclick" not in page
    scripts = [part.split(">")[0] for part in page.split("<script")[1:]]
    assert all("src=" in s or 'type="application/json"' in s for s in scripts)


def test_a_county_officer_sees_the_province_and_only_their_own_county(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.county_officer)
    assert client.get("/plan/").status_code == 200
    rows = list(csv.DictReader(StringIO(client.get(f"/plan/{scenario.pk}/counties.csv").content.decode("utf-8-sig"))))  # fmt: skip
    assert [row["code"] for row in rows] == ["100101"]
    told = client.get(f"{API}/{scenario.pk}/options/open/counties").json()
    assert [row["unit"] for row in told] == ["100101"]


def test_a_commander_signs_and_the_decision_stands_on_the_page(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.commander)
    answer = client.post(
        f"/plan/{scenario.pk}/sign/", {"option": "tiered", "reason": "beds stay free"}
    )
    assert answer.status_code == 302
    page = client.get(f"/plan/{scenario.pk}/").content.decode()
    assert "Signed: Staged by tier" in page
    assert "beds stay free" in page
    assert f'action="/plan/{scenario.pk}/sign/"' not in page


def test_the_api_makes_a_scenario_from_the_latest_assessment(
    cast: Cast, as_person: As, assessment: Assessment, told_members: None
) -> None:
    made = post(as_person(cast.analyst), API, {"members": 20, "seed": 3})
    assert made.status_code == 200
    told = made.json()
    assert told["assessment"] == assessment.pk
    assert [o["key"] for o in told["options"]] == ["hold", "tiered", "open"]
    kept = as_person(cast.auditor).get(f"{API}/{told['id']}/assumptions").json()
    assert {f["source"] for f in kept["figures"]} <= set(kept["sources"])


def test_the_file_of_openings_is_what_the_option_orders(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    text = as_person(cast.commander).get(f"/plan/{scenario.pk}/openings.csv").content
    rows = list(csv.DictReader(StringIO(text.decode("utf-8-sig"))))
    option = scenario.options.get(key="tiered")
    told = [r["level"] for r in rows if (r["option"], r["tier"], r["setting"]) == ("tiered", "low", "schools")]  # fmt: skip
    assert [int(level) for level in told] == option.openings["low"]["schools"]
