"""Examples in docstrings and in docs/ do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import yipan

ROOT = Path(__file__).parents[2]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(yipan.__path__, "yipan.")
    if ".migrations" not in module.name and not module.name.endswith("__main__")
]
PAGES = sorted((ROOT / "docs").rglob("*.md")) + sorted(ROOT.glob("*.md"))
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    outcome = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert outcome.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_examples_and_links_of_a_page(page: Path) -> None:
    outcome = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert outcome.failed == 0
    text = page.read_text(encoding="utf-8")
    broken = [to for to in LINK.findall(text) if not (page.parent / to).exists()]
    assert not broken, f"{page.name} links to what is not there: {broken}"


def test_every_decision_is_listed_in_order() -> None:
    numbers = [p.name[:4] for p in sorted((ROOT / "docs" / "decisions").glob("0*.md"))]
    assert len(numbers) == len(set(numbers)), "two decision records bear one number"
