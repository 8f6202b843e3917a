from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportConfig(AppConfig):
    name = "yipan.report"
    label = "report"

    def ready(self) -> None:
        # Models of access are loaded only now.
        from yipan.access.audit import name_events

        # Each says how its rows about persons end, so that one job can end them all.
        from yipan.report.cases import actions as _cases  # noqa: F401
        from yipan.report.contacts import actions as _contacts  # noqa: F401
        from yipan.report.duplicates import actions as _duplicates  # noqa: F401
        from yipan.report.exchange import store as _store  # noqa: F401
        from yipan.report.laboratory import actions as _laboratory  # noqa: F401
        from yipan.report.quarantine import actions as _quarantine  # noqa: F401
        from yipan.report.registers import actions as _registers  # noqa: F401

        name_events(
            {
                "report.submitted": _("report sent"),
                "report.batch": _("reports taken in bulk"),
                "report.file_taken": _("file taken"),
                "report.cases_taken": _("cases taken"),
                "report.row_settled": _("row aside settled"),
                "report.outbox_brought": _("outbox of a phone brought in"),
                "report.absence_noted": _("absence noted"),
                "value.stands": _("value let stand"),
                "value.asked": _("asked about a value"),
                "value.answered": _("answered for a value"),
                "report.cases_read": _("line list read"),
                "dictionary.recorded": _("dictionary changed"),
                "request.drafted": _("request for data drafted"),
                "request.checked": _("request for data checked"),
                "request.sent_to_ruling": _("request for data sent to a ruling"),
                "request.active": _("request for data active"),
                "request.rejected": _("request for data rejected"),
                "request.expiring": _("request for data about to end"),
                "request.closed": _("request for data closed"),
                "request.prolonged": _("request for data prolonged"),
                "request.ruled": _("field ruled on"),
                "request.frozen": _("requests for data frozen"),
                "request.thawed": _("requests for data thawed"),
                "register.entered": _("register events entered"),
                "register.voided": _("register event voided"),
                "register.amended": _("register event amended"),
                "site.places_set": _("places of a site set"),
                "identity.compared": _("persons opened in memory to find duplicates"),
                "duplicates.proposed": _("persons compared for duplicates"),
                "duplicates.decided": _("pair of persons decided"),
                "cases.imported": _("cases and contacts of another system taken"),
                "cases.exported": _("cases exported as FHIR"),
                "table.released": _("department table delivered"),
                "table.hook_set": _("machine to be told of a table"),
                "table.hook_ended": _("machine told of a table no more"),
            }
        )
