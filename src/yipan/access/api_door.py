"""Who calls the API: a person's session (with CSRF) or a machine's bearer token; refusals as JSON.

`AUTH` is what every room's router stands behind; after it, `request.user` and `request.scope` say who
asks and what they may see. `tell_refusals(api)` makes the one API of the web room answer errors of
every room with their code.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer, SessionAuth

from yipan.access.actions import note_token_use
from yipan.access.bearer import scope_of_token, token_on
from yipan.access.codes import token_digest
from yipan.access.context import PersonRequest
from yipan.access.errors import CrossSite, NotSignedIn, TokenRefused
from yipan.access.models import User
from yipan.access.refusals import refusal
from yipan.kernel.errors import Malformed, YipanError


class Token(HttpBearer):
    """A machine's token: `Authorization: Bearer yipan_…`; narrower than its person, never wider."""

    openapi_name = "token"

    def authenticate(self, request: HttpRequest, token: str) -> User:
        """Return the person in whose name the machine works; their scope, narrowed, is on the request.

        Raises TokenRefused (S719) for a token that is unknown, expired or revoked, and for a person
        whose account is closed; which of these is not told.
        """
        asking = cast(PersonRequest, request)
        held = token_on(request, at=asking.now)
        if held is None:
            raise TokenRefused(
                _("This token does not open."),
                where="Authorization",
                remedy=_("Issue a new one on the page My account."),
            )
        asking.user = held.user
        asking.scope = scope_of_token(held, at=asking.now)
        note_token_use(token=held, at=asking.now)
        return held.user


class TokenLater(HttpBearer):
    """The same token where one statement asks for all: who calls is looked up there, with the rest.

    Until `open_now` or that statement has answered, `request.user` and `request.scope` say nothing.
    """

    openapi_name = "token"

    def authenticate(self, request: HttpRequest, token: str) -> str:
        """Return the digest of the token; nothing is known of it yet."""
        request._waiting_token = token  # type: ignore[attr-defined]
        return token_digest(token)


def open_now(request: HttpRequest) -> None:
    """Look a token up that was put off; raises TokenRefused (S719) as `Token` does."""
    token = request.__dict__.pop("_waiting_token", None)
    if token is not None:
        Token().authenticate(request, token)


class Session(SessionAuth):
    """The session of a person who is signed in; what writes also needs the CSRF token."""

    openapi_name = "session"


AUTH = [Token(), Session()]
AUTH_LATER = [TokenLater(), Session()]
"""For a view that itself calls `open_now` where it does not ask for everything in one statement."""


def tell_refusals(api: NinjaAPI) -> None:
    """Let `api` answer every error with its code, message, place and remedy."""

    def told(request: HttpRequest, fault: Any) -> HttpResponse:
        return refusal(request, cast(YipanError, fault))

    def nobody(request: HttpRequest, fault: Any) -> HttpResponse:
        refused = NotSignedIn(
            _("Nobody is signed in."),
            where=request.path,
            remedy=_("Send a session, or a token as `Authorization: Bearer …`."),
        )
        return refusal(request, refused)

    def malformed(request: HttpRequest, fault: Any) -> HttpResponse:
        try:
            open_now(request)  # who may not call at all is told that first
        except TokenRefused as refused:
            return refusal(request, refused)
        errors = cast(ValidationError, fault).errors
        first = errors[0]
        where = ".".join(str(part) for part in first["loc"])
        text = _("%(count)d value(s) cannot be read; the first: %(reason)s.") % {
            "count": len(errors),
            "reason": first["msg"],
        }
        remedy = _("The schema is at /api/openapi.json.")
        return refusal(request, Malformed(text, where=where, remedy=remedy))

    def other(request: HttpRequest, fault: Any) -> HttpResponse:
        error = cast(HttpError, fault)
        if error.status_code == CrossSite.status:
            text = _("The call did not come from a page of this server.")
            remedy = _("Send the header X-CSRFToken with the value of the cookie csrftoken.")
            return refusal(request, CrossSite(text, where=request.path, remedy=remedy))
        return refusal(request, Malformed(str(error), where=request.path))

    api.add_exception_handler(YipanError, told)
    api.add_exception_handler(AuthenticationError, nobody)
    api.add_exception_handler(ValidationError, malformed)
    api.add_exception_handler(HttpError, other)
