from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "yipan.places"
    label = "places"
