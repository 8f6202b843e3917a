from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "yipan.web"
    label = "web"
