"""The API of access and places: 401, 403, 404, 409, 422 first, then what it answers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import include, path
from django.utils import timezone
from ninja import NinjaAPI

from cast import Cast, Province, person
from yipan.access import actions, api
from yipan.access.chain import seal, verify
from yipan.access.models import ApiToken, Incident, Installation, Role, User
from yipan.access.rules import Action
from yipan.places import api as places_api

pytestmark = pytest.mark.django_db


class Addresses:
    """Only the API, so that these tests need no other room."""

    joined = NinjaAPI(urls_namespace="test-access-api")
    joined.add_router("/access", api.router)
    joined.add_router("/places", places_api.router, auth=api.AUTH)
    api.tell_refusals(joined)
    urlpatterns = (
        path("api/", joined.urls),
        path("", include("yipan.access.account_urls")),
        path("", include("yipan.access.urls")),
    )


@pytest.fixture(autouse=True)
def only_the_api(settings: Any, db: None) -> None:
    settings.ROOT_URLCONF = Addresses
    Installation.objects.create(pk=1, created_at=timezone.now())


def caller(user: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def machine(user: User, *acts: Action, **limits: Any) -> dict[str, Any]:
    now = timezone.now()
    _token, secret = actions.issue_token(
        user=user,
        name="test",
        actions=acts,
        expires_at=limits.get("expires_at", now + timedelta(days=1)),
        by=user,
        at=limits.get("at", now),
    )
    return {"headers": {"authorization": f"Bearer {secret}"}}


def post(client: Client, address: str, body: dict[str, Any], **extra: Any) -> Any:
    return client.post(address, body, content_type="application/json", **extra)


DRILL: dict[str, Any] = {
    "slug": "drill",
    "name_zh": "演练",
    "name_en": "Drill",
    "disease": "other",
    "places": ["100101"],
    "response_level": 3,
    "exercise": True,
    "reason": "to practise",
}
READS = ["me", "incidents", "incidents/outbreak-2020", "audit", "audit/anchors"]


# ---- 401 ----


@pytest.mark.parametrize(
    "what", [*(f"access/{r}" for r in READS), "places/packages", "places/units"]
)
def test_nobody_gets_nothing(client: Client, incident: Incident, what: str) -> None:
    response = client.get(f"/api/{what}")
    assert response.status_code == 401
    assert response.json()["code"] == "S701"


@pytest.mark.parametrize(
    "header", ["Bearer yipan_wrong", "Bearer ", "Bearer", "Basic YTpi", "yipan_wrong"]
)
def test_a_token_that_does_not_open_is_refused(client: Client, header: str) -> None:
    response = client.get("/api/access/me", headers={"authorization": header})
    assert response.status_code == 401
    assert response.json()["code"] in ("S701", "S719")


def test_a_token_closes_when_it_expires_is_revoked_or_its_person_leaves(cast: Cast) -> None:
    now = timezone.now()
    expired = machine(
        cast.analyst, Action.PLACE_READ, at=now - timedelta(days=2), expires_at=now - timedelta(1)
    )
    revoked = machine(cast.analyst, Action.PLACE_READ)
    actions.revoke_token(token=ApiToken.objects.latest("pk"), by=cast.analyst, at=now)
    gone = machine(cast.department, Action.PLACE_READ)
    actions.set_active(user=cast.department, active=False, by=cast.administrator, at=now)
    for key in (expired, revoked, gone):
        response = Client().get("/api/access/me", **key)
        assert response.status_code == 401
        assert response.json()["code"] == "S719"


# ---- 403 ----


def test_a_session_without_the_csrf_token_changes_nothing(cast: Cast) -> None:
    response = post(caller(cast.commander), "/api/access/incidents", DRILL)
    assert response.status_code == 403
    assert response.json()["code"] == "S702"
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    "who", ["village_reporter", "county_officer", "department", "analyst", "auditor"]
)
def test_only_who_manages_incidents_changes_them(cast: Cast, incident: Incident, who: str) -> None:
    key = machine(getattr(cast, who), Action.PLACE_READ)
    for address, body in (
        ("incidents", DRILL),
        ("incidents/outbreak-2020/level", {"response_level": 4, "reason": "x"}),
        ("incidents/outbreak-2020/stand-down", {"reason": "x"}),
    ):
        response = post(Client(), f"/api/access/{address}", body, **key)
        assert response.status_code == 403
        assert response.json()["code"] == "S703"
    incident.refresh_from_db()
    assert (incident.response_level, incident.stood_down_at) == (1, None)


def test_a_token_is_narrower_than_its_person(cast: Cast) -> None:
    key = machine(cast.commander, Action.PLACE_READ)
    assert post(Client(), "/api/access/incidents", DRILL, **key).status_code == 403
    mine = Client().get("/api/access/me", **key).json()
    assert mine["actions"] == ["place.read"]


def test_a_role_ended_ends_its_tokens_right(cast: Cast) -> None:
    key = machine(cast.commander, Action.INCIDENT_MANAGE)
    actions.end_grant(grant=cast.commander.grants.get(), by=cast.administrator, at=timezone.now())
    assert post(Client(), "/api/access/incidents", DRILL, **key).status_code == 403


def test_who_reads_no_audit_gets_none(cast: Cast) -> None:
    assert caller(cast.commander).get("/api/access/audit").status_code == 403


def test_an_account_without_a_role_sees_no_places(cast: Cast) -> None:
    assert caller(cast.stranger).get("/api/places/units").status_code == 403


# ---- 404: out of sight looks like absent ----


def test_what_is_out_of_sight_is_told_like_what_is_absent(cast: Cast, province: Province) -> None:
    client = caller(cast.county_officer)
    for ask in ("units/{}", "units/{}/children", "units?parent={}", "units?after={}"):
        hidden = client.get(f"/api/places/{ask.format('100201')}")
        absent = client.get(f"/api/places/{ask.format('999999')}")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.content.replace(b"100201", b"?") == absent.content.replace(b"999999", b"?")


def test_an_incident_elsewhere_looks_absent(cast: Cast, province: Province) -> None:
    actions.create_incident(
        package=province.package,
        slug="cedar",
        name_zh="雪松",
        name_en="Cedar",
        disease="other",
        places=[province["100201"]],
        response_level=4,
        exercise=False,
        at=timezone.now(),
    )
    client = caller(cast.county_officer)
    assert client.get("/api/access/incidents").json() == []
    assert client.get("/api/access/incidents/cedar").status_code == 404
    assert caller(cast.other_county_officer).get("/api/access/incidents/cedar").status_code == 200


def test_an_incident_at_a_place_out_of_sight_is_not_made(cast: Cast, province: Province) -> None:
    local = person("local", Role.COMMANDER, province["1001"])
    key = machine(local, Action.INCIDENT_MANAGE, Action.PLACE_READ)
    body = {**DRILL, "places": ["100101", "100201"]}
    assert post(Client(), "/api/access/incidents", body, **key).status_code == 404
    assert not Incident.objects.exists()


# ---- 409 and 422 ----


def test_conflicts_are_told_as_conflicts(cast: Cast, incident: Incident) -> None:
    key = machine(cast.commander, Action.INCIDENT_MANAGE)
    twice = post(Client(), "/api/access/incidents", {**DRILL, "slug": incident.slug}, **key)
    same = post(
        Client(),
        "/api/access/incidents/outbreak-2020/level",
        {"response_level": 1, "reason": "x"},
        **key,
    )
    silent = post(
        Client(), "/api/access/incidents/outbreak-2020/stand-down", {"reason": " "}, **key
    )
    for response in (twice, same, silent):
        assert response.status_code == 409
        assert response.json()["code"] == "S717"
        assert response.json()["remedy"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"places": []},
        {"slug": "a b"},
        {"response_level": "high"},
        {"reason": ""},
        {"name_zh": "x" * 300},
    ],
    ids=str,
)
def test_malformed_input_is_named(cast: Cast, wrong: dict[str, Any]) -> None:
    key = machine(cast.commander, Action.INCIDENT_MANAGE)
    response = post(Client(), "/api/access/incidents", {**DRILL, **wrong}, **key)
    assert response.status_code == 422
    assert response.json()["code"] == "K022"
    assert next(iter(wrong)) in response.json()["where"]


def test_the_past_is_read_only(cast: Cast, incident: Incident) -> None:
    key = machine(cast.commander, Action.INCIDENT_MANAGE)
    address = "/api/access/incidents/outbreak-2020/stand-down?at=2020-02-01T00:00"
    response = post(Client(), address, {"reason": "over"}, **key)
    assert response.status_code == 409
    assert response.json()["code"] == "S709"


# ---- what it answers ----


def test_me_says_who_and_what(cast: Cast) -> None:
    mine = caller(cast.county_officer).get("/api/access/me").json()
    assert mine["username"] == "county_officer"
    assert mine["holdings"] == [
        {"role": "county_officer", "unit": "100101", "unit_name": "Alder", "sensitivity": 2}
    ]
    assert "report.read" in mine["actions"]
    assert "plan.sign" not in mine["actions"]


def test_an_incident_lives_its_life(cast: Cast, province: Province) -> None:
    key = machine(cast.commander, Action.INCIDENT_MANAGE, Action.PLACE_READ)
    made = post(Client(), "/api/access/incidents", DRILL, **key)
    assert made.status_code == 201
    assert made.json()["response_level"] == "III"
    raised = post(
        Client(),
        "/api/access/incidents/drill/level",
        {"response_level": 1, "reason": "grows"},
        **key,
    )
    assert raised.json()["response_level"] == "I"
    ended = post(Client(), "/api/access/incidents/drill/stand-down", {"reason": "done"}, **key)
    assert ended.json()["stood_down_at"]
    listed = Client().get("/api/access/incidents", {"active": "true"}, **key)
    assert listed.json() == []


def test_a_machine_needs_no_csrf_and_its_use_is_remembered(cast: Cast) -> None:
    key = machine(cast.analyst, Action.PLACE_READ)
    client = Client(enforce_csrf_checks=True)
    assert client.get("/api/access/me", **key).status_code == 200
    assert ApiToken.objects.get().last_used_at is not None


def test_the_audit_is_read_page_by_page(cast: Cast, incident: Incident) -> None:
    client = caller(cast.auditor)
    first = client.get("/api/access/audit", {"limit": 3}).json()
    rest = client.get(
        "/api/access/audit", {"before": first["records"][-1]["id"], "limit": 500}
    ).json()
    ids = [r["id"] for r in first["records"] + rest["records"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == first["found"]
    only = client.get("/api/access/audit", {"event": "incident"}).json()
    assert {r["event"] for r in only["records"]} == {"incident.activated"}


def test_an_anchor_taken_away_is_what_verify_reads(cast: Cast, tmp_path: Path) -> None:
    seal(at=timezone.now(), folder=tmp_path)
    (told,) = caller(cast.auditor).get("/api/access/audit/anchors").json()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "copy.json").write_text(json.dumps(told), encoding="ascii")
    assert verify(at=timezone.now(), folder=tmp_path / "taken").whole
    assert caller(cast.administrator).get("/api/access/audit/anchors").status_code == 403


def test_units_are_found_by_level_parent_name_and_page(cast: Cast, province: Province) -> None:
    client = caller(cast.commander)

    def codes(**ask: Any) -> list[str]:
        return [u["code"] for u in client.get("/api/places/units", ask).json()["units"]]

    assert codes(level="county") == ["100101", "100102", "100201"]
    assert codes(parent="1001") == ["100101", "100102"]
    assert codes(q="alder") == codes(q="赤杨") == ["100101"]
    assert codes(q="100102") == ["100102", "100102001", "100102002"]
    assert codes(reports="true", limit=2) == ["100101001", "100101002"]
    assert codes(reports="true", limit=2, after="100101002") == ["100102001", "100102002"]
    children = client.get("/api/places/units/100101/children").json()
    assert [u["parent"] for u in children] == ["100101", "100101"]


def test_a_package_counts_only_what_is_in_sight(cast: Cast, province: Province) -> None:
    whole = caller(cast.commander).get("/api/places/packages").json()
    part = caller(cast.county_officer).get("/api/places/packages").json()
    assert whole[0]["units"]["village"] == 5
    assert part[0]["units"]["village"] == 2
    assert part[0]["units"]["county"] == 1


def test_the_api_describes_itself(cast: Cast) -> None:
    schema = Addresses.joined.get_openapi_schema(path_prefix="")
    for where, verbs in schema["paths"].items():
        for verb, told in verbs.items():
            assert told["summary"], (where, verb)
            # What is published is open to everyone; nothing else is.
            assert ("security" in told) != where.endswith("/status-record"), (where, verb)
