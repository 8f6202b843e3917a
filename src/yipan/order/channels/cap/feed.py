"""Released orders as CAP 1.2 alerts, and an Atom feed that lists them. Pure: XML out of plain values.

Source: OASIS, Common Alerting Protocol Version 1.2 (1 July 2010), section 3.2: elements in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as xml

CAP: Final = "urn:oasis:names:tc:emergency:cap:1.2"
ATOM: Final = "http://www.w3.org/2005/Atom"
URGENCY: Final = ("Immediate", "Expected", "Expected", "Future")
SEVERITY: Final = ("Extreme", "Severe", "Moderate", "Minor")


@dataclass(frozen=True)
class Info:
    """The words of an alert in one language."""

    language: str  # zh-Hans, en
    event: str
    headline: str
    description: str
    instruction: str


@dataclass(frozen=True)
class Alert:
    """One order as CAP tells it."""

    identifier: str
    sender: str
    sender_name: str
    sent: datetime
    kind: str  # Alert, Update, Cancel
    exercise: bool
    incident: str
    priority: int
    expires: datetime | None
    infos: Sequence[Info]
    areas: Sequence[tuple[str, str]]  # name and code
    references: Sequence[tuple[str, str, datetime]] = ()  # sender, identifier, sent


def moment(at: datetime) -> str:
    """Return a moment as CAP wants it: with its offset, never Z.

    >>> from datetime import UTC
    >>> moment(datetime(2020, 2, 24, 10, tzinfo=UTC))
    '2020-02-24T10:00:00-00:00'
    """
    text = at.replace(microsecond=0).isoformat()
    return text[:-6] + "-00:00" if text.endswith("+00:00") else text


def alert_xml(alert: Alert) -> bytes:
    """Return one alert as a CAP 1.2 document."""
    root = xml.Element(f"{{{CAP}}}alert")
    _add(root, "identifier", alert.identifier)
    _add(root, "sender", alert.sender)
    _add(root, "sent", moment(alert.sent))
    _add(root, "status", "Exercise" if alert.exercise else "Actual")
    _add(root, "msgType", alert.kind)
    _add(root, "scope", "Restricted")
    _add(root, "restriction", "accountable units and the offices above them")
    if alert.references:
        told = (f"{sender},{pk},{moment(sent)}" for sender, pk, sent in alert.references)
        _add(root, "references", " ".join(told))
    _add(root, "incidents", alert.incident)
    for info in alert.infos:
        _info(root, alert, info)
    xml.register_namespace("", CAP)
    return bytes(xml.tostring(root, encoding="UTF-8", xml_declaration=True))


def _info(root: xml.Element, alert: Alert, info: Info) -> None:
    node = xml.SubElement(root, f"{{{CAP}}}info")
    _add(node, "language", info.language)
    _add(node, "category", "Health")
    _add(node, "event", info.event)
    _add(node, "responseType", "Execute")
    _add(node, "urgency", URGENCY[alert.priority])
    _add(node, "severity", SEVERITY[alert.priority])
    _add(node, "certainty", "Observed")
    if alert.expires is not None:
        _add(node, "expires", moment(alert.expires))
    _add(node, "senderName", alert.sender_name)
    _add(node, "headline", info.headline[:160])
    _add(node, "description", info.description)
    _add(node, "instruction", info.instruction)
    parameter = xml.SubElement(node, f"{{{CAP}}}parameter")
    _add(parameter, "valueName", "priority")
    _add(parameter, "value", f"P{alert.priority}")
    for name, code in alert.areas:
        area = xml.SubElement(node, f"{{{CAP}}}area")
        _add(area, "areaDesc", name)
        geocode = xml.SubElement(area, f"{{{CAP}}}geocode")
        _add(geocode, "valueName", "unit")
        _add(geocode, "value", code)


def _add(parent: xml.Element, name: str, text: str) -> None:
    xml.SubElement(parent, f"{{{CAP}}}{name}").text = text


@dataclass(frozen=True)
class Entry:
    """One line of the feed."""

    identifier: str
    title: str
    updated: datetime
    address: str


def feed_xml(*, title: str, address: str, updated: datetime, entries: Iterable[Entry]) -> bytes:
    """Return the Atom feed that lists the alerts."""
    root = xml.Element(f"{{{ATOM}}}feed")
    _atom(root, "id", address)
    _atom(root, "title", title)
    _atom(root, "updated", moment(updated))
    xml.SubElement(root, f"{{{ATOM}}}link", {"rel": "self", "href": address})
    author = xml.SubElement(root, f"{{{ATOM}}}author")
    _atom(author, "name", title)
    for entry in entries:
        node = xml.SubElement(root, f"{{{ATOM}}}entry")
        _atom(node, "id", f"urn:uuid:{entry.identifier}")
        _atom(node, "title", entry.title)
        _atom(node, "updated", moment(entry.updated))
        xml.SubElement(
            node, f"{{{ATOM}}}link", {"href": entry.address, "type": "application/cap+xml"}
        )
    xml.register_namespace("", ATOM)
    return bytes(xml.tostring(root, encoding="UTF-8", xml_declaration=True))


def _atom(parent: xml.Element, name: str, text: str) -> None:
    xml.SubElement(parent, f"{{{ATOM}}}{name}").text = text
