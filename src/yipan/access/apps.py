from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "yipan.access"
    label = "access"
