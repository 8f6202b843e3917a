"""The pages of access: refusals first, then what each lets its people do."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cast import PASSWORD, Cast, Province, person, with_password
from yipan.access import actions
from yipan.access.models import (
    ApiToken,
    AuditRecord,
    Grant,
    Incident,
    Installation,
    Role,
    User,
)

pytestmark = pytest.mark.django_db

SIGNED_IN_PAGES = ["access:account", "access:change_password", "access:incidents"]


@pytest.fixture
def started() -> Installation:
    """A live installation."""
    return Installation.objects.create(pk=1, created_at=timezone.now())


@pytest.fixture
def demonstration() -> Installation:
    """A demonstration."""
    return Installation.objects.create(pk=1, demo=True, created_at=timezone.now())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined,no-any-return]


# ---- refusals ----


@pytest.mark.parametrize(
    "name", [*SIGNED_IN_PAGES, "access:people", "access:audit", "access:audit_csv"]
)
def test_nobody_is_shown_the_door(
    client: Client, cast: Cast, started: Installation, name: str
) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("access:recovery_codes", []),
        ("access:issue_token", []),
        ("access:set_active", [1]),
        ("access:stand_down", ["outbreak-2020"]),
        ("access:switch_incident", []),
    ],
)
def test_an_act_of_nobody_is_refused(
    client: Client, cast: Cast, started: Installation, name: str, args: list[object]
) -> None:
    response = client.post(reverse(name, args=args))
    assert response.status_code == 401
    assert "S701" in text_of(response)


@pytest.mark.parametrize(
    "who", ["village_reporter", "county_officer", "analyst", "commander", "auditor"]
)
def test_only_who_manages_people_sees_them(cast: Cast, started: Installation, who: str) -> None:
    response = signed_in(getattr(cast, who)).get(reverse("access:people"))
    assert response.status_code == 403
    assert "S703" in text_of(response)


@pytest.mark.parametrize(
    "who", ["village_reporter", "county_officer", "analyst", "commander", "administrator"]
)
def test_only_auditors_read_the_audit(cast: Cast, started: Installation, who: str) -> None:
    for name in ("access:audit", "access:audit_csv"):
        assert signed_in(getattr(cast, who)).get(reverse(name)).status_code == 403


def test_a_person_elsewhere_looks_absent(
    cast: Cast, province: Province, started: Installation
) -> None:
    local = person("local_admin", Role.ADMINISTRATOR, province["100101"])
    client = signed_in(local)
    for user in (cast.other_county_officer, cast.commander):
        response = client.get(reverse("access:person", args=[user.pk]))
        assert response.status_code == 404
    assert client.get(reverse("access:person", args=[99_999])).status_code == 404
    assert client.get(reverse("access:person", args=[cast.county_officer.pk])).status_code == 200


def test_a_form_of_another_site_is_refused(cast: Cast, started: Installation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.administrator)
    response = client.post(reverse("access:set_active", args=[cast.analyst.pk]), {"active": "no"})
    assert response.status_code == 403
    cast.analyst.refresh_from_db()
    assert cast.analyst.is_active


def test_nothing_is_done_in_the_past(cast: Cast, incident: Incident, started: Installation) -> None:
    client = signed_in(cast.commander)
    url = reverse("access:stand_down", args=[incident.slug]) + "?at=2020-02-01T12:00"
    response = client.post(url, {"reason": "it is over"})
    assert response.status_code == 409
    assert "S709" in text_of(response)
    incident.refresh_from_db()
    assert incident.stood_down_at is None


# ---- the door ----


def test_the_first_start_makes_the_first_administrator_once(client: Client) -> None:
    now = timezone.now()
    code = actions.start_installation(at=now)
    assert client.get("/sign-in/")["Location"] == reverse("access:first_start")
    given = {
        "code": "WRNG-0000-0000-0000",
        "username": "first",
        "display_name": "The First",
        "language": "en",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    refused = client.post(reverse("access:first_start"), given)
    assert refused.status_code == 400
    assert PASSWORD not in text_of(refused)
    assert re.search(r'id="id_code_error".*?does not open', text_of(refused), re.DOTALL)
    weak = client.post(
        reverse("access:first_start"),
        {**given, "code": code, "password": "short", "again": "short"},
    )
    assert weak.status_code == 422
    made = client.post(reverse("access:first_start"), {**given, "code": code.lower()})
    assert made.status_code == 200
    assert made["Cache-Control"].startswith("no-store")
    assert len(re.findall(r"<code>[0-9A-Z-]{19}</code>", text_of(made))) == 10
    again = client.post(
        reverse("access:first_start"), {**given, "code": code, "username": "second"}
    )
    assert again.status_code == 409
    assert set(User.objects.values_list("username", flat=True)) == {"first"}


def test_signing_in_goes_where_the_role_begins(cast: Cast, started: Installation) -> None:
    with_password(cast.auditor)
    client = Client()
    wrong = client.post("/sign-in/", {"login": "auditor", "password": "wrong horse battery"})
    assert wrong.status_code == 200
    assert "do not belong together" in text_of(wrong)
    right = client.post("/sign-in/", {"login": "auditor", "password": PASSWORD})
    assert right["Location"] == reverse("access:audit")
    assert AuditRecord.objects.filter(event="person.signed_in", actor=cast.auditor).count() == 1


def test_five_wrong_passwords_close_the_door_for_the_right_one(
    cast: Cast, started: Installation
) -> None:
    with_password(cast.auditor)
    client = Client()
    for _attempt in range(5):
        client.post("/sign-in/", {"login": "auditor", "password": "wrong horse battery"})
    shut = client.post("/sign-in/", {"login": "auditor", "password": PASSWORD})
    assert "S705" in text_of(shut) or "Too many attempts" in text_of(shut)
    assert "_auth_user_id" not in client.session
    assert AuditRecord.objects.filter(event="person.locked_out").count() == 1
    # Another person, at another address, is not locked out with them.
    with_password(cast.analyst)
    other = Client(REMOTE_ADDR="192.0.2.7")
    assert other.post("/sign-in/", {"login": "analyst", "password": PASSWORD}).status_code == 302


def test_a_recovery_code_sets_a_new_password_once(cast: Cast, started: Installation) -> None:
    now = timezone.now()
    codes = actions.issue_recovery_codes(user=cast.analyst, by=cast.analyst, at=now)
    given = {
        "username": "analyst",
        "code": codes[0].replace("-", " ").lower(),
        "password": "four new words together",
        "again": "four new words together",
    }
    client = Client()
    assert client.post(reverse("access:recover"), given).status_code == 200
    again = client.post(reverse("access:recover"), given)
    assert again.status_code == 400
    assert "does not open" in text_of(again)
    entered = client.post("/sign-in/", {"login": "analyst", "password": given["password"]})
    assert entered.status_code == 302


def test_an_unknown_person_and_a_wrong_code_look_alike(cast: Cast, started: Installation) -> None:
    given = {"code": "0000-0000-0000-0000", "password": PASSWORD, "again": PASSWORD}
    answers = {
        text_of(Client().post(reverse("access:recover"), {**given, "username": name})).replace(
            name, "?"
        )
        for name in ("analyst", "nobodyhere")
    }
    plain = {re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text) for text in answers}
    assert len(plain) == 1


# ---- a demonstration ----


def test_demo_people_are_offered_on_this_machine_only(
    demonstration: Installation, province: Province
) -> None:
    now = timezone.now()
    star = actions.create_user(
        username="star", display_name="", password=None, language="en", by=None, at=now, demo=True
    )
    actions.grant_role(user=star, role=Role.COMMANDER, unit=province["10"], by=None, at=now)
    here = Client()
    assert "star" in text_of(here.get("/sign-in/"))
    url = reverse("access:sign_in_demo")
    for far in (
        Client(REMOTE_ADDR="192.0.2.7"),
        Client(headers={"x-forwarded-for": "127.0.0.1"}),
        Client(headers={"forwarded": "for=127.0.0.1"}),
    ):
        assert 'value="star"' not in text_of(far.get("/sign-in/"))
        refused = far.post(url, {"username": "star"})
        assert refused.status_code == 403
        assert "S707" in text_of(refused)
    assert here.post(url, {"username": "nobody"}).status_code == 403
    assert here.post(url, {"username": "star"}).status_code == 302
    assert here.session["_auth_user_id"] == str(star.pk)


def test_a_live_system_lets_no_demo_person_in(started: Installation, cast: Cast) -> None:
    assert (
        Client().post(reverse("access:sign_in_demo"), {"username": "commander"}).status_code == 403
    )


# ---- people ----


def test_an_administrator_makes_a_person_who_then_sets_a_password(
    cast: Cast, started: Installation
) -> None:
    client = signed_in(cast.administrator)
    given = {
        "username": "newcomer",
        "display_name": "New Comer",
        "language": "en",
        "role": "county_officer",
        "unit": "100101 Alder",
        "sensitivity": 2,
    }
    made = client.post(reverse("access:people"), given)
    code = re.search(r"<code[^>]*>([0-9A-Z-]{19})</code>", text_of(made))
    assert code is not None
    assert made["Cache-Control"].startswith("no-store")
    taken = client.post(reverse("access:people"), given)
    assert taken.status_code == 409
    assert "id_username_error" in text_of(taken)
    nowhere = client.post(
        reverse("access:people"), {**given, "username": "other", "unit": "Atlantis"}
    )
    assert nowhere.status_code == 404
    assert not User.objects.filter(username="other").exists()
    recovered = Client().post(
        reverse("access:recover"),
        {"username": "newcomer", "code": code[1], "password": PASSWORD, "again": PASSWORD},
    )
    assert recovered.status_code == 200
    grant = Grant.objects.get(user__username="newcomer")
    assert (grant.role, grant.unit.code, grant.sensitivity) == ("county_officer", "100101", 2)  # type: ignore[union-attr]


def test_a_role_is_ended_and_an_account_closed(cast: Cast, started: Installation) -> None:
    client = signed_in(cast.administrator)
    grant = cast.analyst.grants.get()
    client.post(reverse("access:end_grant", args=[cast.analyst.pk, grant.pk]))
    grant.refresh_from_db()
    assert grant.valid_to is not None
    client.post(reverse("access:set_active", args=[cast.analyst.pk]), {"active": "no"})
    page = text_of(client.get(reverse("access:person", args=[cast.analyst.pk])))
    assert "is closed" in page
    mine = client.post(reverse("access:set_active", args=[cast.administrator.pk]), {"active": "no"})
    assert mine.status_code == 409


# ---- incidents ----


def test_a_commander_activates_raises_and_stands_down(cast: Cast, started: Installation) -> None:
    client = signed_in(cast.commander)
    given = {
        "name_zh": "演练",
        "name_en": "Drill",
        "slug": "drill",
        "disease": "other",
        "places": "100101，Cedar",
        "response_level": 3,
        "exercise": "on",
        "clock_at": "2020-02-24T18:00",
        "reason": "to practise",
    }
    assert client.post(reverse("access:incidents"), given)["Location"] == "/incidents/drill/"
    drill = Incident.objects.get(slug="drill")
    assert drill.exercise
    assert sorted(u.code for u in drill.places.all()) == ["100101", "100201"]
    assert "exercise" in text_of(client.get("/incidents/drill/")).lower()
    same = client.post("/incidents/drill/level/", {"response_level": 3, "reason": "again"})
    assert same.status_code == 409
    client.post("/incidents/drill/level/", {"response_level": 1, "reason": "it grows"})
    client.post("/incidents/drill/stand-down/", {"reason": "done"})
    drill.refresh_from_db()
    assert drill.response_level == 1
    assert drill.stood_down_at is not None


@pytest.mark.parametrize("places", [", ,", "，", "Atlantis", "100101, Atlantis"])
def test_an_incident_needs_places_that_exist(
    cast: Cast, started: Installation, places: str
) -> None:
    given = {
        "name_zh": "甲",
        "name_en": "A",
        "slug": "a",
        "disease": "other",
        "places": places,
        "response_level": 3,
        "reason": "x",
    }
    response = signed_in(cast.commander).post(reverse("access:incidents"), given)
    assert response.status_code in (404, 409, 422)
    assert not Incident.objects.exists()


def test_only_exercises_bend_time(cast: Cast, started: Installation) -> None:
    given = {
        "name_zh": "甲",
        "name_en": "A",
        "slug": "a",
        "disease": "other",
        "places": "10",
        "response_level": 3,
        "reason": "x",
        "clock_at": "2020-02-24T18:00",
    }
    response = signed_in(cast.commander).post(reverse("access:incidents"), given)
    assert response.status_code == 409


def test_every_page_of_an_exercise_says_so(
    cast: Cast, incident: Incident, started: Installation
) -> None:
    Incident.objects.filter(pk=incident.pk).update(exercise=True)
    client = signed_in(cast.commander)
    for name in SIGNED_IN_PAGES:
        assert "cannot reach a live channel" in text_of(client.get(reverse(name))), name


# ---- tokens, audit ----


def test_a_token_is_shown_once_and_revoked(cast: Cast, started: Installation) -> None:
    client = signed_in(cast.analyst)
    given = {"name": "nightly", "days": 30, "actions": ["report.read"]}
    issued = client.post(reverse("access:issue_token"), given)
    assert "yipan_" in text_of(issued)
    assert issued["Cache-Control"].startswith("no-store")
    assert "yipan_" not in text_of(client.get(reverse("access:account")))
    wide = client.post(reverse("access:issue_token"), {**given, "actions": ["plan.sign"]})
    assert wide.status_code == 422
    token = ApiToken.objects.get()
    other = signed_in(cast.commander).post(reverse("access:revoke_token", args=[token.pk]))
    assert other.status_code == 404
    client.post(reverse("access:revoke_token", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_the_audit_is_filtered_and_its_export_is_an_act(
    cast: Cast, incident: Incident, started: Installation
) -> None:
    client = signed_in(cast.auditor)
    page = text_of(client.get(reverse("access:audit"), {"event": "incident"}))
    assert "incident activated" in page
    assert "role granted" not in page.split("<tbody>")[1]
    assert client.get(reverse("access:audit"), {"first": "yesterday"}).status_code == 422
    csv = b"".join(client.get(reverse("access:audit_csv")).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert "incident.activated" in csv
    assert AuditRecord.objects.filter(event="audit.exported", actor=cast.auditor).count() == 1


def test_a_name_in_the_export_is_no_formula(cast: Cast, started: Installation) -> None:
    User.objects.filter(pk=cast.commander.pk).update(username="@SUM(A1)")
    cast.commander.refresh_from_db()
    signed_in(cast.commander).post(reverse("access:recovery_codes"))
    export = signed_in(cast.auditor).get(reverse("access:audit_csv"))
    csv = b"".join(export.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert ",'@SUM(A1)" in csv


def test_a_county_auditor_sees_the_county_only(
    cast: Cast, province: Province, started: Installation
) -> None:
    local = person("local_auditor", Role.AUDITOR, province["100201"])
    page = text_of(signed_in(local).get(reverse("access:audit")))
    assert "Cedar" in page
    assert "Alder" not in page


# ---- allauth's own pages, in our clothes ----


def test_second_factor_pages_stand_on_the_projects_frame(cast: Cast, started: Installation) -> None:
    with_password(cast.analyst)
    client = Client()
    client.post("/sign-in/", {"login": "analyst", "password": PASSWORD})
    asked = client.get("/account/second-factor/totp/activate/")
    assert asked["Location"].startswith("/account/again/")
    assert 'class="skip"' in text_of(client.get(asked["Location"]))
    client.post(asked["Location"], {"password": PASSWORD})
    for path in (
        "/account/second-factor/",
        "/account/second-factor/totp/activate/",
        "/account/second-factor/webauthn/add/",
        "/account/second-factor/webauthn/",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        assert 'class="skip"' in text_of(response), path
        assert "style=" not in text_of(response), path


def test_a_second_factor_is_asked_for_after_the_password(cast: Cast, started: Installation) -> None:
    from allauth.mfa.totp.internal.auth import (
        TOTP,
        format_hotp_value,
        hotp_value,
        yield_hotp_counters_from_time,
    )

    with_password(cast.analyst)
    TOTP.activate(cast.analyst, "JBSWY3DPEHPK3PXP")
    client = Client()
    step = client.post("/sign-in/", {"login": "analyst", "password": PASSWORD})
    assert step["Location"] == "/account/second-factor/authenticate/"
    assert "_auth_user_id" not in client.session
    page = client.get(step["Location"])
    assert 'class="skip"' in text_of(page)
    assert client.post(step["Location"], {"code": "000000"}).status_code == 200
    assert "_auth_user_id" not in client.session
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", counter))
    assert client.post(step["Location"], {"code": code}).status_code == 302
    assert client.session["_auth_user_id"] == str(cast.analyst.pk)


def test_a_closed_account_is_told_so(cast: Cast, started: Installation) -> None:
    with_password(cast.analyst)
    User.objects.filter(pk=cast.analyst.pk).update(is_active=False)
    response = Client().post("/sign-in/", {"login": "analyst", "password": PASSWORD}, follow=True)
    assert "_auth_user_id" not in response.client.session
    assert Client().get("/account/closed/").status_code == 200


OURS = Path(actions.__file__).parent / "templates"


@pytest.mark.parametrize(
    "path", sorted(OURS.rglob("*.html")), ids=lambda p: str(p.relative_to(OURS))
)
def test_every_template_loads_from_this_room_without_inline_style_or_script(path: Path) -> None:
    name = str(path.relative_to(OURS))
    assert get_template(name).origin.name == str(path), "another room's template stands in front"
    text = path.read_text(encoding="utf-8")
    assert "style=" not in text
    assert "onclick" not in text
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)


def test_a_session_does_not_outlast_what_it_should(cast: Cast, started: Installation) -> None:
    client = signed_in(cast.analyst)
    actions.change_password(
        user=cast.analyst, password=PASSWORD + " more", at=timezone.now() + timedelta(0)
    )
    assert client.get(reverse("access:account")).status_code == 302
