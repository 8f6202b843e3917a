"""FHIR R5 resources of the page, checked by `fhir.resources`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from fhir.resources.questionnaire import Questionnaire
from fhir.resources.questionnaireresponse import QuestionnaireResponse
from pydantic import ValidationError

from yipan.report.dictionary import GROUPS
from yipan.report.errors import Missing, NotATable
from yipan.report.exchange.openrosa.messages import Instance
from yipan.report.exchange.page import PageForm

UNIT, DAY = "unit", "day"
CANONICAL = "urn:yipan:questionnaire:"


def questionnaire(form: PageForm) -> dict[str, Any]:
    """Return the page as a Questionnaire."""
    items: list[dict[str, Any]] = [
        {"linkId": UNIT, "text": "Unit code", "type": "string", "required": True},
        {"linkId": DAY, "text": "Day", "type": "date", "required": True},
    ]
    for group, elements in groupby(form.elements, key=lambda e: e.group):
        inside = [
            {
                "linkId": e.id,
                "text": e.label_en,
                "_text": _also_chinese(e.label_zh),
                "type": "text"
                if e.words
                else "boolean"
                if e.flag
                else "decimal"
                if e.decimals
                else "integer",
                "required": False,
            }
            for e in elements
        ]
        heading = GROUPS[group]
        items.append(
            {"linkId": f"g-{group}", "text": heading.label_en, "type": "group", "item": inside,
             "_text": _also_chinese(heading.label_zh)}
        )  # fmt: skip
    made = Questionnaire.model_validate(
        {
            "resourceType": "Questionnaire",
            "url": f"{CANONICAL}{form.id}",
            "version": form.version,
            "name": form.id.replace("-", "_"),
            "title": form.title_en,
            "status": "active",
            "date": form.day.isoformat(),
            "item": items,
        }
    )
    return dict(made.model_dump(mode="json", exclude_none=True))


TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
"""The standard's own name for a translated text; nothing is fetched from it."""


def _also_chinese(text: str) -> dict[str, Any]:
    parts = [{"url": "lang", "valueCode": "zh-Hans"}, {"url": "content", "valueString": text}]
    return {"extension": [{"url": TRANSLATION, "extension": parts}]}


def read_response(body: Mapping[str, Any]) -> Instance:
    """Return a QuestionnaireResponse as an answer; raises NotATable (R115) and Missing (R118).

    The identifier (or the resource's id) is the key under which a retry is recognised.
    """
    try:
        told = QuestionnaireResponse.model_validate(body)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotATable(name="QuestionnaireResponse", why=f"{where}: {first['msg']}") from fault
    whole = told.model_dump(mode="json", exclude_none=True)
    answers: dict[str, str] = {}
    _gather(whole.get("item", []), answers)
    identifier = whole.get("identifier")
    first_id = identifier[0] if isinstance(identifier, list) and identifier else identifier or {}
    key = str(first_id.get("value") or whole.get("id") or "")
    if not key:
        raise Missing(label="identifier")
    form = str(whole.get("questionnaire", "")).partition("|")[0].removeprefix(CANONICAL)
    return Instance(form, key[:56], answers.pop(UNIT, ""), answers.pop(DAY, ""), answers)


def _gather(items: list[Any], into: dict[str, str]) -> None:
    for item in items:
        _gather(item.get("item", []), into)
        for answer in item.get("answer", [])[:1]:
            value = next((v for k, v in answer.items() if k.startswith("value")), None)
            if isinstance(value, bool):
                value = int(value)
            if value is not None:
                into[str(item["linkId"])] = str(value)
