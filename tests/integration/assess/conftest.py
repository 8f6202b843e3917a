"""The front line of the small province reports here; its people read what it means."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from front import Front, make_evening
from front import front as front
from yipan.access.models import User
from yipan.assess.models import Assessment

As = Callable[[User], Client]


@pytest.fixture
def as_person() -> As:
    """A client signed in as somebody."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def evening(front: Front) -> Assessment:
    """The small province on the evening of 24 February 2020 (see `front.make_evening`)."""
    return make_evening(front)
