"""The page about data packages says what the loader checks."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from django.utils import translation

from yipan.places.faults import KINDS
from yipan.places.reference import data_package_page
from yipan.places.schema import TABLES
from yipan.places.validation import validate_package

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "data-package.md"


def test_the_page_is_what_the_schema_says() -> None:
    with translation.override("en"):
        assert PAGE.read_text(encoding="utf-8") == data_package_page()


def test_every_column_and_every_fault_is_on_it() -> None:
    page = data_package_page()
    for table in TABLES.values():
        assert f"## {table.name}.csv" in page
        assert all(f"| `{field.name}`" in page for field in table.fields)
    assert all(f"| `{code}` |" in page for code in KINDS)
    assert "%(" not in page


def test_its_example_is_a_package(tmp_path: Path) -> None:
    block = re.search(r"```json\n(.*?)```", data_package_page(), re.DOTALL)
    assert block is not None
    (tmp_path / "datapackage.json").write_text(block[1], encoding="utf-8")
    (tmp_path / "units.csv").write_text(
        "code,level,kind,name_en,parent\nP,province,province,Here,\n"
    )
    assert json.loads(block[1])["yipan"]["format"] == 1
    assert validate_package(path=tmp_path, at=datetime(2026, 1, 1, tzinfo=UTC)).faults == []
