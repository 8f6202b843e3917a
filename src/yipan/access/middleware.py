"""Puts on each request who asks, what they may see, what it is about, and the moment; tells refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from yipan.access.bearer import scope_of_token, token_on
from yipan.access.context import board_of, choose_incident, make_board
from yipan.access.errors import PastIsReadOnly
from yipan.access.refusals import refusal
from yipan.access.scope import Scope, scope_of
from yipan.kernel.errors import YipanError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class PersonMiddleware:
    """Sets `request.now`, `.scope` and `.board`, the language of the person, and guards the past."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asking: Any = request
        asking.now = timezone.now()  # the one place below the web that asks the system's clock
        asking.scope = SimpleLazyObject(lambda: _scope(request, asking.now))
        asking.board = SimpleLazyObject(lambda: board_of(request))
        if asking.user.is_authenticated:
            _speak(request, asking.user.language)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse every act on a page that shows the past (409), in one place for all stages."""
        if request.method in SAFE_METHODS or getattr(view, "allowed_in_the_past", False):
            return None
        try:
            _check_present(request)
        except YipanError as fault:
            return refusal(request, fault)
        return None

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        """Tell a YipanError in words, with its code and status."""
        return refusal(request, fault) if isinstance(fault, YipanError) else None


def _scope(request: HttpRequest, now: datetime) -> Scope:
    """A machine's token counts before a session that may come with it."""
    token = token_on(request, at=now)
    if token is not None:
        return scope_of_token(token, at=now)
    return scope_of(request.user, at=now)


def _speak(request: HttpRequest, language: str) -> None:
    if language:
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()


def _check_present(request: HttpRequest) -> None:
    moment = request.GET.get("at") or _moment_of_page(request)
    if not moment:
        return
    asking: Any = request
    incident = choose_incident(
        asking.scope,
        asked=request.GET.get("incident", ""),
        remembered=request.session.get("incident", ""),
    )
    if make_board(incident=incident, system_now=asking.now, at_text=moment).past:
        raise PastIsReadOnly(
            _("This page shows a past moment; nothing can be done in the past."),
            where=moment[:40],
            remedy=_("Return to now and do it there."),
        )


def _moment_of_page(request: HttpRequest) -> str:
    """Return the moment of the page that this act was sent from, as its own address says."""
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return ""
    return parse_qs(page.query).get("at", [""])[0]


def in_the_past_too(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a view whose act does not touch the incident: signing out, the language."""
    view.allowed_in_the_past = True  # type: ignore[attr-defined]
    return view
