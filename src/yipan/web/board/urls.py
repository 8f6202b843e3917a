"""Addresses of the board, under the root."""

from __future__ import annotations

from django.urls import path

from yipan.web.board import views
from yipan.web.shell import search

app_name = "web"

urlpatterns = [
    path("", views.board, name="board"),
    path("wall/", views.wall, name="wall"),
    path("search/", search.search, name="search"),
    path("numbers/<slug:key>/", views.number, name="number"),
    path("board/map.json", views.map_data, name="map_data"),
    path("board/topology.json", views.topology, name="topology"),
    path("board/counties.csv", views.counties_csv, name="counties_csv"),
    path("board/cities.csv", views.cities_csv, name="cities_csv"),
    path("board/curve.csv", views.curve_csv, name="curve_csv"),
]
