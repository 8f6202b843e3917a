"""The short way of the morning answers as the ordinary way does, and writes the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from cast import GRANTED, NOON, Cast, Province, person
from yipan.access.actions import create_incident, grant_role, issue_token, revoke_token
from yipan.access.models import ApiToken, AuditRecord, Grant, Incident, Role, User
from yipan.access.rules import Action
from yipan.places.models import Unit
from yipan.report import api, hot
from yipan.report.models import DataElement, Submission, Value

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
SENT = {
    "unit": "100101001",
    "day": "2020-02-24",
    "values": {"fever": 2, "masks_stock": 40},
    "client_key": "key-00001",
}
BOTH = [Action.REPORT_SUBMIT, Action.PLACE_READ]


def machine(user: User, actions: list[Action] = BOTH) -> tuple[ApiToken, Client]:
    """A caller with a token of this person."""
    now = timezone.now()
    token, secret = issue_token(
        user=user,
        name="phone",
        actions=actions,
        by=user,
        at=now,
        expires_at=now + timedelta(days=1),
    )
    return token, Client(HTTP_AUTHORIZATION=f"Bearer {secret}")


def post(client: Client, body: dict[str, Any]) -> Any:
    return client.post("/api/report/values", json.dumps(body), content_type="application/json")


@contextmanager
def ordinary_way() -> Iterator[None]:
    """With the short way closed."""
    with pytest.MonkeyPatch.context() as patch:
        for room in (api, hot):
            patch.setattr(room, "submit_swiftly", lambda **_given: None)
        yield


@pytest.fixture
def short_way(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each call: whether the short way answered."""
    went: list[bool] = []
    real = api.submit_swiftly

    def noting(**given: Any) -> Any:
        went.append(True)
        took = real(**given)
        went[-1] = took is not None
        return took

    for room in (api, hot):
        monkeypatch.setattr(room, "submit_swiftly", noting)
    return went


# ---- refusals first: a right that was taken away is gone at the next call


def test_a_token_revoked_opens_no_more(drill: Incident, cast: Cast, short_way: list[bool]) -> None:
    token, client = machine(cast.village_reporter)
    assert post(client, SENT).status_code == 200
    revoke_token(token=token, by=cast.village_reporter, at=timezone.now())
    refused = post(client, {**SENT, "client_key": "key-00002"})
    assert (refused.status_code, refused.json()["code"]) == (401, "S719")
    assert post(client, SENT).status_code == 401  # a replay too
    assert short_way == [True, False, False]


def test_a_token_that_does_not_open_is_told_before_a_fault_in_what_it_sends(
    drill: Incident, cast: Cast
) -> None:
    client = Client(HTTP_AUTHORIZATION="Bearer yipan_unknown")
    assert post(client, {"unit": 1}).status_code == 401


def test_a_role_that_ended_submits_no_more(
    drill: Incident, cast: Cast, short_way: list[bool]
) -> None:
    _token, client = machine(cast.village_reporter)
    assert post(client, SENT).status_code == 200
    Grant.objects.filter(user=cast.village_reporter).update(
        valid_to=timezone.now() - timedelta(seconds=1)
    )
    assert post(client, {**SENT, "client_key": "key-00002"}).status_code == 404
    assert short_way == [True, False]


def test_an_account_that_was_closed_submits_no_more(drill: Incident, cast: Cast) -> None:
    _token, client = machine(cast.village_reporter)
    assert post(client, SENT).status_code == 200
    User.objects.filter(pk=cast.village_reporter.pk).update(is_active=False)
    assert post(client, {**SENT, "client_key": "key-00002"}).status_code == 401


def test_a_token_for_reading_only_submits_nothing(drill: Incident, cast: Cast) -> None:
    _token, client = machine(cast.village_reporter, [Action.REPORT_READ, Action.PLACE_READ])
    assert post(client, SENT).status_code == 403
    assert not Submission.objects.exists()


def test_an_incident_stood_down_takes_nothing_more(
    drill: Incident, cast: Cast, short_way: list[bool]
) -> None:
    _token, client = machine(cast.village_reporter)
    assert post(client, SENT).status_code == 200
    Incident.objects.filter(pk=drill.pk).update(stood_down_at=NOON)
    refused = post(client, {**SENT, "client_key": "key-00002"})
    assert (refused.status_code, refused.json()["code"]) == (409, "R125")


# ---- taken


def test_it_is_one_read_and_one_write(
    drill: Incident, cast: Cast, short_way: list[bool], django_assert_max_num_queries: Any
) -> None:
    _token, client = machine(cast.village_reporter)
    post(client, SENT)  # what may be kept in memory is read once
    with django_assert_max_num_queries(9):  # SQLite: read, three writes, savepoints of the test
        assert post(client, {**SENT, "unit": "100101001", "day": "2020-02-23", "client_key": "key-2"*2}).status_code == 200  # fmt: skip
    assert short_way == [True, True]


def test_a_newer_incident_is_the_one_reported_to(
    drill: Incident, cast: Cast, province: Province, short_way: list[bool]
) -> None:
    _token, client = machine(cast.village_reporter)
    post(client, SENT)
    newer = create_incident(
        package=province.package, slug="newer", name_zh="新", name_en="Newer",
        disease="sars_cov_2_wild", places=[province["1001"]], response_level=1, exercise=True,
        at=GRANTED + timedelta(days=1), clock_at=NOON, clock_set_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    assert post(client, {**SENT, "client_key": "key-00002"}).status_code == 200
    assert Submission.objects.get(client_key="key-00002").incident == newer
    assert short_way == [True, True]


def test_the_clock_that_was_turned_counts_at_once(drill: Incident, cast: Cast) -> None:
    _token, client = machine(cast.village_reporter)
    tomorrow = {**SENT, "day": "2020-02-25", "client_key": "key-00002"}
    assert post(client, tomorrow).status_code == 422
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(days=1))
    assert post(client, tomorrow).status_code == 200


