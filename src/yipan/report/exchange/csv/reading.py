"""Reading text: which encoding, which separator, and every row with its number."""

from __future__ import annotations

import codecs
import csv
import io

from django.utils.translation import gettext as _

from yipan.report.errors import EmptyFile, NotATable, Undecodable
from yipan.report.exchange.tables import Sheet

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# GB18030 holds all of GBK and GB2312, so what an older office saved is read by it too.
TRIED = ("utf-8", "gb18030")
SEPARATORS = ",;\t|，"


def decode(body: bytes, *, name: str) -> tuple[str, str]:
    """Return a text file's text and the encoding it was read in.

    A byte-order mark decides; otherwise UTF-8, then GB18030, each strictly. Raises Undecodable
    (R112), which names the first byte that fits neither, and NotATable (R115) for binary content.
    """
    for mark, encoding in MARKS:
        if body.startswith(mark):
            try:
                return body.decode(encoding), encoding
            except UnicodeDecodeError as fault:
                raise _undecodable(body, fault, encoding, name) from fault
    if b"\x00" in body:
        raise NotATable(name=name, why=_("it is not a text file"), where=name)
    first: UnicodeDecodeError | None = None
    for encoding in TRIED:
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError as fault:
            # GB18030 goes further into a file of GBK than UTF-8 does: its place is the telling one.
            first = fault
    assert first is not None
    raise _undecodable(body, first, "UTF-8, GB18030", name)


def _undecodable(body: bytes, fault: UnicodeDecodeError, tried: str, name: str) -> Undecodable:
    return Undecodable(where=name, offset=fault.start, byte=f"{body[fault.start]:02X}", tried=tried)


def read_csv(body: bytes, *, name: str) -> Sheet:
    """Return the rows of a text file; raises EmptyFile (R113), R112 and R115."""
    text, encoding = decode(body, name=name)
    if not text.strip():
        raise EmptyFile(name=name, where=name)
    # A cell may hold line ends; the csv module needs them as they are.
    lines = io.StringIO(text, newline="")
    try:
        rows = list(csv.reader(lines, delimiter=separator(text), strict=False))
    except csv.Error as fault:
        raise NotATable(name=name, why=str(fault), where=name) from fault
    return Sheet(name=name, rows=rows, encoding=encoding)


def separator(text: str) -> str:
    """Return the separator that the first lines use most evenly; a comma where none shows.

    >>> separator("单位代码;日期;fever\\n10;2020-02-23;1")
    ';'
    """
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    counts = {s: [line.count(s) for line in lines] for s in SEPARATORS}
    used = [s for s in SEPARATORS if any(counts[s])]
    return max(used, key=lambda s: (min(counts[s]) > 0, max(counts[s])), default=",")
