"""What the rules read out of a list of decisions, in both languages; they guess nothing silently."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import docx
import openpyxl
import pytest

from yipan.order.errors import Unreadable
from yipan.order.meetings.outline import outline
from yipan.order.meetings.reading import read, read_text
from yipan.order.meetings.rules import (
    Place,
    classify,
    decisions,
    named_places,
    propose,
    urgency,
    who_acts,
)
from yipan.order.models import Priority

ZONE = ZoneInfo("Asia/Shanghai")
SAID = datetime(2020, 2, 24, 10, 0, tzinfo=ZONE)
PLACES = [
    Place(1, "4101", "city", ("郑州市", "郑州", "Zhengzhou")),
    Place(2, "4115", "city", ("信阳市", "信阳", "Xinyang")),
    Place(3, "4113", "city", ("南阳市", "南阳", "Nanyang")),
    Place(4, "410122", "county", ("中牟县", "Zhongmu")),
]
ITEMS = {
    "zh": "3. 各村（社区）完成入户排查，列明未联系上的住户。牵头：县级指挥部。时限：2月26日18:00。",
    "en": "3. Every village and neighbourhood completes a household check and names those it could not "
    "reach. Lead: county headquarters. By: 26 February 18:00.",
}


def proposals(text: str) -> list[str]:
    return [
        f"{p.key} {p.matter} {p.level or ','.join(p.codes) or '-'} P{p.priority} "
        f"{p.due.moment:%m-%d %H:%M}"
        if p.due
        else f"{p.key} {p.matter} {p.level or ','.join(p.codes) or '-'} P{p.priority} -"
        for p in propose(read_text(text), said_at=SAID, zone=ZONE, places=PLACES)
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_one_decision_in_either_language_reads_the_same(language: str) -> None:
    assert proposals(ITEMS[language]) == ["1-1 households county P3 02-26 18:00"]


def test_a_semicolon_parts_two_matters_of_one_decision() -> None:
    text = "12. 撤除内部卡点；种子、饲料运输一证通行。牵头：交通运输部门。时限：2月25日8:00。"
    assert proposals(text) == ["1-1 transport - P1 02-25 08:00", "1-2 farming - P1 02-25 08:00"]


def test_units_that_are_named_are_the_accountable_ones() -> None:
    text = "2. 郑州、信阳、南阳为重点地区，各报下周方案。牵头：三市指挥部。时限：2月25日12:00。"
    assert proposals(text) == ["1-1 reporting 4101,4113,4115 P2 02-25 12:00"]


def test_a_stated_deadline_outranks_words_like_tonight() -> None:
    [first] = propose(
        ["今晚公布风险等级，每日复核。牵头：卫生健康委。时限：2月24日22:00，此后每日18:00。"],
        said_at=SAID, zone=ZONE,
    )  # fmt: skip
    assert first.due is not None
    assert (first.due.moment.hour, first.title) == (22, "今晚公布风险等级，每日复核")


def test_no_time_is_not_a_guess() -> None:
    [first] = propose(
        ["1. 数据只报一次。牵头：指挥部办公室。2月24日20:00起。"], said_at=SAID, zone=ZONE
    )
    assert (first.due, "no_due" in first.why) == (None, True)


def test_an_unclear_matter_says_so() -> None:
    assert classify("天气很好") == (classify("nothing")[0], False)
    assert classify("天气很好")[0].id == "other"
    assert classify("各医院对照清单检查院感防控")[1] is True


@pytest.mark.parametrize(
    ("title", "lead", "level", "why"),
    [
        ("每市列出十家企业", "发展改革部门", "city", "words"),
        ("各村完成排查", "县级指挥部", "county", "lead"),
        ("定点医院报床位", "卫生健康委", "", "department"),
        ("发布简报", "", "", "issuer"),
        ("各市场主体", "", "", "issuer"),
    ],
)
def test_exactly_one_accountable_unit(title: str, lead: str, level: str, why: str) -> None:
    assert who_acts(title, lead, PLACES) == (level, (), why)


@pytest.mark.parametrize(
    ("title", "level"),
    [
        ("今晚公布各县（市、区）风险等级，每日复核", ""),
        ("各县每晚公布风险等级", "county"),
        ("种子、化肥送到各村", ""),
        ("向各市派出督导组，各市上报问题", "city"),
        ("要求各市上报问题", "city"),
        ("Publish each county's tier tonight", ""),
        ("Seed and machines reach villages", ""),
        ("Teams are sent to every city", ""),
        ("Each city answers within a day", "city"),
        ("County teams inspect a sample on the spot", "county"),
    ],
)
def test_units_to_which_something_is_done_are_not_those_who_act(title: str, level: str) -> None:
    assert who_acts(title, "", PLACES)[0] == level


def test_a_name_inside_another_is_not_a_second_place() -> None:
    assert [p.code for p in named_places("郑州市先行", PLACES)] == ["4101"]
    assert named_places("Zhengzhouish", PLACES) == []


def test_a_p0_is_never_proposed() -> None:
    assert urgency(None, said_at=SAID, usual=Priority.P0) == Priority.P1


def test_headings_and_loose_lines() -> None:
    assert decisions(["# 议定事项", "1. 甲。", "乙。", "2. 丙。", "3、丁"]) == [
        "甲。 乙。",
        "丙。",
        "丁",
    ]
    assert decisions(["甲", "乙"]) == ["甲", "乙"]


# ---- lists that nobody has shown us ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ["一、关闭活禽市场。", "二、检查学校食堂。"],
        ["（一）关闭活禽市场。", "（二）检查学校食堂。"],
        ["第一条 关闭活禽市场。", "第二条 检查学校食堂。"],
        ["第一，关闭活禽市场。", "第二，检查学校食堂。"],
        ["①关闭活禽市场。", "②检查学校食堂。"],
        ["1、关闭活禽市场。", "2、检查学校食堂。"],
        ["1）关闭活禽市场。", "2）检查学校食堂。"],
        ["(1) 关闭活禽市场。", "(2) 检查学校食堂。"],
        ["１．关闭活禽市场。", "２．检查学校食堂。"],
        ["1.1 关闭活禽市场。", "1.2 检查学校食堂。"],
        ["- 关闭活禽市场。", "- 检查学校食堂。"],
        ["**1.** 关闭活禽市场。", "**2.** 检查学校食堂。"],
        ["一是关闭活禽市场。", "二是检查学校食堂。"],
        ["一、关于市场和学校", "（一）关闭活禽市场。", "（二）检查学校食堂。"],
        ["出席：各组组长", "1. 关闭活禽市场。", "2. 检查学校食堂。", "抄送：各县", "2020年2月24日"],
    ],
)
def test_numbers_of_every_usual_kind(lines: list[str]) -> None:
    found = propose(lines, said_at=SAID, zone=ZONE)
    assert [p.title for p in found] == ["关闭活禽市场", "检查学校食堂"]


@pytest.mark.parametrize(
    "lines",
    [
        ["I. Close the live markets.", "II. Inspect school kitchens."],
        ["A. Close the live markets.", "B. Inspect school kitchens."],
        ["a) Close the live markets.", "b) Inspect school kitchens."],
        ["Decision 1: Close the live markets.", "Decision 2: Inspect school kitchens."],
        ["Item 1. Close the live markets.", "Item 2. Inspect school kitchens."],
        ["* Close the live markets.", "* Inspect school kitchens."],
        ["1. The following is decided:", "a) Close the live markets.", "b) Inspect school kitchens."],
        ["Present: group leads", "The meeting heard a report on cases.", "Close the live markets.",
         "Inspect school kitchens.", "Distribution: all counties"],
    ],
)  # fmt: skip
def test_numbers_in_english(lines: list[str]) -> None:
    found = propose(lines, said_at=SAID, zone=ZONE)
    assert [p.title for p in found] == ["Close the live markets", "Inspect school kitchens"]


def test_what_stands_below_an_opening_keeps_it_and_its_time() -> None:
    lines = ["1. 学校防控，2月27日前完成：", "（1）检查食堂；", "（2）储备口罩。", "2. 发布简报。"]
    found = propose(lines, said_at=SAID, zone=ZONE)
    assert [(p.title, p.due and p.due.moment.day) for p in found] == [
        ("检查食堂", 27), ("储备口罩", 27), ("发布简报", None),
    ]  # fmt: skip
    assert found[0].paragraph == "学校防控，2月27日前完成 › 检查食堂；"


def test_what_is_no_matter_is_set_beside_not_lost() -> None:
    told = outline(
        ["时间：2月24日", "会议听取了各组汇报。", "会议要求，立即排查返乡人员。", "散会。"]
    )
    assert [item.text for item in told.items] == ["立即排查返乡人员。"]
    assert told.beside == ["时间：2月24日", "会议听取了各组汇报。", "散会。"]


def test_at_once_is_urgent_without_an_hour() -> None:
    [first] = propose(["1. 立即关闭活禽市场。"], said_at=SAID, zone=ZONE)
    assert (first.due, first.priority) == (None, Priority.P1)


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("1. 关闭市场（牵头单位：市场监管局；完成时限：2月26日）", "市场监管局"),
        ("1. 关闭市场。责任单位：市场监管局，配合单位：公安局。", "市场监管局"),
        ("1. 由市场监管局牵头，关闭市场。", "市场监管局"),
        ("1. 关闭市场（市场监管局负责）。", "市场监管局"),
        (
            "1. Close the markets. Owner: market supervision. Due: 26 February.",
            "market supervision",
        ),
        ("1. Close the markets (Responsible: market supervision)", "market supervision"),
    ],
)
def test_who_leads_in_other_words(text: str, lead: str) -> None:
    [first] = propose([text], said_at=SAID, zone=ZONE)
    assert first.lead == lead
    assert first.title.rstrip("（）() ") in ("关闭市场", "Close the markets")


@pytest.mark.parametrize(
    ("text", "level", "codes"),
    [
        ("除信阳外各市明日复工", "", ("4101", "4113")),
        ("every city except Xinyang restarts work", "", ("4101", "4113")),
        ("对来自郑州、信阳的人员登记", "", ()),
        ("register travellers from Zhengzhou and Xinyang", "", ()),
        ("郑州市和中牟县各报方案", "", ("4101", "410122")),
        ("各县（市、区）每日上报", "county", ()),
    ],
)
def test_who_acts_where_places_are_named(text: str, level: str, codes: tuple[str, ...]) -> None:
    found = who_acts(text, "", PLACES)
    assert found[:2] == (level, codes)


def test_a_semicolon_inside_brackets_parts_nothing() -> None:
    [first] = propose(["1. 备齐物资（口罩；消毒液）。"], said_at=SAID, zone=ZONE)
    assert first.title == "备齐物资（口罩；消毒液）"


def test_firstly_and_secondly_in_one_decision_are_two_matters() -> None:
    found = propose(["1. 学校防控：一是检查食堂，二是储备口罩。"], said_at=SAID, zone=ZONE)
    assert [p.title for p in found] == ["检查食堂", "储备口罩"]


# ---- files -------------------------------------------------------------------------------------------------


def word(lines: list[str]) -> bytes:
    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_same_decision_from_text_word_and_excel() -> None:
    line = ITEMS["zh"]
    files = {
        "a.txt": line.encode(),
        "b.md": line.encode("utf-8-sig"),
        "c.txt": line.encode("gb18030"),
        "d.docx": word([line]),
        "e.xlsx": workbook(
            [
                [
                    3,
                    "各村（社区）完成入户排查，列明未联系上的住户",
                    "牵头：县级指挥部",
                    "时限：2月26日18:00",
                ]
            ]
        ),
    }
    for name, body in files.items():
        told = propose(read(body, name=name), said_at=SAID, zone=ZONE)
        assert [(p.matter, p.level, p.due and p.due.moment.day) for p in told] == [
            ("households", "county", 26)
        ], name


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.pdf", b"%PDF"),
        ("a.docx", b"not a zip"),
        ("a.xlsx", b""),
        ("a.txt", b"  \n "),
        ("a.txt", b"x\n" * 501),
        ("a.txt", b"x" * 5000),
        ("a.txt", bytes(range(128, 256)) * 20),
        ("noname", b"\x00\x01\x02\x03" * 50),
        ("a.txt", b"12345 67890 !!! ???"),
        ("a.csv", b""),
        ("a.docx", workbook([["not a document"]])),
        ("a.xlsx", word(["not a workbook"])),
    ],
)
def test_what_cannot_be_read_is_named(name: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body, name=name)


TABLE = [
    ["序号", "议定事项", "责任单位", "配合单位", "完成时限"],
    [1, "关闭活禽市场", "市场监管局", "公安局", "2月26日"],
    [2, "检查学校食堂", "教育局", "", "2月27日18时"],
]


def table_in_word(rows: list[list[object]]) -> bytes:
    document = docx.Document()
    document.add_heading("指挥部议定事项", level=1)
    table = document.add_table(rows=0, cols=len(rows[0]))
    for row in rows:
        for cell, value in zip(table.add_row().cells, row, strict=True):
            cell.text = str(value)
    document.add_paragraph("抄送：各县")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def as_csv(rows: list[list[object]]) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in rows).encode("utf-8-sig")


@pytest.mark.parametrize("kind", ["xlsx", "docx", "csv", "tabs", "bars"])
def test_a_table_with_a_head_is_read_by_its_columns(kind: str) -> None:
    if kind in ("tabs", "bars"):
        between = "\t" if kind == "tabs" else " | "
        lines = [between.join(str(c) or " " for c in row) for row in TABLE]
        told = read_text("\n".join(f"| {x} |" if kind == "bars" else x for x in lines))
    else:
        made = {"xlsx": workbook, "docx": table_in_word, "csv": as_csv}[kind](TABLE)
        told = read(made, name=f"list.{kind}")
    found = propose(told, said_at=SAID, zone=ZONE)
    assert [(p.title, p.lead, p.due and p.due.moment.strftime("%d %H:%M")) for p in found] == [
        ("关闭活禽市场", "市场监管局", "26 23:59"),
        ("检查学校食堂", "教育局", "27 18:00"),
    ]


def test_numbers_that_word_makes_itself_are_seen() -> None:
    document = docx.Document()
    document.add_paragraph("会议听取了汇报。")
    for text in ("关闭活禽市场。", "检查学校食堂。"):
        document.add_paragraph(text, style="List Number")
    out = io.BytesIO()
    document.save(out)
    found = propose(read(out.getvalue(), name="a.docx"), said_at=SAID, zone=ZONE)
    assert [p.title for p in found] == ["关闭活禽市场", "检查学校食堂"]


def test_a_file_that_unpacks_too_large_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b"0" * (60 * 1024 * 1024))
    with pytest.raises(Unreadable):
        read(out.getvalue(), name="a.docx")


# ---- the evening's list ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "matters"), [("zh", 27), ("en", 35)])
def test_the_list_of_24_february(shared: Path, language: str, matters: int) -> None:
    text = (shared / "meeting" / f"decisions.{language}.md").read_text(encoding="utf-8")
    found = propose(read_text(text), said_at=SAID, zone=ZONE, places=PLACES)
    assert len({p.number for p in found}) == 22
    assert len(found) == matters
    assert all(p.title and p.paragraph and p.matter != "other" for p in found)
    assert sum(p.due is not None for p in found) >= 0.85 * len(found)
    by_number = {p.number: p for p in found if p.part == 1}
    assert by_number[2].codes == ("4101", "4113", "4115")
    assert by_number[3].level == "county"
    assert by_number[13].level == "city"
    due = by_number[12].due
    assert due is not None
    assert (due.moment.day, due.moment.hour) == (25, 8)
    expected = {
        5: "hospitals",
        6: "investigation",
        7: "supplies",
        14: "relief",
        18: "schools",
        22: "publication",
    }
    assert {n: by_number[n].matter for n in expected} == expected
