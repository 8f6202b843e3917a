"""The pages of report: who may open which, what they say, what they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province
from yipan.access.models import AuditRecord, Incident, User
from yipan.report.cases.actions import CaseRow, take_cases
from yipan.report.models import Absence, RowAside, Submission, Value
from yipan.report.views import upload as views

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
VILLAGE, DAY = "100101001", "2020-02-24"
PAGES = ("home", "form", "upload", "aside", "cases", "cases_csv", "counts_csv", "counts_xlsx")


def text(response: object) -> str:
    body: str = response.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))


def post_form(client: Client, *, accept: str = "text/html", **fields: object):  # type: ignore[no-untyped-def]
    data = {"unit": VILLAGE, "day": DAY, "client_key": "key-00001", **fields}
    return client.post(reverse("report:form"), data, headers={"Accept": accept})


SHELL = "application/json, text/html;q=0.9"  # what the page's own script asks for


# ---- refusals first


@pytest.mark.parametrize("page", PAGES)
def test_nobody_is_shown_the_door(client: Client, drill: Incident, page: str) -> None:
    response = client.get(reverse(f"report:{page}"))
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("who", "page", "status"),
    [
        ("stranger", "home", 403),
        ("auditor", "home", 403),
        ("analyst", "form", 403),
        ("analyst", "upload", 403),
        ("commander", "cases", 403),
        ("village_reporter", "cases", 403),
        ("village_reporter", "cases_csv", 403),
        ("department", "counts_csv", 403),
    ],
)
def test_who_may_not_open_what(cast: Cast, as_person: As, who: str, page: str, status: int) -> None:
    assert as_person(getattr(cast, who)).get(reverse(f"report:{page}")).status_code in (status, 404)


def test_what_is_out_of_sight_is_not_there(cast: Cast, as_person: As) -> None:
    client = as_person(cast.other_county_officer)
    for address in (
        reverse("report:form") + f"?unit={VILLAGE}",
        reverse("report:unit", args=[VILLAGE]),
        reverse("report:value", args=[VILLAGE, "fever", DAY]),
        reverse("report:submission", args=[999]),
        reverse("report:row", args=[999]),
    ):
        assert client.get(address).status_code == 404, address
    assert post_form(client, fever="1").status_code == 404
    assert not Submission.objects.exists()


def test_nothing_is_sent_in_the_past(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    response = client.post(
        reverse("report:form") + "?at=2020-02-20T12:00", {"unit": VILLAGE, "fever": "1"}
    )
    assert response.status_code == 409


# ---- the page form


def test_a_village_fills_in_its_page_without_javascript(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    page = client.get(reverse("report:form"))
    assert page.status_code == 200
    assert f'value="{VILLAGE}"' in page.content.decode()
    sent = post_form(client, fever="2", masks_stock="３００")
    assert sent.status_code == 302
    after = client.get(sent["Location"])
    assert Submission.objects.get().rows_accepted == 2
    assert set(Value.objects.values_list("element", "value")) == {
        ("fever", 2),
        ("masks_stock", 300),
    }
    assert 'value="300"' in after.content.decode()  # what is known is shown


def test_the_shell_is_told_when_the_server_has_it(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    first = post_form(client, accept=SHELL, fever="2").json()
    again = post_form(client, accept=SHELL, fever="2").json()
    assert first["received_at"] == again["received_at"] == "12:00"
    assert Submission.objects.count() == 1


def test_every_fault_stands_at_its_field_and_nothing_typed_is_lost(
    cast: Cast, as_person: As
) -> None:
    client = as_person(cast.village_reporter)
    response = post_form(
        client, accept=SHELL, fever="-3", masks_stock="many", returned_from_outside="4"
    )
    body = response.content.decode()
    assert response.status_code == 422
    assert body.count('aria-invalid="true"') == 2
    for typed in ("-3", "many", "4"):
        assert f'value="{typed}"' in body
    assert not Value.objects.exists()


def test_a_machine_that_takes_only_json_gets_the_faults_as_json(cast: Cast, as_person: As) -> None:
    response = post_form(as_person(cast.village_reporter), accept="application/json", fever="-3")
    assert response.status_code == 422
    assert response.json()["fields"]["fever"]["code"] == "R104"


def test_a_changed_figure_needs_its_reason_and_becomes_a_version(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    post_form(client, fever="2")
    refused = post_form(client, fever="3", client_key="key-00002")
    assert refused.status_code == 422
    assert 'name="reason"' in refused.content.decode()
    post_form(client, fever="3", reason="recounted", client_key="key-00002")
    assert list(Value.objects.order_by("version").values_list("value", "reason")) == [
        (2, ""),
        (3, "recounted"),
    ]
    page = client.get(reverse("report:value", args=[VILLAGE, "fever", DAY]))
    assert "recounted" in text(page)
    assert "Village Reporter" in text(page)


def test_no_change_is_an_explicit_answer(cast: Cast, as_person: As, province: Province) -> None:
    client = as_person(cast.village_reporter)
    post_form(client, day="2020-02-23", masks_stock="40")
    post_form(client, same="masks_stock", client_key="key-00002")
    value = Value.objects.get(day=DAY)
    assert (value.value, value.unchanged) == (40, True)


def test_what_is_known_already_sent_again_says_that_it_stands(cast: Cast, as_person: As) -> None:
    client = as_person(cast.village_reporter)
    post_form(client, fever="2")
    again = post_form(client, fever="2", client_key="key-00002")
    assert again.status_code == 302
    assert "stands=1" in again["Location"]
    assert Submission.objects.count() == 1


def test_nothing_filled_in_is_said_so(cast: Cast, as_person: As) -> None:
    response = post_form(as_person(cast.village_reporter), fever="")
    assert response.status_code == 422
    assert "R126" in response.content.decode()


def test_the_county_page_asks_for_the_last_whole_day(cast: Cast, as_person: As) -> None:
    page = as_person(cast.county_officer).get(reverse("report:form"))
    assert '<option value="2020-02-23" selected>' in page.content.decode()


# ---- files


def upload(client: Client, body: bytes, **fields: str):  # type: ignore[no-untyped-def]
    file = SimpleUploadedFile("counts.csv", body, content_type="text/csv")
    return client.post(reverse("report:upload"), {"file": file, "kind": "counts", **fields})


def test_a_file_leads_to_what_became_of_it(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    sent = upload(
        client, b"code,date,fever,fevver\n100101001,2020-02-24,2,1\n100101002,2020-02-24,-3,1\n"
    )
    assert sent.status_code == 302
    page = text(client.get(sent["Location"]))
    assert "fevver" in page
    assert "-3" in page
    row = RowAside.objects.get()
    corrected = client.post(
        reverse("report:row", args=[row.pk]),
        {"act": "correct", "cell-fever": "3", "cell-unit": "100101002"},
    )
    assert corrected.status_code == 302
    assert Value.objects.get(unit__code="100101002").value == 3
    assert (
        client.post(
            reverse("report:row", args=[row.pk]), {"act": "dismiss", "reason": "x"}
        ).status_code
        == 409
    )


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "R113", 422),
        (b"code,date,fever\n", "R113", 422),
        (b"a,b\n1,2\n", "R111", 422),
        (b"PK\x03\x04broken", "R115", 422),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    cast: Cast, as_person: As, body: bytes, code: str, status: int
) -> None:
    response = upload(as_person(cast.county_officer), body)
    assert response.status_code == status
    assert code in response.content.decode()
    assert not Submission.objects.exists()


def test_200_mb_are_refused_by_their_size_before_they_are_read(
    cast: Cast, as_person: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_person(cast.county_officer)
    drained: list[int] = []
    monkeypatch.setattr(views, "_drain", lambda _request, stated: drained.append(stated))
    response = client.generic(
        "POST",
        reverse("report:upload"),
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(200 * 1024 * 1024),
    )
    assert response.status_code == 413
    assert drained == [200 * 1024 * 1024]  # let out so that the browser sees the answer, not kept
    assert "R114" in response.content.decode()


def test_a_file_needs_the_token_of_its_page(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.county_officer)
    assert upload(client, b"code,date,fever\n100101001,2020-02-24,2\n").status_code == 403


def test_a_template_names_the_units_one_reports_for(cast: Cast, as_person: As) -> None:
    response = as_person(cast.county_officer).get(reverse("report:counts_csv"))
    body = response.content.decode("utf-8-sig")
    assert "100101001" in body
    assert "100102001" not in body
    assert "attachment" in response["Content-Disposition"]


# ---- the room's first page


def test_home_says_who_has_reported_and_who_is_silent(cast: Cast, as_person: As) -> None:
    post_form(as_person(cast.village_reporter), fever="2")
    client = as_person(cast.county_officer)
    page = client.get(reverse("report:home"))
    assert [(s.level, s.heard, s.owing) for s in page.context["shares"]] == [
        ("village", 1, 2),
        ("county", 0, 1),
    ]
    assert [s.unit.code for s in page.context["silent"]] == ["100101002"]
    own = as_person(cast.village_reporter).get(reverse("report:home"))
    assert [(s.level, s.heard, s.owing) for s in own.context["shares"]] == [("village", 1, 1)]
    assert own.context["mine_heard"] is not None


def test_home_of_the_past_shows_only_what_was_known(cast: Cast, as_person: As) -> None:
    post_form(as_person(cast.village_reporter), fever="2")
    page = as_person(cast.commander).get(reverse("report:home") + "?at=2020-02-24T11:59")
    assert not list(page.context["submissions"])
    assert page.context["shares"][0].heard == 0


def test_a_reason_for_silence_is_noted(cast: Cast, as_person: As, province: Province) -> None:
    client = as_person(cast.county_officer)
    fields = {"unit": "100101002", "reason": "line fault", "until": "2020-02-24T20:00"}
    assert client.post(reverse("report:absence"), fields).status_code == 302
    noted = Absence.objects.get()
    assert (noted.reason, noted.until - NOON) == ("line fault", timedelta(hours=8))
    assert client.post(reverse("report:absence"), {**fields, "until": "soon"}).status_code == 400
    assert (
        client.post(reverse("report:absence"), {**fields, "unit": "100201001"}).status_code == 404
    )


def test_the_line_list_is_read_and_its_export_recorded(cast: Cast, as_person: As) -> None:
    client = as_person(cast.county_officer)
    body = "病例编号,现住县区代码,确诊日期\nA1,100101,2020-02-20\n".encode()
    assert upload(client, body, kind="cases").status_code == 302
    assert "2" in text(client.get(reverse("report:cases")))
    exported = client.get(reverse("report:cases_csv")).content.decode("utf-8-sig")
    assert "2020-02-20" in exported
    assert "A1" not in exported
    assert AuditRecord.objects.filter(event="report.cases_read").count() == 1
    other = as_person(cast.other_county_officer).get(reverse("report:cases_csv"))
    assert "2020-02-20" not in other.content.decode("utf-8-sig")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens_in_both_languages(cast: Cast, as_person: As, language: str) -> None:
    officer = cast.county_officer
    officer.language = language
    officer.save(update_fields=["language"])
    client = as_person(officer)
    upload(client, b"code,date,fever\n100101001,2020-02-24,2\n100101002,2020-02-24,-3\n")
    for address in (
        *(reverse(f"report:{page}") for page in PAGES),
        reverse("report:unit", args=[VILLAGE]),
        reverse("report:value", args=[VILLAGE, "fever", DAY]),
        reverse("report:submission", args=[Submission.objects.get().pk]),
        reverse("report:row", args=[RowAside.objects.get().pk]),
        reverse("report:aside") + "?show=settled",
    ):
        assert client.get(address).status_code == 200, address


# ---- what the line list knows already


@pytest.fixture
def listed(drill: Incident, province: Province) -> None:
    """Two cases of Alder confirmed on the page's day, one of whom died on it; one known only later."""
    rows = [
        CaseRow(province["100101"].pk, "A-1", date(2020, 2, 20), outcome="died", outcome_day=date(2020, 2, 23)),
        CaseRow(province["100101"].pk, "A-2", date(2020, 2, 23)),
        CaseRow(province["100101"].pk, "A-3", date(2020, 2, 23)),
        CaseRow(province["100101"].pk, "A-4", date(2020, 2, 23), recorded_at=NOON + timedelta(hours=1)),
        CaseRow(province["100101"].pk, "A-5", date(2020, 2, 23), outcome="void"),
    ]  # fmt: skip
    take_cases(
        incident=drill, cases=rows, actor=None, source="api", at=NOON - timedelta(hours=1),
        unit=province["10"],
    )  # fmt: skip


