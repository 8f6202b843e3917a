"""An existing XLSForm read as a request: its questions become fields that a requester then confirms."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from yipan.report.errors import EmptyFile, NotATable, WorkbookLocked
from yipan.report.requests.fields import Field, Form, Spec
from yipan.report.requests.files import FormsFile

MEASURES = {
    "integer": "stock", "decimal": "stock", "range": "stock", "text": "text", "date": "date",
    "datetime": "date", "select_one": "attr", "select_multiple": "attr", "acknowledge": "flag",
}  # fmt: skip
NOT_ASKED = frozenset(
    {"note", "calculate", "hidden", "start", "end", "today", "deviceid", "username", "audit"}
    | {"begin_group", "end_group", "begin group", "end group", "begin_repeat", "end_repeat"}
    | {"begin repeat", "end repeat", "geopoint", "image", "audio", "video", "file", "barcode"}
)


def read_xlsform(body: bytes, *, name: str, code: str) -> Form:
    """Return an XLSForm's questions as a form; raises R113, R115 and R127.

    The concept of each is the question's own name: the requester confirms which element it is.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    except PasswordError as fault:
        raise WorkbookLocked(name=name, where=name) from fault
    except CalamineError as fault:
        raise NotATable(name=name, why=str(fault), where=name) from fault
    if "survey" not in book.sheet_names:
        raise NotATable(name=name, why=_("it has no sheet “survey”"), where=name)
    survey = _rows(book, "survey")
    settings = _rows(book, "settings")[:1] if "settings" in book.sheet_names else []
    fields: list[Field] = []
    for row in survey:
        kind = str(row.get("type", "")).split(" ")[0].strip()
        whole = str(row.get("type", "")).strip()
        if not kind or kind in NOT_ASKED or whole in NOT_ASKED or not row.get("name"):
            continue
        measure = MEASURES.get(kind, "attr")
        zh, en = _labels(row)
        said = str(row["name"]).strip()[:80]
        basis = "interval" if measure == "text" else "instant"
        fields.append(
            Field(
                f"{code}{len(fields) + 1:02d}",
                zh or said,
                en or said,
                Spec(said, "all", measure, basis),
            )
        )
    if not fields:
        raise EmptyFile(name=name, where=name)
    title = str(settings[0].get("form_title") or code) if settings else code
    return Form(code, code, code, title, title, "daily", "", "", "village", tuple(fields))


def read_xlsform_file(path: Path) -> FormsFile:
    """Return an XLSForm as a file of one form without a dictionary; its code is the file's name.

    A question named as an element of the dictionary is that element; the others wait for a ruling.
    """
    try:
        body = path.read_bytes()
    except OSError as fault:
        raise NotATable(name=path.name, why=str(fault.strerror), where=path.name) from fault
    code = "".join(c for c in path.stem if c.isalnum())[:20].upper() or "X"
    form = read_xlsform(body, name=path.name, code=code)
    return FormsFile(form.title_en, 0, {}, (form,), ())


def _rows(book: CalamineWorkbook, sheet: str) -> list[dict[str, Any]]:
    lines = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    if not lines:
        return []
    header = [str(cell).strip() for cell in lines[0]]
    return [dict(zip(header, line, strict=False)) for line in lines[1:]]


def _labels(row: dict[str, Any]) -> tuple[str, str]:
    """Return (zh, en) of a row's labels, whatever languages it has."""
    zh = en = ""
    for head, cell in row.items():
        if not head.casefold().startswith("label") or not str(cell or "").strip():
            continue
        text = str(cell).strip()[:160]
        if "zh" in head.casefold() or "中" in head or any("\u4e00" <= c <= "\u9fff" for c in text):
            zh = zh or text
        else:
            en = en or text
    return zh or en, en or zh
