"""A machine's token on a call of the API: found once, wherever it is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.http import HttpRequest

from yipan.access.models import ApiToken
from yipan.access.queries import token_of
from yipan.access.rules import Action
from yipan.access.scope import Scope, scope_of

API: Final = "/api/"
SCHEME: Final = "bearer "


def token_on(request: HttpRequest, *, at: datetime) -> ApiToken | None:
    """Return the token that this call of the API carries, None for none or one that does not open."""
    header = request.headers.get("Authorization", "")
    if not request.path.startswith(API) or not header.lower().startswith(SCHEME):
        return None
    if not hasattr(request, "_api_token"):
        request._api_token = token_of(header[len(SCHEME) :].strip(), at=at)  # type: ignore[attr-defined]
    found: ApiToken | None = request._api_token  # type: ignore[attr-defined]
    return found


def scope_of_token(token: ApiToken, *, at: datetime) -> Scope:
    """Return what a token may do: what its person may, and of that no more than it lists."""
    return scope_of(token.user, at=at).narrow(frozenset(Action(a) for a in token.actions))
