from django.apps import AppConfig


class ReportConfig(AppConfig):
    name = "yipan.report"
    label = "report"
