"""Search, edit, confirm: what a commander does between the options and the signature."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from cast import NOON, PASSWORD, Cast
from yipan.access.models import AuditRecord, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import YipanError
from yipan.plan import edits, searches
from yipan.plan.actions import sign_option
from yipan.plan.errors import AlreadySigned, MalformedEdit, ReasonMissing, SearchRunning
from yipan.plan.models import Option, Scenario, Search, SearchState, Signature
from yipan.plan.scenarios.asking import Limits
from yipan.plan.scenarios.targeting import Effort

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
LATER = NOON + timedelta(minutes=5)
LITTLE = Effort(search=40, verify=60, calibration=20, tries=2)


@pytest.fixture
def searched(scenario: Scenario, cast: Cast) -> Scenario:
    searches.search_scenario(
        scenario, limits=Limits(beds_factor=50.0), at=LATER, by=cast.analyst, effort=LITTLE
    )
    scenario.refresh_from_db()
    return scenario


def change(**other: Any) -> edits.Change:
    return edits.Change(**({"counties": ("100101",), "setting": "schools", "first": 2, "last": 3, "level": 3} | other))  # fmt: skip


def edit(
    option: Option, by: User, *changes: edits.Change, reason: str = "teachers are back"
) -> Option:
    return edits.edit_option(
        option=option, changes=changes or [change()], reason=reason, by=by, at=LATER, scope=scope_of(by, at=LATER)
    )  # fmt: skip


# ---- refusals


def test_who_reads_neither_searches_nor_edits(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.department)
    assert client.post(f"/plan/{scenario.pk}/search/", {"accepted_risk": "5"}).status_code == 403
    assert client.get(f"/plan/{scenario.pk}/edit/").status_code == 403
    assert client.post(f"/plan/{scenario.pk}/edit/", {"level": "1", "first": "1", "last": "1"}).status_code == 403  # fmt: skip
    assert not Search.objects.exists()
    assert not Option.objects.filter(base__isnull=False).exists()


def test_nobody_is_asked_to_sign_in_first(client: Client, scenario: Scenario) -> None:
    for path in ("edit", "trace", "search/state"):
        assert client.get(f"/plan/{scenario.pk}/{path}/").status_code == 302
    assert client.post(f"/plan/{scenario.pk}/search/").status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"counties": ("999",)},
        {"counties": ()},
        {"setting": "moon"},
        {"first": 0},
        {"first": 3, "last": 2},
        {"last": 99},
        {"level": 4},
        {"level": 0, "first": 1, "last": 1},  # as it stands already
    ],
)
def test_an_edit_that_cannot_be_is_refused_in_words(
    cast: Cast, scenario: Scenario, wrong: dict[str, Any]
) -> None:
    with pytest.raises(MalformedEdit) as refused:
        edit(scenario.options.get(key="hold"), cast.commander, change(**wrong))
    assert refused.value.remedy


def test_an_edit_needs_a_reason(cast: Cast, scenario: Scenario) -> None:
    with pytest.raises(ReasonMissing):
        edit(scenario.options.get(key="hold"), cast.commander, reason="  ")


def test_a_signed_scenario_is_edited_and_searched_no_more(cast: Cast, scenario: Scenario) -> None:
    option = scenario.options.get(key="hold")
    sign_option(option=option, by=cast.commander, at=LATER, reason="wait", scope=system_scope())
    with pytest.raises(AlreadySigned):
        edit(option, cast.commander)
    with pytest.raises(AlreadySigned):
        searches.start_search(
            scenario=scenario, limits=Limits(), by=cast.analyst, at=LATER, now=LATER, scope=system_scope()
        )  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [{"accepted_risk": "many"}, {"accepted_risk": "0"}, {"accepted_risk": "5", "end_R": "-1"}],
)
def test_limits_that_cannot_be_are_malformed(
    cast: Cast, as_person: As, scenario: Scenario, form: dict[str, str]
) -> None:
    client = as_person(cast.analyst)
    assert client.post(f"/plan/{scenario.pk}/search/", form).status_code == 422
    body = {"limits": {"beds": 3}}
    answer = client.post(f"/api/plan/scenarios/{scenario.pk}/search", json.dumps(body), content_type="application/json")  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "P309")


def test_there_is_one_search_at_a_time_and_a_lost_one_gives_way(
    cast: Cast, scenario: Scenario
) -> None:
    now = timezone.now()
    begin = {"scenario": scenario, "limits": Limits(), "by": cast.analyst, "at": LATER, "scope": system_scope()}  # fmt: skip
    searches.start_search(**begin, now=now)
    with pytest.raises(SearchRunning):
        searches.start_search(**begin, now=now)
    after = searches.start_search(**begin, now=now + timedelta(minutes=10))
    assert after.state == SearchState.RUNNING
    assert Search.objects.filter(state=SearchState.FAILED, fault="lost").count() == 1


# ---- what they do


def test_a_search_adds_uniform_targeted_and_robust_with_their_certificate(
    searched: Scenario,
) -> None:
    options = {option.key: option for option in searched.options.all()}
    assert [options[k].number for k in ("targeted", "robust", "uniform")] == [4, 5, 6]
    for key in ("targeted", "robust", "uniform"):
        told = options[key].results["certificate"]
        assert 0 <= told["bound_gap"] < 1
        assert told["envelope_gap"] >= 0
        assert options[key].results["needs"]["masks"]
        assert len(options[key].results["by_member"]["value"]) == searched.members
    assert options["robust"].results["verified"]["members"] == LITTLE.verify
    assert {p["limit"] for p in searched.answer["prices"]} >= {"bed", "masks", "train", "end_R", "school"}  # fmt: skip
    assert len(searched.answer["frontier"]) >= 1
    assert options["targeted"].results["delay"]["value_added_100m_cny"]["median"] <= 0


def test_one_level_for_all_is_uniform(searched: Scenario) -> None:
    levels, _codes = edits.levels_kept(searched.options.get(key="uniform"))
    assert (levels == levels[:, :1]).all()


def test_a_stopped_search_keeps_nothing(cast: Cast, scenario: Scenario) -> None:
    now = timezone.now()
    row = searches.start_search(
        scenario=scenario, limits=Limits(), by=cast.analyst, at=LATER, now=now, scope=system_scope()
    )
    searches.stop_search(search_pk=row.pk, scope=system_scope(), scenario=scenario)
    searches.carry_out(row.pk, clock=timezone.now, at=LATER, effort=LITTLE)
    row.refresh_from_db()
    assert row.state == SearchState.CANCELLED
    assert set(scenario.options.values_list("key", flat=True)) == {"hold", "tiered", "open"}


def test_a_search_that_fails_says_why(
    cast: Cast, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise YipanError("no such thing")

    monkeypatch.setattr("yipan.plan.searches.search", broken)
    row = searches.start_search(
        scenario=scenario, limits=Limits(), by=cast.analyst, at=LATER, now=timezone.now(), scope=system_scope()
    )  # fmt: skip
    searches.carry_out(row.pk, clock=timezone.now, at=LATER)
    row.refresh_from_db()
    assert (row.state, "no such thing" in row.fault) == (SearchState.FAILED, True)


def test_without_beds_the_page_says_what_binds_and_what_cures(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    none = Limits(beds_of={"1001": 0.0, "1002": 0.0})
    searches.search_scenario(scenario, limits=none, at=LATER, effort=LITTLE)
    page = as_person(cast.commander).get(f"/plan/{scenario.pk}/").content.decode()
    assert "No plan keeps these limits" in page
    assert "Northcity" in page
    assert "more staffed beds, where they lack" in page


def test_an_edit_stands_beside_what_it_edits(cast: Cast, as_person: As, searched: Scenario) -> None:
    made = edit(
        searched.options.get(key="robust"), cast.commander, change(setting="venues", level=0)
    )
    levels, codes = edits.levels_kept(made)
    at = codes.index("100101")
    assert levels[1:3, at, 1].tolist() == [0, 0]
    assert made.base is not None
    assert made.base.key == "robust"
    assert made.results["over_base"]["value_added_100m_cny"]["median"] <= 0
    assert AuditRecord.objects.filter(event="plan.option_edited").count() == 1
    page = as_person(cast.commander).get(f"/plan/{searched.pk}/?option={made.key}").content.decode()
    assert "teachers are back" in page
    assert "difference, same runs" in page


def test_an_edit_by_the_page_keeps_what_was_typed_when_refused(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.commander)
    form = {"option": "hold", "setting": "schools", "counties": ["100101"], "first": "1", "last": "2", "level": "3", "reason": ""}  # fmt: skip
    answer = client.post(f"/plan/{scenario.pk}/edit/", form)
    assert answer.status_code == 422
    assert "P305" in answer.content.decode()
    assert 'value="100101" checked' in answer.content.decode()
    done = client.post(f"/plan/{scenario.pk}/edit/", form | {"reason": "exams"})
    assert done.status_code == 302
    assert done["Location"].endswith("?option=edit-7#edited")


def test_an_edit_by_the_api(cast: Cast, as_person: As, scenario: Scenario) -> None:
    body = {"reason": "exams", "changes": [{"counties": ["100101"], "setting": "schools", "first": 1, "last": 1, "level": 3}]}  # fmt: skip
    path = f"/api/plan/scenarios/{scenario.pk}/options/hold/edits"
    answer = as_person(cast.analyst).post(path, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["edits"] == "hold"


def test_every_figure_traces_to_reports_model_and_assumptions(
    cast: Cast, as_person: As, searched: Scenario
) -> None:
    client = as_person(cast.commander)
    for measure in ("value_added_100m_cny", "infections", "beds_exceeded", "peak_beds", "deaths", "workers_back", "masks"):  # fmt: skip
        page = client.get(f"/plan/{searched.pk}/trace/?n={measure}&option=robust").content.decode()
        assert "Yipan" in page
        assert "seed 7" in page
        assert "china-2020-02" in page


# ---- work, returns, schools


def test_the_page_of_work_returns_and_schools(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.commander)
    at = f"/plan/{scenario.pk}/work/"
    page = client.get(f"{at}?option=tiered").content.decode()
    assert "The register is synthetic" in page
    assert "Not run yet under this option" in page
    assert client.post(f"{at}schools/", {"option": "tiered"}).status_code == 302
    assert "all of secondary" in client.get(f"{at}?option=tiered").content.decode()
    for name in ("acts", "returns"):
        assert client.get(f"{at}{name}.csv?option=tiered").status_code == 200
    assert client.get(f"{at}?option=perfect").status_code == 404


def test_a_register_is_taken_in_or_told_what_is_wrong(
    cast: Cast, as_person: As, scenario: Scenario
) -> None:
    client = as_person(cast.analyst)
    head = "id,name,county,section,workers,workers_there,deliveries,masks_days,parts_days,cash_days,output_100m"
    at = f"/plan/{scenario.pk}/work/register/"

    def send(text: str, kind: str = "enterprises") -> Any:
        file = SimpleUploadedFile("firms.csv", text.encode())
        return client.post(at, {"option": "open", "kind": kind, "register": file})

    refused = send(f"{head}\nx,X,999,C,1,1,1,1,1,1,1\n")
    assert refused.status_code == 422
    assert "firms.csv, row 2" in refused.content.decode()
    assert send(f"{head}\nx,Mask works,100101,C,100,20,1,28,28,28,1\n").status_code == 302
    page = client.get(f"/plan/{scenario.pk}/work/?option=open").content.decode()
    assert "Mask works" in page
    assert "The register is synthetic" not in page
    assert send("origin,destination,workers\n100102,100101,500\n", "waiting").status_code == 302
    assert as_person(cast.department).post(at, {}).status_code == 403


# ---- confirming before a signature


def test_who_did_not_confirm_is_led_to_it_and_what_was_typed_is_kept(
    cast: Cast, scenario: Scenario
) -> None:
    client = with_password(cast.commander)
    form = {"option": "tiered", "reason": "beds stay free"}
    answer = client.post(f"/plan/{scenario.pk}/sign/", form)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/again/")
    assert not Signature.objects.exists()
    confirm(client, seconds_ago=1)
    page = client.get(f"/plan/{scenario.pk}/").content.decode()
    assert "beds stay free" in page
    assert 'value="tiered" checked' in page


def test_an_old_confirmation_does_not_count(cast: Cast, scenario: Scenario) -> None:
    client = with_password(cast.commander)
    confirm(client, seconds_ago=400)
    client.post(f"/plan/{scenario.pk}/sign/", {"option": "tiered", "reason": "go"})
    assert not Signature.objects.exists()


def test_who_has_a_second_factor_must_use_it(cast: Cast, scenario: Scenario) -> None:
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=cast.commander, type="totp", data={"secret": "x"})
    client = Client()
    client.force_login(cast.commander)
    confirm(client, method="password")
    answer = client.post(f"/plan/{scenario.pk}/sign/", {"option": "tiered", "reason": "go"})
    assert answer["Location"].startswith("/account/second-factor/reauthenticate/")
    body = json.dumps({"option": "tiered", "reason": "go"})
    api = client.post(f"/api/plan/scenarios/{scenario.pk}/signature", body, content_type="application/json")  # fmt: skip
    assert (api.status_code, api.json()["code"]) == (403, "P313")
    confirm(client, method="mfa")
    client.post(f"/plan/{scenario.pk}/sign/", {"option": "tiered", "reason": "go"})
    assert Signature.objects.get().reason == "go"


def confirm(client: Client, *, method: str = "password", seconds_ago: float = 1.0) -> None:
    """Write into the session that the person confirmed that it is them."""
    session = client.session
    at = timezone.now().timestamp() - seconds_ago
    session["account_authentication_methods"] = [{"method": method, "at": at, "reauthenticated": True}]  # fmt: skip
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()


def with_password(user: User) -> Client:
    """Return a client signed in as somebody who has a password of their own."""
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(user)
    return client
