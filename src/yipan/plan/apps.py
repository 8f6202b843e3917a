from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlanConfig(AppConfig):
    name = "yipan.plan"
    label = "plan"

    def ready(self) -> None:
        """Give the stage's audit events their words."""
        from yipan.access.audit import name_events  # models load only when every app stands

        name_events(
            {
                "plan.scenario_made": _("options put side by side"),
                "plan.signed": _("option signed"),
                "plan.option_edited": _("option edited"),
                "plan.searched": _("best openings searched"),
            }
        )
