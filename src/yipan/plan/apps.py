from django.apps import AppConfig


class PlanConfig(AppConfig):
    name = "yipan.plan"
    label = "plan"
