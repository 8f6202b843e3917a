"""What can be wrong with a report at the door, each with its code, its rule and its remedy.

An error carries its figures as `params`, not only its sentence: a row kept aside is told to
each reader in the reader's own language (`words_for`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from yipan.kernel.errors import Malformed, YipanError, error_classes


class ReportError(Malformed):
    """Something sent in could not be taken."""

    code: ClassVar[str] = "R100"
    text: ClassVar[Any] = _("This could not be taken.")
    cure: ClassVar[Any] = _("Correct it and send it again; nothing that was sent is lost.")

    def __init__(self, *, where: str = "", **params: Any) -> None:
        self.params: dict[str, Any] = params
        super().__init__(str(self.text) % params, where=where, remedy=str(self.cure) % params)


class Refused(ReportError):
    """Some fields of a form are wrong; none was taken, all are still with the sender."""

    code = "R101"
    text = _("%(n)s of the fields cannot be taken.")
    cure = _("Correct the fields named below and send again; what you typed is still there.")

    def __init__(self, faults: Mapping[str, ReportError], *, where: str = "") -> None:
        self.faults = dict(faults)
        super().__init__(where=where, n=len(self.faults))

    def as_dict(self) -> dict[str, Any]:
        """Return the error as the API sends it, each field's fault inside."""
        return {
            **super().as_dict(),
            "fields": {name: fault.as_dict() for name, fault in self.faults.items()},
        }


class UnknownElement(ReportError):
    """A value names an element the dictionary does not have."""

    code = "R102"
    text = _("There is no data element “%(value)s”.")
    cure = _("The closest is “%(closest)s”. The dictionary lists them all.")


class NotANumber(ReportError):
    """A count is not a whole number."""

    code = "R103"
    text = _("%(label)s: “%(value)s” is not a whole number.")
    cure = _("Write digits only, without a unit; leave the cell empty if it is not known.")


class OutOfRange(ReportError):
    """A value lies outside the range its element allows."""

    code = "R104"
    text = _("%(label)s: %(value)s is outside %(low)s to %(high)s.")
    cure = _("Check the figure. A total that went down is sent as a correction with a reason.")


class FutureDay(ReportError):
    """A date lies after today."""

    code = "R105"
    text = _("%(label)s: %(value)s is in the future; today is %(today)s.")
    cure = _("Check the year and the order of day and month.")


class BeforeIncident(ReportError):
    """A date lies before the incident began."""

    code = "R106"
    text = _("%(label)s: %(value)s is before the incident began (%(first)s).")
    cure = _("Check the year, or choose the incident it belongs to.")


class NotADate(ReportError):
    """A date cannot be read."""

    code = "R107"
    text = _("%(label)s: “%(value)s” is not a date.")
    cure = _("Write year-month-day, for example 2020-02-23.")


class TotalFalls(ReportError):
    """A running total is lower than an earlier one, or higher than a later one."""

    code = "R108"
    text = _(
        "%(label)s: a total of %(value)s on %(day)s does not fit %(other)s on %(other_day)s; a running total cannot fall."
    )
    cure = _("If the earlier total was wrong, send this one as a correction with a reason.")


class UnknownUnit(ReportError):
    """A row names a unit that does not exist, or that the sender may not report for."""

    code = "R109"
    text = _("There is no unit “%(value)s” that you report for.")
    cure = _("Check the code against the template; ask your county if a unit is missing.")


class DuplicateRow(ReportError):
    """Two rows of one file speak of the same thing."""

    code = "R110"
    text = _("Row %(first)s already speaks of %(value)s.")
    cure = _("Keep the right one of the two rows; the first was taken.")


class WrongColumns(ReportError):
    """A file lacks a column, or has one that is almost another."""

    code = "R111"
    text = _("The file has no column for: %(missing)s. Found: %(found)s.")
    cure = _("%(hint)s Download the template for the exact names.")


class Undecodable(ReportError):
    """A text file has bytes that belong to no encoding we read."""

    code = "R112"
    text = _("Byte %(offset)s (0x%(byte)s) is not text in %(tried)s.")
    cure = _("Save the file as “CSV UTF-8”, or send the Excel workbook itself.")


class EmptyFile(ReportError):
    """A file has no row."""

    code = "R113"
    text = _("The file %(name)s is empty: it has no row below its header.")
    cure = _("Send a file with at least one row. If there was truly nothing, send a row of zeros.")


