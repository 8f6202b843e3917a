"""The demonstration's conduct: lawful states, the same on every run, nothing after its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cast import NOON, Cast, person
from yipan.access.models import Role
from yipan.demo import conduct
from yipan.demo.people import People
from yipan.order.models import Delivery, DeliveryEvent
from yipan.plan.models import Signature
from yipan.report.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(cast: Cast, signature: Signature) -> People:
    """The cast in the demonstration's parts; one officer acts for every county."""
    province = signature.scenario.assessment.incident.places.get()
    return People(
        village=cast.village_reporter,
        county_officer=cast.county_officer,
        health_officer=person("health", Role.HEALTH_OFFICER, province, sensitivity=3),
        department=cast.department,
        analyst=cast.analyst,
        commander=cast.commander,
        auditor=cast.auditor,
        administrator=cast.administrator,
        counties=person("counties", Role.COUNTY_OFFICER, province),
    )


def test_each_county_gets_as_far_as_the_clock_allows_and_a_second_run_adds_nothing(
    signature: Signature, people: People
) -> None:
    told: list[tuple[int, int]] = []
    until = NOON + timedelta(hours=20)

    def run() -> list[tuple[str, str]]:
        conduct.carry_out(
            signature,
            people=people,
            until=until,
            seed=7,
            progress=lambda _label, done, total: told.append((done, total)),
        )
        return list(Delivery.objects.order_by("pk").values_list("unit__code", "state"))

    first, events = run(), DeliveryEvent.objects.count()
    assert told[-1] == (6, 6)
    assert {state for _code, state in first} <= {
        "delivered", "acknowledged", "accepted", "claimed_done", "verified",
    }  # fmt: skip
    assert events > 6
    assert not DeliveryEvent.objects.filter(at__gt=until).exists()
    assert Submission.objects.filter(source="receipt").count() == (
        DeliveryEvent.objects.filter(act__in=["acknowledge", "claim_done"]).count()
    )
    assert run() == first
    assert DeliveryEvent.objects.count() == events
