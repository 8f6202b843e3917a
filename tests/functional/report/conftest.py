"""A village's phone: 390 px wide, signed in, against a live server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cast import Province
from seats import Seat, make_drill, seats
from yipan.access.models import Incident
from yipan.places.models import Unit

Phone = Seat


@pytest.fixture
def drill(transactional_db: None, province: Province) -> Incident:
    """An exercise whose clock stands at noon of 24 February 2020."""
    Unit.objects.filter(package=province.package, level="county").update(reports=True)
    return make_drill(province, clock_set_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def phone(browser: Any, live_server: Any, drill: Incident) -> Iterator[Phone]:
    """Open pages as somebody; every complaint of the browser fails the test."""
    yield from seats(browser, live_server)