def test_a_new_element_is_known_at_once(
    drill: Incident, cast: Cast, province: Province, short_way: list[bool]
) -> None:
    _token, client = machine(cast.village_reporter)
    sent = {**SENT, "values": {"oxygen": 3}}
    assert post(client, sent).status_code == 422
    element(province, "oxygen")
    assert post(client, sent).status_code == 200
    assert short_way[-1]


def element(
    province: Province, name: str, measure: str = "stock", decimals: int = 0
) -> DataElement:
    return DataElement.objects.create(
        package=province.package, element=name, label_zh=name, label_en=name, concept=name,
        measure=measure, time_basis="instant", recorded_at=GRANTED, decimals=decimals,
    )  # fmt: skip


def test_when_it_was_used_is_noted(drill: Incident, cast: Cast) -> None:
    token, client = machine(cast.village_reporter)
    post(client, SENT)
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_the_audit_is_written_with_it(drill: Incident, cast: Cast) -> None:
    _token, client = machine(cast.village_reporter)
    made = post(client, SENT).json()["id"]
    record = AuditRecord.objects.get(event="report.submitted")
    assert (record.object_id, record.actor, record.detail) == (
        str(made), cast.village_reporter, {"source": "api", "values": 2, "corrections": 0},
    )  # fmt: skip
    assert record.recorded_at is not None


# ---- the same answer


VALUES: list[float | str | None] = [0, 1, 2, 3, 7, 40, 300_000_000, -1, 2.5, 2.55, "NaN", None]
ELEMENTS = [
    "fever", "masks_stock", "households_checked", "confirmed", "confirmed_new", "oxygen",
    "patients_so_far", "share", "unheard_of",
]  # fmt: skip


def pages(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Pages as they come: good ones, replays, corrections, and everything that can be wrong."""
    made = []
    for _ in range(count):
        names = rng.sample(ELEMENTS, k=rng.randint(0, 4)) if rng.random() < 0.4 else ["fever", "masks_stock"]  # fmt: skip
        page: dict[str, Any] = {
            "unit": rng.choice(["100101001"] * 4 + ["100101", "1001", "100201001", "nowhere"]),
            "day": rng.choice(
                ["2020-02-22", "2020-02-23", "2020-02-24", "2020-02-24", "2020-02-25", "2019-01-01"]
            ),
            "values": {n: rng.choice(VALUES[:5] if rng.random() < 0.7 else VALUES) for n in names},
            "client_key": f"key-{rng.randint(0, count * 2):05d}",
        }
        if rng.random() < 0.3:
            page["reasons"] = dict.fromkeys(names[:1], "recounted")
        if rng.random() < 0.3:
            page["unchanged"] = rng.sample(ELEMENTS, k=2)
        if rng.random() < 0.2:
            page["device_at"] = "2020-02-24T03:00:00Z"
        made.append(page)
    return made


def outcome(client: Client, page: dict[str, Any]) -> dict[str, Any]:
    """What came back and what was written, without the numbers of rows."""
    before = {m: set(m.objects.values_list("pk", flat=True)) for m in (Submission, Value, AuditRecord)}  # fmt: skip
    response = post(client, page)
    told = response.json()
    told.pop("id", None)
    written = {
        m.__name__: [
            {
                k: v
                for k, v in row.items()
                if k not in ("id", "submission_id", "object_id", "recorded_at" if m is AuditRecord else "")
            }
            for row in m.objects.exclude(pk__in=before[m]).order_by("pk").values()
        ]
        for m in before
    }  # fmt: skip
    written["Value"].sort(key=lambda row: str(row["element"]))
    kind = response.headers["Content-Type"]
    return {"status": response.status_code, "told": told, "kind": kind, **written}


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_answer_and_write_the_same(
    drill: Incident,
    cast: Cast,
    province: Province,
    as_person: As,
    short_way: list[bool],
    seed: int,
) -> None:
    rng = random.Random(seed)
    element(province, "oxygen")
    element(province, "patients_so_far", "cum")
    element(province, "share", decimals=1)
    Unit.objects.filter(pk=province["1001"].pk).update(reports=True)
    city = person("city_clerk", Role.COUNTY_OFFICER, province["1001"])
    grant_role(user=city, role=Role.FRONT_LINE, unit=province["100201001"], sensitivity=1, by=None, at=GRANTED)  # fmt: skip
    clients = [
        machine(cast.village_reporter)[1],
        machine(city)[1],
        machine(cast.analyst, [Action.PLACE_READ])[1],
        as_person(city),
        as_person(cast.county_officer),
    ]
    statuses = set()
    for page in pages(rng, 45):
        client = rng.choice(clients)
        with ordinary_way():
            mark = transaction.savepoint()
            ordinary = outcome(client, page)
            transaction.savepoint_rollback(mark)
        swift = outcome(client, page)
        assert swift == ordinary, page
        statuses.add(swift["status"])
    assert {200, 404, 422} <= statuses
    assert sum(short_way) >= 10  # it is a way that is taken
