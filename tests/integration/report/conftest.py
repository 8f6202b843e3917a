"""An exercise that runs at noon of 24 February 2020, and clients of its people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cast import GRANTED, NOON, Province
from yipan.access.actions import create_incident
from yipan.access.models import Incident, User
from yipan.places.models import Unit


@pytest.fixture
def drill(province: Province) -> Incident:
    """An exercise over the whole province whose clock stands near noon; its counties report too."""
    Unit.objects.filter(package=province.package, level="county").update(reports=True)
    return create_incident(
        package=province.package,
        slug="drill",
        name_zh="演练",
        name_en="Drill",
        disease="sars_cov_2_wild",
        places=[province["10"]],
        response_level=1,
        exercise=True,
        at=GRANTED,
        clock_at=NOON,
        clock_set_at=timezone.now() + timedelta(days=1),  # it stands still
    )


@pytest.fixture
def as_person(drill: Incident) -> Callable[[User], Client]:
    """A client signed in as somebody."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in
