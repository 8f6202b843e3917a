"""Addresses of plan, below /plan/."""

from __future__ import annotations

from django.urls import path

from yipan.plan import views

app_name = "plan"

urlpatterns = [
    path("", views.options, name="options"),
    path("make/", views.make, name="make"),
    path("<int:pk>/", views.scenario, name="scenario"),
    path("<int:pk>/sign/", views.sign, name="sign"),
    path("<int:pk>/counties/", views.counties, name="counties"),
    path("<int:pk>/options.csv", views.options_csv, name="options_csv"),
    path("<int:pk>/openings.csv", views.openings_csv, name="openings_csv"),
    path("<int:pk>/counties.csv", views.counties_csv, name="counties_csv"),
    path("<int:pk>/assumptions.csv", views.assumptions_csv, name="assumptions_csv"),
]
