"""Whatever bytes come to the door: a table or a plain refusal, never a crash, and nothing invented."""

from __future__ import annotations

from datetime import date

from hypothesis import example, given, settings
from hypothesis import strategies as st

from yipan.report.errors import ReportError
from yipan.report.exchange.cells import RUNS, harmless
from yipan.report.exchange.columns import count_columns
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.kinds.counts import read_counts
from yipan.report.exchange.reading import read_table
from yipan.report.values.rules import to_day, to_number

COLUMNS = count_columns()
UNITS = {"100101": 1, "100102": 2}
CELL = st.one_of(
    st.text(max_size=20),
    st.integers(-10, 10**9).map(str),
    st.sampled_from(["", "=1+1", "１２", "否"]),
)


@given(st.binary(max_size=400))
@example(b"PK\x03\x04")
@example(bytes.fromhex("d0cf11e0a1b11ae1"))
@example(b"\xff\xfe\x00\xd8")
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_table_or_a_refusal(body: bytes) -> None:
    told: str
    try:
        told = f"{len(read_table(body, COLUMNS, name='x').rows)} rows"
    except ReportError as refused:
        told = str(refused)
    assert told.startswith("R1") or int(told.split()[0]) > 0


@given(st.lists(st.lists(CELL, min_size=3, max_size=4), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_every_row_is_taken_or_named_and_no_value_is_invented(rows: list[list[str]]) -> None:
    body = write_csv(["code", "date", "fever", "masks_stock"], rows)
    try:
        table = read_table(body, COLUMNS, name="x")
    except ReportError:
        return
    reading = read_counts(table, units=UNITS)
    told = {r.row for r in reading.reports} | {r.row for r in reading.refused}
    for row in table.rows:
        values = [row.cells.get(name) for name in ("fever", "masks_stock")]
        assert row.number in told or all(not str(v or "").strip() for v in values)
    typed = {cell for row in table.rows for cell in row.cells.values()}
    numbers = {n for cell in typed if (n := _number(cell)) is not None}
    assert {v for r in reading.reports for v in r.values.values()} <= numbers


def _number(cell: object) -> float | None:
    try:
        found = to_number(cell)
    except ReportError:
        return None
    return None if found is None else float(found)


@given(st.dates(date(1955, 1, 1), date(2110, 1, 1)))
def test_a_day_is_read_back_however_it_is_written(day: date) -> None:
    written = [day.isoformat(), f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日", day.strftime("%Y%m%d")]  # fmt: skip
    assert {to_day(text) for text in written} == {day}
    assert to_day((day - date(1899, 12, 30)).days, serial=True) == day


@given(st.text(max_size=40))
def test_no_text_that_leaves_begins_as_a_formula(text: str) -> None:
    assert not str(harmless(text)).startswith(RUNS)
