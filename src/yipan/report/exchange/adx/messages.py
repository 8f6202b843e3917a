"""ADX documents: groups of an organisation unit and a period, each with its data values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby
from xml.etree import ElementTree

from yipan.report.errors import NotADate, NotATable
from yipan.report.exchange.dhis2.messages import Sent
from yipan.report.exchange.page import PageForm
from yipan.report.exchange.xml import local, read_xml

NAMESPACE = "urn:ihe:qrph:adx:2015"


def adx(
    form: PageForm, *, values: Iterable[tuple[str, date, str, float, str, datetime]], at: datetime
) -> bytes:
    """Return (unit, day, element, value, text, stored at) rows as an ADX document."""
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(f"{{{NAMESPACE}}}adx", {"exported": at.isoformat()})
    rows = sorted(values, key=lambda r: (r[0], r[1], r[2]))
    for (unit, day), inside in groupby(rows, key=lambda r: (r[0], r[1])):
        group = ElementTree.SubElement(
            root,
            f"{{{NAMESPACE}}}group",
            {"orgUnit": unit, "period": f"{day.isoformat()}/P1D", "dataSet": form.id},
        )
        for _unit, _day, element, value, text, _stored in inside:
            one = ElementTree.SubElement(
                group,
                f"{{{NAMESPACE}}}dataValue",
                {"dataElement": element, "value": "0" if text else f"{value:g}"},
            )
            if text:  # a value in words is an annotation of a zero, as the profile has it
                note = ElementTree.SubElement(one, f"{{{NAMESPACE}}}annotation")
                note.text = text
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def read_adx(body: bytes) -> Sent:
    """Return what an ADX document says; raises R114 and R115."""
    root = read_xml(body, name="adx")
    if local(root.tag) != "adx":
        raise NotATable(name="adx", why=f"<{local(root.tag)}>")
    sent = Sent()
    for i, group in enumerate(g for g in root if local(g.tag) == "group"):
        unit, period = group.get("orgUnit", ""), group.get("period", "")
        try:
            day = _day(period)
        except NotADate as fault:
            sent.refused.append({"object": f"group[{i}].period", "value": fault.message})
            continue
        for one in group:
            element = one.get("dataElement", "")
            if local(one.tag) != "dataValue" or not element or not unit:
                sent.refused.append({"object": f"group[{i}]", "value": local(one.tag)})
                continue
            note = next((a.text or "" for a in one if local(a.tag) == "annotation"), "")
            sent.values.setdefault((unit, day), {})[element] = note or one.get("value", "")
    return sent


def _day(period: str) -> date:
    first, _slash, length = period.partition("/")
    try:
        if length not in ("P1D", ""):
            raise ValueError
        return date.fromisoformat(first)
    except ValueError:
        raise NotADate(label="period", value=period[:30]) from None
