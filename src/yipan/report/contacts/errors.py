"""What can be wrong with what is told of cases, contacts, specimens and sites."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from yipan.report.errors import ReportError


class RegisterRefused(ReportError):
    """An event about a case, a contact, a specimen or a site could not be taken."""

    code = "R160"
    text = _("%(label)s: %(why)s")
    cure = _("Correct it and send it again; nothing of it was kept.")


class AlreadyAmended(ReportError):
    """A row was amended before; the amendment is what can be amended now."""

    code = "R161"
    status = 409
    text = _("This was amended before.")
    cure = _("Open the page again and amend what stands there now.")


class SitePlaces(ReportError):
    """A quarantine site has no free place, or the person is elsewhere."""

    code = "R162"
    status = 409
    text = _("%(site)s: %(why)s")
    cure = _("Choose another site, or record first what its places are now.")


class StepOutOfOrder(ReportError):
    """A specimen's step does not follow from what is known of it."""

    code = "R163"
    status = 409
    text = _("Specimen %(specimen)s: %(why)s")
    cure = _("Look at what is recorded of it; amend the step that is wrong.")


class NotOneFile(ReportError):
    """A file of another system could not be read as what it was said to be."""

    code = "R164"
    text = _("%(name)s: %(why)s")
    cure = _("Export it again as UTF-8 CSV or JSON, or choose the system it comes from.")


class PairDecided(ReportError):
    """A pair was decided that way already, or is out of sight."""

    code = "R165"
    status = 409
    text = _("This pair is decided so already.")
    cure = _("Open it again first, then decide.")


class LinkageMissing(ReportError):
    """The library that compares persons is not installed."""

    code = "R166"
    status = 503
    text = _("Persons cannot be compared here: the package %(package)s is not installed.")
    cure = _("Install the system with its extra “linkage”; everything else works without it.")
