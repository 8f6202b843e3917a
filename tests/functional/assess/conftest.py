"""The small province's evening in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from front import Front, make_evening
from front import front as front
from yipan.access.models import User
from yipan.assess.models import Assessment

Desk = Callable[..., Any]


@pytest.fixture
def evening(transactional_db: None, front: Front) -> Assessment:
    """The small province on the evening of 24 February 2020, assessed."""
    return make_evening(front)


@pytest.fixture
def desk(browser: Any, live_server: Any, evening: Assessment) -> Iterator[Desk]:
    """Open pages as somebody; every complaint of the browser fails the test."""
    opened: list[Any] = []
    complaints: list[str] = []

    def open_as(
        user: User, *, width: int = 1280, scripts: bool = True, language: str = "en"
    ) -> Any:
        user.language = language
        user.save(update_fields=["language"])
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            base_url=live_server.url,
        )
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
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
