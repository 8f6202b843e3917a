"""Every address of the console; each stage brings its own."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

ROOMS = {
    "": ("access", "web"),
    "report/": ("report",),
    "assess/": ("assess",),
    "plan/": ("plan",),
    "orders/": ("order",),
}

urlpatterns: list[URLPattern | URLResolver] = [path("", include("yipan.access.account_urls"))]
for prefix, rooms in ROOMS.items():
    for room in rooms:
        module = "yipan.web.board.urls" if room == "web" else f"yipan.{room}.urls"
        if find_spec(module):
            urlpatterns.append(path(prefix, include(module)))

handler400 = "yipan.web.shell.faults.bad_request"
handler403 = "yipan.web.shell.faults.forbidden"
handler404 = "yipan.web.shell.faults.not_found"
handler500 = "yipan.web.shell.faults.broken"
