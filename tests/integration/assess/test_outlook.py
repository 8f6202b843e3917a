"""The closer look: for now at once, for the past on demand, and each answer or the reason for none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client

from cast import Cast
from front import Front
from yipan.access.models import User
from yipan.assess.actions import assess, look_closer
from yipan.assess.models import Alarm, AlarmKind, Assessment
from yipan.assess.outlook.arrivals import infections, under_control
from yipan.assess.warnings import find
from yipan.assess.warnings.words import sentence
from yipan.places.models import TravelLink
from yipan.report.contacts.queries import LinkedCluster
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


@pytest.fixture
def wave(front: Front) -> Front:
    """Six cases a day with their onsets, as the bulletins say; one of them in a hundred has died."""
    rows = [("100101", n, n - d, False) for n in range(8, 25) for d in (2, 3, 4, 5, 6, 7)]
    front.cases(rows)
    published = [front.published(n, u10=max(0, 6 * (n - 7)))[0] for n in range(1, 25)]
    front.send(
        [r._replace(values={**r.values, "deaths": float(r.day.day >= 22)}) for r in published],
        Source.BULLETIN,
    )
    return front


def now(front: Front) -> Assessment:
    known_at = front.assess(24).known_at + timedelta(minutes=1)
    return assess(incident=front.incident, known_at=known_at, made_at=known_at)


def test_a_moment_of_the_past_gets_it_on_demand_and_once(wave: Front) -> None:
    made = wave.assess(24)
    assert made.outlook == {}
    closer = look_closer(assessment=made, at=made.known_at)
    assert set(closer.outlook) == {
        "made_at", "rt", "importation", "severity", "stays", "forecast",
    }  # fmt: skip
    first = dict(closer.outlook)
    assert look_closer(assessment=closer, at=made.known_at + timedelta(days=9)).outlook == first


def test_now_has_it_from_the_start_and_both_ways_agree(wave: Front) -> None:
    made = now(wave)
    later = look_closer(assessment=wave.assess(24), at=made.known_at)
    assert made.outlook["rt"] == later.outlook["rt"]
    assert made.outlook["severity"] == later.outlook["severity"]


def test_steady_cases_have_an_rt_near_one_by_onset(wave: Front) -> None:
    rt = now(wave).outlook["rt"]
    assert len(rt["dates"]) == len(rt["median"])
    assert all(a <= b <= c for a, b, c in zip(rt["lo90"], rt["median"], rt["hi90"], strict=True))
    assert rt["latest"]["q05"] < 1.3
    assert rt["latest"]["q95"] > 0.7
    assert set(rt["counties"]) == {"100101"}


def test_the_fatality_is_corrected_for_those_who_may_yet_die(wave: Front) -> None:
    found = now(wave).outlook["severity"]
    assert (found["deaths"], found["cases"]) == (1, 102)
    assert found["naive"] < found["estimate"] <= 1
    assert found["low"] < found["estimate"] < found["high"]


def test_without_a_line_list_it_says_so(front: Front) -> None:
    front.counties(1, c100101=1)
    made = look_closer(assessment=front.assess(1), at=front.assess(1).known_at)
    assert made.outlook["rt"] == {"note": "no_line_list"}
    assert made.outlook["severity"] == {"note": "no_line_list"}


def test_the_page_shows_it_or_offers_it(
    cast: Cast, wave: Front, as_person: As, client: Client
) -> None:
    made = wave.assess(24)
    wave.incident.clock_at = made.known_at
    wave.incident.exercise = True
    wave.incident.save()
    assert client.post("/assess/closer/").status_code == 401
    assert as_person(cast.department).post("/assess/closer/").status_code == 403
    analyst = as_person(cast.analyst)
    assert "A closer look was not made" in analyst.get("/assess/").content.decode()
    assert analyst.post("/assess/closer/").status_code == 302
    page = analyst.get("/assess/").content.decode()
    assert "of cases die (95%" in page
    assert "pooled over the counties" in page
    cast.analyst.language = "zh-hans"
    cast.analyst.save(update_fields=["language"])
    assert "病死率" in analyst.get("/assess/").content.decode()


def test_arrivals_follow_travel_and_come_from_where_the_cases_are(wave: Front) -> None:
    assert now(wave).outlook["importation"] == {"note": "no_travel"}
    units = wave.province
    TravelLink.objects.create(
        origin=units["100101"], destination=units["100102"], trips_per_day=50, basis="survey"
    )
    TravelLink.objects.create(
        origin=units["100201"], destination=units["100101"], trips_per_day=50, basis="survey"
    )
    known_at = now(wave).known_at + timedelta(minutes=1)
    found = assess(incident=wave.incident, known_at=known_at, made_at=known_at).outlook
    counties = found["importation"]["counties"]
    assert found["importation"]["basis"] == "survey"
    assert counties["100102"]["from"] == [{"code": "100101", "share": 1.0}]
    assert counties["100102"]["mean"] > 0
    assert counties["100102"]["mean"] == counties["100101"]["leaving"]
    # Where no case is known the nowcast leaves a little room, and no more than that.
    assert counties["100101"]["mean"] < 0.02 * counties["100102"]["mean"]
    assert 0 < counties["100102"]["chance"] <= 1


def test_infections_are_onsets_an_incubation_earlier_and_none_is_lost_before() -> None:
    begun = np.arange(20.0)[:, None]
    moved = infections(begun)
    assert moved.shape == begun.shape
    assert moved[:15, 0].tolist() == begun[5:, 0].tolist()


def test_a_control_of_travel_is_told_on_the_page_of_the_county(
    wave: Front, cast: Cast, as_person: As
) -> None:
    units = wave.province
    TravelLink.objects.create(
        origin=units["100101"], destination=units["100102"], trips_per_day=5000, basis="survey"
    )
    made = now(wave)
    importation = made.outlook["importation"]
    found = [under_control(importation, units["100102"], control=x) for x in (0.0, 0.5, 1.0)]
    assert found[0]["mean"] == pytest.approx(importation["counties"]["100102"]["mean"], rel=0.01)
    assert found[0]["mean_with"] == pytest.approx(found[0]["mean"])
    assert found[1]["mean_with"] == pytest.approx(found[0]["mean"] / 2)
    assert found[2]["mean_with"] == pytest.approx(0, abs=1e-9)
    assert found[2]["takes_hold_with"] == 0 <= found[1]["takes_hold_with"] <= found[0]["takes_hold"]
    client = as_person(cast.analyst)
    page = client.get("/assess/counties/100102/?control=90").content.decode()
    assert "Without 90% of the travel here" in page
    assert 'value="90"' in page
    for odd in ("x", "-3", "1e9", "101", "９"):
        assert client.get(f"/assess/counties/100102/?control={odd}").status_code == 200


def test_linked_cases_are_an_alarm_of_their_county(
    wave: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = LinkedCluster(
        unit=wave.province["100101"],
        cases=("a", "b", "c"),
        recent=2,
        first_day=wave.day(3),
        last_day=wave.day(9),
        contacts=2,
        counties=("100101",),
    )
    monkeypatch.setattr(find, "linked_case_clusters", lambda _incident, *, known_at: [linked])
    made = now(wave)
    alarm = Alarm.objects.get(incident=made.incident, kind=AlarmKind.LINKED)
    assert (alarm.unit.code, alarm.observed) == ("100101", 2)
    assert "a" not in str(alarm.evidence["cases"])  # a count, never a name
    assert sentence(alarm) == "2 cases of the last two weeks are linked, 3 in the chain since 3 Feb"


def test_the_stay_is_said_from_the_totals_that_are_published(
    wave: Front, cast: Cast, as_person: As
) -> None:
    assert now(wave).outlook["stays"] == {"note": "not_published"}  # nobody said who was cured
    rows = [r for n in range(1, 25) for r in wave.published(n, u10=max(0, 6 * (n - 7)))]
    wave.send(
        [
            r._replace(
                values={
                    **r.values,
                    "deaths": float(r.day.day >= 22),
                    "cured": float(max(0, 6 * (r.day.day - 17))),
                },
            )
            for r in rows
        ],
        Source.BULLETIN,
    )
    known_at = now(wave).known_at + timedelta(minutes=2)
    found = assess(incident=wave.incident, known_at=known_at, made_at=known_at).outlook["stays"]
    cure = found["days_to_cure"]
    assert cure["low"] < cure["median"] < cure["high"]
    assert cure["low"] < 10 < cure["high"] + 2
    assert 0 <= found["fatality"]["low"] < found["fatality"]["high"] <= 1
