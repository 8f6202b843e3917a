"""Reading XML that came in: small, and with no entity of its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from django.utils.translation import gettext as _

from yipan.report.errors import NotATable, TooLarge

LARGEST = 4 * 1024 * 1024
_OWN_ENTITIES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_xml(body: bytes, *, name: str) -> ElementTree.Element:
    """Return the root of a document; raises NotATable (R115) and TooLarge (R114).

    A document type is refused: it could name files of this machine or unfold without end.
    """
    if len(body) > LARGEST:
        raise TooLarge(where=name, size=f"{len(body) / 1048576:.1f}", limit=LARGEST // 1048576)
    if _OWN_ENTITIES.search(body) or b"\x00" in body:
        raise NotATable(name=name, why=_("a document type is not taken"), where=name)
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as fault:
        raise NotATable(name=name, why=str(fault), where=name) from fault


def local(tag: str) -> str:
    """Return a tag without its namespace."""
    return tag.rpartition("}")[2]
