"""People in a browser, at a desk or on a phone, on an exercise whose clock runs from noon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from cast import Province
from seats import Seat, make_drill, seats
from yipan.access.models import Incident


@pytest.fixture
def drill(transactional_db: None, province: Province) -> Incident:
    """An exercise whose clock begins at noon of 24 February 2020."""
    return make_drill(province, clock_set_at=timezone.now())


@pytest.fixture
def seat(browser: Any, live_server: Any, drill: Incident) -> Iterator[Seat]:
    """Open pages as somebody; every complaint of the browser fails the test."""
    yield from seats(browser, live_server)
