"""Reads a package's files: sizes and encodings first, then every row against the tables' schema.

Types, constraints and keys are checked by the `frictionless` library from the Table Schema in
`schema.py`; what it lets pass and we do not (NaN, grouped or full-width digits) is checked on the raw
cell. The tree and what the tables say about each other come after, in `checks.py`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes
from django.utils.translation import gettext as _
from frictionless import FrictionlessException, Package, Schema
from frictionless.errors import (
    ConstraintError,
    ExtraCellError,
    MissingCellError,
    PrimaryKeyError,
)
from frictionless.errors import (
    TypeError as CellTypeError,
)
from frictionless.resources import TableResource

from yipan.places.faults import Fault
from yipan.places.schema import BOUNDARIES, MIB, TABLES, Field, Limits, Table

DESCRIPTOR = "datapackage.json"

# Frictionless reads what Python's own int() and float() read; a spreadsheet's export never needs more.
_STRICT = {
    "integer": re.compile(r"-?[0-9]{1,18}"),
    "number": re.compile(r"-?[0-9]{1,18}(\.[0-9]*)?([eE][-+]?[0-9]{1,2})?"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "datetime": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})"
    ),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_EXAMPLES = {
    "integer": "1271",
    "number": "12.5",
    "date": "2020-02-23",
    "datetime": "2020-02-24T08:00:00+08:00",
    "boolean": "true",
    "string": "text",
}


@dataclass(frozen=True)
class Row:
    """One row of a table: where it stands (the header is row 1) and its typed cells."""

    number: int
    cells: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.cells.get(name)


@dataclass
class Reading:
    """What was read of a package, good rows only, with every fault met on the way."""

    folder: Path
    descriptor: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    boundaries: dict[str, Any] | None = None
    faults: list[Fault] = field(default_factory=list)
    refused_codes: set[str] = field(default_factory=set)
    """Codes of unit rows refused for one of their cells: what names them is not to blame."""
    refused_roots: bool = False
    digest: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Our own block of the descriptor."""
        block = self.descriptor.get("yipan")
        return block if isinstance(block, dict) else {}

    def rows(self, table: str) -> list[Row]:
        """Return the good rows of a table, none if it is absent."""
        return self.tables.get(table, [])

    def file(self, table: str) -> str:
        """Return the file name of a table."""
        return self.files.get(table, f"{table}.csv")


def read_package(path: Path, limits: Limits) -> Reading:
    """Read every file of the package at `path` (the folder or its datapackage.json)."""
    folder = path.parent if path.name == DESCRIPTOR else path
    reading = Reading(folder=folder)
    raw = _descriptor_bytes(reading, limits)
    if raw is None:
        return reading
    digest = hashlib.sha256(raw)
    _read_descriptor(reading, raw)
    total = 0
    for name, file in _resources(reading):
        data = _bytes(reading, file, limits)
        if data is None:
            continue
        total += len(data)
        if total > limits.package_bytes:
            reading.faults.append(_too_large(DESCRIPTOR, _("a package"), limits.package_bytes))
            break
        digest.update(b"\0" + name.encode() + b"\0" + data)
        text = _text(reading, file, data)
        if text is None:
            continue
        if name == BOUNDARIES:
            _read_boundaries(reading, file, text)
        elif name in TABLES:
            reading.tables[name] = list(_read_table(reading, TABLES[name], file, text, limits))
    reading.digest = digest.hexdigest()
    return reading


# --- the descriptor


def _descriptor_bytes(reading: Reading, limits: Limits) -> bytes | None:
    if not (reading.folder / DESCRIPTOR).is_file():
        reading.faults.append(Fault("B601", DESCRIPTOR, value=str(reading.folder)))
        return None
    return _bytes(reading, DESCRIPTOR, limits)


def _read_descriptor(reading: Reading, raw: bytes) -> None:
    text = _text(reading, DESCRIPTOR, raw)
    if text is None:
        return
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError(_("the outermost value is not an object"))
    except (ValueError, RecursionError) as error:
        row = error.lineno if isinstance(error, json.JSONDecodeError) else None
        reading.faults.append(Fault("B602", DESCRIPTOR, row=row, words={"detail": str(error)}))
        return
    reading.descriptor = found
    # Paths are ours to judge (B604): the library's check stops at the first.
    bare = {k: v for k, v in found.items() if k not in ("resources", "yipan")}
    try:
        Package.from_descriptor({**bare, "resources": [{"name": "units", "path": "units.csv"}]})
    except FrictionlessException as error:
        for reason in error.reasons or [error.error]:
            reading.faults.append(Fault("B602", DESCRIPTOR, words={"detail": reason.note}))


