"""Cases and contacts over the API: refusals first, then each act once and again with its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from cast import Cast, Province
from integration.report.tracing import Outbreak, outbreak
from yipan.access import keyring
from yipan.access.models import Incident, User
from yipan.report.contacts.models import Contact, Visit

pytestmark = pytest.mark.django_db
JSON = "application/json"
READS = ("contacts", "follow-up", "chains", "cases/fhir", "quarantine-sites", "laboratories")


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


def test_the_api_of_contacts(
    out: Outbreak, cast: Cast, as_person: Callable[[User], Client]
) -> None:
    base = "/api/report/" if Client().get("/api/report/contacts").status_code == 401 else "/api/"
    for name in READS:
        assert Client().get(base + name).status_code == 401, name
    for name in READS[:4]:
        assert as_person(cast.commander).get(base + name).status_code == 403, name
    client = as_person(out.officer)

    def send(path: str, status: int, **body: Any) -> Any:
        answer = client.post(base + path, body, content_type=JSON)
        assert answer.status_code == status, answer.content
        return answer.json()

    given = {
        "case": out.case("A-1").pseudonym[:10], "number": "410105199001011234", "kind": "meal",
        "last_day": "2020-02-20", "unit": "100101", "client_key": "contact-key-1",
    }  # fmt: skip
    send("contacts", 404, **{**given, "unit": "100201"})
    send("contacts", 404, **{**given, "case": out.case("C-1").pseudonym})
    send("contacts", 422, **{**given, "last_day": "2020-03-20"})
    send("contacts", 422, **{**given, "kind": "hukou"})
    made = send("contacts", 201, **given)
    assert send("contacts", 201, **given) == made
    visit = {"day": "2020-02-24", "result": "well", "client_key": "visit-key-1"}
    send("contacts/999/visits", 404, **visit)
    send(f"contacts/{made['id']}/visits", 422, **{**visit, "result": "symptoms"})
    first = send(f"contacts/{made['id']}/visits", 201, **visit)
    assert send(f"contacts/{made['id']}/visits", 201, **visit) == first
    assert (Contact.objects.count(), Visit.objects.count()) == (1, 1)
    (one,) = client.get(base + "contacts").json()
    assert (one["standing"], one["until"]) == ("done_today", "2020-03-05")
    assert "410105199001011234" not in str(one)
    assert client.get(base + "contacts?waiting=true").json() == []
    (load,) = client.get(base + "follow-up").json()
    assert (load["unit"], load["open"], load["late"]) == ("100101", 1, 0)
    assert as_person(cast.other_county_officer).get(base + "contacts").json() == []
    out.site(places=10, kind="laboratory", code="L1")
    out.site(places=3)
    step = {"laboratory": "L1", "number": "TUBE-1", "step": "taken", "client_key": "step-key-1"}
    send("specimens", 404, **{**step, "laboratory": "L9"})
    send("specimens", 409, **{**step, "step": "result", "result": "positive"})
    send("specimens", 201, **step)
    (laboratory,) = client.get(base + "laboratories").json()
    assert (laboratory["backlog"], laboratory["p90_hours"]) == (1, None)
    (site,) = client.get(base + "quarantine-sites").json()
    assert (site["free"], site["inside"]) == (3, 0)
    bundle = client.get(base + "cases/fhir").json()
    assert bundle["resourceType"] == "Bundle"
    assert send("cases/fhir", 200, **bundle) == {"cases": 0, "results": 0, "faults": []}
    assert client.get(base + "chains").json()["chains"] == 0
