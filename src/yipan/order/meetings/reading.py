"""Paragraphs out of a pasted text, a text file, a Word document or a workbook; nothing is guessed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePath

import docx
from charset_normalizer import from_bytes
from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineWorkbook

from yipan.order.errors import Unreadable

MOST_PARAGRAPHS = 500
LONGEST = 4000
UNPACKED_MOST = 50 * 1024 * 1024


def read(body: bytes, *, name: str) -> list[str]:
    """Return the paragraphs of a file by the ending of its name, empty ones left out.

    Raises Unreadable (O421) for a file that is empty, broken, of another kind, or far too long.
    """
    kind = PurePath(name.lower()).suffix
    readers = {".docx": _word, ".xlsx": _workbook, ".txt": _text, ".md": _text, "": _text}
    if kind not in readers:
        raise Unreadable(
            _("A file of this kind cannot be read: %s.") % kind,
            where=name[:80],
            remedy=_("Send text (.txt, .md), Word (.docx) or Excel (.xlsx), or paste the words."),
        )
    try:
        found = [p for p in (line.strip() for line in readers[kind](body)) if p]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, CalamineError) as fault:
        raise Unreadable(
            _("The file is broken or is not what its name says."),
            where=name[:80],
            remedy=_("Open it, save it again, and send the new file."),
        ) from fault
    return _within_bounds(found, name)


def read_text(text: str) -> list[str]:
    """Return the paragraphs of a pasted text. Raises Unreadable (O421) for an empty one."""
    return _within_bounds([line.strip() for line in text.splitlines() if line.strip()], "")


def _within_bounds(found: list[str], name: str) -> list[str]:
    if not found:
        raise Unreadable(
            _("There are no words in it."),
            where=name[:80],
            remedy=_("Paste or send the decisions."),
        )
    if len(found) > MOST_PARAGRAPHS or any(len(p) > LONGEST for p in found):
        raise Unreadable(
            _("It is too long for a list of decisions: %d paragraphs.") % len(found),
            where=name[:80],
            remedy=_("Send only the decisions."),
        )
    return found


def _text(body: bytes) -> Iterator[str]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(body, cp_isolation=["gb18030", "utf_16", "big5"]).best()
        if best is None:
            raise ValueError("encoding") from None
        text = str(best)
    yield from text.splitlines()


def _word(body: bytes) -> Iterator[str]:
    _check_unpacked(body)
    document = docx.Document(io.BytesIO(body))
    for paragraph in document.paragraphs:
        mark = "" if paragraph.style is None or "List" not in str(paragraph.style.name) else "• "
        yield f"{mark}{paragraph.text}" if paragraph.text.strip() else ""
    for table in document.tables:
        for row in table.rows:
            yield _row(cell.text for cell in row.cells)


def _workbook(body: bytes) -> Iterator[str]:
    _check_unpacked(body)
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    for name in book.sheet_names:
        for row in book.get_sheet_by_name(name).to_python():
            yield _row(_cell(cell) for cell in row)


def _cell(cell: object) -> str:
    """A workbook keeps every number as a fraction: 3 is 3.0."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _row(cells: Iterator[str]) -> str:
    """A row is one paragraph: its number, then its cells as sentences."""
    told = [" ".join(cell.split()) for cell in cells]
    told = [cell for i, cell in enumerate(told) if cell and cell not in told[:i]]
    if told and told[0].rstrip(".").isdigit():
        return f"{told[0].rstrip('.')}. " + _sentences(told[1:])
    return _sentences(told)


def _sentences(cells: list[str]) -> str:
    return " ".join(cell if cell[-1] in "。.；;！!？?" else f"{cell}。" for cell in cells)


def _check_unpacked(body: bytes) -> None:
    """A small file may unpack into a huge one: look before opening."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        if sum(item.file_size for item in packed.infolist()) > UNPACKED_MOST:
            raise ValueError("unpacks too large")
