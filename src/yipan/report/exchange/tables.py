"""A table as it came, whatever its format: cells in rows, where each row stood, how it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from yipan.report.errors import EmptyFile, WrongColumns, closest
from yipan.report.exchange.columns import Column, folded

HEADER_SEARCHED = 15  # rows: a title, a unit, a date line may stand above the header


@dataclass(frozen=True)
class Sheet:
    """All cells of one sheet or text file; `serial` says that bare numbers may count days."""

    name: str
    rows: Sequence[Sequence[Any]]
    first_row: int = 1  # the number people see beside the first of `rows`
    encoding: str = ""
    serial: bool = False


@dataclass(frozen=True)
class Row:
    """One row below the header: its number in the file, its cells by column key."""

    number: int
    cells: dict[str, Any]
    width: int  # cells that hold something, counted to the last
    columns: int  # of the header


@dataclass(frozen=True)
class Table:
    """A file whose header was understood."""

    name: str
    rows: list[Row]
    columns: tuple[str, ...]
    unread: tuple[tuple[str, str], ...] = field(default=())  # (header, the known one most like it)
    encoding: str = ""
    serial: bool = False


def understand(sheet: Sheet, columns: Sequence[Column], *, name: str) -> Table:
    """Return the table of a sheet, its header found and matched.

    The header is the row among the first fifteen that names most columns; a cell left empty there
    takes the text above it, so that a header merged over two rows is read. Raises EmptyFile (R113)
    and WrongColumns (R111), which names the columns missing and the one most like each.
    """
    filled = [i for i, row in enumerate(sheet.rows) if any(not _blank(c) for c in row)]
    if not filled:
        raise EmptyFile(name=name, where=name)
    known = {word: c for c in columns for word in c.words}
    best, header = _header(sheet, filled, known)
    places: dict[int, Column] = {}
    unread: list[tuple[str, str]] = []
    for i, text in enumerate(header):
        column = known.get(folded(text))
        if column is not None and column not in places.values():
            places[i] = column
        elif text:
            unread.append((text, closest(text, [c.title for c in columns])))
    missing = [c for c in columns if c.needed and c not in places.values()]
    if missing or not places:
        raise _wrong_columns(missing or list(columns[:1]), header, columns, name)
    below = [i for i in filled if i > best]
    if not below:
        raise EmptyFile(name=name, where=name)
    rows = [_row(sheet, i, places, len(header)) for i in below]
    return Table(
        name=name,
        rows=rows,
        columns=tuple(c.key for c in places.values()),
        unread=tuple(unread),
        encoding=sheet.encoding,
        serial=sheet.serial,
    )


def _row(sheet: Sheet, index: int, places: dict[int, Column], columns: int) -> Row:
    cells = sheet.rows[index]
    width = max((i + 1 for i, cell in enumerate(cells) if not _blank(cell)), default=0)
    return Row(
        number=sheet.first_row + index,
        cells={c.key: cells[i] if i < len(cells) else None for i, c in places.items()},
        width=width,
        columns=columns,
    )


def _header(sheet: Sheet, filled: Sequence[int], known: dict[str, Column]) -> tuple[int, list[str]]:
    best, found, most = filled[0], _texts(sheet, filled, 0), -1
    for place, index in enumerate(filled[:HEADER_SEARCHED]):
        texts = _texts(sheet, filled, place)
        named = _named(texts, known)
        own = [str(c) for c in sheet.rows[index] if not _blank(c)]
        # A header merged over two rows is read twice; the rows of data begin below its last.
        if named > most or (named == most > 0 and _named(own, known) == most):
            best, found, most = index, texts, named
    return best, found


def _named(texts: Sequence[str], known: dict[str, Column]) -> int:
    return len({known[folded(t)].key for t in texts if folded(t) in known})


def _texts(sheet: Sheet, filled: Sequence[int], place: int) -> list[str]:
    """Return a row as header texts; an empty cell takes what stands above it within three rows."""
    own = [str(c).strip() if not _blank(c) else "" for c in sheet.rows[filled[place]]]
    for above in reversed(filled[max(0, place - 2) : place]):
        for i, cell in enumerate(sheet.rows[above]):
            if i < len(own) and not own[i] and not _blank(cell):
                own[i] = str(cell).strip()
    while own and not own[-1]:
        own.pop()
    return own


def _wrong_columns(
    missing: Sequence[Column], header: Sequence[str], columns: Sequence[Column], name: str
) -> WrongColumns:
    there = [text for text in header if text]
    hints = [
        f"“{near}” → “{column.title}”?"
        for column in missing
        if (near := closest(column.title, there)) and near != column.title
    ]
    return WrongColumns(
        where=name,
        missing="、".join(c.title for c in missing),
        found="、".join(t[:24] for t in there[:20]) or "—",
        hint=" ".join(hints),
    )


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
