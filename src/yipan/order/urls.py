"""Addresses of orders, under /orders/."""

from __future__ import annotations

from django.urls import path

from yipan.order.views import accountability, duty, inbox, issue, meetings, offline, order, watch

app_name = "order"

urlpatterns = [
    path("", watch.watch, name="watch"),
    path("orders.csv", watch.watch_csv, name="watch_csv"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("bundle/", offline.bundle, name="bundle"),
    path("offline/", offline.page, name="offline"),
    path("issue/", issue.issue, name="issue"),
    path("issue/now/", issue.issue_now, name="issue_now"),
    path("issue/undo/", issue.undo, name="undo"),
    path("issue/countersign/<uuid:pk>/", issue.countersign, name="countersign"),
    path("issue/draft/<int:pk>/", issue.draft, name="draft"),
    path("new/", issue.new, name="new"),
    path("accountability/", accountability.accountability, name="accountability"),
    path("duty/", duty.duty, name="duty"),
    path("duty/<slug:what>/", duty.change, name="duty_change"),
    path("deliveries/<uuid:pk>/call/", duty.call, name="call"),
    path("meetings/", meetings.meetings, name="meetings"),
    path("meetings/<int:pk>/", meetings.meeting, name="meeting"),
    path("deliveries/<uuid:pk>/", order.delivery, name="delivery"),
    path("deliveries/<uuid:pk>/sheet/", order.sheet, name="sheet"),
    path("deliveries/<uuid:pk>/<slug:name>/", inbox.act, name="act"),
    path("<uuid:pk>/", order.order, name="order"),
    path("<uuid:pk>/annex/", order.annex, name="annex"),
    path("<uuid:pk>/amend/", order.amend, name="amend"),
    path("<uuid:pk>/withdraw/", order.withdraw, name="withdraw"),
]
