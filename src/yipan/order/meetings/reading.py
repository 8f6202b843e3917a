"""Paragraphs out of a pasted text, a text file, a Word document or a workbook; nothing is guessed."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

import docx
from charset_normalizer import from_bytes
from django.utils.translation import gettext as _
from docx.opc.exceptions import OpcError
from python_calamine import CalamineError, CalamineWorkbook

from yipan.order.errors import Unreadable

MOST_PARAGRAPHS = 500
LONGEST = 4000
UNPACKED_MOST = 50 * 1024 * 1024
BROKEN: Final = (
    KeyError, ValueError, OSError, zipfile.BadZipFile, CalamineError, OpcError, SyntaxError,
    csv.Error, NotImplementedError, RuntimeError,
)  # fmt: skip


def read(body: bytes, *, name: str) -> list[str]:
    """Return the paragraphs of a file by the ending of its name, empty ones left out.

    Raises Unreadable (O421) for a file that is empty, broken, of another kind, or far too long.
    """
    kind = PurePath(name.lower()).suffix
    readers = {".docx": _word, ".xlsx": _workbook, ".csv": _csv, ".txt": _text, ".md": _text}
    readers[""] = _text
    if kind not in readers:
        raise Unreadable(
            _("A file of this kind cannot be read: %s.") % kind,
            where=name[:80],
            remedy=_("Send text (.txt, .md), Word (.docx) or Excel (.xlsx), or paste the words."),
        )
    try:
        found = [p for p in (line.strip() for line in readers[kind](body)) if p]
    except BROKEN as fault:
        raise Unreadable(
            _("The file is broken or is not what its name says."),
            where=name[:80],
            remedy=_("Open it, save it again, and send the new file."),
        ) from fault
    return _within_bounds(found, name)


def read_text(text: str) -> list[str]:
    """Return the paragraphs of a pasted text. Raises Unreadable (O421) for an empty one."""
    return _within_bounds([p for p in _lines(text) if p], "")


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
    if not _is_language("".join(found)):
        raise Unreadable(
            _("These are not words of a language that can be read here."),
            where=name[:80],
            remedy=_("Open the file and see whether it shows the decisions; save it as UTF-8."),
        )
    return found


def _is_language(text: str) -> bool:
    """Return whether a text is made of words: few signs that no text has, and letters in it."""
    strange = sum(
        unicodedata.category(c) in {"Cc", "Co", "Cn", "Cs"} or c == "\ufffd" for c in text
    )
    letters = sum(c.isalpha() for c in text)
    return strange <= len(text) / 50 and letters >= max(2, len(text) / 5)


def _text(body: bytes) -> Iterator[str]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(body, cp_isolation=["gb18030", "utf_16", "big5"]).best()
        if best is None:
            raise ValueError("encoding") from None
        text = str(best)
    yield from _lines(text)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text; lines with bars or tabs between their cells are a table's rows."""
    table: list[list[str]] = []
    for line in text.splitlines():
        bare = line.strip()
        cells: list[str] = []
        if bare.startswith("|") and bare.endswith("|") and bare.count("|") > 2:
            cells = [cell.strip() for cell in bare.strip("|").split("|")]
            if all(set(cell) <= set("-: ") for cell in cells):
                continue  # the rule under a table's head
        elif "\t" in bare:
            cells = [cell.strip() for cell in bare.split("\t")]
        if cells:
            table.append(cells)
            continue
        yield from _table(table)
        table = []
        yield bare
    yield from _table(table)


def _csv(body: bytes) -> Iterator[str]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030")
    yield from _table([[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text))])


def _word(body: bytes) -> Iterator[str]:
    """Yield a document's paragraphs and tables in their order; numbers that Word makes are marked."""
    _check_unpacked(body)
    document = docx.Document(io.BytesIO(body))
    yield from _blocks(document.iter_inner_content())


def _blocks(blocks: Iterable[Any]) -> Iterator[str]:
    for block in blocks:
        if not hasattr(block, "rows"):
            for i, line in enumerate(block.text.splitlines()):
                yield (_mark(block) if i == 0 else "") + line.strip() if line.strip() else ""
            continue
        rows = []
        for row in block.rows:
            cells: list[str] = []
            seen: set[int] = set()
            for cell in row.cells:
                if id(cell._tc) in seen:
                    continue  # a merged cell is told once
                seen.add(id(cell._tc))
                cells.append("\n".join(_blocks(cell.iter_inner_content())).strip())
            rows.append(cells)
        yield from _table(rows)


