"""Reading workbooks with calamine: locked ones, bombs and pictures of tables are told apart."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from yipan.report.errors import EmptyFile, NotATable, WorkbookLocked
from yipan.report.exchange.tables import Sheet

ZIP, OLE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")
UNPACKED_MIB = 400  # a packed workbook that unpacks to more is refused before it is read
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # how a locked xlsx hides in an old container


def is_workbook(body: bytes) -> bool:
    """Return whether the bytes begin as a workbook does, whatever the name says."""
    return body.startswith((ZIP, OLE))


def read_workbook(body: bytes, *, name: str) -> Sheet:
    """Return the first sheet that holds anything.

    Raises WorkbookLocked (R127), NotATable (R115) and EmptyFile (R113).
    """
    if body.startswith(OLE) and ENCRYPTED in body:
        raise WorkbookLocked(name=name, where=name)
    if body.startswith(ZIP):
        _check_unpacked(body, name)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(body))
        for title in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(title)
            rows = sheet.to_python(skip_empty_area=False)
            if any(not _blank(cell) for row in rows for cell in row):
                return Sheet(name=f"{name} · {title}", rows=_filled_in(sheet, rows), serial=True)
    except PasswordError as fault:
        raise WorkbookLocked(name=name, where=name) from fault
    except CalamineError as fault:
        raise NotATable(name=name, why=str(fault), where=name) from fault
    raise EmptyFile(name=name, where=name)


def _blank(cell: Any) -> bool:
    return cell is None or cell == ""


def _filled_in(sheet: Any, rows: list[list[Any]]) -> list[list[Any]]:
    """Give the cells of a merged range that is one column wide the text that is shown there.

    A range merged sideways is a title over several columns and names none of them.
    """
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if left != right or top >= len(rows) or left >= len(rows[top]):
            continue
        for row in range(top + 1, min(bottom + 1, len(rows))):
            if left < len(rows[row]) and _blank(rows[row][left]):
                rows[row][left] = rows[top][left]
    return rows


def _check_unpacked(body: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile as fault:
        raise NotATable(name=name, why=_("the workbook is damaged"), where=name) from fault
    if size > UNPACKED_MIB * 1024 * 1024:
        raise NotATable(
            name=name,
            why=_("it would unpack to %(size)s MiB") % {"size": size // 1024 // 1024},
            where=name,
        )
