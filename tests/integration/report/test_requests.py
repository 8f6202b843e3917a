"""Departments ask for data: refusals first, then what each gets, rulings, freeze, sunset, the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province
from unit.report.village_forms import DICTIONARY, FORMS, field, form
from yipan.access.errors import Forbidden
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.actions import submit_values
from yipan.report.errors import (
    AlreadyFrozen,
    AlreadyRuled,
    ElementClash,
    Missing,
    NoSuchLevel,
    NotFrozen,
    RequestStands,
    RequestTooLong,
    UnknownElement,
)
from yipan.report.forms.current import asked_on, form_of_day
from yipan.report.models import DataElement, DataRequest, MergedForm, RequestedField, Value
from yipan.report.requests import actions, queries
from yipan.report.requests.actions import Why
from yipan.report.requests.answer import Group, answer_of
from yipan.report.requests.fields import Form
from yipan.report.requests.files import read_forms_file
from yipan.report.requests.ledger import ledger_of
from yipan.report.requests.rules import TRANSITIONS, due_state

pytestmark = pytest.mark.django_db
WHY = Why("to know", "which checkpoints to lift", "Law on infectious diseases, article 33")
TOMORROW = NOON + timedelta(days=1)
As = Callable[[User], Client]


@pytest.fixture
def known(drill: Incident) -> Incident:
    """The drill with the invented dictionary recorded long ago."""
    actions.record_elements(
        package=drill.package,
        definitions=DICTIONARY.values(),
        at=NOON - timedelta(days=20),
        by=None,
    )
    return drill


def ask(
    incident: Incident, province: Province, who: User, asked: Form, **more: object
) -> DataRequest:
    drafted = actions.draft_request(
        incident=incident,
        unit=province["10"],
        form=asked,
        why=WHY,
        by=who,
        at=NOON,
        scope=scope_of(who, at=NOON),
        **more,  # type: ignore[arg-type]
    )
    return actions.submit_request(request=drafted, by=who, at=NOON, scope=scope_of(who, at=NOON))[0]


def rule_all(incident: Incident, who: User, ruling: str = "same") -> None:
    for row in RequestedField.objects.filter(asked_at__isnull=False, ruled_at__isnull=True):
        actions.rule(
            field=row,
            ruling=ruling,
            reason="so be it",
            by=who,
            at=NOON,
            scope=scope_of(who, at=NOON),
        )


def asked(incident: Incident, day: date, period: str = "daily") -> set[str]:
    now = NOON + timedelta(days=30)
    rows = asked_on(incident, level="village", day=day, now=now, period=period)
    return {e.id for e in rows} & DICTIONARY.keys()


# ---- refusals


def test_who_may_not_ask_rule_or_freeze(known: Incident, province: Province, cast: Cast) -> None:
    for who in (cast.analyst, cast.county_officer, cast.auditor, cast.administrator):
        with pytest.raises((Forbidden, NotFound)):
            ask(known, province, who, FORMS[0])
    request = ask(known, province, cast.department, FORMS[0])
    row = request.fields.filter(asked_at__isnull=False).first()
    assert row is not None
    with pytest.raises(Forbidden):  # who asks does not rule
        actions.rule(
            field=row, ruling="same", reason="x", by=cast.department, at=NOON,
            scope=scope_of(cast.department, at=NOON),
        )  # fmt: skip
    with pytest.raises(Forbidden):
        actions.freeze(
            incident=known,
            reason="x",
            by=cast.analyst,
            at=NOON,
            scope=scope_of(cast.analyst, at=NOON),
        )


@pytest.mark.parametrize("lacking", ["purpose", "decision", "legal_basis"])
def test_nothing_is_asked_without_saying_why(
    known: Incident, province: Province, cast: Cast, lacking: str
) -> None:
    with pytest.raises(Missing):
        actions.draft_request(
            incident=known, unit=province["10"], form=FORMS[0], why=replace(WHY, **{lacking: " "}),
            by=cast.department, at=NOON, scope=scope_of(cast.department, at=NOON),
        )  # fmt: skip


def test_a_request_ends_within_90_days_and_not_in_the_past(
    known: Incident, province: Province, cast: Cast
) -> None:
    for day in (date(2020, 2, 24), date(2020, 6, 1)):
        with pytest.raises(RequestTooLong):
            ask(known, province, cast.department, FORMS[0], sunset_on=day)
    with pytest.raises(NoSuchLevel):
        ask(known, province, cast.department, replace(FORMS[0], level="moon"))


def test_an_id_never_changes_its_meaning(known: Incident) -> None:
    with pytest.raises(ElementClash):
        actions.record_elements(
            package=known.package, definitions=[replace(DICTIONARY["soap"], measure="flow")], at=NOON, by=None
        )  # fmt: skip
    actions.record_elements(
        package=known.package, definitions=[replace(DICTIONARY["soap"], definition_en="bars")], at=NOON, by=None
    )  # fmt: skip
    rows = queries.versions(known.package, "soap", known_at=NOON)
    assert [r.version for r in rows] == [2, 1]
    before = queries.dictionary(known.package, known_at=NOON - timedelta(seconds=1))
    assert before["soap"].definition_en == ""
    assert queries.search(queries.dictionary(known.package, known_at=NOON), "BARS soap")


# ---- what a request gets


def test_all_known_is_approved_at_once_and_the_rest_goes_to_a_ruling(
    known: Incident, province: Province, cast: Cast
) -> None:
    registers = ask(
        known, province, cast.department, form("A", field("A1", "arrivals"), field("A2", "cases"))
    )
    assert (registers.state, registers.minutes_added > 0) == ("active", True)
    request = ask(known, province, cast.department, FORMS[2])
    assert request.state == "ruling"
    groups = {a.row.code: a.group for a in answer_of(request, at=NOON).fields}
    assert groups["SU1"] is Group.NEW
    assert groups["SU4"] is Group.RULING
    waiting = queries.waiting_for_ruling(known, scope=scope_of(cast.analyst, at=NOON), at=NOON)
    assert all(f.due_at == NOON + timedelta(hours=2) for f in waiting)
    assert {"SU1", "SU3", "SU4", "SU7"} <= {f.code for f in waiting}


def test_what_is_only_refused_is_rejected_with_its_reason(
    known: Incident, province: Province, cast: Cast
) -> None:
    request = ask(known, province, cast.department, form("F", field("F1", "flags")))
    assert request.state == "rejected"
    assert request.closed_reason


def test_a_ruling_is_published_once_and_settles_the_request(
    known: Incident, province: Province, cast: Cast
) -> None:
    request = ask(known, province, cast.department, FORMS[0])
    rule_all(known, cast.analyst)
    request.refresh_from_db()
    assert request.state == "active"
    assert {f.ruling_reason for f in queries.rulings(known, known_at=NOON)} == {"so be it"}
    row = request.fields.filter(ruling="same").first()
    assert row is not None
    with pytest.raises(AlreadyRuled):
        actions.rule(
            field=row, ruling="reject", reason="x", by=cast.analyst, at=NOON,
            scope=scope_of(cast.analyst, at=NOON),
        )  # fmt: skip


def test_a_field_ruled_to_be_an_element_of_its_own_is_asked_from_then(
    known: Incident, province: Province, cast: Cast
) -> None:
    request = ask(
        known, province, cast.department, form("S", field("S1", "soap", population="schools"))
    )
    row = request.fields.get()
    scope = scope_of(cast.analyst, at=NOON)
    with pytest.raises(UnknownElement):
        actions.rule(
            field=row, ruling="same", element="nothing", reason="x", by=cast.analyst, at=NOON, scope=scope
        )  # fmt: skip
    new = replace(
        DICTIONARY["soap"], id="soap_schools", concept="soap_schools", population="schools"
    )
    actions.rule(
        field=row, ruling="new", new=new, reason="schools have their own", by=cast.analyst, at=NOON, scope=scope
    )  # fmt: skip
    assert DataElement.objects.filter(element="soap_schools").exists()
    compiled = queries.compiled_at(known, at=TOMORROW, level="village")
    assert compiled.solution.asked == ("soap_schools",)


def test_the_twelve_departments_as_requests(
    known: Incident, province: Province, cast: Cast, shared: Path
) -> None:
    """The shared file, imported: the same 20 and 12 questions, the same fields wait."""
    made = actions.import_forms(
        incident=known,
        unit=province["10"],
        file=read_forms_file(shared / "forms" / "twelve_departments.yaml"),
        why=WHY,
        by=cast.commander,
        at=NOON,
        scope=system_scope(),
        approve_new="the first forms of the incident",
    )
    assert len(made) == 12
    compiled = queries.compiled_at(known, at=TOMORROW, level="village")
    assert (len(compiled.daily), len(compiled.weekly)) == (20, 12)
    waiting = RequestedField.objects.filter(asked_at__isnull=False, ruled_at__isnull=True)
    assert waiting.count() == 26
    assert {r.state for r in made} == {"active", "ruling"}


# ---- the page


def test_a_request_is_on_the_page_from_the_next_day_and_off_it_the_day_after_it_is_withdrawn(
    known: Incident, province: Province, cast: Cast
) -> None:
    first = ask(known, province, cast.department, FORMS[0])
    second = ask(
        known, province, cast.department, form("B", field("B1", "soap"), field("B2", "rice_days"))
    )
    rule_all(known, cast.analyst)
    monday = date(2020, 2, 24)
    assert asked(known, monday) == set()  # today's page does not change under anybody's hand
    assert asked(known, monday + timedelta(days=1)) == {"soap", "worry"}
    assert asked(known, monday + timedelta(days=1), "weekly") == {"rice_days"}
    scope = scope_of(cast.department, at=TOMORROW)
    actions.close_request(
        request=first, reason="done", by=cast.department, at=TOMORROW, scope=scope
    )
    assert asked(known, monday + timedelta(days=1)) == {"soap", "worry"}
    assert asked(known, monday + timedelta(days=2)) == {"soap"}  # B still needs it
    actions.close_request(
        request=second, reason="done", by=cast.department, at=TOMORROW, scope=scope
    )
    assert asked(known, monday + timedelta(days=3)) == set()


def test_a_thirteenth_request_of_known_fields_asks_nothing_and_is_met_at_once(
    known: Incident, province: Province, cast: Cast
) -> None:
    ask(known, province, cast.department, FORMS[0])
    rule_all(known, cast.analyst)
    extra = form("XX", *(replace(f, id=f"X{f.id}") for f in FORMS[0].fields))
    before = queries.compiled_at(known, at=TOMORROW, level="village").solution.asked
    request = ask(known, province, cast.commander, extra)
    assert (request.state, request.minutes_added) == ("active", 0)
    assert queries.compiled_at(known, at=TOMORROW, level="village").solution.asked == before


def test_the_page_of_a_day_is_fixed_once(known: Incident, province: Province, cast: Cast) -> None:
    ask(known, province, cast.department, FORMS[0])
    rule_all(known, cast.analyst)
    day = date(2020, 2, 25)
    assert form_of_day(known, level="village", day=day, now=NOON) is None  # it has not begun
    one = form_of_day(known, level="village", day=day, now=TOMORROW)
    assert one == form_of_day(known, level="village", day=day, now=TOMORROW)
    assert MergedForm.objects.count() == 1
    assert one is not None
    assert {row["field"] for row in one.fields} == {f.id for f in FORMS[0].fields}


def test_what_the_page_asks_passes_the_door_words_too(
    known: Incident, province: Province, cast: Cast
) -> None:
    who = cast.village_reporter
    sent = submit_values(
        incident=known,
        unit=province["100101001"],
        day=NOON.date(),
        values={"soap": 12},
        texts={"worry": "no masks for the guards"},
        actor=who,
        source="form",
        at=NOON,
        client_key="key-00001",
        scope=scope_of(who, at=NOON),
    )
    assert sent.rows_accepted == 2
    assert Value.objects.get(element="worry").text == "no masks for the guards"


# ---- freeze and sunset


def test_a_freeze_stops_what_no_law_demands_and_a_thaw_brings_it_back(
    known: Incident, province: Province, cast: Cast
) -> None:
    ask(known, province, cast.department, FORMS[0])
    ask(known, province, cast.department, form("B", field("B1", "guards")), statutory=True)
    rule_all(known, cast.analyst)
    scope = scope_of(cast.commander, at=TOMORROW)

    def now(at: object = TOMORROW) -> tuple[str, ...]:
        return queries.compiled_at(known, at=at, level="village").solution.asked  # type: ignore[arg-type]

    assert now() == ("guards", "soap", "worry")
    with pytest.raises(NotFrozen):
        actions.thaw(incident=known, by=cast.commander, at=TOMORROW, scope=scope)
    actions.freeze(
        incident=known,
        reason="the front line is drowning",
        by=cast.commander,
        at=TOMORROW,
        scope=scope,
    )
    assert now() == ("guards",)
    assert now(TOMORROW - timedelta(seconds=1)) == ("guards", "soap", "worry")
    with pytest.raises(AlreadyFrozen):
        actions.freeze(incident=known, reason="x", by=cast.commander, at=TOMORROW, scope=scope)
    later = TOMORROW + timedelta(hours=1)
    actions.thaw(incident=known, by=cast.commander, at=later, scope=scope)
    assert now(later) == ("guards", "soap", "worry")


def test_a_request_expires_by_itself(known: Incident, province: Province, cast: Cast) -> None:
    request = ask(known, province, cast.department, FORMS[0])
    rule_all(known, cast.analyst)
    for days, state in ((11, "active"), (12, "expiring"), (13, "expiring"), (14, "closed")):
        at = NOON + timedelta(days=days)
        actions.expire_requests(incident=known, at=at)
        request.refresh_from_db()
        assert request.state == state, days
    assert queries.compiled_at(known, at=NOON + timedelta(days=14), level="village").asked == []
    assert AuditRecord.objects.filter(event="request.closed").count() == 1
    with pytest.raises(RequestStands):
        actions.close_request(
            request=request, reason="x", by=cast.department, at=NOON + timedelta(days=15),
            scope=scope_of(cast.department, at=NOON),
        )  # fmt: skip


def test_the_sunset_rules_only_what_is_in_effect() -> None:
    sunset = date(2020, 3, 9)
    for state in TRANSITIONS:
        after = due_state(state, sunset, sunset)
        assert after == ("closed" if state in ("active", "ruling", "expiring") else state)


def test_the_ledger_counts_what_is_asked_against_what_was_requested(
    known: Incident, province: Province, cast: Cast
) -> None:
    for one in FORMS:
        ask(known, province, cast.department, one)
    waiting = RequestedField.objects.filter(asked_at__isnull=False, ruled_at__isnull=True)
    for row in waiting:
        ruling = "reject" if row.code in ("SU3", "SU4", "SU6", "SU7", "SU8") else "same"
        actions.rule(field=row, ruling=ruling, reason="so", by=cast.analyst, at=NOON,
                     scope=scope_of(cast.analyst, at=NOON))  # fmt: skip
    ledger = ledger_of(known, level="village", at=TOMORROW)
    assert ledger.units == 5
    assert ledger.saved > 0
    assert {f.code for f in ledger.refused} == {"SU3", "SU4", "SU6", "SU7", "SU8"}
    assert sum(a.met for a in ledger.askers) == sum(o.met for o in ledger.compiled.outcomes)
    assert dict(ledger.reuse)[DICTIONARY["soap"].label] == 2


# ---- pages


def test_the_desk_is_read_by_who_reads_reports(cast: Cast, as_person: As, known: Incident) -> None:
    for page in ("requests", "burden", "dictionary"):
        assert as_person(cast.auditor).get(reverse(f"report:{page}")).status_code == 403
        assert as_person(cast.village_reporter).get(reverse(f"report:{page}")).status_code == 200
    assert as_person(cast.analyst).get(reverse("report:request_new")).status_code == 403
    assert as_person(cast.department).get(reverse("report:freeze")).status_code == 403


def test_a_department_asks_on_the_page_and_an_analyst_rules(
    cast: Cast, as_person: As, known: Incident, province: Province
) -> None:
    client = as_person(cast.department)
    lines = {"labels": "Guards at night\nArrivals by sea", "act": "propose"}
    proposed = client.post(reverse("report:request_new"), lines).content.decode()
    assert 'value="guards_night"' in proposed
    typed = {
        "act": "draft", "code": "TR", "title": "Checkpoints", "decision": "which to lift",
        "purpose": "to know", "legal_basis": "article 33", "level": "village", "sunset": "2020-03-09",
        "label": ["Guards at night", "Arrivals by sea"],
        "element": ["guards_night", "arrivals_sea"],
        "cutoff": ["8：00", ""], "population": ["", ""], "definition": ["", ""],
    }  # fmt: skip
    for wrong in ({"cutoff": ["noon", ""]}, {"deadline": "tomorrow"}):
        refused = client.post(reverse("report:request_new"), {**typed, **wrong})
        assert refused.status_code == 422
        assert "R174" in refused.content.decode()
    assert not DataRequest.objects.exists()
    drafted = client.post(reverse("report:request_new"), typed)
    assert drafted.status_code == 302
    request = DataRequest.objects.get()
    assert request.fields.get(code="TR01").cutoff == "08:00"
    page = client.get(drafted["Location"])
    assert page.context["at_once"] == 1
    assert (
        client.post(reverse("report:request_act", args=[request.pk]), {"act": "submit"}).status_code
        == 302
    )
    row = request.fields.get(asked_at__isnull=False)
    address = reverse("report:rule", args=[request.pk, row.pk])
    told = {"ruling": "same", "reason": "guards are asked once"}
    assert client.post(address, told).status_code == 403
    analyst = as_person(cast.analyst)
    assert analyst.post(address, {**told, "reason": ""}).status_code == 422
    assert analyst.post(address, told).status_code == 302
    request.refresh_from_db()
    assert request.state == "active"
    assert client.post(reverse("report:request_act", args=[request.pk]), {"act": "close", "reason": "over"}).status_code == 302  # fmt: skip
    assert client.post(reverse("report:request_act", args=[request.pk]), {"act": "close", "reason": "over"}).status_code == 409  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_pages_open_in_both_languages(
    cast: Cast, as_person: As, known: Incident, province: Province, language: str
) -> None:
    for one in FORMS:
        ask(known, province, cast.department, one)
    commander = cast.commander
    commander.language = language
    commander.save(update_fields=["language"])
    client = as_person(commander)
    for address in (
        *(
            reverse(f"report:{p}")
            for p in ("requests", "request_new", "freeze", "burden", "dictionary")
        ),
        reverse("report:dictionary") + "?q=soap",
        reverse("report:element", args=["soap"]),
        *(reverse("report:request", args=[r.pk]) for r in DataRequest.objects.all()),
        *(reverse("report:lineage_csv", args=[r.pk]) for r in DataRequest.objects.all()),
    ):
        assert client.get(address).status_code == 200, address
    assert client.get(reverse("report:element", args=["nothing"])).status_code == 404


def test_the_ledger_names_every_asker_and_links_what_may_be_opened(
    cast: Cast, as_person: As, known: Incident, province: Province
) -> None:
    """The burden is published to everybody; a request itself is of its department's places."""
    made = ask(known, province, cast.department, FORMS[0])
    address = reverse("report:request", args=[made.pk])
    for page in (reverse("report:burden"), reverse("report:element", args=["soap"])):
        theirs = as_person(cast.department).get(page).content.decode()
        assert f'href="{address}"' in theirs, page
        mine = as_person(cast.county_officer).get(page).content.decode()
        assert f'href="{address}"' not in mine, page
        assert made.department_en in mine, page
    assert as_person(cast.county_officer).get(address).status_code == 404


def test_a_request_out_of_sight_is_not_there(
    cast: Cast, as_person: As, known: Incident, province: Province
) -> None:
    request = ask(known, province, cast.department, FORMS[0])
    client = as_person(cast.county_officer)  # the request is the province's
    assert client.get(reverse("report:request", args=[request.pk])).status_code == 404
    assert system_scope().may  # the system reads all