class TooLarge(ReportError):
    """A file is larger than the door allows; it was not read to its end."""

    code = "R114"
    status = 413
    text = _("The file is %(size)s MiB; the largest taken is %(limit)s MiB.")
    cure = _("Split it by day or by place, or save it without pictures and empty sheets.")


class NotATable(ReportError):
    """A file is not a table we can read."""

    code = "R115"
    text = _("%(name)s cannot be read as a table: %(why)s.")
    cure = _("Send CSV, xlsx, xls or ods; the template is a good start.")


class WrongLevel(ReportError):
    """An element is not reported by units of this level."""

    code = "R116"
    text = _("%(label)s is not reported by a unit of this level (%(level)s).")
    cure = _("It is reported by: %(levels)s.")


class ReasonMissing(ReportError):
    """A correction came without a reason."""

    code = "R117"
    text = _("%(label)s for %(day)s is already %(known)s; %(value)s would correct it.")
    cure = _("Give the reason of the correction; the earlier value stays in its history.")


class Missing(ReportError):
    """A cell that must be filled is empty."""

    code = "R118"
    text = _("%(label)s is empty.")
    cure = _("Fill it in. Zero is a value; empty means not reported.")


class NotAChoice(ReportError):
    """A value is not among those its field knows."""

    code = "R119"
    text = _("%(label)s: “%(value)s” is not one of: %(choices)s.")
    cure = _("Use one of these words, or leave it empty if it is not known.")


class RowShape(ReportError):
    """A row has more cells than the header."""

    code = "R120"
    text = _("The row has %(cells)s cells, the header %(columns)s.")
    cure = _("A comma inside a cell needs quotation marks round the cell.")


class NothingToRepeat(ReportError):
    """“No change” was said, and there is no earlier value."""

    code = "R121"
    text = _("%(label)s: “no change” was marked, but no earlier value is known.")
    cure = _("Type the number.")


class DaysOutOfOrder(ReportError):
    """Two days of one case contradict each other."""

    code = "R122"
    text = _("%(label)s (%(value)s) is after %(other_label)s (%(other)s).")
    cure = _("Check both days.")


class KeyTaken(ReportError):
    """A client key was used before for something else."""

    code = "R123"
    status = 409
    text = _("This form was already used to send something else.")
    cure = _("Open the form again: a new key is made for each.")


class AlreadySettled(ReportError):
    """A row aside was settled before."""

    code = "R124"
    status = 409
    text = _("This row was already settled at %(at)s.")
    cure = _("Open the page again to see how.")


class StoodDown(ReportError):
    """The incident no longer takes reports."""

    code = "R125"
    status = 409
    text = _("The incident has been stood down; it takes no more reports.")
    cure = _("Choose an active incident.")


class NothingSent(ReportError):
    """A submission holds no value at all."""

    code = "R126"
    text = _("Nothing was filled in.")
    cure = _("Fill in at least one number, or mark “no change”. Zero is a value.")


class WorkbookLocked(ReportError):
    """A workbook is protected by a password."""

    code = "R127"
    text = _("%(name)s is protected by a password.")
    cure = _("Save it without the password and send it again.")


class FileGone(ReportError):
    """The original of a file is no longer kept."""

    code = "R128"
    status = 409
    text = _("The file %(name)s is no longer kept; it was not read to its end.")
    cure = _("Send it again: what was taken from it before is not taken twice.")


class FormsFileWrong(ReportError):
    """A file of forms cannot be compiled; every fault is named with its place."""

    code = "R130"
    text = _("%(name)s cannot be compiled: %(n)s faults. The first: %(first)s.")
    cure = _("Correct them all and compile again; nothing was written.")

    def __init__(self, name: str, faults: Sequence[Any]) -> None:
        self.faults = list(faults)
        super().__init__(where=name, name=name, n=len(self.faults), first=str(self.faults[0]))

    def as_dict(self) -> dict[str, Any]:
        """Return the error as the API sends it, with every fault."""
        return {**super().as_dict(), "faults": [str(fault) for fault in self.faults]}


class NoSuchLevel(ReportError):
    """A request names a level of units that does not exist."""

    code = "R131"
    text = _("There is no level “%(value)s”.")
    cure = _("It is one of: %(levels)s.")


