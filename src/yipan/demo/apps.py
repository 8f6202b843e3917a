from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "yipan.demo"
    label = "demo"