def _resources(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield name and file of every resource that may be read, in the tables' own order."""
    listed = reading.descriptor.get("resources")
    if not isinstance(listed, list):
        if reading.descriptor:
            reading.faults.append(
                Fault("B603", DESCRIPTOR, field="resources", words={"detail": _("a list of files")})
            )
        return
    seen: dict[str, str] = {}
    for entry in listed:
        name, file = (
            (entry.get("name"), entry.get("path")) if isinstance(entry, dict) else (None, None)
        )
        if isinstance(name, str) and name.startswith("x-"):
            continue
        if name not in (*TABLES, BOUNDARIES) or name in seen:
            known = ", ".join((*TABLES, BOUNDARIES))
            reading.faults.append(
                Fault(
                    "B610", DESCRIPTOR, field="resources", value=str(name), words={"known": known}
                )
            )
        elif not isinstance(file, str) or not _is_plain(reading.folder, file):
            reading.faults.append(
                Fault("B604", DESCRIPTOR, field=f"resources.{name}.path", value=str(file))
            )
        else:
            seen[name] = reading.files[name] = file
    for name in (*TABLES, BOUNDARIES):
        if name in seen:
            yield name, seen[name]


def _is_plain(folder: Path, file: str) -> bool:
    """Return whether `file` is a name inside the folder, not an address, a path or a link out of it."""
    if not re.fullmatch(r"[\w.-]+\.(csv|json|geojson)", file) or file.startswith("."):
        return False
    return (folder / file).resolve().parent == folder.resolve()


# --- bytes and text


def _bytes(reading: Reading, file: str, limits: Limits) -> bytes | None:
    path = reading.folder / file
    if not path.is_file():
        reading.faults.append(Fault("B605", file))
        return None
    size = path.stat().st_size
    if size > limits.file_bytes:
        reading.faults.append(_too_large(file, _("a file"), limits.file_bytes, size))
        return None
    if size == 0:
        reading.faults.append(Fault("B606", file))
        return None
    return path.read_bytes()


def _too_large(file: str, what: str, limit: int, size: int | None = None) -> Fault:
    value = f"{size / MIB:.0f} MiB" if size else ""
    return Fault("B607", file, value=value, words={"what": what, "limit": f"{limit / MIB:g} MiB"})


def _text(reading: Reading, file: str, data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        words = {"encoding": encoding_of(data)}
        reading.faults.append(Fault("B608", file, row=row, words=words))
        return None
    if not text.strip():
        reading.faults.append(Fault("B606", file))
        return None
    return text


def encoding_of(data: bytes) -> str:
    """Return the likely encoding of bytes that are not UTF-8, as iconv names it.

    Chinese spreadsheets save GBK (GB18030); a detector that sees few bytes calls the same bytes
    Big5 or Korean, so what decodes whole as GB18030 into Chinese characters is called GBK first.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    try:
        wide = [c for c in data.decode("gb18030") if ord(c) > 127]
        if wide and sum("\u4e00" <= c <= "\u9fff" for c in wide) >= 0.6 * len(wide):
            return "GBK"
    except UnicodeDecodeError:
        pass
    best = from_bytes(data[:65536]).best()
    return best.encoding.upper().replace("_", "-") if best else _("an unknown encoding")


# --- tables


def _read_table(
    reading: Reading, table: Table, file: str, text: str, limits: Limits
) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[list[str]] = []
    try:
        records.extend(lines)
    except csv.Error as error:
        at = len(records) + 1
        reading.faults.append(Fault("B611", file, at, words={"detail": str(error)}))
        return
    while records and not records[-1]:
        records.pop()
    if len(records) > limits.rows:
        limit = _("%(rows)s rows") % {"rows": limits.rows}
        reading.faults.append(
            Fault(
                "B607", file, value=str(len(records)), words={"what": _("a table"), "limit": limit}
            )
        )
        return
    header = [label.strip() for label in records[0]]
    if not _check_header(reading, table, file, header):
        return
    records[0] = header
    descriptor = table.descriptor()
    descriptor["fields"] = [f for f in descriptor["fields"] if f["name"] in header]
    descriptor["fieldsMatch"] = "equal"  # any order
    resource = TableResource(
        data=records,
        schema=Schema.from_descriptor(descriptor),
    )
    reader = _RowReader(reading.faults, table, file, header)
    with resource:
        for number, (record, row) in enumerate(
            zip(records[1:], resource.row_stream, strict=True), 2
        ):
            good = reader.read(number, record, row)
            if good is not None:
                yield good
            elif table.name == "units":
                _remember_refused(reading, header, record)


def _remember_refused(reading: Reading, header: list[str], record: list[str]) -> None:
    cells = dict(zip(header, record, strict=False))
    if cells.get("code"):
        reading.refused_codes.add(cells["code"])
        reading.refused_roots |= not cells.get("parent")


def _check_header(reading: Reading, table: Table, file: str, header: list[str]) -> bool:
    known = [f.name for f in table.fields]
    before = len(reading.faults)
    for position, label in enumerate(header):
        if label not in known or label in header[:position]:
            words = {"known": ", ".join(known)}
            reading.faults.append(Fault("B613", file, 1, label or str(position + 1), label, words))
    for f in table.fields:
        if f.required and f.name not in header:
            reading.faults.append(Fault("B612", file, 1, f.name))
    return len(reading.faults) == before


class _RowReader:
    """Turns the library's errors on one row into ours, and the row into typed cells."""

    def __init__(self, faults: list[Fault], table: Table, file: str, header: list[str]) -> None:
        self.faults = faults
        self.table = table
        self.file = file
        self.header = header
        self.strict = [
            (i, f, _STRICT.get(f.type))
            for i, f in enumerate(table.field(name) or Field(name, "") for name in header)
        ]

    def read(self, number: int, record: list[str], row: Any) -> Row | None:
        """Return the typed row, or None when it has a fault of its own."""
        if not any(cell.strip() for cell in record):
            self.faults.append(Fault("B615", self.file, number))
            return None
        if len(record) != len(self.header):
            words = {"found": len(record), "expected": len(self.header)}
            self.faults.append(Fault("B614", self.file, number, words=words))
            return None
        before = len(self.faults)
        wrong = set(self._strict_faults(number, record))
        for error in row.errors:
            self._translate(number, error, wrong)
        if len(self.faults) > before:
            return None
        return Row(number, row.to_dict())

    def _strict_faults(self, number: int, record: list[str]) -> Iterator[str]:
        for i, f, shape in self.strict:
            cell = record[i]
            if not cell:
                continue
            if shape is not None:
                if not shape.fullmatch(cell):
                    self._add("B617", number, f, cell, _type_words(f))
                    yield f.name
            elif _CONTROL.search(cell):
                self._add("B641", number, f, repr(cell)[1:-1])
                yield f.name

    def _add(
        self, kind: str, number: int, f: Field, value: str, words: dict[str, Any] | None = None
    ) -> None:
        self.faults.append(Fault(kind, self.file, number, f.name, value[:120], words or {}))

    def _translate(self, number: int, error: Any, wrong: set[str]) -> None:
        if isinstance(error, PrimaryKeyError):
            self._duplicate(number, error)
            return
        if isinstance(error, ExtraCellError | MissingCellError):
            return  # the whole row was judged by its number of cells
        f = self.table.field(error.field_name)
        if f is None or f.name in wrong:
            return
        cell = str(error.cell)
        if isinstance(error, CellTypeError):
            self._add("B617", number, f, cell, _type_words(f))
        elif isinstance(error, ConstraintError):
            self._constraint(number, f, cell)

    def _constraint(self, number: int, f: Field, cell: str) -> None:
        if not cell:
            self._add("B616", number, f, cell)
        elif f.choices:
            self._add("B619", number, f, cell, {"allowed": ", ".join(f.choices)})
        elif f.type in ("integer", "number"):
            self._add("B618", number, f, cell, {"bounds": _bounds(f)})
        elif f.max_length and len(cell) > f.max_length:
            self._add(
                "B618", number, f, cell, {"bounds": _("%(n)s characters") % {"n": f.max_length}}
            )
        else:
            words = {"expected": _("a plain code"), "example": "410100"}
            self._add("B617", number, f, cell, words)

    def _duplicate(self, number: int, error: Any) -> None:
        key = self.table.key
        at = [self.header.index(name) for name in key if name in self.header]
        cells = [str(error.cells[i]).strip() for i in at]
        found = re.search(r"(\d+)$", error.note)
        if found and all(cells):
            words = {"key": ", ".join(key), "first": found.group(1)}
            self.faults.append(Fault("B620", self.file, number, key[0], ", ".join(cells), words))


def _type_words(f: Field) -> dict[str, str]:
    expected = {
        "integer": _("a whole number"),
        "number": _("a number"),
        "date": _("a date (YYYY-MM-DD)"),
        "datetime": _("a moment with its offset (ISO 8601)"),
        "boolean": _("true or false"),
        "string": _("text"),
    }[f.type]
    return {"expected": expected, "example": _EXAMPLES[f.type]}


def _bounds(f: Field) -> str:
    low = "−∞" if f.minimum is None else f"{f.minimum:,.15g}"
    high = "∞" if f.maximum is None else f"{f.maximum:,.15g}"
    return f"{low} … {high}"


def _read_boundaries(reading: Reading, file: str, text: str) -> None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reading.faults.append(Fault("B611", file, words={"detail": str(error)}))
        return
    if not isinstance(found, dict) or not isinstance(found.get("features"), list):
        detail = _("not a GeoJSON FeatureCollection")
        reading.faults.append(Fault("B611", file, words={"detail": detail}))
        return
    reading.boundaries = found
