from django.apps import AppConfig


class OrderConfig(AppConfig):
    name = "yipan.order"
    label = "order"
