"""Addresses of assess, below /assess/."""

from __future__ import annotations

from django.urls import path

from yipan.assess import views

app_name = "assess"

urlpatterns = [
    path("", views.home, name="home"),
    path("now/", views.run, name="run"),
    path("closer/", views.closer, name="closer"),
    path("counties/<str:code>/", views.county, name="county"),
    path("cities/<str:code>/", views.city, name="city"),
    path("gaps/", views.gaps, name="gaps"),
    path("alarms/", views.alarms, name="alarms"),
    path("alarms/<int:pk>/judge/", views.judge, name="judge"),
    path("clusters/", views.clusters, name="clusters"),
    path("counties.csv", views.units_csv, {"level": "county"}, name="counties_csv"),
    path("cities.csv", views.units_csv, {"level": "city"}, name="cities_csv"),
    path("counties.geojson", views.units_geojson, {"level": "county"}, name="counties_geojson"),
    path("cities.geojson", views.units_geojson, {"level": "city"}, name="cities_geojson"),
    path("model-output.csv", views.hub, {"format": "csv"}, name="hub_csv"),
    path("model-output.parquet", views.hub, {"format": "parquet"}, name="hub_parquet"),
    path("series.csv", views.series_csv, name="series_csv"),
    path("tier-changes.csv", views.changes_csv, name="changes_csv"),
]
