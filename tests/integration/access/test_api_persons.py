"""The API about persons: who may not, what is out of sight, what is not admissible; then the whole way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from django.utils import timezone
from ninja import NinjaAPI

from cast import Cast, Province, person
from yipan.access import api, keyring
from yipan.access.actions import issue_token
from yipan.access.models import (
    Appeal,
    AuditRecord,
    Identity,
    Installation,
    PersonStatus,
    Role,
    User,
)
from yipan.access.rules import PERMISSIONS, Action
from yipan.access.status import contest

pytestmark = pytest.mark.django_db

PERSON = {"number": "ID-0001", "name": "示例甲", "purpose": "contact", "unit": "100101001"}
EVIDENCE = {"case": "QX7", "setting": "household"}


class Addresses:
    """Only this room's API."""

    joined = NinjaAPI(urls_namespace="test-persons-api")
    joined.add_router("", api.router)
    api.tell_refusals(joined)
    urlpatterns = (path("api/", joined.urls),)


@pytest.fixture(autouse=True)
def only_the_api(settings: Any, db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = Addresses
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    Installation.objects.create(pk=1, created_at=timezone.now())


@pytest.fixture
def doctor(province: Province) -> User:
    return person("doctor", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)


def call(user: User | None, address: str, body: dict[str, Any] | None = None) -> Any:
    headers = {}
    if user is not None:
        now = timezone.now()
        roles = {Role(g.role) for g in user.grants.all()}
        held = frozenset[Action]().union(*(PERMISSIONS[role] for role in roles))
        _token, secret = issue_token(
            user=user, name="t", actions=held, expires_at=now + timedelta(1), by=user, at=now
        )
        headers["authorization"] = f"Bearer {secret}"
    client = Client()
    if body is None:
        return client.get(f"/api/{address}", headers=headers)
    return client.post(f"/api/{address}", body, content_type="application/json", headers=headers)


def day(back: int) -> str:
    return (timezone.now() - timedelta(days=back)).date().isoformat()


CALLS: list[tuple[str, dict[str, Any] | None]] = [
    ("persons", PERSON),
    ("persons/1/reveal", {"reason": "phone the contact"}),
    ("persons/1/events", {"kind": "contact", "occurred_on": "2020-02-20", "evidence": EVIDENCE}),
    ("events/1/status", {"rule": "contact-14d"}),
    ("statuses/1/end", {"reason": "recovered"}),
    ("appeals", None),
    ("appeals/1/ruling", {"upheld": True, "reason": "right"}),
]


@pytest.mark.parametrize(("address", "body"), CALLS, ids=[c[0] for c in CALLS])
def test_nobody_gets_nothing(address: str, body: dict[str, Any] | None) -> None:
    assert call(None, address, body).status_code == 401


@pytest.mark.parametrize("who", ["department", "commander", "administrator", "auditor"])
@pytest.mark.parametrize(("address", "body"), CALLS, ids=[c[0] for c in CALLS])
def test_no_other_role_does_any_of_it(
    cast: Cast, who: str, address: str, body: dict[str, Any] | None
) -> None:
    assert call(getattr(cast, who), address, body).status_code == 403
    assert not Identity.objects.exists()


def test_out_of_sight_looks_like_absent(province: Province, doctor: User) -> None:
    made = call(doctor, "persons", PERSON).json()
    other = person("elsewhere", Role.HEALTH_OFFICER, province["100201"], sensitivity=3)
    for tail, body in (("reveal", {"reason": "phone the contact"}), ("events", CALLS[2][1])):
        hidden = call(other, f"persons/{made['id']}/{tail}", body)
        absent = call(other, f"persons/999999/{tail}", body)
        assert hidden.status_code == absent.status_code == 404
        assert hidden.json()["code"] == absent.json()["code"]


@pytest.mark.parametrize(
    ("change", "status"),
    [({"purpose": "petition"}, 422), ({"number": ""}, 422), ({"unit": "100201001"}, 404)],
    ids=str,
)
def test_a_person_is_not_named_for_anything_or_anywhere(
    province: Province, doctor: User, change: dict[str, str], status: int
) -> None:
    assert call(doctor, "persons", {**PERSON, **change}).status_code == status


def test_origin_is_refused_with_its_reason(doctor: User) -> None:
    made = call(doctor, "persons", PERSON).json()
    body = {"kind": "contact", "occurred_on": day(1), "evidence": {**EVIDENCE, "hukou": "Hubei"}}
    refused = call(doctor, f"persons/{made['id']}/events", body)
    assert refused.status_code == 422
    assert refused.json()["code"] == "S726"


def test_the_whole_way_of_one_person(province: Province, doctor: User, client: Client) -> None:
    made = call(doctor, "persons", PERSON).json()
    assert "示例甲" not in str(made)
    shown = call(doctor, f"persons/{made['id']}/reveal", {"reason": "phone the contact"}).json()
    assert shown["name"] == "示例甲"
    assert AuditRecord.objects.filter(event="identity.revealed", actor=doctor).count() == 1
    body = {"kind": "contact", "occurred_on": day(2), "evidence": EVIDENCE}
    event = call(doctor, f"persons/{made['id']}/events", body).json()
    held = call(doctor, f"events/{event['id']}/status", {"rule": "contact-14d"})
    assert held.status_code == 201
    assert held.json()["slip"]
    twice = call(doctor, f"events/{event['id']}/status", {"rule": "contact-14d"})
    assert twice.status_code == 409
    contest(status=PersonStatus.objects.get(), text="I was elsewhere", at=timezone.now())
    appeal = Appeal.objects.get()
    second = person("second", Role.HEALTH_OFFICER, province["10"], sensitivity=3)
    assert [a["id"] for a in call(second, "appeals").json()] == [appeal.pk]
    ruling = {"upheld": True, "reason": "the list was wrong"}
    assert call(doctor, f"appeals/{appeal.pk}/ruling", ruling).status_code == 409
    assert call(second, f"appeals/{appeal.pk}/ruling", ruling).json()["upheld"] is True
    ended = call(doctor, f"statuses/{held.json()['id']}/end", {"reason": "recovered"})
    assert ended.status_code == 409  # the ruling has ended it
    span = {"start": f"{day(1)}T00:00:00Z", "end": f"{day(-1)}T00:00:00Z"}
    record = client.get("/api/status-record", span).json()
    assert record == {
        "set": None,
        "contested": None,
        "ruled": None,
        "upheld": None,
        "late": 0,
        "rate": None,
    }
