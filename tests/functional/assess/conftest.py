"""The small province's evening in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from front import Front, make_evening
from front import front as front
from seats import Seat, seats
from yipan.assess.models import Assessment


@pytest.fixture
def evening(transactional_db: None, front: Front) -> Assessment:
    """The small province on the evening of 24 February 2020, assessed."""
    return make_evening(front)


@pytest.fixture
def desk(browser: Any, live_server: Any, evening: Assessment) -> Iterator[Seat]:
    """Open pages as somebody at a desk; every complaint of the browser fails the test."""
    yield from seats(browser, live_server, width=1280, height=900)
