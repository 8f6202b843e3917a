from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "yipan.kernel"
    label = "kernel"
