"""Addresses of plan, below /plan/."""

from __future__ import annotations

from django.urls import path

from yipan.plan import edit_views, search_views, trace_views, views
from yipan.plan.resumption import views as resumption

app_name = "plan"

urlpatterns = [
    path("", views.options, name="options"),
    path("make/", views.make, name="make"),
    path("<int:pk>/", views.scenario, name="scenario"),
    path("<int:pk>/sign/", views.sign, name="sign"),
    path("<int:pk>/counties/", views.counties, name="counties"),
    path("<int:pk>/search/", search_views.begin, name="search"),
    path("<int:pk>/search/state/", search_views.state, name="search_state"),
    path("<int:pk>/search/stop/", search_views.stop, name="search_stop"),
    path("<int:pk>/edit/", edit_views.edit, name="edit"),
    path("<int:pk>/trace/", trace_views.trace, name="trace"),
    path("<int:pk>/work/", resumption.resumption, name="resumption"),
    path("<int:pk>/work/register/", resumption.take_register, name="take_register"),
    path("<int:pk>/work/schools/", resumption.run_schools, name="run_schools"),
    path("<int:pk>/work/acts.csv", resumption.acts_csv, name="acts_csv"),
    path("<int:pk>/work/returns.csv", resumption.returns_csv, name="returns_csv"),
    path("<int:pk>/options.csv", views.options_csv, name="options_csv"),
    path("<int:pk>/openings.csv", views.openings_csv, name="openings_csv"),
    path("<int:pk>/counties.csv", views.counties_csv, name="counties_csv"),
    path("<int:pk>/assumptions.csv", views.assumptions_csv, name="assumptions_csv"),
]
