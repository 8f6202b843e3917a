"""A release reaches a department's machine, signed, however often its network fails; requests end by themselves."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cast import NOON, Cast, Province
from unit.report.village_forms import DICTIONARY, field, form
from yipan.access.models import AuditRecord, Incident, Installation, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import YipanError
from yipan.report.errors import Missing, NoWebAddress, RequestStands, RequestTooLong
from yipan.report.exchange import store
from yipan.report.models import (
    DataRequest,
    RequestState,
    Submission,
    TableHook,
    TableNotice,
    TableRelease,
)
from yipan.report.releases.actions import WAITS, release_due, send_notices, set_hook
from yipan.report.requests import actions
from yipan.report.requests.actions import Why
from yipan.report.work import one_round

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
ADDRESS = "https://health.example/yipan"
DAY = "?day=2020-02-24"


@pytest.fixture
def asked(drill: Incident, province: Province, cast: Cast) -> DataRequest:
    """A request in effect since two days ago, its table due at 18:00."""
    since = NOON - timedelta(days=2)
    actions.record_elements(package=drill.package, definitions=DICTIONARY.values(), at=since, by=None)  # fmt: skip
    drafted = actions.draft_request(
        incident=drill, unit=province["10"], form=form("HE", field("HE1", "village"), field("HE2", "arrivals")),
        why=Why("a", "b", "c"), by=cast.department, at=since, scope=system_scope(),
    )  # fmt: skip
    made, _answer = actions.submit_request(request=drafted, by=cast.department, at=since, scope=system_scope())  # fmt: skip
    return made


@pytest.fixture
def live(drill: Incident) -> Incident:
    """No exercise and no demonstration: messages may leave."""
    Incident.objects.filter(pk=drill.pk).update(exercise=False, clock_at=None, clock_set_at=None)
    Installation.objects.get_or_create(pk=1, defaults={"created_at": timezone.now()})
    return Incident.objects.get(pk=drill.pk)


@pytest.fixture
def hooked(asked: DataRequest) -> TableHook:
    return set_hook(request=asked, address=ADDRESS, by=None, at=NOON, scope=system_scope())


class Machine:
    """A department's machine: answers as told, and keeps what it got."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, bytes, Mapping[str, str]]] = []

    def __call__(self, address: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append((address, body, headers))
        return self.answers.pop(0) if self.answers else 200


# ---- refusals first


@pytest.mark.parametrize(
    "address", ["", "ftp://x/y", "health.example", "https://me:pw@x/y", "javascript:1"]
)
def test_what_is_no_address_of_the_web_is_refused(asked: DataRequest, address: str) -> None:
    with pytest.raises(NoWebAddress):
        set_hook(request=asked, address=address, by=None, at=NOON, scope=system_scope())


def test_only_who_asks_for_data_sets_and_sees_a_hook(
    asked: DataRequest, cast: Cast, as_person: As
) -> None:
    path = f"/api/report/requests/{asked.pk}/hooks"
    body = json.dumps({"address": ADDRESS})
    assert Client().get(path).status_code == 401
    for who in (cast.analyst, cast.village_reporter, cast.county_officer):
        assert as_person(who).get(path).status_code in (403, 404)
        assert as_person(who).post(path, body, content_type="application/json").status_code in (403, 404)  # fmt: skip
    client = as_person(cast.department)
    made = client.post(path, body, content_type="application/json")
    assert made.status_code == 200
    assert len(made.json()["secret"]) > 30
    assert client.post(path, body, content_type="application/json").status_code == 409
    assert [h["secret"] for h in client.get(path).json()] == [None]  # shown once
    assert client.delete(f"{path}/{made.json()['id']}").status_code == 204
    assert client.delete(f"{path}/999999").status_code == 404
    assert client.get(path).json() == []


# ---- told


def test_a_release_tells_the_machine_which_table_and_who_says_so(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As, live: Incident
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)
    machine = Machine()
    done = send_notices(clock=timezone.now, post=machine)
    assert (done.sent, done.failed) == (1, 0)
    ((address, body, headers),) = machine.got
    assert address == ADDRESS
    told = json.loads(body)
    assert (told["event"], told["request"], told["day"]) == ("table.released", "HE", "2020-02-24")
    assert as_person(cast.department).get(told["table"]).status_code == 200  # where it says, it is
    signed = headers["Yipan-Timestamp"].encode() + b"." + body
    expected = hmac.new(hooked.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Yipan-Signature"] == f"sha256={expected}"
    assert not send_notices(clock=timezone.now, post=machine).sent  # told once
    assert TableNotice.objects.get().sent_at is not None


def test_a_machine_that_does_not_answer_is_told_again_and_again_and_then_given_up(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As, live: Incident
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)
    now = [timezone.now()]
    machine = Machine(*[0, 500, 429] * 9)
    for i, wait in enumerate(WAITS, start=1):
        assert send_notices(clock=lambda: now[0], post=machine).failed == 1
        assert not send_notices(clock=lambda: now[0], post=machine).failed  # not before its time
        assert TableNotice.objects.get().tries == i
        now[0] += wait
    assert send_notices(clock=lambda: now[0], post=machine).failed == 0
    notice = TableNotice.objects.get()
    assert (notice.due_at, notice.sent_at, notice.failure != "") == (None, None, True)
    assert {h["Idempotency-Key"] for _a, _b, h in machine.got} == {f"table-release-{notice.release_id}"}  # fmt: skip
    page = as_person(cast.department).get(reverse("report:table", args=[asked.pk]) + DAY)
    assert "given up" in page.content.decode()


def test_a_machine_that_refuses_is_not_asked_again(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As, live: Incident
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)
    send_notices(clock=timezone.now, post=Machine(410))
    assert TableNotice.objects.get().due_at is None


def test_an_exercise_reaches_no_machine(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)
    machine = Machine()
    assert send_notices(clock=timezone.now, post=machine).kept_back == 1
    assert machine.got == []


def test_a_worker_that_died_with_a_notice_in_hand_loses_nothing(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As, live: Incident
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)

    def dies(*_given: object) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_notices(clock=timezone.now, post=dies)
    later = timezone.now() + timedelta(minutes=11)
    assert send_notices(clock=lambda: later, post=Machine()).sent == 1


def test_a_table_with_a_machine_is_released_by_itself_once_at_its_hour(
    asked: DataRequest, hooked: TableHook, drill: Incident
) -> None:
    evening = NOON + timedelta(hours=9)  # 21:00; the deadline is 20:00
    assert release_due(incident=drill, at=NOON, now=timezone.now()) == 0
    assert release_due(incident=drill, at=evening, now=timezone.now()) == 1
    assert release_due(incident=drill, at=evening, now=timezone.now()) == 0
    assert TableRelease.objects.get().format == "webhook"
    assert TableNotice.objects.count() == 1


# ---- what ends by itself


def test_the_round_ends_requests_and_forgets_files(
    asked: DataRequest, drill: Incident, province: Province, tmp_path: Path
) -> None:
    DataRequest.objects.filter(pk=asked.pk).update(sunset_on=date(2020, 2, 24))
    digest = store.keep(b"a,b\n")
    Submission.objects.create(
        incident=drill, unit=province["100101"], source="file", client_key="file-0001",
        received_at=NOON, file_name="a.csv", file_digest=digest, file_expires_on=date(2020, 3, 1),
    )  # fmt: skip
    done = one_round(clock=timezone.now, post=Machine())
    assert (done.requests_ended, done.rows_erased) == (
        1,
        0,
    )  # on the exercise's clock it is 24 February
    assert store.kept(digest) == b"a,b\n"
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(days=6))
    done = one_round(clock=timezone.now, post=Machine())
    assert (done.requests_ended, done.rows_erased) == (0, 1)
    asked.refresh_from_db()
    assert (asked.state, bool(asked.closed_reason)) == (RequestState.CLOSED, True)
    assert store.kept(digest) is None
    assert not one_round(clock=timezone.now, post=Machine()).any


# ---- prolonged


def test_a_request_about_to_end_is_prolonged_with_a_reason(
    asked: DataRequest, cast: Cast, as_person: As, drill: Incident
) -> None:
    DataRequest.objects.filter(pk=asked.pk).update(sunset_on=date(2020, 2, 26))
    actions.expire_requests(incident=drill, at=NOON)
    asked.refresh_from_db()
    assert asked.state == RequestState.EXPIRING
    scope = scope_of(cast.department, at=NOON)

    def prolong(until: date, reason: str, at: datetime = NOON) -> DataRequest:
        return actions.prolong_request(request=asked, until=until, reason=reason, by=cast.department, at=at, scope=scope)  # fmt: skip

    with pytest.raises(Missing):
        prolong(date(2020, 3, 9), " ")
    for wrong in (date(2020, 2, 24), date(2021, 1, 1)):
        with pytest.raises(RequestTooLong):
            prolong(wrong, "beds")
    made = prolong(date(2020, 3, 9), "beds are still short")
    assert (made.state, made.sunset_on) == (RequestState.ACTIVE, date(2020, 3, 9))
    assert AuditRecord.objects.get(event="request.prolonged").detail["reason"] == "beds are still short"  # fmt: skip
    client = as_person(cast.department)
    path = reverse("report:request_act", args=[asked.pk])
    assert as_person(cast.village_reporter).post(path, {"act": "prolong"}).status_code in (403, 404)
    assert client.post(path, {"act": "prolong", "until": "", "reason": "x"}).status_code == 422
    assert client.post(path, {"act": "prolong", "until": "2020-03-12", "reason": "x"}).status_code == 302  # fmt: skip
    told = client.post(f"/api/report/requests/{asked.pk}/prolong", json.dumps({"until": "2020-03-13", "reason": "x"}), content_type="application/json")  # fmt: skip
    assert (told.status_code, told.json()["sunset_on"]) == (200, "2020-03-13")
    actions.close_request(request=asked, reason="done", by=None, at=NOON, scope=system_scope())
    with pytest.raises(RequestStands):
        prolong(date(2020, 3, 20), "again")


# ---- an existing XLSForm becomes a request


def xlsform(*rows: tuple[str, ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "survey"
    for row in (("type", "name", "label::中文 (zh)", "label::English (en)"), *rows):
        sheet.append(row)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


FORM = xlsform(
    ("begin_group", "g", "组", "Group"),
    ("integer", "arrivals", "返乡人数", "People who returned"),
    ("text", "worry", "困难", "Worries"),
    ("note", "n", "说明", "Note"),
    ("end_group", "", "", ""),
)


def test_the_desk_reads_an_xlsform_and_asks_what_each_question_is(
    asked: DataRequest, cast: Cast, as_person: As
) -> None:
    client = as_person(cast.department)
    path = reverse("report:request_new")
    page = client.post(path, {"act": "propose", "labels": "", "file": SimpleUploadedFile("f.xlsx", FORM)}).content.decode()  # fmt: skip
    assert "People who returned" in page
    assert "Worries" in page
    assert "Note" not in page
    refused = client.post(path, {"act": "propose", "labels": "", "file": SimpleUploadedFile("f.xlsx", b"no")})  # fmt: skip
    assert refused.status_code == 422


def test_an_xlsform_is_imported_from_the_terminal_as_a_request(
    asked: DataRequest, drill: Incident, province: Province, tmp_path: Path
) -> None:
    from yipan.report.exchange.xlsform.reading import read_xlsform_file

    file = tmp_path / "survey.xlsx"
    file.write_bytes(FORM)
    (made,) = actions.import_forms(
        incident=drill, unit=province["10"], file=read_xlsform_file(file), why=Why("a", "b", "c"),
        by=None, at=NOON, scope=system_scope(),
    )  # fmt: skip
    assert (made.code, [f.label_zh for f in made.fields.order_by("position")]) == ("SURVEY", ["返乡人数", "困难"])  # fmt: skip
    with pytest.raises(YipanError):
        read_xlsform_file(tmp_path / "absent.xlsx")


def test_the_reader_of_hooks_has_no_figure_in_its_message(
    asked: DataRequest, hooked: TableHook, cast: Cast, as_person: As, live: Incident
) -> None:
    as_person(cast.department).get(reverse("report:table_csv", args=[asked.pk]) + DAY)
    machine = Machine()
    send_notices(clock=timezone.now, post=machine)
    told: dict[str, Any] = json.loads(machine.got[0][1])
    assert set(told) == {"event", "release", "request", "day", "known_at", "units", "cells", "table", "page"}  # fmt: skip
