"""Copies of the sample package with one thing broken in each."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLELAND = Path(__file__).parent / "packages" / "sampleland"
Rows = list[list[str]]


class PackageCopy:
    """A copy of the sample package that a test may spoil."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sampleland"
        shutil.copytree(SAMPLELAND, self.path)

    def rows(self, table: str) -> Rows:
        """The records of a table, its header first."""
        with (self.path / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    def write(self, table: str, rows: Rows) -> None:
        """Write the records of a table."""
        with (self.path / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)

    def cell(self, table: str, row: int, column: str, value: str) -> None:
        """Set one cell; the header is row 1."""
        rows = self.rows(table)
        rows[row - 1][rows[0].index(column)] = value
        self.write(table, rows)

    def edit(self, table: str, change: Callable[[Rows], Any]) -> None:
        """Change the records of a table in place."""
        rows = self.rows(table)
        change(rows)
        self.write(table, rows)

    def raw(self, file: str, data: bytes) -> None:
        """Write a file's bytes."""
        (self.path / file).write_bytes(data)

    def descriptor(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change datapackage.json in place."""
        path = self.path / "datapackage.json"
        found = json.loads(path.read_text(encoding="utf-8"))
        change(found)
        path.write_text(json.dumps(found), encoding="utf-8")
