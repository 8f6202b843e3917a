"""The one page as an XLSForm, and as the XForm that ODK Collect and Enketo read."""

from __future__ import annotations

import io
from itertools import groupby

from pyxform.xls2xform import convert

from yipan.places.models import Unit
from yipan.report.dictionary import GROUPS
from yipan.report.dictionary.conditions import as_xpath, on_page
from yipan.report.exchange.excel.writing import write_workbook
from yipan.report.exchange.page import PageForm

ZH, EN = "中文 (zh)", "English (en)"
SURVEY = (
    "type", "name", f"label::{ZH}", f"label::{EN}", f"hint::{ZH}", f"hint::{EN}", "required",
    "read_only", "default", "constraint", "relevant",
)  # fmt: skip


def xlsform(form: PageForm, *, unit: Unit | None = None) -> bytes:
    """Return the page as an XLSForm workbook; for one unit its code and the day are filled in.

    An empty answer is “not reported”: no question is required, and zero is typed.
    """
    rows: list[list[object]] = [
        ["text", "unit", "单位代码", "Unit code", "", "", "yes", "yes" if unit else "", unit.code if unit else "", ""],
        ["date", "day", "日期", "Day", "", "", "yes", "", form.day.isoformat(), ""],
    ]  # fmt: skip
    conditions = on_page({e.id: e.relevant for e in form.elements})
    for group, elements in groupby(form.elements, key=lambda e: e.group):
        heading = GROUPS[group]
        rows.append(["begin_group", f"g_{group}", heading.label_zh, heading.label_en])
        for e in elements:
            kind = (
                "text" if e.words else "select_one yes_no" if e.flag
                else "decimal" if e.decimals else "integer"
            )  # fmt: skip
            limits = f". >= {e.min} and . <= {e.max}" if kind in ("integer", "decimal") else ""
            only_if = conditions.get(e.id)
            relevant = as_xpath(only_if, "${{{}}}".format) if only_if is not None else ""
            zh, en = (f"{e.label_zh}（{e.unit_zh}）", f"{e.label_en} ({e.unit_en})") if e.unit_zh else (e.label_zh, e.label_en)  # fmt: skip
            rows.append(
                [kind, e.id, zh, en, e.definition_zh, e.definition_en, "", "", "", limits, relevant]
            )
        rows.append(["end_group"])
    choices = [["yes_no", "1", "是", "yes"], ["yes_no", "0", "否", "no"]]
    settings = [[form.title_en, form.id, form.version, EN]]
    return write_workbook(
        [
            ("survey", SURVEY, rows),
            ("choices", ("list_name", "name", f"label::{ZH}", f"label::{EN}"), choices),
            ("settings", ("form_title", "form_id", "version", "default_language"), settings),
        ]
    )


def xform(form: PageForm, *, unit: Unit | None = None) -> str:
    """Return the page as an XForm; pyxform checks it on the way."""
    made = convert(io.BytesIO(xlsform(form, unit=unit)), file_type=".xlsx", form_name="data")
    return str(made.xform)
