"""One door for every format: the size first, then what the bytes are, then the table in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from yipan.report.errors import EmptyFile, TooLarge
from yipan.report.exchange.columns import Column
from yipan.report.exchange.csv.reading import read_csv
from yipan.report.exchange.excel.reading import is_workbook, read_workbook
from yipan.report.exchange.tables import Sheet, Table, understand

MIB = 1024 * 1024


class Readable(Protocol):
    """An open file, or what an upload gives in its place."""

    def read(self, size: int, /) -> bytes: ...


def check_size(size: int, *, limit_mib: int, name: str = "") -> None:
    """Refuse a file larger than the door allows (R114), by its stated size, before it is read."""
    if size > limit_mib * MIB:
        raise TooLarge(where=name, size=f"{size / MIB:.1f}", limit=limit_mib)


def read_bytes(file: Readable, *, limit_mib: int, name: str) -> bytes:
    """Return a file's bytes, never more than the limit and one: a stated size may be a lie.

    Raises TooLarge (R114) and EmptyFile (R113).
    """
    body = file.read(limit_mib * MIB + 1)
    check_size(len(body), limit_mib=limit_mib, name=name)
    if not body:
        raise EmptyFile(name=name, where=name)
    return body


def read_sheet(body: bytes, *, name: str) -> Sheet:
    """Return the cells of a file, by what its bytes are and not by what its name says."""
    return read_workbook(body, name=name) if is_workbook(body) else read_csv(body, name=name)


def read_table(body: bytes, columns: Sequence[Column], *, name: str) -> Table:
    """Return the table of a file; raises what reading and `understand` raise (R111–R115, R127)."""
    return understand(read_sheet(body, name=name), columns, name=name)
