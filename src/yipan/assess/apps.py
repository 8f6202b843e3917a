from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AssessConfig(AppConfig):
    name = "yipan.assess"
    label = "assess"

    def ready(self) -> None:
        """Give this stage's audit events their words."""
        from yipan.access import audit  # its models are ready only now

        audit.name_events(
            {
                "assess.made": gettext_lazy("assessment made"),
                "assess.clusters_sought": gettext_lazy("clusters looked for"),
                "assess.alarm_judged": gettext_lazy("alarm judged"),
                "assess.looked_closer": gettext_lazy("looked closer"),
                "assess.exported": gettext_lazy("assessment exported"),
            }
        )
