"""Requests of a demonstration: four invented departments that ask for what villages say already.

Synthetic, as everything a demonstration shows. One field waits for a ruling, so that the desk has work.
"""

from __future__ import annotations

from datetime import date, datetime

from yipan.access.models import Incident, User
from yipan.access.scope import system_scope
from yipan.places import queries as places
from yipan.report.dictionary import ELEMENTS, Element, asked_of
from yipan.report.dictionary.definitions import Definition
from yipan.report.models import DataRequest
from yipan.report.requests.actions import Why, import_forms
from yipan.report.requests.fields import Field, Form, Spec
from yipan.report.requests.files import FormsFile

LEVEL = "village"


def draft_example_requests(
    *, incident: Incident, by: User | None, at: datetime
) -> list[DataRequest]:
    """Record the villages' own elements as the dictionary and let four departments ask; return what is new.

    Run twice it makes nothing a second time. What is asked of a village stays as it was.
    """
    dictionary = {e.id: _definition(e) for e in asked_of(LEVEL)}
    called = Definition(
        "households_called", "当日联系户数", "Households called today", "households_called", "flow",
        "interval", unit="户", source="derived",
        formula="households_checked+households_not_reached",
        definition_zh="摸排到的户数与未联系上的户数之和。",
        definition_en="Households reached and households not reached, together.",
    )  # fmt: skip
    dictionary[called.id] = called
    where = Definition("village_name", "村（社区）", "Village", "unit_name", "attr", "instant", source="registry")  # fmt: skip
    dictionary[where.id] = where
    return import_forms(
        incident=incident,
        unit=places.province(incident.package),
        file=FormsFile("example", 0, dictionary, FORMS, ()),
        why=Why(
            purpose="合成示例：部门日常工作 · synthetic example: daily work",
            decision="哪些村可以解除卡点 · which villages lift their checkpoints",
            legal_basis="传染病防治法第三十三条（示例） · example",
        ),
        by=by,
        at=at,
        scope=system_scope(),
        approve_new="每村已经在报 · every village reports it already",
    )


def _definition(element: Element) -> Definition:
    return Definition(
        id=element.id,
        label_zh=element.label_zh,
        label_en=element.label_en,
        concept=element.id,
        measure=element.measure,
        time_basis="instant" if element.measure == "stock" else "interval",
        unit=element.unit_zh,
        ask_period="daily",
        sensitivity=element.sensitivity,
        definition_zh=element.definition_zh,
        definition_en=element.definition_en,
        valid_from=date(2020, 1, 1),
    )


def _field(code: str, zh: str, en: str, of: str, *, cutoff: str = "18:00", population: str = "all") -> Field:  # fmt: skip
    known = ELEMENTS.get(of)
    measure = known.measure if known is not None else "attr" if of == "unit_name" else "flow"
    basis = "instant" if measure in ("stock", "attr") else "interval"
    unit = known.unit_zh if known is not None else "户" if of == "households_called" else ""
    return Field(code, zh, en, Spec(of, population, measure, basis, unit, cutoff))


def _form(code: str, department: tuple[str, str], title: tuple[str, str], deadline: str, *fields: Field) -> Form:  # fmt: skip
    return Form(code, *department, *title, "daily", "18:00", deadline, LEVEL, fields)


FORMS = (
    _form(
        "EX-HC", ("卫生健康", "Health"), ("发热与返乡日报", "Fever and returns"), "20:00",
        _field("EX-HC01", "村（社区）", "Village", "unit_name"),
        _field("EX-HC02", "发热人数", "People with fever", "fever"),
        _field("EX-HC03", "今日返回人数", "Came back today", "returned_from_outside"),
        _field("EX-HC04", "入户排查户数", "Households visited", "households_checked"),
    ),
    _form(
        "EX-CA", ("民政", "Civil affairs"), ("入户工作台账", "Household calls"), "21:00",
        _field("EX-CA01", "村名", "Village", "unit_name"),
        _field("EX-CA02", "已联系户", "Households reached", "households_checked", cutoff="24:00"),
        _field("EX-CA03", "未联系户", "Households not reached", "households_not_reached"),
        _field("EX-CA04", "应联系户", "Households to call", "households_called"),
    ),
    _form(
        "EX-CM", ("商务", "Commerce"), ("基层防护物资表", "Masks at the grass roots"), "19:00",
        _field("EX-CM01", "单位", "Unit", "unit_name"),
        _field("EX-CM02", "口罩结存（只）", "Masks left", "masks_stock"),
    ),
    _form(
        "EX-TR", ("交通运输", "Transport"), ("返乡人员流向", "Returning travellers"), "20:00",
        _field("EX-TR01", "到达人数", "Arrivals", "returned_from_outside"),
        _field("EX-TR02", "其中学生", "Of them students", "returned_from_outside", population="students"),
        _field("EX-TR03", "未排查户", "Households still to check", "households_not_reached"),
    ),
)  # fmt: skip
