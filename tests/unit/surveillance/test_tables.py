"""Files as people make them: what is lawful is read, what is not is refused where it stands."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from yipan.cli.tables import daily_counts, day_of, read_table
from yipan.engines.surveillance.errors import MalformedTable

DAYS = [date(2020, 1, 21) + timedelta(days=n) for n in range(4)]


def read(path: Path, content: str, encoding: str = "utf-8") -> list[float]:
    path.write_bytes(content.encode(encoding))
    table = read_table(path, "date|t", "cases")
    (group,) = daily_counts(table, table.days("date", "t"), {"cases": "cases"})
    assert group.days in (DAYS, [1, 2, 3, 4])
    return group.counts["cases"][:, 0].tolist()


@pytest.mark.parametrize(
    "text",
    ["2020-02-04", "2020/2/4", "2020.02.04", "2020年2月4日", "２０２０－０２－０４", "20200204", "2020-02-04 00:00:00"],
)  # fmt: skip
def test_a_day_with_its_year_first_is_read(text: str) -> None:
    assert day_of(text) == date(2020, 2, 4)


@pytest.mark.parametrize(
    "text", ["04/02/2020", "2020-02-30", "2020-02-04 18:00", "4 Feb", "", "2020-2"]
)
def test_another_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        day_of(text)


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8"),
        (lambda text: text.replace("\n", "\r"), "utf-8"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace("date,cases", "Date,CASES"), "utf-8"),
        (lambda text: text.replace("3", "３"), "utf-8"),
        (lambda text: text.replace("\n", ",,\n").replace("cases,,", "cases"), "utf-8"),
        (lambda text: text + "\n,\n", "utf-8"),
        (lambda text: text.replace("2020-01-2", "2020/1/2"), "utf-8"),
        (lambda text: text.replace("date", "t").replace("2020-01-2", ""), "utf-8"),
    ],
    ids=["mark", "crlf", "cr", "semicolon", "tab", "capitals", "full-width", "empty", "rows", "slash", "t"],
)  # fmt: skip
def test_what_a_spreadsheet_makes_of_it_is_read(tmp_path: Path, change, encoding: str) -> None:
    plain = "date,cases\n" + "".join(f"{day},3\n" for day in DAYS)
    assert read(tmp_path / "c.csv", change(plain), encoding) == [3.0] * 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date,cases,cases\n2020-01-01,1,2\n", "cases stands twice"),
        ("date,cases\n2020-01-01,1_0\n", "row 2, column cases"),
        ("date,cases\n2020-01-01,NA\n", "row 2, column cases"),
        ("date,cases\n2020-01-01,1\n2020-01-03,1\n2020-01-04,1\n", "row 3, column date"),
        ("t,cases\n1,1\n2,1\n999999999999,1\n", "row 4, column t"),
        ("t,cases\n1.5,1\n", "row 2, column t"),
        ("date,cases\n2020-01-01,1,7\n", "Row 2 has 3 fields"),
    ],
)
def test_what_is_doubtful_is_refused_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MalformedTable, match="E831") as fault:
        read(tmp_path / "c.csv", text)
    assert told in str(fault.value)


def test_a_missing_day_is_a_zero_only_when_the_person_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("t,cases,place\n1,4,A\n4,2,A\n2,5,B\n", encoding="utf-8")
    table = read_table(path, "t")
    days = table.days("t")
    with pytest.raises(MalformedTable, match="--fill-zeros"):
        daily_counts(table, days, {"cases": "cases"})
    (filled,) = daily_counts(table, days, {"cases": "cases"}, fill=True)
    assert filled.days == [1, 2, 3, 4]
    assert filled.counts["cases"].T.tolist() == [[4, 0, 0, 2], [0, 5, 0, 0]]
