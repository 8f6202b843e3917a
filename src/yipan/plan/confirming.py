"""Before a signature: the person confirms with passkey or code, a moment ago, that it is them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from yipan.access.context import PersonRequest

MOST_SECONDS = 300
SESSION = "plan_signature"


def confirmed(request: PersonRequest) -> bool:
    """Return whether the person confirmed within five minutes that it is them.

    With a passkey or a code where they have one; else with their password. Demo people have neither,
    and on a demonstration nothing reaches a live channel. A machine's token never confirms.
    """
    if not getattr(request.user, "is_authenticated", False):
        return False  # a machine's token: nobody is there
    if not get_reauthentication_flows(request.user):
        return True
    second = is_mfa_enabled(request.user)
    records = get_authentication_records(request, request.user)
    at = request.now.timestamp()
    return any(
        one.get("reauthenticated")
        and (not second or one.get("method") == "mfa")
        and 0 <= at - float(one.get("at", 0)) + 1 <= MOST_SECONDS
        for one in records
    )


def confirm_first(request: PersonRequest, *, pk: int, option: str, reason: str) -> HttpResponse:
    """Keep what was typed and lead to the confirmation; it comes back to the scenario's page."""
    request.session[SESSION] = {"scenario": pk, "option": option, "reason": reason[:2000]}
    back = reverse("plan:scenario", args=[pk]) + "#sign"
    second = is_mfa_enabled(request.user)
    door = reverse("mfa_reauthenticate" if second else "account_reauthenticate")
    return redirect(f"{door}?{urlencode({'next': back})}")


def typed_before(request: PersonRequest, *, pk: int) -> dict[str, Any]:
    """Return what was typed before the confirmation, once, on the page it was typed on."""
    kept = request.session.get(SESSION)
    if not kept or kept.get("scenario") != pk or not confirmed(request):
        return {}
    del request.session[SESSION]
    found: dict[str, Any] = kept
    return found
