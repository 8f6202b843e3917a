"""The person's own page: a code and no account; what it shows, and how one objects."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from cast import Cast, Province, person
from yipan.access import keyring, status
from yipan.access.identity import Identifiers, enrol
from yipan.access.models import Appeal, EventKind, Installation, PersonStatus, Role, User
from yipan.access.rules import Action
from yipan.access.scope import system_scope

pytestmark = pytest.mark.django_db
PAGE = "/my-status/"


@pytest.fixture
def slip(province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The code of one person in quarantine."""
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    now = timezone.now()
    Installation.objects.create(pk=1, created_at=now)
    doctor = person("doctor", Role.HEALTH_OFFICER, province["100101"], sensitivity=3)
    who = enrol(
        identifiers=Identifiers("ID-0001", name="示例甲"),
        purpose="contact",
        unit=province["100101001"],
        action=Action.STATUS_SET,
        scope=system_scope(),
        at=now,
    )
    event = status.register_event(
        identity=who,
        kind=EventKind.CONTACT,
        occurred_on=(now - timedelta(days=2)).date(),
        evidence={"case": "QX7", "setting": "household"},
        by=doctor,
        at=now,
    )
    return status.set_status(event=event, rule="contact-14d", by=doctor, at=now)[1]


def test_a_wrong_code_shows_nothing(slip: str) -> None:
    response = Client().post(PAGE, {"code": "0000-0000-0000-0000"})
    assert response.status_code == 400
    assert "quarantine" not in response.content.decode()


def test_after_five_wrong_codes_the_door_closes(slip: str) -> None:
    client = Client()
    for _attempt in range(5):
        client.post(PAGE, {"code": "0000-0000-0000-0000"})
    assert client.post(PAGE, {"code": slip}).status_code == 429


def test_the_code_never_stands_in_an_address(slip: str) -> None:
    assert "quarantine" not in Client().get(PAGE, {"code": slip}).content.decode()


def test_the_person_sees_ground_rule_and_end_but_no_other_person(slip: str) -> None:
    response = Client().post(PAGE, {"code": slip})
    text = response.content.decode()
    assert response["Cache-Control"].startswith("no-store")
    for shown in (
        "quarantine",
        "contact with a case",
        "National Health Commission",
        "It ends by itself",
    ):
        assert shown in text
    for kept in ("QX7", "household", "示例甲", "ID-0001", "doctor"):
        assert kept not in text


def test_the_person_objects_once_and_sees_the_ruling(slip: str, province: Province) -> None:
    client = Client()
    text = client.post(PAGE, {"code": slip, "text": "I was elsewhere"}).content.decode()
    assert "A ruling is due by" in text
    again = client.post(PAGE, {"code": slip, "text": "I was elsewhere"})
    assert again.status_code == 409
    second = person("second", Role.HEALTH_OFFICER, province["10"], sensitivity=3)
    appeal = Appeal.objects.get()
    status.rule_on(appeal=appeal, upheld=True, reason="You are right", by=second, at=timezone.now())
    text = client.post(PAGE, {"code": slip}).content.decode()
    assert "You are right" in text
    assert "this status is over" in text
    assert PersonStatus.objects.get().ended_at is not None


# ---- the health officers' desk ----


def desk(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("who", ["county_officer", "commander", "administrator", "department"])
def test_no_other_role_judges(cast: Cast, slip: str, who: str) -> None:
    client = desk(getattr(cast, who))
    assert client.get("/appeals/").status_code == 403
    assert client.post("/appeals/1/ruling/", {}).status_code == 403


def test_an_appeal_elsewhere_looks_absent(slip: str, province: Province) -> None:
    Client().post(PAGE, {"code": slip, "text": "I was elsewhere"})
    other = desk(person("elsewhere", Role.HEALTH_OFFICER, province["100201"], sensitivity=3))
    pk = Appeal.objects.get().pk
    assert "I was elsewhere" not in other.get("/appeals/").content.decode()
    answers = {other.post(f"/appeals/{n}/ruling/", {}).status_code for n in (pk, pk + 99)}
    assert answers == {404}


def test_an_appeal_is_ruled_on_with_its_reason(slip: str, province: Province) -> None:
    Client().post(PAGE, {"code": slip, "text": "I was elsewhere"})
    pk = Appeal.objects.get().pk
    setter = desk(User.objects.get(username="doctor"))
    assert "another health officer rules" in setter.get("/appeals/").content.decode()
    given = {f"{pk}-upheld": "yes", f"{pk}-reason": "The list was wrong"}
    assert setter.post(f"/appeals/{pk}/ruling/", given).status_code == 409
    second = desk(person("second", Role.HEALTH_OFFICER, province["10"], sensitivity=3))
    assert "I was elsewhere" in second.get("/appeals/").content.decode()
    silent = second.post(f"/appeals/{pk}/ruling/", {f"{pk}-upheld": "yes"})
    assert silent.status_code == 422
    assert second.post(f"/appeals/{pk}/ruling/", given).status_code == 302
    assert "Nobody waits" in second.get("/appeals/").content.decode()
    assert Appeal.objects.get().upheld is True
