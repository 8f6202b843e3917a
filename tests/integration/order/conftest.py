"""Orders made from a signed option over the small province."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cast import NOON, Cast, Province
from signed import SIGNED, make_signature
from yipan.access.models import Incident, User
from yipan.access.scope import system_scope
from yipan.order import actions
from yipan.order.models import Delivery, Order
from yipan.plan.models import Signature


@pytest.fixture
def signature(province: Province, incident: Incident, cast: Cast) -> Signature:
    """A signed option that orders two settings in three counties."""
    return make_signature(province, incident, cast.commander)


@pytest.fixture
def drafts(signature: Signature, cast: Cast) -> list[Order]:
    """The drafts of the signed option: two matters in three counties."""
    return actions.draft_orders(signature=signature, by=cast.commander, at=SIGNED)


@pytest.fixture
def delivered(drafts: list[Order], cast: Cast) -> list[Delivery]:
    """The same orders issued and released an hour before noon."""
    issued = NOON - timedelta(hours=1, minutes=1)
    actions.issue_orders(orders=drafts, by=cast.commander, at=issued, scope=system_scope())
    actions.release_due(at=NOON - timedelta(hours=1))
    return list(
        Delivery.objects.select_related("order__issuer", "unit__parent").order_by(
            "unit__code", "order__matter"
        )
    )


@pytest.fixture
def standing_clock(incident: Incident) -> Incident:
    """The incident as an exercise whose clock stands at noon."""
    Incident.objects.filter(pk=incident.pk).update(
        exercise=True, clock_at=NOON, clock_set_at=timezone.now() + timedelta(days=1)
    )
    incident.refresh_from_db()
    return incident


@pytest.fixture
def as_person(standing_clock: Incident) -> Callable[[User], Client]:
    """A client signed in as somebody, at noon."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in
