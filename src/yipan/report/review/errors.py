"""Why a value cannot be let stand, asked about or answered for."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from yipan.report.errors import ReportError


class NotTheLatest(ReportError):
    """Something was said of a version of a value that another has replaced."""

    code = "R181"
    status = 409
    text = _("%(unit)s has sent a newer value since.")
    cure = _("Open the page again and look at the value that stands now.")


class NothingToSay(ReportError):
    """A question, an answer or an approval does not follow from what was said before."""

    code = "R182"
    status = 409
    text = _("Nothing more is to be said of this value: %(why)s.")
    cure = _("Open the page again to see what was said and when.")
