"""Every address of the console; each stage brings its own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from yipan.web.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("yipan.access.account_urls")),
    path("", include("yipan.access.urls")),
    path("", include("yipan.web.board.urls")),
    path("report/", include("yipan.report.urls")),
    path("assess/", include("yipan.assess.urls")),
    path("plan/", include("yipan.plan.urls")),
    path("orders/", include("yipan.order.urls")),
    path("api/", api.urls),
]

handler400 = "yipan.web.shell.faults.bad_request"
handler403 = "yipan.web.shell.faults.forbidden"
handler404 = "yipan.web.shell.faults.not_found"
handler500 = "yipan.web.shell.faults.broken"
