"""A small province on the morning of 18 February: three counties, one high, one silent, one quiet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from cast import Cast
from front import CLOCK, Front
from front import front as front
from yipan.access.models import User
from yipan.places.models import Unit

Door = Callable[[User | None], Client]


@pytest.fixture
def morning() -> datetime:
    """The moment the board shows: noon of 18 February in the province."""
    return datetime(2020, 2, 18, 12, tzinfo=CLOCK.zone)


@pytest.fixture
def living(front: Front, cast: Cast, morning: datetime) -> Front:
    """Sixteen days of counts, an assessment of each of the last three noons, a clock that stands."""
    for i, code in enumerate(("1001", "1002", "100101", "100102", "100201")):
        Unit.objects.filter(code=code).update(lon=113 + i / 10, lat=34 + i / 10)
    for n in range(1, 17):
        front.counties(n, c100101=(4, 1.0), c100102=0, c100201=1)
        front.bulletin(n, u10=5 * n, u1001=4 * n, u1002=n)
    front.counties(17, c100101=(2, 1.0), c100102=0)
    front.bulletin(17, u10=83, u1001=66, u1002=16)
    for n in (15, 16, 17):
        front.assess(n)
    front.incident.exercise = True
    front.incident.clock_at = morning
    front.incident.clock_set_at = None
    front.incident.save()
    return front


@pytest.fixture
def door() -> Door:
    """Return a client who is signed in as a person of the cast, or as nobody."""

    def enter(user: User | None) -> Client:
        client = Client(headers={"accept-language": "en", "accept": "text/html"})
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return enter


def at(moment: datetime, **back: float) -> str:
    """Return the part of an address that shows a moment earlier than `moment`."""
    shown = (moment - timedelta(**back)).astimezone(CLOCK.zone)
    return f"?at={shown:%Y-%m-%dT%H:%M}"
