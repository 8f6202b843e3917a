"""What a row of the line list must say: pure checks of one case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.report.cases.actions import CaseRow
from yipan.report.errors import DaysOutOfOrder, Missing, NotAChoice, OutOfRange
from yipan.report.values.rules import check_day, plain, to_day

AGE_BANDS = ((0, "0-14"), (15, "15-29"), (30, "30-44"), (45, "45-59"), (60, "60-74"), (75, "75+"))
OLDEST = 125
SEX: Mapping[str, str] = {"f": "F", "女": "F", "female": "F", "m": "M", "男": "M", "male": "M"}
YES_NO: Mapping[str, bool] = {
    **dict.fromkeys(("1", "是", "yes", "y", "true", "输入", "输入病例"), True),
    **dict.fromkeys(("0", "否", "no", "n", "false", "本地", "本地病例"), False),
}
OUTCOMES: Mapping[str, str] = {
    **dict.fromkeys(("cured", "治愈", "出院", "治愈出院", "recovered", "discharged"), "cured"),
    **dict.fromkeys(("died", "死亡", "death", "dead"), "died"),
    **dict.fromkeys(("void", "排除", "订正", "not a case"), "void"),
}
LABELS = {
    "number": gettext_lazy("Case number"),
    "report_day": gettext_lazy("Day of confirmation"),
    "onset_day": gettext_lazy("Day of onset"),
    "age": gettext_lazy("Age"),
    "sex": gettext_lazy("Sex"),
    "imported": gettext_lazy("Imported"),
    "outcome": gettext_lazy("Outcome"),
    "outcome_day": gettext_lazy("Day of outcome"),
}


def read_case(
    cells: Mapping[str, Any], *, unit: int, today: date, first: date, serial: bool = False
) -> CaseRow:
    """Return the case a row tells.

    Raises R118 (empty), R107 (no date), R105 and R106 (date outside), R119 (no such choice), R104
    (age) and R122 (days out of order).
    """

    def day(name: str) -> date | None:
        found = to_day(cells.get(name), label=str(LABELS[name]), serial=serial)
        if found is not None:
            # Onset may lie before the incident was declared; the day it was told may not.
            begun = first if name == "report_day" else None
            check_day(found, label=str(LABELS[name]), today=today, first=begun)
        return found

    number = plain(cells.get("number"))
    if not number:
        raise Missing(label=LABELS["number"])
    reported = day("report_day")
    if reported is None:
        raise Missing(label=LABELS["report_day"])
    onset, ended = day("onset_day"), day("outcome_day")
    _in_order(("onset_day", onset), ("report_day", reported))
    _in_order(("onset_day", onset), ("outcome_day", ended))
    return CaseRow(
        unit=unit,
        number=number,
        report_day=reported,
        onset_day=onset,
        age_band=age_band(cells.get("age")),
        sex=str(_choice("sex", cells, SEX, _("F, M")) or ""),
        imported=_choice("imported", cells, YES_NO, _("yes, no")),
        cluster=plain(cells.get("cluster"))[:64],
        outcome=str(_choice("outcome", cells, OUTCOMES, _("cured, died, void")) or ""),
        outcome_day=ended,
        reason=plain(cells.get("reason"))[:500],
    )


def age_band(cell: Any) -> str:
    """Return the age band of an age in years or of a band written out; empty when not known.

    >>> age_band("６８岁"), age_band("60-74"), age_band("")
    ('60-74', '60-74', '')
    """
    text = plain(cell).replace("岁", "").replace("–", "-").replace("—", "-").strip()
    if text in dict.fromkeys(band for _low, band in AGE_BANDS):
        return text
    if not text:
        return ""
    found = re.fullmatch(r"(\d{1,3})(?:\.\d+)?", text)
    if found is None:
        raise NotAChoice(
            label=LABELS["age"], value=text[:40], choices=", ".join(b for _low, b in AGE_BANDS)
        )
    years = int(found.group(1))
    if years > OLDEST:
        raise OutOfRange(label=LABELS["age"], value=years, low=0, high=OLDEST)
    return [band for low, band in AGE_BANDS if years >= low][-1]


def _choice(name: str, cells: Mapping[str, Any], known: Mapping[str, Any], words: str) -> Any:
    text = plain(cells.get(name)).casefold()
    if not text:
        return None
    if text not in known:
        raise NotAChoice(label=LABELS[name], value=text[:40], choices=words)
    return known[text]


def _in_order(first: tuple[str, date | None], second: tuple[str, date | None]) -> None:
    (name, day), (other_name, other) = first, second
    if day is not None and other is not None and day > other:
        raise DaysOutOfOrder(
            label=LABELS[name],
            value=day.isoformat(),
            other_label=LABELS[other_name],
            other=other.isoformat(),
        )
