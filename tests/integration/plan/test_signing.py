"""Who may sign what: refusals first, one decision a scenario, kept with its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cast import NOON, Cast
from yipan.access.errors import Forbidden, NotSignedIn
from yipan.access.models import AuditRecord, User
from yipan.access.scope import Scope, scope_of, system_scope
from yipan.assess.models import Assessment
from yipan.kernel.errors import NotFound
from yipan.plan import queries
from yipan.plan.actions import make_scenario, sign_option
from yipan.plan.errors import AlreadySigned, IncidentOver, ReasonMissing, Superseded
from yipan.plan.models import Option, Scenario, Signature

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def option(scenario: Scenario) -> Option:
    return scenario.options.get(key="tiered")


def sign(option: Option, by: User, *, scope: Scope | None = None, reason: str = "beds stay free") -> Signature:  # fmt: skip
    return sign_option(
        option=option,
        by=by,
        at=LATER,
        reason=reason,
        scope=scope or scope_of(by, at=LATER),
    )


@pytest.mark.parametrize("who", ["analyst", "department", "auditor"])
def test_only_a_commander_signs(option: Option, cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden):
        sign(option, getattr(cast, who))
    assert not Signature.objects.exists()


@pytest.mark.parametrize("who", ["county_officer", "village_reporter", "stranger"])
def test_to_whom_the_province_is_out_of_sight_it_is_absent(
    option: Option, cast: Cast, who: str
) -> None:
    with pytest.raises((NotFound, Forbidden)):
        sign(option, getattr(cast, who))
    assert not Signature.objects.exists()


def test_nobody_signs_nothing(option: Option, cast: Cast) -> None:
    with pytest.raises(NotSignedIn):
        sign(option, cast.commander, scope=Scope(user=None, at=LATER))


def test_a_signature_needs_a_reason(option: Option, cast: Cast) -> None:
    with pytest.raises(ReasonMissing):
        sign(option, cast.commander, reason=" \n")


def test_a_scenario_is_signed_once(option: Option, cast: Cast) -> None:
    sign(option, cast.commander)
    other = option.scenario.options.get(key="open")
    with pytest.raises(AlreadySigned):
        sign(other, cast.commander)
    assert Signature.objects.count() == 1


def test_an_older_scenario_is_no_longer_signed(
    assessment: Assessment, option: Option, cast: Cast, told_members: None
) -> None:
    make_scenario(assessment=assessment, at=NOON + timedelta(minutes=1), members=20, seed=8)
    with pytest.raises(Superseded):
        sign(option, cast.commander)


def test_nothing_is_signed_once_the_incident_is_over(option: Option, cast: Cast) -> None:
    incident = option.scenario.assessment.incident
    incident.stood_down_at = NOON
    incident.save()
    with pytest.raises(IncidentOver):
        sign(option, cast.commander)


def test_a_signature_is_kept_with_who_when_and_why_and_audited(option: Option, cast: Cast) -> None:
    signature = sign(option, cast.commander, reason="  beds stay free ")
    assert (signature.by, signature.at, signature.reason) == (
        cast.commander,
        LATER,
        "beds stay free",
    )
    record = AuditRecord.objects.get(event="plan.signed")
    assert record.actor == cast.commander
    assert record.detail["option"] == "tiered"
    assert "beds" not in str(record.detail)  # the reason is in the signature, not in the audit


def test_the_decision_in_force_is_the_last_one_given(option: Option, cast: Cast) -> None:
    signature = sign(option, cast.commander)
    incident = option.scenario.assessment.incident
    scope = system_scope()
    assert queries.latest_signature(incident, at=LATER, scope=scope) == signature
    assert queries.latest_signature(incident, at=NOON, scope=scope) is None


def test_orders_that_change_nothing_are_told_apart(option: Option, cast: Cast) -> None:
    first = queries.orders_drafted(option, signed_before=None)
    assert first == {"counties": 3, "orders": 18, "changed": 18}
    again = queries.orders_drafted(option, signed_before=option)
    assert again == {"counties": 3, "orders": 18, "changed": 0}
