"""The door in front of a view: who is not signed in is shown to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from yipan.access.context import PersonRequest
from yipan.access.errors import NotSignedIn
from yipan.access.rules import Action
from yipan.access.scope import Scope

P = ParamSpec("P")


def signed_in(
    view: Callable[Concatenate[PersonRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let only a person who is signed in reach `view`; it gets `request.board` and `request.scope`."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            raise NotSignedIn(
                _("Nobody is signed in."), where=request.path, remedy=_("Sign in and try again.")
            )
        response = view(cast(PersonRequest, request), *args, **kwargs)
        if not response.has_header("Cache-Control"):
            # What one person may see must not stay in a shared computer's cache for the next.
            response["Cache-Control"] = "private, no-cache"
        return response

    return guarded


def signed_in_scope(request: HttpRequest, action: Action) -> Scope:
    """Return the scope of whoever calls the API, once it may do `action` somewhere.

    Raises NotSignedIn (S701) and Forbidden (S703); what may be done *where* is for the query.
    """
    scope = cast(PersonRequest, request).scope
    scope.check(action)
    return scope
