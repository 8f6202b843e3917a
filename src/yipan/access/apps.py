from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "yipan.access"
    label = "access"

    def ready(self) -> None:
        """Let this room's rows about persons end in time; models exist only now."""
        from yipan.access import identity  # noqa: F401
