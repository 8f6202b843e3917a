"""Alarms: raised with the assessment, once, never looking back; judged by people, once, with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from cast import Cast
from front import CLOCK, Front
from yipan.access.models import AuditRecord, User
from yipan.access.scope import scope_of, system_scope
from yipan.assess.errors import JudgedAlready, VerdictWithoutReason
from yipan.assess.models import Alarm
from yipan.assess.warnings import queries, words
from yipan.assess.warnings.actions import judge_alarm, look_for_clusters
from yipan.kernel.errors import NotFound
from yipan.places.models import Adjacency, Unit
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


def fill(front: Front, last: int, **days: dict[int, float]) -> None:
    """Send counts of three counties from day 1 to `last`; zeros where nothing else is said."""
    told = []
    for n in range(1, last + 1):
        told += front.told(
            n, **{f"c{c}": days.get(f"c{c}", {}).get(n, 0) for c in ("100101", "100102", "100201")}
        )
    front.send(told, Source.API)


def kinds(front: Front, code: str = "100101") -> list[str]:
    return sorted(Alarm.objects.filter(unit__code=code).values_list("kind", flat=True))


def test_more_cases_than_expected_raise_an_alarm_with_its_evidence(front: Front) -> None:
    fill(front, 20, c100101={18: 4, 19: 5, 20: 6}, c100102=dict.fromkeys(range(1, 21), 1))
    made = front.assess(20)
    alarm = Alarm.objects.get(kind="excess")
    assert (alarm.unit.code, alarm.day, alarm.observed) == ("100101", front.day(20), 15)
    assert alarm.p_value is not None
    assert alarm.p_value <= 0.001
    assert alarm.evidence["null"] == "the rate of the days before"
    assert alarm.assessment == made
    assert 0 <= made.method["alarms"]["false_expected_per_week"] < 1


def test_a_first_case_after_two_quiet_weeks_is_a_question(front: Front) -> None:
    fill(front, 20, c100101={2: 1, 20: 1})
    front.assess(20)
    alarm = Alarm.objects.get(kind="reintroduction")
    assert alarm.evidence["before"] == 1
    fill_later = front.told(21, c100101=1, c100102=0, c100201=0)
    front.send(fill_later, Source.API)
    front.assess(21)
    assert Alarm.objects.filter(kind="reintroduction").count() == 1


def test_the_same_number_five_days_running_is_implausible_zeros_are_not(front: Front) -> None:
    fill(front, 20, c100101=dict.fromkeys(range(16, 21), 3))
    front.assess(20)
    assert "streak" in kinds(front)
    assert not kinds(front, "100102")


def test_zeros_among_active_neighbours(front: Front) -> None:
    Unit.objects.filter(level="county").update(population=100_000)
    units = front.province
    for a, b in (("100101", "100102"), ("100102", "100201"), ("100101", "100201")):
        Adjacency.objects.create(a=units[a], b=units[b])
    busy = {n: float(2 + n % 2) for n in range(1, 21)}
    fill(front, 20, c100101=busy, c100102=busy)
    front.assess(20)
    alarm = Alarm.objects.get(kind="zeros")
    assert alarm.unit.code == "100201"
    assert alarm.evidence["cases_of_neighbours"] == 2 * sum(busy[n] for n in range(14, 21))


def test_an_alarm_is_raised_once_a_day_and_never_looking_back(front: Front) -> None:
    fill(front, 20, c100101={18: 4, 19: 5, 20: 6}, c100102=dict.fromkeys(range(1, 21), 1))
    front.assess(20, hour=10)
    count = Alarm.objects.count()
    front.assess(20, hour=12)
    assert Alarm.objects.count() == count
    Alarm.objects.all().delete()
    front.assess(20, hour=9)
    assert not Alarm.objects.exists()


def test_clusters_are_sought_against_a_named_null_and_the_same_seed_finds_the_same(
    front: Front,
) -> None:
    for code, lon in (("100101", 113.0), ("100102", 113.2), ("100201", 118.0)):
        Unit.objects.filter(code=code).update(lon=lon, lat=34.0)
    fill(
        front,
        27,
        c100101=dict.fromkeys(range(24, 28), 6),
        c100102=dict.fromkeys(range(24, 28), 5),
        c100201=dict.fromkeys(range(1, 28), 3),
    )
    made = front.assess(27)
    assert look_for_clusters(assessment=made, at=made.known_at, seed=7) == 1
    alarm = Alarm.objects.get(kind="cluster")
    assert sorted(alarm.evidence["places"]) == ["100101", "100102"]
    assert alarm.evidence["null"] == "permutation"
    assert look_for_clusters(assessment=made, at=made.known_at, seed=7) == 0
    assert AuditRecord.objects.filter(event="assess.clusters_sought").count() == 2


@pytest.fixture
def raised(front: Front) -> Alarm:
    """One alarm about Alder."""
    fill(front, 20, c100101={2: 1, 20: 1})
    front.incident.clock_at = CLOCK.known_from(front.day(21))
    front.incident.exercise = True
    front.incident.save()
    front.assess(20)
    return Alarm.objects.get(kind="reintroduction")


def test_judging_needs_the_right_the_place_and_for_a_false_one_a_reason(
    cast: Cast, raised: Alarm
) -> None:
    at = raised.at
    stranger = scope_of(cast.stranger, at=at)
    with pytest.raises(NotFound):
        judge_alarm(
            alarm=raised, verdict="true", reason="", by=cast.stranger, at=at, scope=stranger
        )
    scope = system_scope()
    with pytest.raises(VerdictWithoutReason):
        judge_alarm(alarm=raised, verdict="false", reason=" ", by=cast.analyst, at=at, scope=scope)
    judge_alarm(
        alarm=raised, verdict="false", reason="counted twice", by=cast.analyst, at=at, scope=scope
    )
    with pytest.raises(JudgedAlready):
        judge_alarm(alarm=raised, verdict="true", reason="", by=cast.analyst, at=at, scope=scope)


def test_the_record_says_how_often_alarms_were_false(cast: Cast, raised: Alarm) -> None:
    scope, at = system_scope(), raised.at
    incident = raised.incident
    before = queries.track_record(incident, scope=scope, at=at, day=raised.day)
    assert (before.raised, before.false_share) == (1, None)
    judge_alarm(alarm=raised, verdict="false", reason="typing", by=cast.analyst, at=at, scope=scope)
    after = queries.track_record(incident, scope=scope, at=at, day=raised.day)
    assert after.false_share == 1
    assert "1 were false" in words.headline(0, after) or "1条" in words.headline(0, after)
    assert not queries.open_alarms(incident, at=at, scope=scope).exists()


def test_a_question_lapses_after_a_week(raised: Alarm) -> None:
    scope, incident = system_scope(), raised.incident
    for late, waiting in ((6, 1), (7, 0)):
        at = CLOCK.known_from(raised.day + timedelta(days=late))
        assert queries.open_alarms(incident, at=at, scope=scope).count() == waiting
    record = queries.track_record(incident, scope=scope, at=at, day=raised.day + timedelta(days=7))
    assert (record.raised, record.lapsed) == (1, 1)


def test_pages_and_api_refuse_first(
    client: Client, cast: Cast, raised: Alarm, as_person: As
) -> None:
    assert client.get("/assess/alarms/").status_code == 302
    assert client.get("/api/assess/alarms").status_code == 401
    village = as_person(cast.village_reporter)
    assert village.get("/assess/alarms/").status_code in (403, 404)
    assert village.get("/api/assess/alarms").status_code == 403
    other = as_person(cast.other_county_officer)
    assert other.post(f"/assess/alarms/{raised.pk}/judge/", {"verdict": "true"}).status_code == 404
    officer = as_person(cast.county_officer)
    body = {"verdict": "true"}
    assert officer.post(f"/assess/alarms/{raised.pk}/judge/", body).status_code == 403
    assert as_person(cast.department).post("/assess/clusters/").status_code == 403


def test_the_page_shows_and_takes_a_verdict(cast: Cast, raised: Alarm, as_person: As) -> None:
    client = as_person(cast.analyst)
    page = client.get("/assess/alarms/").content.decode()
    assert "1 alarm waits for somebody to look." in page
    assert "1 after 14 days without a case" in page
    address = f"/assess/alarms/{raised.pk}/judge/"
    assert client.post(address, {"verdict": "maybe"}).status_code == 422
    assert client.post(address, {"verdict": "false", "reason": ""}).status_code == 422
    assert client.post(address, {"verdict": "true", "reason": "imported"}).status_code == 302
    assert client.post(address, {"verdict": "true", "reason": ""}).status_code == 409
    assert "imported" in client.get("/assess/alarms/").content.decode()


def test_the_api_lists_judges_and_seeks(cast: Cast, raised: Alarm, as_person: As) -> None:
    client = as_person(cast.analyst)
    (alarm,) = client.get("/api/assess/alarms?waiting=true").json()
    assert (alarm["unit"], alarm["kind"]) == ("100101", "reintroduction")
    said = json.dumps({"verdict": "unclear"})
    address = f"/api/assess/alarms/{raised.pk}/verdict"
    assert (
        client.post(address, said, content_type="application/json").json()["verdict"] == "unclear"
    )
    assert client.post(address, said, content_type="application/json").status_code == 409
    assert client.get("/api/assess/alarms?waiting=true").json() == []
    sought = client.post("/api/assess/clusters", "{}", content_type="application/json")
    assert sought.json() == {"new": 0}


def test_who_may_read_sees_only_alarms_of_their_places(
    cast: Cast, raised: Alarm, as_person: As
) -> None:
    assert as_person(cast.other_county_officer).get("/api/assess/alarms").json() == []
    assert len(as_person(cast.county_officer).get("/api/assess/alarms").json()) == 1
