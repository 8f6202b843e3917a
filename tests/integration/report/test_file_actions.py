"""A file at the door: what is good is taken, what is not is kept, nothing twice, nothing lost."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cast import NOON, Cast, Province
from yipan.access.errors import Forbidden
from yipan.access.models import Incident, User
from yipan.access.scope import scope_of
from yipan.report.actions import Report, submit_values, take_batch
from yipan.report.aside.actions import correct, dismiss
from yipan.report.aside.queries import cells_of, rows_aside, words_of
from yipan.report.errors import (
    AlreadySettled,
    EmptyFile,
    FileGone,
    KeyTaken,
    Missing,
    OutOfRange,
    Refused,
    ReportError,
)
from yipan.report.exchange import actions as files
from yipan.report.exchange import store
from yipan.report.models import Case, RowAside, Submission, Value

pytestmark = pytest.mark.django_db


def send(
    incident: Incident,
    province: Province,
    who: User,
    text: str | bytes,
    *,
    kind: files.Kind = "counts",
    key: str = "file-0001",
    unit: str = "100101",
    name: str = "february.csv",
) -> Submission:
    return files.take_file(
        incident=incident,
        unit=province[unit],
        body=text if isinstance(text, bytes) else text.encode(),
        name=name,
        kind=kind,
        actor=who,
        at=NOON,
        scope=scope_of(who, at=NOON),
        client_key=key,
    )


HEAD = "单位代码,日期,当日体温异常,口罩库存,更正原因\n"
ROWS = (
    "100101001,2020-02-24,2,300,\n"
    "100101002,2020-02-24,-3,200,\n"  # no count is negative
    "100101002,2099-01-01,1,,\n"  # no report is of the future
    "100102001,2020-02-24,1,,\n"  # another county's village
    "100101001,2020-02-23,一,50,\n"  # words are no number
)


def test_refusals(incident: Incident, province: Province, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        send(incident, province, cast.analyst, HEAD + ROWS)
    with pytest.raises(Forbidden):  # a line list needs the right to health data
        send(incident, province, cast.village_reporter, "x", kind="cases", unit="100101001")
    with pytest.raises(EmptyFile):
        send(incident, province, cast.county_officer, HEAD)
    assert not Submission.objects.exists()


def test_good_values_are_taken_and_bad_ones_named(
    incident: Incident, province: Province, cast: Cast
) -> None:
    sent = send(incident, province, cast.county_officer, (HEAD + ROWS).encode("gbk"))
    assert (sent.rows_accepted, sent.rows_aside, sent.file_encoding) == (4, 4, "gb18030")
    assert set(Value.objects.values_list("unit__code", "element", "day", "value", "row")) == {
        ("100101001", "fever", date(2020, 2, 24), 2.0, 2),
        ("100101001", "masks_stock", date(2020, 2, 24), 300.0, 2),
        ("100101002", "masks_stock", date(2020, 2, 24), 200.0, 3),
        ("100101001", "masks_stock", date(2020, 2, 23), 50.0, 6),
    }
    assert sorted(RowAside.objects.values_list("row", "field", "code")) == [
        (3, "fever", "R104"),
        (4, "fever", "R105"),
        (5, "", "R109"),
        (6, "fever", "R103"),
    ]


def test_the_same_key_or_the_same_file_adds_nothing(
    incident: Incident, province: Province, cast: Cast
) -> None:
    first = send(incident, province, cast.county_officer, HEAD + ROWS)
    assert send(incident, province, cast.county_officer, HEAD + ROWS) == first
    assert send(incident, province, cast.county_officer, HEAD + ROWS, key="file-0002") == first
    assert (Value.objects.count(), RowAside.objects.count()) == (4, 4)
    with pytest.raises(KeyTaken):
        send(incident, province, cast.county_officer, HEAD + "100101001,2020-02-22,1,,\n")


def test_a_corrected_file_needs_its_reasons(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, HEAD + "100101001,2020-02-24,2,300,\n")
    second = send(
        incident,
        province,
        cast.county_officer,
        HEAD + "100101001,2020-02-24,3,300,重新核对\n100101002,2020-02-24,1,,\n",
        key="file-0002",
    )
    assert (second.rows_accepted, second.rows_aside) == (2, 0)
    value = Value.objects.get(version=2)
    assert (value.value, value.reason) == (3.0, "重新核对")
    third = send(
        incident,
        province,
        cast.county_officer,
        HEAD + "100101001,2020-02-24,4,300,\n",
        key="file-3",
    )
    assert third.rows_accepted == 0
    assert third.aside.get().code == "R117"


def test_a_long_file_is_read_a_piece_at_a_time_and_goes_on_where_it_stopped(
    incident: Incident, province: Province, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 3)
    text = HEAD + "".join(f"100101001,2020-02-{day:02d},{day},,\n" for day in range(10, 20))
    sent = send(incident, province, cast.county_officer, text)
    assert (sent.rows_read, sent.rows_total, Value.objects.count()) == (4, 11, 3)
    scope = scope_of(cast.county_officer, at=NOON)
    for expected in (6, 9, 10, 10):
        sent = files.go_on(submission=sent, at=NOON + timedelta(minutes=1), scope=scope)
        assert Value.objects.count() == expected
    assert (sent.rows_read, sent.rows_accepted) == (11, 10)
    assert list(Value.objects.order_by("day").values_list("value", flat=True)) == list(
        range(10, 20)
    )


def test_the_original_is_kept_a_month_and_then_forgotten(
    incident: Incident, province: Province, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 1)
    sent = send(
        incident, province, cast.county_officer, HEAD + "100101001,2020-02-20,1,,\n" * 1
        + "100101001,2020-02-21,1,,\n",
    )  # fmt: skip
    assert store.kept(sent.file_digest) is not None
    assert store.forget_expired(today=date(2020, 3, 24)) == 0
    assert store.forget_expired(today=date(2020, 3, 25)) == 1
    with pytest.raises(FileGone):
        files.go_on(submission=sent, at=NOON, scope=scope_of(cast.county_officer, at=NOON))


# ---- rows aside


def aside_of(incident: Incident, who: User) -> list[RowAside]:
    return list(rows_aside(incident, scope=scope_of(who, at=NOON), known_at=NOON).order_by("row"))


def test_who_sees_a_row_aside(incident: Incident, province: Province, cast: Cast) -> None:
    send(incident, province, cast.county_officer, HEAD + ROWS)
    assert [r.row for r in aside_of(incident, cast.county_officer)] == [3, 4, 5, 6]
    assert [r.row for r in aside_of(incident, cast.village_reporter)] == [6]  # its own unit's
    assert aside_of(incident, cast.other_county_officer) == []
    assert len(aside_of(incident, cast.commander)) == 4


def test_a_row_corrected_passes_the_same_door(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, HEAD + ROWS)
    row = aside_of(incident, cast.county_officer)[0]
    scope = scope_of(cast.county_officer, at=NOON)

    def again(cells: dict[str, str]) -> Submission:
        return correct(row=row, cells=cells, by=cast.county_officer, at=NOON, scope=scope)

    with pytest.raises(Refused) as still:
        again({"fever": "-2"})
    assert isinstance(still.value.faults["fever"], OutOfRange)
    with pytest.raises(ReportError):
        again({"unit": "100201"})
    taken = again({"fever": "3"})
    assert (taken.unit.code, taken.rows_accepted) == ("100101002", 1)
    row.refresh_from_db()
    assert (row.settlement, row.settled_by, row.replaced_by) == (
        "corrected",
        cast.county_officer,
        taken,
    )
    with pytest.raises(AlreadySettled):
        again({"fever": "4"})


def test_a_row_of_an_unknown_unit_is_taken_whole_once_its_code_is_right(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, HEAD + "10010100,2020-02-24,2,300,\n")
    (row,) = aside_of(incident, cast.county_officer)
    assert "≈ 10010100" in words_of(row)[0]  # the closest code is offered
    correct(
        row=row,
        cells={"unit": "100101001"},
        by=cast.county_officer,
        at=NOON,
        scope=scope_of(cast.county_officer, at=NOON),
    )
    assert set(Value.objects.values_list("element", "value")) == {
        ("fever", 2.0),
        ("masks_stock", 300.0),
    }


def test_a_row_dismissed_stays_with_its_reason(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, HEAD + ROWS)
    row = aside_of(incident, cast.county_officer)[1]
    scope = scope_of(cast.county_officer, at=NOON)
    with pytest.raises(Missing):
        dismiss(row=row, reason=" ", by=cast.county_officer, at=NOON, scope=scope)
    with pytest.raises(Forbidden):
        dismiss(
            row=row, reason="x", by=cast.analyst, at=NOON, scope=scope_of(cast.analyst, at=NOON)
        )
    dismiss(row=row, reason="a typing error", by=cast.county_officer, at=NOON, scope=scope)
    row.refresh_from_db()
    assert (row.settlement, row.reason, row.raw["day"]) == (
        "dismissed",
        "a typing error",
        "2099-01-01",
    )
    assert len(aside_of(incident, cast.county_officer)) == 3


def test_the_wrong_cell_is_marked(incident: Incident, province: Province, cast: Cast) -> None:
    send(incident, province, cast.county_officer, HEAD + ROWS)
    cells = {c.key: c for c in cells_of(aside_of(incident, cast.county_officer)[0])}
    assert cells["fever"].wrong
    assert cells["fever"].text == "-3"


def test_a_batch_row_aside_can_be_corrected_too(
    incident: Incident, province: Province, cast: Cast
) -> None:
    day = date(2020, 2, 24)
    take_batch(
        incident=incident,
        rows=[Report(province["100101001"].pk, day, {"fever": -1.0})],
        source="api",
        at=NOON,
        key="b",
    )
    (row,) = aside_of(incident, cast.county_officer)
    correct(
        row=row,
        cells={"fever": "1"},
        by=cast.county_officer,
        at=NOON,
        scope=scope_of(cast.county_officer, at=NOON),
    )
    assert Value.objects.get().value == 1


# ---- the line list

CASES = (
    "病例编号,现住县区代码,确诊日期,发病日期,年龄,性别,是否输入,更正原因\n"
    "A-1,100101,2020-02-20,2020-02-14,68,女,是,\n"
    "A-2,100101,2020-02-21,2020-02-25,40,男,否,\n"  # onset in the future
    "A-3,100201,2020-02-21,,40,男,否,\n"  # another county
    "A-1,100101,2020-02-22,,40,男,否,\n"  # twice in one file
)


def test_cases_are_taken_under_a_pseudonym_and_the_number_is_not_kept(
    incident: Incident, province: Province, cast: Cast
) -> None:
    sent = send(incident, province, cast.county_officer, CASES, kind="cases")
    assert (sent.rows_accepted, sent.rows_aside) == (1, 3)
    case = Case.objects.get()
    assert (case.unit.code, case.age_band, case.sex, case.imported) == (
        "100101",
        "60-74",
        "F",
        True,
    )
    assert sorted(RowAside.objects.values_list("row", "code")) == [
        (3, "R105"),
        (4, "R109"),
        (5, "R110"),
    ]
    assert store.kept(sent.file_digest) is None  # a line list is not kept as a file
    assert not any("A-" in str(raw) for raw in RowAside.objects.values_list("raw", flat=True))


def test_a_known_case_changes_only_with_a_reason(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, CASES, kind="cases")
    head, first = CASES.splitlines()[:2]
    changed = f"{head}\n{first.replace('68', '86')}\n"
    sent = send(incident, province, cast.county_officer, changed, kind="cases", key="file-2")
    (row,) = sent.aside.all()
    assert row.code == "R117"
    scope = scope_of(cast.county_officer, at=NOON)
    correct(row=row, cells={"reason": "typing"}, by=cast.county_officer, at=NOON, scope=scope)
    latest = Case.objects.get(version=2)
    assert (latest.age_band, latest.reason) == ("75+", "typing")
    assert latest.pseudonym == Case.objects.get(version=1).pseudonym


def test_case_rows_aside_are_hidden_from_who_reads_no_line_list(
    incident: Incident, province: Province, cast: Cast
) -> None:
    send(incident, province, cast.county_officer, CASES, kind="cases")
    assert len(aside_of(incident, cast.county_officer)) == 3
    assert len(aside_of(incident, cast.analyst)) == 3
    assert aside_of(incident, cast.commander) == []
    assert aside_of(incident, cast.department) == []


def test_page_and_file_meet_in_one_history(
    incident: Incident, province: Province, cast: Cast
) -> None:
    submit_values(
        incident=incident,
        unit=province["100101001"],
        day=date(2020, 2, 24),
        values={"fever": 2},
        actor=cast.village_reporter,
        source="form",
        at=NOON,
        client_key="form-0001",
        scope=scope_of(cast.village_reporter, at=NOON),
    )
    sent = send(incident, province, cast.county_officer, HEAD + "100101001,2020-02-24,2,300,\n")
    assert sent.rows_accepted == 1  # the fever is known and equal
