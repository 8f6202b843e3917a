"""The shapes of DHIS2's web API: metadata, dataValueSets and the import summary."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from yipan.places.models import Unit
from yipan.report.errors import EmptyFile, NotADate, NotATable
from yipan.report.exchange.page import PageForm
from yipan.report.requests.fields import Field, Form, Spec

LETTERS = string.ascii_letters
SIGNS = LETTERS + string.digits


def uid(kind: str, code: str) -> str:
    """Return the DHIS2 identifier of something: eleven signs, a letter first, the same each time.

    >>> uid("dataElement", "fever") == uid("dataElement", "fever"), len(uid("dataElement", "fever"))
    (True, 11)
    """
    number = int.from_bytes(hashlib.sha256(f"{kind}:{code}".encode()).digest()[:16])
    number, first = divmod(number, len(LETTERS))
    signs = [LETTERS[first]]
    for _i in range(10):
        number, place = divmod(number, len(SIGNS))
        signs.append(SIGNS[place])
    return "".join(signs)


def metadata(form: PageForm, units: Iterable[Unit]) -> dict[str, Any]:
    """Return the page as a DHIS2 metadata package: data elements, the data set, organisation units."""
    elements = [
        {
            "id": uid("dataElement", e.id),
            "code": e.id,
            "name": e.label_en,
            "shortName": e.label_en[:50],
            "formName": e.label_zh,
            "description": e.definition_en,
            "domainType": "AGGREGATE",
            "valueType": "LONG_TEXT"
            if e.words
            else "BOOLEAN"
            if e.flag
            else "INTEGER_ZERO_OR_POSITIVE",
            "aggregationType": "NONE" if e.words or e.flag else "LAST" if e.cumulative else "SUM",
            "zeroIsSignificant": True,
        }
        for e in form.elements
    ]
    places = [
        {
            "id": uid("organisationUnit", u.code),
            "code": u.code,
            "name": u.name_en,
            "shortName": u.name_en[:50],
            "openingDate": (u.valid_from or date(1970, 1, 1)).isoformat(),
            **({"parent": {"id": uid("organisationUnit", u.parent.code)}} if u.parent else {}),
        }
        for u in units
    ]
    return {
        "dataElements": elements,
        "dataSets": [
            {
                "id": uid("dataSet", form.id),
                "code": form.id,
                "name": form.title_en,
                "shortName": form.id[:50],
                "periodType": "Daily",
                "dataSetElements": [{"dataElement": {"id": e["id"]}} for e in elements],
                "organisationUnits": [{"id": p["id"]} for p in places],
            }
        ],
        "organisationUnits": places,
    }


MEASURES = {"SUM": "flow", "AVERAGE": "stock", "LAST": "stock", "NONE": "attr"}
IN_WORDS = frozenset({"TEXT", "LONG_TEXT"})


def read_metadata(body: Mapping[str, Any], *, code: str) -> Form:
    """Return another system's data set as a form whose elements a requester then confirms.

    Of several data sets the first; without one, all data elements. The concept of each is its code
    (its identifier where it has none). Raises NotATable (R115) and EmptyFile (R113).
    """
    elements = body.get("dataElements")
    if not isinstance(elements, list):
        raise NotATable(name="metadata", why="dataElements is missing")
    sets = [d for d in body.get("dataSets") or [] if isinstance(d, dict)]
    wanted = {
        str((row.get("dataElement") or {}).get("id", ""))
        for row in (sets[0].get("dataSetElements") or [] if sets else [])
        if isinstance(row, dict)
    }
    fields: list[Field] = []
    for row in elements:
        if not isinstance(row, dict) or (wanted and str(row.get("id", "")) not in wanted):
            continue
        name = str(row.get("name") or row.get("shortName") or "").strip()[:160]
        said = str(row.get("code") or row.get("id") or "").strip()[:80]
        if not name or not said:
            continue
        kind = str(row.get("valueType", ""))
        measure = MEASURES.get(str(row.get("aggregationType", "SUM")), "flow")
        measure = "text" if kind in IN_WORDS else "flag" if kind == "BOOLEAN" else measure
        basis = "interval" if measure in ("flow", "text") else "instant"
        label = str(row.get("formName") or name).strip()[:160]
        zh = label if any("\u4e00" <= c <= "\u9fff" for c in label) else name
        spec = Spec(said, "all", measure, basis)
        fields.append(Field(f"{code}{len(fields) + 1:02d}", zh, name, spec))
    if not fields:
        raise EmptyFile(name="metadata")
    title = str(sets[0].get("name") or code)[:160] if sets else code
    return Form(code, code, code, title, title, "daily", "", "", "village", tuple(fields))


def data_value_set(
    form: PageForm,
    *,
    values: Iterable[tuple[str, date, str, float, str, datetime]],
    by_uid: bool = False,
) -> dict[str, Any]:
    """Return (unit, day, element, value, text, stored at) rows as a dataValueSet, by codes or by UIDs."""

    def named(kind: str, code: str) -> str:
        return uid(kind, code) if by_uid else code

    return {
        "dataSet": named("dataSet", form.id),
        "dataValues": [
            {
                "dataElement": named("dataElement", element),
                "period": day.strftime("%Y%m%d"),
                "orgUnit": named("organisationUnit", unit),
                "value": text or f"{value:g}",
                "lastUpdated": stored.isoformat(),
            }
            for unit, day, element, value, text, stored in values
        ],
    }


@dataclass
class Sent:
    """A dataValueSet that came in, by unit and day; `refused` names each value that cannot be read."""

    values: dict[tuple[str, date], dict[str, str]] = field(default_factory=dict)
    comments: dict[tuple[str, date], dict[str, str]] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)


def read_data_value_set(body: Mapping[str, Any]) -> Sent:
    """Return what a dataValueSet says; the set's own period and orgUnit stand for values without one.

    Raises NotATable (R115) for what is no dataValueSet.
    """
    rows = body.get("dataValues")
    if not isinstance(rows, list):
        raise NotATable(name="dataValueSet", why="dataValues is missing")
    sent = Sent()
    for i, row in enumerate(rows):
        given = row if isinstance(row, dict) else {}
        element, unit = (
            str(given.get("dataElement", "")),
            str(given.get("orgUnit") or body.get("orgUnit") or ""),
        )
        period = str(given.get("period") or body.get("period") or "")
        try:
            day = _day(period)
        except NotADate as fault:
            sent.refused.append({"object": f"dataValues[{i}].period", "value": fault.message})
            continue
        if not element or not unit:
            sent.refused.append({"object": f"dataValues[{i}]", "value": "dataElement, orgUnit"})
            continue
        sent.values.setdefault((unit, day), {})[element] = str(given.get("value", ""))
        if given.get("comment"):
            sent.comments.setdefault((unit, day), {})[element] = str(given["comment"])
    return sent


def _day(period: str) -> date:
    try:
        return datetime.strptime(period, "%Y%m%d").date()  # noqa: DTZ007  (a day has no zone)
    except ValueError:
        raise NotADate(label="period", value=period[:20]) from None


def summary(*, imported: int, ignored: int, conflicts: list[dict[str, str]]) -> dict[str, Any]:
    """Return the import summary that DHIS2's clients expect."""
    status = "SUCCESS" if not conflicts else "WARNING" if imported else "ERROR"
    return {
        "responseType": "ImportSummary",
        "status": status,
        "importCount": {"imported": imported, "updated": 0, "ignored": ignored, "deleted": 0},
        "conflicts": conflicts,
    }