class NoTimeOfDay(ReportError):
    """A cut-off or a deadline is no time of day."""

    code = "R174"
    text = _("%(label)s “%(value)s” is no time of day.")
    cure = _("Write it such as 18:00, or 24:00 (T-1) for the end of the day before.")


class RequestStands(ReportError):
    """A request cannot go from where it stands to there."""

    code = "R132"
    status = 409
    text = _("A request that is “%(state)s” cannot become “%(wanted)s”.")
    cure = _("Open its page again: somebody may have acted on it meanwhile.")


class ElementClash(ReportError):
    """An element's id would change its meaning."""

    code = "R133"
    status = 409
    text = _(
        "The element “%(value)s” is known with another concept, population, measure or time basis."
    )
    cure = _("Give the other meaning an id of its own; an id never changes its meaning.")


class RequestTooLong(ReportError):
    """A request's sunset is past, or too far away."""

    code = "R134"
    text = _("A request cannot end on %(value)s.")
    cure = _("Choose a day after today, at the latest %(last)s; it can be prolonged then.")


class AlreadyRuled(ReportError):
    """A field was ruled on before."""

    code = "R135"
    status = 409
    text = _("This field was already ruled on at %(at)s.")
    cure = _("Open the page again to see how.")


class AlreadyFrozen(ReportError):
    """Requests are frozen already."""

    code = "R136"
    status = 409
    text = _("Requests are frozen already.")
    cure = _("Thaw them first, or leave it as it stands.")


class NotFrozen(ReportError):
    """There is nothing to thaw."""

    code = "R137"
    status = 409
    text = _("No freeze stands.")
    cure = _("Open the page again: somebody may have thawed it meanwhile.")


class EventVoided(ReportError):
    """An event of a register was voided before."""

    code = "R138"
    status = 409
    text = _("This event was voided before.")
    cure = _("Record what is right as an event of its own.")


class CellMapWrong(ReportError):
    """A template's cell map names what the workbook or the request does not have."""

    code = "R139"
    text = _("The cell map cannot be used: %(why)s.")
    cure = _("It needs a sheet, a first row, and a column letter for each field.")


class NotADecimal(ReportError):
    """A value is no number, or has more places after the point than its element allows."""

    code = "R170"
    text = _(
        "%(label)s: “%(value)s” is not a number with at most %(places)s places after the point."
    )
    cure = _("Write digits with a point, without a unit; round to that many places.")


class SomebodyElse(ReportError):
    """What a phone kept was written by another person than the one signed in now."""

    code = "R171"
    status = 409
    text = _("This was filled in by somebody else than who is signed in now.")
    cure = _("Whoever filled it in signs in on this phone; or bring it to the county as a file.")


class OutboxUnreadable(ReportError):
    """A file is no outbox, is damaged, or was locked to another server's key."""

    code = "R172"
    text = _("%(name)s cannot be opened as a phone's outbox: %(why)s.")
    cure = _("Save it again on the phone that wrote it, on this server's own address.")


class NothingToReport(ReportError):
    """A person's role sends no report for any unit."""

    code = "R173"
    status = 403
    text = _("You report for no unit of this incident.")
    cure = _("Ask your county to give you the reporter's role for your unit.")


class NoWebAddress(ReportError):
    """A machine's address is none of the web."""

    code = "R150"
    text = _("“%(value)s” is no address of the web.")
    cure = _("Write it whole, with https:// before it and no name or password in it.")


class HookThere(ReportError):
    """A machine is told of a table already."""

    code = "R151"
    status = 409
    text = _("“%(value)s” is told of this table already.")
    cure = _("End the one that is there first, if its secret is lost.")


def _by_code() -> dict[str, type[ReportError]]:
    return {c.code: c for c in error_classes(ReportError) if issubclass(c, ReportError)}


def words_for(code: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """Return (message, remedy) of a kept fault in the language now in use."""
    kind: type[YipanError] | None = _by_code().get(code)
    if kind is None or not issubclass(kind, ReportError):
        return "", ""
    return str(kind.text) % params, str(kind.cure) % params


def closest(word: str, known: Sequence[str]) -> str:
    """Return the known word most like `word`, or an empty string when none is alike."""
    found = get_close_matches(word.casefold(), [k.casefold() for k in known], n=1, cutoff=0.5)
    return next((k for k in known if found and k.casefold() == found[0]), "")
