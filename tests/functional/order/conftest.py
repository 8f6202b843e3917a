"""People in a browser, at a desk or on a phone, on an exercise whose clock runs from noon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from cast import GRANTED, NOON, Province
from yipan.access.actions import create_incident
from yipan.access.models import Incident, User

Seat = Callable[..., Any]


@pytest.fixture
def drill(transactional_db: None, province: Province) -> Incident:
    """An exercise whose clock begins at noon of 24 February 2020."""
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
        clock_set_at=timezone.now(),
    )


@pytest.fixture
def seat(browser: Any, live_server: Any, drill: Incident) -> Iterator[Seat]:
    """Open pages as somebody; every complaint of the browser fails the test."""
    opened: list[Any] = []
    complaints: list[str] = []

    def open_as(user: User, *, width: int = 390, language: str = "en", height: int = 844) -> Any:
        user.language = language
        user.save(update_fields=["language"])
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=live_server.url
        )
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
        )
        page = context.new_page()
        page.on(
            "console",
            lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None,
        )
        page.on("pageerror", lambda e: complaints.append(str(e)))
        opened.append(context)
        return page

    yield open_as
    for context in opened:
        context.close()
    assert not complaints
