"""What can be wrong with a data package: one numbered kind each, with the rule and the remedy.

A fault is data, not an exception: the validator collects every one, and the loader raises a single
`errors.PackageRefused` that carries them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Text = str | Promise


@dataclass(frozen=True)
class Kind:
    """One numbered kind of fault; `rule` and `remedy` take the fault's own words by name."""

    code: str
    rule: Text
    remedy: Text


def _kinds(*rows: tuple[str, Text, Text]) -> dict[str, Kind]:
    return {code: Kind(code, rule, remedy) for code, rule, remedy in rows}


KINDS: dict[str, Kind] = _kinds(
    (
        "B601",
        gettext_lazy("A package is a folder with a file datapackage.json."),
        gettext_lazy("Name the folder that holds datapackage.json."),
    ),
    (
        "B602",
        gettext_lazy("datapackage.json must be a valid Data Package descriptor: %(detail)s."),
        gettext_lazy("Correct the JSON; docs/reference/data-package.md shows a whole example."),
    ),
    (
        "B603",
        gettext_lazy("This property of datapackage.json is missing or wrong: %(detail)s."),
        gettext_lazy("Write it as docs/reference/data-package.md describes."),
    ),
    (
        "B604",
        gettext_lazy("A table's path must be a plain file name inside the package folder."),
        gettext_lazy("Put the file beside datapackage.json and write its name only."),
    ),
    (
        "B605",
        gettext_lazy("A file that datapackage.json lists must be there."),
        gettext_lazy("Add the file, or take its entry out of `resources`."),
    ),
    (
        "B606",
        gettext_lazy("A listed file must not be empty."),
        gettext_lazy("Write its header and rows, or take its entry out of `resources`."),
    ),
    (
        "B607",
        gettext_lazy("%(what)s may hold at most %(limit)s; it was refused before it was read."),
        gettext_lazy("Split the package, or leave out what the board does not need."),
    ),
    (
        "B608",
        gettext_lazy("Files must be UTF-8; this one reads as %(encoding)s."),
        gettext_lazy(
            "Save it again as “CSV UTF-8”, or run: iconv -f %(encoding)s -t UTF-8 %(file)s"
        ),
    ),
    (
        "B609",
        gettext_lazy("A package must have the table %(table)s with at least one row."),
        gettext_lazy("Add %(table)s.csv and list it in `resources`."),
    ),
    (
        "B610",
        gettext_lazy("No table of this name is known, and a name may be given once only."),
        gettext_lazy("Use one of: %(known)s. Your own extra tables start with “x-”."),
    ),
    (
        "B611",
        gettext_lazy("The file is not well-formed: %(detail)s."),
        gettext_lazy("Save it again as plain comma-separated text; quotes must close."),
    ),
    (
        "B612",
        gettext_lazy("This column is required."),
        gettext_lazy("Add the column; the header may have any order."),
    ),
    (
        "B613",
        gettext_lazy("This column is unknown, unnamed or stands twice."),
        gettext_lazy("Rename or remove it. Known here: %(known)s."),
    ),
    (
        "B614",
        gettext_lazy("The row has %(found)s cells, its header has %(expected)s."),
        gettext_lazy("Check for a missing or an unquoted comma."),
    ),
    (
        "B615",
        gettext_lazy("The row is blank."),
        gettext_lazy("Remove the row."),
    ),
    (
        "B616",
        gettext_lazy("This cell must be filled."),
        gettext_lazy("Write the value; if it is unknown, the row cannot stand."),
    ),
    (
        "B617",
        gettext_lazy("The value is not %(expected)s."),
        gettext_lazy("Write it as in this example: %(example)s."),
    ),
    (
        "B618",
        gettext_lazy("The value is outside %(bounds)s."),
        gettext_lazy("Check the number and its unit of measure."),
    ),
    (
        "B619",
        gettext_lazy("The value is not one of those allowed: %(allowed)s."),
        gettext_lazy("Use one of the allowed values."),
    ),
    (
        "B620",
        gettext_lazy("The same %(key)s stands already in row %(first)s."),
        gettext_lazy("Keep one of the two rows, or correct the code."),
    ),
    (
        "B621",
        gettext_lazy("No unit has this parent's code."),
        gettext_lazy("Add the parent to units.csv or correct the code."),
    ),
    (
        "B622",
        gettext_lazy("The unit is its own ancestor: %(path)s."),
        gettext_lazy("Correct one parent in that circle."),
    ),
    (
        "B623",
        gettext_lazy("A %(level)s cannot stand below a %(parent_level)s."),
        gettext_lazy("A unit's level must be lower than its parent's: %(order)s."),
    ),
    (
        "B624",
        gettext_lazy("Exactly one unit has no parent, the root; here it is %(found)s."),
        gettext_lazy("Leave `parent` empty for the top unit only."),
    ),
    (
        "B625",
        gettext_lazy("This merger cannot be followed: %(detail)s."),
        gettext_lazy("Give valid_to, and in merged_into a unit of the same level that lives on."),
    ),
    (
        "B626",
        gettext_lazy("valid_to must be after valid_from."),
        gettext_lazy("valid_to is the first day the unit no longer exists."),
    ),
    (
        "B627",
        gettext_lazy("The unit exists on days its parent does not."),
        gettext_lazy("Bring the unit's dates inside its parent's."),
    ),
    (
        "B628",
        gettext_lazy("No unit has this code."),
        gettext_lazy("Add the unit to units.csv or correct the code."),
    ),
    (
        "B629",
        gettext_lazy("The age groups sum to %(found)s, the population is %(expected)s."),
        gettext_lazy("Give all sixteen groups; they must sum to the population."),
    ),
    (
        "B630",
        gettext_lazy(
            "The units below hold %(below)s people and %(elsewhere)s live elsewhere: "
            "that is not the population %(expected)s."
        ),
        gettext_lazy("Correct a population, or write the rest in population_elsewhere."),
    ),
    (
        "B631",
        gettext_lazy("A pair must join two different units of one level, and stand once."),
        gettext_lazy("Remove the row or correct a code."),
    ),
    (
        "B632",
        gettext_lazy("A cumulative total fell: %(before)s on %(day)s, then %(value)s."),
        gettext_lazy(
            "Correct the number; if the authority did correct itself, write “corrected” in basis."
        ),
    ),
    (
        "B633",
        gettext_lazy("The date lies in the future; today is %(today)s."),
        gettext_lazy("Correct the date."),
    ),
    (
        "B634",
        gettext_lazy("Published before its day was over."),
        gettext_lazy("published_at must be after the end of the data day, with its offset."),
    ),
    (
        "B635",
        gettext_lazy("The unit's level is %(expected)s."),
        gettext_lazy("Write that level, or correct the unit."),
    ),
    (
        "B636",
        gettext_lazy("%(part)s (%(value)s) is more than %(whole)s (%(limit)s)."),
        gettext_lazy("Check both numbers."),
    ),
    (
        "B637",
        gettext_lazy("The table of %(what)s is incomplete: %(found)s of %(expected)s rows."),
        gettext_lazy("Give every pair, or none of this kind."),
    ),
    (
        "B638",
        gettext_lazy("No entry of `sources` has this name."),
        gettext_lazy("Add it to `sources` in datapackage.json with title and publisher."),
    ),
    (
        "B639",
        gettext_lazy("The shape cannot be used: %(detail)s."),
        gettext_lazy("Give a valid Polygon or MultiPolygon in longitude and latitude."),
    ),
    (
        "B640",
        gettext_lazy("A unit needs a name in at least one language."),
        gettext_lazy("Fill name_zh or name_en."),
    ),
    (
        "B641",
        gettext_lazy("Text may not hold control characters."),
        gettext_lazy("Remove the invisible characters."),
    ),
    (
        "B642",
        gettext_lazy("The county's centre is needed: both longitude and latitude, or neither."),
        gettext_lazy("Fill the other coordinate."),
    ),
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong, and where it stands: file, row (the header is row 1), column, value."""

    kind: str
    file: str
    row: int | None = None
    field: str = ""
    value: str = ""
    words: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def code(self) -> str:
        """The stable number, B6xx."""
        return self.kind

    @property
    def rule(self) -> str:
        """The rule that was broken, in the language in use."""
        return str(KINDS[self.kind].rule) % {"file": self.file, **self.words}

    @property
    def remedy(self) -> str:
        """What would make it right, in the language in use."""
        return str(KINDS[self.kind].remedy) % {"file": self.file, **self.words}

    @property
    def where(self) -> str:
        """File, row and column as one line."""
        parts = [self.file]
        if self.row is not None:
            parts.append(_("row %(row)s") % {"row": self.row})
        if self.field:
            parts.append(_("column %(column)s") % {"column": self.field})
        return ", ".join(parts)

    def __str__(self) -> str:
        found = _(" Found: %(value)s.") % {"value": self.value} if self.value else ""
        return f"{self.code} {self.where}: {self.rule}{found} {self.remedy}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fault for JSON."""
        return {
            "code": self.code,
            "file": self.file,
            "row": self.row,
            "field": self.field,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults once each, by file, row and column."""
    unique = dict.fromkeys(faults)
    return sorted(unique, key=lambda f: (f.file, f.row or 0, f.field, f.kind, f.value))
