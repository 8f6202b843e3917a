"""Addresses of the board, under the root."""

from __future__ import annotations

from django.urls import path

from yipan.web.board import views

app_name = "web"

urlpatterns = [
    path("", views.board, name="board"),
]
