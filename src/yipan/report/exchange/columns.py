"""Which words name a column: id, Chinese, English, with or without the unit in brackets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from yipan.report.dictionary import ELEMENTS, Element, in_language

_BRACKETS = re.compile(r"[(\[【].*?[)\]】]")
_MARKS = re.compile(r"[\s_\-–—·.,:;/、，。：；*＊#]+")


@dataclass(frozen=True)
class Column:
    """One column a file of a kind may have; `words` are its names, folded."""

    key: str
    zh: str
    en: str
    words: frozenset[str]
    needed: bool = False

    @property
    def title(self) -> str:
        """The name in the language in use, as the template writes it."""
        return in_language(self.zh, self.en)


def folded(text: object) -> str:
    """Return a header as it is compared: plain width, no case, no blanks, no unit in brackets.

    >>> folded("Confirmed today （cases）") == folded("confirmed_today")
    True
    """
    plain = unicodedata.normalize("NFKC", str(text)).strip("\ufeff ").casefold()
    return _MARKS.sub("", _BRACKETS.sub("", plain)) or _MARKS.sub("", plain)


def column(key: str, zh: str, en: str, *also: str, needed: bool = False) -> Column:
    """Return a column known by its key, its two titles and the other words given."""
    return Column(key, zh, en, frozenset(folded(w) for w in (key, zh, en, *also)), needed)


UNIT = column(
    "unit", "单位代码", "Unit code", "code", "unit_code", "区划代码", "行政区划代码", "代码", "编码",
    needed=True,
)  # fmt: skip
UNIT_NAME = column("unit_name", "单位名称", "Unit name", "name", "单位", "名称", "填报单位")
DAY = column(
    "day", "日期", "Day", "date", "数据日期", "填报日期", "data_day", "report_date", needed=True
)
REASON = column("reason", "更正原因", "Reason of correction", "原因", "correction")


def element_column(element: Element) -> Column:
    """Return the column of one element: its id or either label."""
    return column(element.id, element.label_zh, element.label_en)


def count_columns(elements: Iterable[Element] | None = None) -> list[Column]:
    """Return the columns of a file of counts, those of all elements unless some are given."""
    asked = ELEMENTS.values() if elements is None else elements
    return [UNIT, UNIT_NAME, DAY, *(element_column(e) for e in asked), REASON]


CASE_COLUMNS = (
    column("number", "病例编号", "Case number", "编号", "case_id", "case_no", "id", needed=True),
    column("unit", "现住县区代码", "County code", "county", "unit", "code", "county_code", "区划代码", "县区代码",
           needed=True),
    column("report_day", "确诊日期", "Confirmed on", "report_date", "confirmation_date", "date_confirmation",
           "报告日期", needed=True),
    column("onset_day", "发病日期", "Onset", "onset_date", "date_onset", "date_of_onset"),
    column("age", "年龄", "Age", "age_years", "age_band", "年龄段"),
    column("sex", "性别", "Sex", "gender"),
    column("imported", "是否输入", "Imported", "输入病例", "是否输入病例"),
    column("cluster", "聚集性疫情编号", "Cluster", "cluster_id", "聚集性疫情"),
    column("outcome", "转归", "Outcome"),
    column("outcome_day", "转归日期", "Outcome on", "outcome_date", "date_outcome"),
    REASON,
)  # fmt: skip
