from django.apps import AppConfig


class AssessConfig(AppConfig):
    name = "yipan.assess"
    label = "assess"