def _mark(paragraph: Any) -> str:
    """Return the mark of a paragraph that Word numbers by itself, by how deep it stands."""
    style = "" if paragraph.style is None else str(paragraph.style.name)
    if style.startswith(("Heading", "Title", "标题")):
        return "# "
    numbering = paragraph._p.pPr.numPr if paragraph._p.pPr is not None else None
    if numbering is None and "List" not in style:
        return ""
    level = 0 if numbering is None or numbering.ilvl is None else int(numbering.ilvl.val)
    return "• " if level == 0 else "▪ "


def _workbook(body: bytes) -> Iterator[str]:
    _check_unpacked(body)
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    for name in book.sheet_names:
        yield from _table(
            [[_cell(c) for c in row] for row in book.get_sheet_by_name(name).to_python()]
        )


def _cell(cell: object) -> str:
    """A workbook keeps every number as a fraction: 3 is 3.0; and a day as a moment."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}" if cell.hour or cell.minute else f"{cell:%Y-%m-%d}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


# A table's columns by their heads.
_HEADS: Final = {
    "number": re.compile(r"^\s*(?:序号|编号|no\.?|number|#|item no\.?)\s*$", re.I),
    "matter": re.compile(
        r"事项|任务|内容|工作|措施|决定|要求|decision|matter|task|action|what|measure|item", re.I
    ),
    "lead": re.compile(
        r"牵头|责任|负责|承办|主办|单位|部门|lead|owner|responsib|who|office|department", re.I
    ),
    "beside": re.compile(r"配合|协办|support", re.I),
    "due": re.compile(r"时限|期限|时间|截止|日期|deadline|due|by|when|date", re.I),
}


def _table(rows: list[list[str]]) -> Iterator[str]:
    """Yield a table's rows as paragraphs; under a head that names its columns each cell is labelled."""
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return
    head = _head(rows[0])
    for row in rows[1:] if head else rows:
        if head:
            yield from _labelled(row, head)
        else:
            yield _row(row)


def _head(cells: list[str]) -> dict[str, int]:
    """Return where a head's columns stand; empty where the row is no head."""
    found: dict[str, int] = {}
    for i, cell in enumerate(cells):
        bare = " ".join(cell.split())
        if not bare or len(bare) > 24 or bare[-1] in "。.；;":
            continue
        for name in ("number", "beside", "due", "lead", "matter"):
            if name not in found and _HEADS[name].search(bare):
                found[name] = i
                break
    return found if "matter" in found and len(found) > 1 else {}


def _labelled(row: list[str], head: Mapping[str, int]) -> Iterator[str]:
    def cell(name: str) -> str:
        i = head.get(name, -1)
        return row[i].strip() if 0 <= i < len(row) else ""

    matter = [line.strip() for line in cell("matter").splitlines() if line.strip()]
    chinese = any("\u4e00" <= c <= "\u9fff" for c in "".join(matter))
    labels = ("牵头：", "时限：", "。") if chinese else ("Lead: ", "By: ", ".")
    tail = " ".join(
        f"{label}{' '.join(cell(name).split())}{labels[2]}"
        for name, label in (("lead", labels[0]), ("due", labels[1]))
        if cell(name)
    )
    known = set(head.values())
    more = [" ".join(c.split()) for i, c in enumerate(row) if i not in known and c.strip()]
    for line in matter:
        words = _sentences([line, *(more if len(matter) == 1 else [])])
        yield f"• {words} {tail}".strip()


def _row(cells: Iterable[str]) -> str:
    """A row without a head is one paragraph: its number, then its cells as sentences."""
    told = [" ".join(cell.split()) for cell in cells]
    told = [cell for i, cell in enumerate(told) if cell and cell not in told[:i]]
    if len(told) > 1 and told[0].rstrip(".").isdigit():
        return f"{told[0].rstrip('.')}. " + _sentences(told[1:])
    return _sentences(told)


def _sentences(cells: list[str]) -> str:
    return " ".join(cell if cell[-1] in "。.；;！!？?：:" else f"{cell}。" for cell in cells)


def _check_unpacked(body: bytes) -> None:
    """A small file may unpack into a huge one: look before opening."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        if sum(item.file_size for item in packed.infolist()) > UNPACKED_MOST:
            raise ValueError("unpacks too large")
