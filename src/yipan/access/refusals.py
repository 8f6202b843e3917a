"""How an error is told: a page for a person, JSON for a machine, the same code and words."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from yipan.access.errors import NotSignedIn
from yipan.kernel.errors import YipanError


def wants_json(request: HttpRequest) -> bool:
    """Return whether a machine asks: an API address, or nothing but JSON accepted."""
    accepts = request.headers.get("Accept", "")
    return request.path.startswith("/api/") or accepts.startswith("application/json")


def refusal(request: HttpRequest, fault: YipanError) -> HttpResponse:
    """Return the answer that tells `fault`; somebody not signed in is shown the door instead."""
    if wants_json(request):
        return JsonResponse(fault.as_dict(), status=fault.status)
    if isinstance(fault, NotSignedIn) and request.method == "GET":
        return redirect(f"/sign-in/?{urlencode({'next': request.get_full_path()})}")
    return render(request, "access/refused.html", {"fault": fault}, status=fault.status)
