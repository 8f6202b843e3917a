"""Making a scenario: what it refuses, what it keeps, what must hold between its options."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pytest
from django.utils import translation

from cast import NOON, Cast, Province
from yipan.access.models import AuditRecord, Incident
from yipan.access.scope import system_scope
from yipan.assess.models import Assessment
from yipan.places.models import AgePopulation, ContactTables, Figure
from yipan.plan import queries
from yipan.plan.actions import make_scenario
from yipan.plan.errors import DiseaseUnknown, IncidentOver, NothingToPlan, TooFewMembers
from yipan.plan.models import OptionCounty, Scenario
from yipan.plan.scenarios.assumptions import SETTINGS, load_pack
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import levels_of
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.standing import Province as Standing
from yipan.plan.scenarios.standing import read_province

pytestmark = pytest.mark.django_db
MEMBERS = 20


@pytest.fixture
def standing(assessment: Assessment) -> Standing:
    return read_province(assessment=assessment, scope=system_scope(), assumptions=load_pack())


@pytest.fixture
def ran(assessment: Assessment, cast: Cast) -> Scenario:
    """Three options side by side, every member run by the engine."""
    return make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=7, by=cast.analyst)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


# ---- refusals


def test_too_few_runs_are_refused(assessment: Assessment) -> None:
    with pytest.raises(TooFewMembers):
        make_scenario(assessment=assessment, at=NOON, members=3, seed=1)


def test_a_disease_without_parameters_is_refused_by_name(assessment: Assessment) -> None:
    Incident.objects.update(disease="other")
    assessment.incident.refresh_from_db()
    with pytest.raises(DiseaseUnknown, match="other"):
        make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=1)


def test_an_incident_stood_down_takes_no_more_plans(assessment: Assessment) -> None:
    assessment.incident.stood_down_at = NOON - timedelta(minutes=1)
    with pytest.raises(IncidentOver):
        make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=1)


def test_a_province_without_contacts_or_ages_says_what_is_missing(assessment: Assessment) -> None:
    ContactTables.objects.all().delete()
    with pytest.raises(NothingToPlan, match="contacts"):
        make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=1)


def test_a_county_nobody_counted_by_age_is_named(assessment: Assessment) -> None:
    AgePopulation.objects.all().delete()
    with pytest.raises(NothingToPlan, match="Alder"):
        make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=1)


# ---- what it stands on


def test_everybody_and_all_value_is_counted_once(standing: Standing) -> None:
    assert standing.people.sum() == 3 * 16 * 2_000
    assert standing.weekly_value.sum() * 365.25 / 7 == pytest.approx(200)


def test_people_who_live_elsewhere_in_a_city_are_folded_into_its_counties(
    plannable: Province, assessment: Assessment
) -> None:
    city = plannable["1002"]
    city.population = 40_000  # 8,000 more than its one county has
    city.save(update_fields=["population"])
    folded = read_province(assessment=assessment, scope=system_scope(), assumptions=load_pack())
    assert folded.residents.tolist() == [32_000, 32_000, 40_000]


def test_infections_at_the_start_stand_where_cases_were_and_a_part_by_people(
    standing: Standing,
) -> None:
    start = standing.start
    assert start.ill.sum() == pytest.approx(6 * 1.5)
    assert start.incubating.sum() == pytest.approx(2 * 6 * 1.5)
    assert start.ill[0] > 0  # nobody confirmed there in 14 days: not proven free
    assert start.ill[0] < start.ill[1] < start.ill[2]
    assert start.in_hospital.sum() == pytest.approx(25)


def test_a_city_without_beds_takes_the_others_by_residents(
    assessment: Assessment, plannable: Province
) -> None:
    Figure.objects.filter(unit=plannable["1002"], name="beds").delete()
    standing = read_province(assessment=assessment, scope=system_scope(), assumptions=load_pack())
    build = Build(standing, load_pack(), "sars_cov_2_wild")
    assert build.staffed_beds[1] == pytest.approx(build.staffed_beds[0] / 2)
    assert build.as_record()["inferred"]["beds_of"] == ["1002"]


def test_time_is_shared_out_whole(standing: Standing) -> None:
    mixing = Build(standing, load_pack(), "sars_cov_2_wild").mixing
    np.testing.assert_allclose(np.asarray(mixing.sum(axis=1)).ravel(), 1.0)
    assert mixing.diagonal().min() >= 0.5


# ---- what comes out


def test_a_scenario_keeps_its_options_counties_and_assumptions(scenario: Scenario) -> None:
    pack = load_pack()
    assert (scenario.weeks, scenario.start_day) == (pack.weeks, date(2020, 2, 25))
    assert [o.key for o in scenario.options.all()] == ["hold", "tiered", "open"]
    rows = OptionCounty.objects.filter(option__scenario=scenario)
    assert rows.count() == 3 * 3
    for row in rows:
        assert set(row.levels) == set(SETTINGS)
        assert len(row.levels["schools"]) == pack.weeks
    assert scenario.assumptions["digest"] == pack.digest
    for figure in scenario.assumptions["figures"]:
        assert figure["source"] in scenario.assumptions["sources"]
        assert figure["dated"]
    for option in scenario.options.all():
        assert option.members == MEMBERS
        summary = option.results["summary"]
        for name in ("infections", "peak_beds", "value_added_100m_cny"):
            found = summary[name]
            assert found["q05"] <= found["q25"] <= found["median"] <= found["q75"] <= found["q95"]


def test_opening_more_adds_more_and_spreads_more(ran: Scenario) -> None:
    by_key = {o.key: o.results["summary"] for o in ran.options.all()}
    for measure in ("value_added_100m_cny", "infections"):
        medians = [by_key[key][measure]["median"] for key in ("hold", "tiered", "open")]
        assert medians == sorted(medians), measure
    held = {o.key: o.results["R"] for o in ran.options.all()}
    assert held["hold"]["first_week"] == held["hold"]["last_week"] < held["open"]["first_week"]
    for option in ran.options.all():  # nothing adds more than everything open
        assert option.results["summary"]["share_of_ordinary"]["q95"] <= 1.0


def test_members_of_two_options_are_paired(standing: Standing) -> None:
    """The same course from the same seed differs in no run."""
    build = Build(standing, load_pack(), "sars_cov_2_wild")
    levels = levels_of(load_pack().courses[0], standing.tiers)
    first, second = (run_option(build, levels, members=3, seed=2) for _ in range(2))
    assert (first.infections_by_week == second.infections_by_week).all()
    assert (first.value == second.value).all()


def test_making_a_scenario_is_audited(scenario: Scenario) -> None:
    record = AuditRecord.objects.get(event="plan.scenario_made")
    assert record.object_id == str(scenario.pk)
    assert record.detail["members"] == scenario.members


def test_nothing_made_later_is_seen_in_the_past(scenario: Scenario) -> None:
    incident, scope = scenario.assessment.incident, system_scope()
    assert queries.latest(incident, at=NOON, scope=scope) == scenario
    assert queries.latest(incident, at=NOON - timedelta(seconds=1), scope=scope) is None


def test_the_headline_says_what_the_numbers_say(scenario: Scenario) -> None:
    options = {o.key: o for o in scenario.options.all()}
    for option in options.values():
        option.results["summary"]["beds_exceeded"] |= {"share": 0.4, "low": 0.3, "high": 0.5}
        option.save()
    assert "No option" in queries.headline(scenario)
    tiered = options["tiered"]
    tiered.results["summary"]["beds_exceeded"] |= {"share": 0.01, "low": 0.0, "high": 0.03}
    tiered.save()
    scenario = Scenario.objects.get(pk=scenario.pk)
    assert queries.headline(scenario).startswith("“Staged by tier” adds")
    assert "1.0%" in queries.headline(scenario)
