"""What a row of the line list must say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from yipan.report.cases.rules import age_band, read_case
from yipan.report.errors import ReportError

TODAY, FIRST = date(2020, 2, 24), date(2020, 1, 21)


def case(**cells: Any) -> Any:
    row = {"number": "A1", "report_day": "2020-02-20", **cells}
    return read_case(row, unit=1, today=TODAY, first=FIRST)


def test_a_row_in_chinese_is_understood() -> None:
    told = case(
        onset_day="2020年2月14日",
        age="６８岁",
        sex="女",
        imported="是",
        outcome="治愈",
        outcome_day="2020-02-24",
    )
    assert (told.age_band, told.sex, told.imported, told.outcome) == ("60-74", "F", True, "cured")
    assert told.onset_day == date(2020, 2, 14)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"number": ""}, "R118"),
        ({"report_day": ""}, "R118"),
        ({"report_day": "yesterday"}, "R107"),
        ({"report_day": "2099-01-01"}, "R105"),
        ({"report_day": "2019-12-31"}, "R106"),
        ({"onset_day": "2099-01-01"}, "R105"),
        ({"onset_day": "2020-02-21"}, "R122"),
        ({"onset_day": "2020-02-14", "outcome_day": "2020-02-13"}, "R122"),
        ({"sex": "x"}, "R119"),
        ({"imported": "maybe"}, "R119"),
        ({"outcome": "better"}, "R119"),
        ({"age": "old"}, "R119"),
        ({"age": "130"}, "R104"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(cells: dict[str, str], code: str) -> None:
    with pytest.raises(ReportError) as told:
        case(**cells)
    assert told.value.code == code


def test_onset_may_lie_before_the_incident() -> None:
    assert case(onset_day="2020-01-01").onset_day == date(2020, 1, 1)


def test_every_age_has_one_band() -> None:
    bands = [age_band(years) for years in range(126)]
    assert "" not in bands
    assert sorted(set(bands), key=bands.index) == [
        "0-14",
        "15-29",
        "30-44",
        "45-59",
        "60-74",
        "75+",
    ]
