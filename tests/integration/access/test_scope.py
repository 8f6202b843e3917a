"""What each person may see; refusals first, and what is out of sight looks like what is absent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser

from cast import GRANTED, NOON, Cast, Province, make_tree, person
from yipan.access.actions import create_incident, end_grant, grant_role, set_active
from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import Incident, Role, User
from yipan.access.rules import Action
from yipan.access.scope import CASE, IDENTITY, Scope, scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.places.models import Unit

pytestmark = pytest.mark.django_db


def seen(scope: Scope, action: Action = Action.REPORT_READ) -> set[str]:
    units = scope.filter(Unit.objects.all(), unit="", action=action)
    return set(units.values_list("code", flat=True))


# ---- refusals ----


def test_nobody_sees_nothing(province: Province) -> None:
    scope = scope_of(AnonymousUser(), at=NOON)
    assert seen(scope) == set()
    assert scope.roots(Action.PLACE_READ) == []
    with pytest.raises(NotSignedIn):
        scope.check(Action.PLACE_READ)


def test_an_account_without_a_role_sees_nothing(cast: Cast) -> None:
    scope = scope_of(cast.stranger, at=NOON)
    assert not seen(scope)
    assert not any(scope.may(action) for action in Action)
    with pytest.raises(Forbidden):
        scope.check(Action.REPORT_READ)


def test_a_closed_account_sees_nothing(cast: Cast) -> None:
    set_active(user=cast.analyst, active=False, by=cast.administrator, at=NOON)
    assert not seen(scope_of(cast.analyst, at=NOON))


def test_what_is_out_of_sight_is_told_like_what_is_absent(cast: Cast, province: Province) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    units = Unit.objects.all()
    with pytest.raises(NotFound) as hidden:
        scope.get(units, unit="", action=Action.REPORT_READ, code="100201")
    with pytest.raises(NotFound) as absent:
        scope.get(units, unit="", action=Action.REPORT_READ, code="999999")
    assert str(hidden.value).replace("100201", "?") == str(absent.value).replace("999999", "?")
    with pytest.raises(NotFound):
        scope.check(Action.REPORT_SUBMIT, province["100201"])


def test_a_place_in_sight_but_a_role_too_small_is_forbidden(cast: Cast, province: Province) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(Forbidden) as refused:
        scope.check(Action.PLAN_SIGN, province["100101"])
    assert refused.value.code == "S703"
    assert refused.value.status == 403


def test_a_grant_counts_from_its_first_moment_until_before_its_last(
    cast: Cast, province: Province
) -> None:
    grant = cast.county_officer.grants.get()
    end_grant(grant=grant, by=cast.administrator, at=NOON)
    moment = timedelta(microseconds=1)
    assert not seen(scope_of(cast.county_officer, at=GRANTED - moment))
    assert seen(scope_of(cast.county_officer, at=GRANTED))
    assert seen(scope_of(cast.county_officer, at=NOON - moment))
    assert not seen(scope_of(cast.county_officer, at=NOON))


def test_facts_more_sensitive_than_the_grant_stay_out_of_sight(
    cast: Cast, province: Province
) -> None:
    scope = scope_of(cast.county_officer, at=NOON)
    units = Unit.objects.all()
    county = province["100101"]
    assert scope.filter(units, unit="", action=Action.CASE_READ, sensitivity=CASE).exists()
    assert not scope.filter(units, unit="", action=Action.CASE_READ, sensitivity=IDENTITY).exists()
    assert scope.may(Action.CASE_READ, county, sensitivity=CASE)
    assert not scope.may(Action.CASE_READ, county, sensitivity=IDENTITY)


def test_two_narrow_roles_do_not_make_a_wide_one(cast: Cast, province: Province) -> None:
    """A line-list right in one county and a plain role in another never mix."""
    grant_role(
        user=cast.county_officer,
        role=Role.FRONT_LINE,
        unit=province["100201"],
        by=cast.administrator,
        at=GRANTED,
    )
    scope = scope_of(cast.county_officer, at=NOON)
    assert "100201" in seen(scope, Action.REPORT_READ)
    assert "100201" not in seen(scope, Action.CASE_READ)
    assert not scope.may(Action.CASE_READ, province["100201"])


def test_another_package_with_the_same_numbers_stays_out_of_sight(cast: Cast) -> None:
    elsewhere = make_tree({"99": ("province", None), "9901": ("city", "99")}, name="elsewhere")
    assert not {"99", "9901"} & seen(scope_of(cast.commander, at=NOON))
    assert not scope_of(cast.commander, at=NOON).may(Action.REPORT_READ, elsewhere["99"])


# ---- what is seen ----


@pytest.mark.parametrize(
    ("who", "codes"),
    [
        ("village_reporter", {"100101001"}),
        ("county_officer", {"100101", "100101001", "100101002"}),
        ("other_county_officer", {"100201", "100201001"}),
    ],
)
def test_a_person_sees_the_own_subtree_and_no_more(cast: Cast, who: str, codes: set[str]) -> None:
    assert seen(scope_of(getattr(cast, who), at=NOON)) == codes


@pytest.mark.parametrize("who", ["department", "analyst", "commander"])
def test_the_province_level_sees_all_of_it(cast: Cast, province: Province, who: str) -> None:
    assert seen(scope_of(getattr(cast, who), at=NOON)) == set(province.units)


def test_the_system_sees_all(province: Province) -> None:
    assert seen(system_scope()) == set(province.units)
    assert system_scope().may(Action.PLAN_SIGN, province["10"])


def test_roots_are_the_topmost_units_in_tree_order(cast: Cast, province: Province) -> None:
    officer = cast.county_officer
    for code in ("100201", "100101001"):  # a second county, and a village below the first
        grant_role(user=officer, role=Role.COUNTY_OFFICER, unit=province[code], by=None, at=GRANTED)
    scope = scope_of(officer, at=NOON)
    assert [u.code for u in scope.roots(Action.REPORT_READ)] == ["100101", "100201"]
    assert scope.home == province["100101"]


def test_the_administrator_of_the_installation_manages_every_province(
    cast: Cast, province: Province
) -> None:
    scope = scope_of(cast.administrator, at=NOON)
    assert scope.may(Action.ACCESS_MANAGE, province["100201"])
    assert seen(scope, Action.PLACE_READ) == set(province.units)
    assert seen(scope, Action.REPORT_READ) == set()  # manages people, reads no reports


def test_asking_costs_one_query_however_large_the_subtree(
    cast: Cast, django_assert_num_queries: object
) -> None:
    scope = scope_of(cast.commander, at=NOON)
    with django_assert_num_queries(1):  # type: ignore[operator]
        list(scope.filter(Unit.objects.all(), unit="", action=Action.REPORT_READ))


# ---- incidents in sight ----


def test_an_incident_is_in_sight_where_it_touches_a_persons_places(
    cast: Cast, province: Province, incident: Incident
) -> None:
    local = create_incident(
        package=province.package,
        slug="cedar",
        name_zh="雪松",
        name_en="Cedar",
        disease="sars_cov_2_wild",
        places=[province["100201"]],
        response_level=3,
        exercise=False,
        at=NOON,
    )

    def of(user: User) -> set[str]:
        return set(scope_of(user, at=NOON).incidents().values_list("slug", flat=True))

    assert of(cast.commander) == {incident.slug, local.slug}
    assert of(cast.other_county_officer) == {incident.slug, local.slug}
    assert of(cast.village_reporter) == {incident.slug}
    assert of(cast.stranger) == set()
    assert of(person("late")) == set()
