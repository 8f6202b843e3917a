"""The door's rules and the phone's are one: both read frontend/tests/rules.cases.json."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yipan.report.dictionary import GROUPS, Element
from yipan.report.dictionary.conditions import (
    ConditionWrong,
    as_xpath,
    circle,
    holds,
    in_words,
    on_page,
    read_condition,
    skipped,
)
from yipan.report.errors import NothingToRepeat, ReasonMissing, ReportError
from yipan.report.forms.daily import Ask, Page, Section, read_answers
from yipan.report.values.rules import check_total, check_value, to_number

CASES = json.loads(
    (Path(__file__).resolve().parents[3] / "frontend/tests/rules.cases.json").read_text("utf-8")
)
DAY = date(2020, 2, 24)


@pytest.mark.parametrize("case", CASES["numbers"], ids=lambda c: c["raw"] or "blank")
def test_numbers(case: dict[str, Any]) -> None:
    try:
        found: Any = to_number(
            case["raw"], flag=case.get("flag", False), decimals=case.get("decimals", 0)
        )
    except ReportError:
        found = "refused"
    assert found == case["says"]


@pytest.mark.parametrize("case", CASES["conditions"], ids=lambda c: f"{c['text']} {c['answers']}")
def test_conditions(case: dict[str, Any]) -> None:
    condition = read_condition(case["text"])
    assert condition.tree == case["tree"]
    assert holds(condition, case["answers"]) is case["holds"]


def ask_of(told: dict[str, Any]) -> Ask:
    element = Element(
        id=told["id"], label_zh=told["id"], label_en=told["id"], definition_zh="", definition_en="",
        unit_zh="", unit_en="", measure="cumulative" if told.get("total") else "stock", min=0,
        max=told.get("max", 1000), levels=frozenset({"village"}), sensitivity=0, group="now",
        warn_change=0.2, relevant=told.get("relevant", ""), decimals=told.get("decimals", 0),
    )  # fmt: skip
    stood = {
        name: SimpleNamespace(
            value=float(told[key]), text="", day=DAY, recorded_at=datetime.now(UTC)
        )
        for name, key in (("yesterday", "before"), ("known", "known"))
        if key in told
    }
    return Ask(element, stood.get("yesterday"), stood.get("known"))  # type: ignore[arg-type]


def faults_at_the_door(page: Page, case: dict[str, Any]) -> dict[str, str]:
    """What the door says of a page, value by value, as `submit_values` does."""
    sent = read_answers(page, {**case["answers"], "reason": case["reason"]}, case["same"])
    found = {name: fault.code for name, fault in sent.faults.items()}
    for ask in page.asks:
        name = ask.element.id
        value = sent.values.get(name)
        try:
            if name in sent.unchanged:
                if ask.yesterday is None:
                    raise NothingToRepeat(label=name)
                value = ask.yesterday.value
            if value is None:
                continue
            check_value(ask.element, value, level="village")
            reason = sent.reasons.get(name, "")
            if ask.element.cumulative and not reason and ask.yesterday is not None:
                check_total(ask.element, value, DAY, {date(2020, 2, 23): ask.yesterday.value or 0})
            if ask.known is not None and ask.known.value != value and not reason:
                raise ReasonMissing(label=name, day="", known="", value="")
        except ReportError as fault:
            found[name] = fault.code
    return found


@pytest.mark.parametrize("case", CASES["pages"], ids=lambda c: c["why"])
def test_pages(case: dict[str, Any]) -> None:
    section = Section(GROUPS["now"], [ask_of(a) for a in case["asks"]])
    page = Page(SimpleNamespace(code="v"), DAY, [section], "daily", None)  # type: ignore[arg-type]
    assert faults_at_the_door(page, case) == case["faults"]


# ---- conditions by themselves


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "character"),
        ("fever >", "character"),
        ("fever + 1 > 2", "cannot compare"),
        ("1 > 0", "names no element"),
        ("0 < fever < 5", "cannot have"),
        ("fever", "cannot have"),
        ("__import__('os').system('true') > 0", "cannot compare"),
        ("fever > True", "cannot compare"),
        ("a > 1 and " * 60 + "a > 1", "longer than"),
    ],
)
def test_what_a_condition_cannot_have(text: str, why: str) -> None:
    with pytest.raises(ConditionWrong, match=why):
        read_condition(text)


def test_a_circle_is_found_however_long() -> None:
    assert circle({"a": "b > 0", "b": "c > 0", "c": "", "d": "d = 1"}) == ["d", "d"]
    long = {f"n{i:03d}": f"n{(i + 1) % 300:03d} > 0" for i in range(300)}
    assert len(circle(long)) == 301
    assert circle({"a": "b > 0 or c > 0", "b": "c = 1", "c": ""}) == []


def test_one_that_rests_on_what_is_not_asked_does_not_count() -> None:
    found = on_page({"a": "", "b": "a > 0", "c": "elsewhere > 0"})
    assert sorted(found) == ["b"]
    assert skipped(found, {"a": 0.0}) == {"b"}


def test_in_words_and_as_an_xlsform_writes_it() -> None:
    condition = read_condition("(a >= 1 or b != 2) and not c = 0.5")
    assert (
        in_words(condition, {"a": "Fever", "b": "Posts", "c": "Soap"})
        == "(Fever ≥ 1 or Posts ≠ 2) and not (Soap = 0.5)"
    )
    assert as_xpath(condition, "${{{}}}".format) == (
        "(${a} >= 1 or (${b} != '' and ${b} != 2)) and not(${c} = 0.5)"
    )