def field_of(page: str, name: str) -> str:
    found = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def test_the_county_page_holds_what_the_line_list_counts_until_the_county_says_so(
    listed: None, cast: Cast, as_person: As
) -> None:
    client = as_person(cast.county_officer)
    page = client.get(reverse("report:form")).content.decode()
    told = {n: field_of(page, n) for n in ("confirmed_new", "cured_new", "deaths_new")}
    assert told == {"confirmed_new": "2", "cured_new": "0", "deaths_new": "1"}
    assert page.count("Counted from the line list:") == 3
    assert "/report/cases/?unit=100101" in page
    assert not Value.objects.exists()  # nothing is reported by looking
    sent = {"unit": "100101", "day": "2020-02-23", "client_key": "county-page-1"}
    client.post(reverse("report:form"), {**sent, "confirmed_new": "3", "deaths_new": "1"})
    assert dict(Value.objects.values_list("element", "value")) == {"confirmed_new": 3, "deaths_new": 1}  # fmt: skip
    page = client.get(reverse("report:form")).content.decode()
    assert field_of(page, "confirmed_new") == "3"  # what was said stays
    assert "The line list says 2 now" in page
    assert page.count("Counted from the line list:") == 1  # the one not answered yet


def test_a_county_of_which_no_case_is_listed_is_proposed_nothing(
    listed: None, cast: Cast, as_person: As
) -> None:
    page = as_person(cast.other_county_officer).get(reverse("report:form")).content.decode()
    assert field_of(page, "confirmed_new") == ""
    assert "Counted from the line list" not in page


def test_whoever_may_not_read_small_counts_is_proposed_none(
    listed: None, cast: Cast, as_person: As
) -> None:
    cast.county_officer.grants.update(sensitivity=0)
    page = as_person(cast.county_officer).get(reverse("report:form")).content.decode()
    assert field_of(page, "confirmed_new") == ""
