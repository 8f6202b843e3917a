"""One way for every browser test to sit somebody down: signed in, at one width, in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.test import Client

from cast import GRANTED, NOON, Province
from yipan.access.actions import create_incident
from yipan.access.models import Incident, User

Seat = Callable[..., Any]


def make_drill(province: Province, *, clock_set_at: datetime) -> Incident:
    """An exercise whose clock begins at noon of 24 February 2020, running from `clock_set_at`."""
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
        clock_set_at=clock_set_at,
    )


def seats(browser: Any, live_server: Any, *, width: int = 390, height: int = 844) -> Iterator[Seat]:
    """Open pages as somebody, on a phone unless said; every complaint of the browser fails the test."""
    opened: list[Any] = []
    complaints: list[str] = []

    def open_as(
        user: User,
        *,
        width: int = width,
        height: int = height,
        scripts: bool = True,
        language: str = "en",
    ) -> Any:
        user.language = language
        user.save(update_fields=["language"])
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            base_url=live_server.url,
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
