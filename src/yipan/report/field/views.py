"""The app's own pages: its shell, its manifest, its worker; and the door for an outbox brought as a file."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.report.errors import EmptyFile, ReportError
from yipan.report.exchange.reading import read_bytes
from yipan.report.field.actions import Outbox, take_outbox
from yipan.report.field.parts import NIL, addresses
from yipan.report.field.sealing import LARGEST
from yipan.report.field.texts import texts

ICONS = ((192, "any"), (512, "any"), (512, "maskable"))
LANGUAGES = {"zh": "zh-hans", "en": "en"}


@require_GET
@cache_control(no_cache=True)
def app(request: HttpRequest) -> HttpResponse:
    """Show the app's shell: nothing of anybody in it, the same for everyone, kept by the worker."""
    return HttpResponse(_shell())


def _shell() -> str:
    with translation.override("en"):
        return render_to_string("report/field/app.html", {"settings": _settings()})


def _settings() -> dict[str, Any]:
    return {
        "texts": {short: texts(language) for short, language in LANGUAGES.items()},
        "addresses": {
            "app": reverse("report:field"),
            "worker": reverse("report:field_worker"),
            "root": reverse("web:board"),
            "day": reverse("api:read_field"),
            "pages": reverse("api:send_page"),
            "form": reverse("report:form"),
            "sign_in": reverse("account_login"),
            "sign_out": reverse("account_logout"),
        },
        "parts": addresses(),
        "nil": NIL,
    }


@require_GET
@cache_control(no_cache=True)
def manifest(request: HttpRequest) -> HttpResponse:
    """Say to the phone what to install: a name, an icon, where to begin."""
    start = reverse("report:field")
    words = texts(translation.get_language() or "en")
    return JsonResponse(
        {
            "id": start,
            "start_url": start,
            "scope": reverse("web:board"),
            "name": words["title"],
            "short_name": words["tab_page"],
            "lang": "zh-Hans" if (translation.get_language() or "").startswith("zh") else "en",
            "display": "standalone",
            "orientation": "portrait",
            "background_color": "#f5f6f5",
            "theme_color": "#12303f",
            "icons": [
                {
                    "src": static(f"report/field/{_icon(size, purpose)}"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for size, purpose in ICONS
            ],
            "shortcuts": [
                {"name": words["tab_page"], "url": start},
                {"name": words["tab_orders"], "url": f"{start}#orders"},
            ],
        },
        content_type="application/manifest+json",
        json_dumps_params={"ensure_ascii": False},
    )


def _icon(size: int, purpose: str) -> str:
    return f"icon-{size}.png" if purpose == "any" else f"icon-{size}-{purpose}.png"


@require_GET
@cache_control(no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """Give the one service worker of the console; another shell or build is another worker."""
    shell = _shell()
    offline = [a["offline"] for a in addresses().values() if "offline" in a]
    settings = {
        "shell": reverse("report:field"),
        "form": reverse("report:form"),
        "manifest": reverse("report:field_manifest"),
        # Without a signal an address below a part's own is answered with the part's own page.
        "offline": [{"below": page.rsplit("/", 2)[0] + "/", "page": page} for page in offline],
    }
    context = {
        "version": hashlib.sha256(shell.encode()).hexdigest()[:16],
        "settings": json.dumps(settings),  # addresses of this console only
    }
    answer = render(
        request, "report/field/worker.js", context, content_type="text/javascript; charset=utf-8"
    )
    answer["Service-Worker-Allowed"] = reverse("web:board")
    return answer


@require_http_methods(["GET", "POST"])
@signed_in
def outbox(request: PersonRequest) -> HttpResponse:
    """Show the door for an outbox brought as a file; take one."""
    request.scope.check(Action.REPORT_SUBMIT)
    taken: Outbox | None = None
    fault: ReportError | None = None
    if request.method == "POST":
        try:
            taken = _take(request)
        except ReportError as refused:
            fault = refused
    context = {"section": "report", "taken": taken, "fault": fault}
    status = fault.status if fault else 200
    return render(request, "report/field/outbox.html", context, status=status)


def _take(request: PersonRequest) -> Outbox:
    file = request.FILES.get("file")
    if file is None:
        raise EmptyFile(name="—")
    name = (file.name or "outbox")[-80:]
    return take_outbox(
        incident=request.board.incident,
        body=read_bytes(file, limit_mib=LARGEST >> 20, name=name),
        name=name,
        actor=request.user,
        at=request.board.now,
        scope=request.scope,
    )
