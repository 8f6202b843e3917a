"""The page of request states says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

from yipan.report.requests.rules import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "report-request-states.md"


def test_every_step_of_the_table_is_on_the_page_and_no_other() -> None:
    told: dict[str, set[str]] = {}
    for row in re.findall(
        r"^\| ([a-z, ]+) \| (.*?) ?\|$", PAGE.read_text("utf-8").split("\n\n")[1], re.M
    ):
        for state in row[0].split(", "):
            words = re.sub(r"\([^)]*\)", "", row[1])
            told[state] = {w.strip() for w in words.split(",") if w.strip()}
    told.pop("from", None)
    assert told == {str(s): {str(t) for t in to} for s, to in TRANSITIONS.items()}
