"""Errors of the board, B6xx; what can be wrong inside a data package stands in `faults.py`."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.kernel.errors import YipanError
from yipan.places.faults import Fault, in_order


class PackageRefused(YipanError):
    """The data package has faults; nothing of it was loaded."""

    code = "B600"
    status = 422

    def __init__(self, faults: Sequence[Fault], *, where: str) -> None:
        self.faults = in_order(faults)
        count = len(self.faults)
        super().__init__(
            ngettext(
                "The package has %(count)s fault; nothing was loaded.",
                "The package has %(count)s faults; nothing was loaded.",
                count,
            )
            % {"count": count},
            where=where,
            remedy=_("Correct what is listed and load again."),
        )


class PackageConflict(YipanError):
    """Another package is loaded already, or this one was loaded with other contents."""

    code = "B650"
    status = 409


class BoundariesUnreadable(YipanError):
    """The installed boundary data lack a unit or cannot be read."""

    code = "B651"
    status = 422


class UnitNotFound(YipanError):
    """No unit has this code in the loaded package."""

    code = "B652"
    status = 404
