"""What a file says, whatever office program wrote it."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import openpyxl
import pytest
import xlsxwriter

from yipan.report.errors import (
    EmptyFile,
    NotATable,
    TooLarge,
    Undecodable,
    WorkbookLocked,
    WrongColumns,
)
from yipan.report.exchange.cells import harmless
from yipan.report.exchange.columns import count_columns
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.excel.writing import write_workbook
from yipan.report.exchange.kinds.counts import read_counts
from yipan.report.exchange.reading import MIB, check_size, read_bytes, read_table
from yipan.report.exchange.tables import Table

COLUMNS = count_columns()
UNITS = {"100101": 1, "100101001": 2}
TEXT = "单位代码,日期,当日新增确诊,近14天有聚集性疫情\n100101,2020-02-23,3,否\n"


def read(body: bytes, name: str = "report.csv") -> Table:
    return read_table(body, COLUMNS, name=name)


def said(body: bytes) -> list[tuple[int, date, dict[str, float | None]]]:
    reading = read_counts(read(body), units=UNITS)
    assert not reading.refused, [str(r.fault) for r in reading.refused]
    return [(r.unit, r.day, dict(r.values)) for r in reading.reports]


ONE = [(1, date(2020, 2, 23), {"confirmed_new": 3.0, "cluster_14d": 0.0})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_a_text_file_is_read_in_the_encoding_it_was_saved_in(encoding: str) -> None:
    assert said(TEXT.encode(encoding)) == ONE


def test_the_encoding_is_told() -> None:
    assert read(TEXT.encode("gbk")).encoding == "gb18030"
    assert read(TEXT.encode()).encoding == "utf-8"


def test_bytes_that_are_no_text_are_named_by_their_place() -> None:
    with pytest.raises(Undecodable) as told:
        read(b"code,date,fever\n100101,2020-02-23,\xff\xff\n")
    assert told.value.params["offset"] == 34
    assert told.value.params["byte"] == "FF"


@pytest.mark.parametrize("mark", [",", ";", "\t", "，"])
def test_any_separator_will_do(mark: str) -> None:
    assert said(TEXT.replace(",", mark).encode()) == ONE


def test_a_header_is_read_in_chinese_in_english_and_by_id() -> None:
    for header in (
        "单位代码,日期,当日新增确诊（例）",
        "Unit code,Day,Confirmed today",
        "code,date,confirmed_new",
    ):
        assert said(f"{header}\n100101,2020/2/23,３\n".encode()) == [
            (1, date(2020, 2, 23), {"confirmed_new": 3.0})
        ]


def test_a_missing_column_is_named_with_the_one_most_like_it() -> None:
    with pytest.raises(WrongColumns) as told:
        read("单位代吗,日期,当日新增确诊\n100101,2020-02-23,3\n".encode())
    assert "单位代吗" in str(told.value)
    assert told.value.params["missing"]


def test_a_column_that_is_not_known_is_told_and_the_rest_is_read() -> None:
    table = read(b"code,date,fever,fevver\n100101001,2020-02-23,1,2\n")
    assert [header for header, _near in table.unread] == ["fevver"]
    assert table.columns == ("unit", "day", "fever")


@pytest.mark.parametrize("body", [b"", b"\n\n", b"code,date,fever\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_row_is_empty(body: bytes) -> None:
    with pytest.raises(EmptyFile):
        read(read_bytes(io.BytesIO(body), limit_mib=1, name="x.csv"))


def test_a_file_too_large_is_refused_by_its_size_and_never_read_whole() -> None:
    with pytest.raises(TooLarge) as told:
        check_size(200 * MIB, limit_mib=20, name="big.csv")
    assert "200" in str(told.value)
    assert "20" in str(told.value)

    class Endless:
        given = 0

        def read(self, size: int, /) -> bytes:
            self.given += size
            return b"1" * size

    endless = Endless()
    with pytest.raises(TooLarge):
        read_bytes(endless, limit_mib=1, name="endless.csv")
    assert endless.given <= MIB + 1


def workbook(rows: list[list[object]], merged: list[str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for cells in merged or []:
        sheet.merge_cells(cells)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def test_a_workbook_says_the_same_as_a_text_file() -> None:
    rows = [
        ["单位代码", "日期", "当日新增确诊", "近14天有聚集性疫情"],
        ["100101", "2020-02-23", 3, "否"],
    ]
    assert said(workbook(rows)) == ONE


def test_dates_come_as_dates_as_text_and_as_counted_days() -> None:
    header = ["code", "date", "confirmed_new"]
    for day in (date(2020, 2, 23), "2020年2月23日", "２０２０-２-２３", 43884, "20200223"):
        assert said(workbook([header, [100101, day, "３"]])) == [
            (1, date(2020, 2, 23), {"confirmed_new": 3.0})
        ]


def test_merged_header_cells_and_a_title_above_are_understood() -> None:
    rows = [
        ["疫情日报表", None, None, None],
        ["单位代码", "日期", "病例", None],
        [None, None, "当日新增确诊", "近14天有聚集性疫情"],
        ["100101", "2020-02-23", 3, 0],
    ]
    assert said(workbook(rows, ["A1:D1", "A2:A3", "B2:B3", "C2:D2"])) == ONE


def test_a_header_merged_over_two_rows_everywhere_is_read_once() -> None:
    rows = [["code", "date", "confirmed_new"], [None, None, None], ["100101", "2020-02-23", 3]]
    assert said(workbook(rows, ["A1:A2", "B1:B2", "C1:C2"])) == [
        (1, date(2020, 2, 23), {"confirmed_new": 3.0})
    ]


def test_a_locked_workbook_says_so() -> None:
    locked = (
        bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(WorkbookLocked):
        read(locked, "locked.xlsx")


@pytest.mark.parametrize("body", [b"PK\x03\x04 not a zip", b"\x00\x01\x02\x03 binary", b"%PDF\x00"])
def test_what_is_no_table_says_so(body: bytes) -> None:
    with pytest.raises(NotATable):
        read(body, "x.xlsx")


def test_a_workbook_that_would_unpack_without_end_is_not_unpacked() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        for i in range(5):
            packed.writestr(f"xl/{i}.xml", b"\0" * (100 * MIB))
    with pytest.raises(NotATable) as told:
        read(body.getvalue(), "bomb.xlsx")
    assert "500 MiB" in str(told.value)


# ---- rows


def faults(text: str) -> list[tuple[int, str, str]]:
    reading = read_counts(read(text.encode()), units=UNITS)
    return [(r.row, r.field, r.fault.code) for r in reading.refused]


def test_each_bad_row_is_named_with_its_number_and_what_was_wrong() -> None:
    assert faults(
        "code,date,confirmed_new\n"
        "999999,2020-02-23,1\n"
        "100101,23/02/2020,1\n"
        "100101,2020-02-23,three\n"
        ",2020-02-23,1\n"
        "100101,2020-02-22,1,9\n"
        "100101,2020-02-21,1\n"
        "100101,2020-02-21,2\n"
    ) == [
        (2, "", "R109"),
        (3, "", "R107"),
        (4, "confirmed_new", "R103"),
        (5, "", "R118"),
        (6, "", "R120"),
        (8, "", "R110"),
    ]


def test_one_bad_cell_does_not_cost_its_row() -> None:
    reading = read_counts(
        read(b"code,date,confirmed_new,cured_new\n100101,2020-02-23,x,4\n"), units=UNITS
    )
    assert [dict(r.values) for r in reading.reports] == [{"cured_new": 4.0}]
    assert reading.refused[0].raw["confirmed_new"] == "x"


def test_empty_is_not_zero() -> None:
    reading = read_counts(
        read(b"code,date,confirmed_new,cured_new\n100101,2020-02-23,,0\n"), units=UNITS
    )
    assert dict(reading.reports[0].values) == {"cured_new": 0.0}


# ---- out


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-cmd", "@x", "＝1", "\t=1"])
def test_no_cell_that_leaves_can_run(cell: str) -> None:
    assert harmless(cell).startswith("'")
    assert write_csv([cell], [[cell]])[:3] == b"\xef\xbb\xbf"
    sheet = openpyxl.load_workbook(io.BytesIO(write_workbook([("t", ["h"], [[cell]])])))["t"]
    assert sheet["A2"].data_type != "f"


def test_a_template_can_be_read_back() -> None:
    header = [c.title for c in COLUMNS]
    rows = [["100101", "Alder", "2020-02-23", *([None] * (len(header) - 3))]]
    for body in (write_csv(header, rows), write_workbook([("Report", header, rows)])):
        assert read(body).columns == tuple(c.key for c in COLUMNS)


def test_a_workbook_from_another_writer_is_read() -> None:
    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True}) as book:
        book.add_worksheet("empty")
        sheet = book.add_worksheet("data")
        sheet.write_row(2, 0, ["code", "date", "confirmed_new"])
        sheet.write_row(3, 0, ["100101", "2020-02-23", 3])
    assert said(body.getvalue()) == [(1, date(2020, 2, 23), {"confirmed_new": 3.0})]
