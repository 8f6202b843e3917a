"""A village's phone: 390 px wide, signed in, against a live server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from cast import GRANTED, NOON, Province
from yipan.access.actions import create_incident
from yipan.access.models import Incident, User
from yipan.places.models import Unit


@pytest.fixture
def drill(transactional_db: None, province: Province) -> Incident:
    """An exercise whose clock stands at noon of 24 February 2020."""
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
        clock_set_at=timezone.now() + timedelta(days=1),
    )


Phone = Callable[..., Any]


@pytest.fixture
def phone(browser: Any, live_server: Any, drill: Incident) -> Iterator[Phone]:
    """Open pages as somebody; every complaint of the browser fails the test."""
    opened: list[Any] = []
    complaints: list[str] = []

    def open_as(user: User, *, width: int = 390, scripts: bool = True, language: str = "en") -> Any:
        user.language = language
        user.save(update_fields=["language"])
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            java_script_enabled=scripts,
            base_url=live_server.url,
        )
        context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                    "url": live_server.url,
                }
            ]
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
