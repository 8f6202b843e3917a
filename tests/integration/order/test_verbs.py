"""Orders from a terminal: refusals with their code, then the lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from yipan.access.models import Incident
from yipan.cli import main
from yipan.order.models import Delivery

pytestmark = pytest.mark.django_db


def call(*words: str) -> tuple[int, Any]:
    """Run a verb with --json and return its exit code and the last line of stdout, read."""
    done = CliRunner().invoke(main, ["order", *words, "--json"])
    lines = [line for line in done.output.splitlines() if line.startswith("{")]
    return done.exit_code, json.loads(lines[-1]) if lines else None


@pytest.fixture(autouse=True)
def no_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test database stands already."""
    monkeypatch.setattr("yipan.cli.orders.start_django", lambda: None)


def test_a_unit_or_a_file_that_is_not_there(standing_clock: Incident, tmp_path: Path) -> None:
    code, told = call("list", "--unit", "999999")
    assert (code, told["error"]["code"]) == (1, "B652")
    code, _told = call("read-meeting", str(tmp_path / "none.txt"))
    assert code == 2
    broken = tmp_path / "list.pdf"
    broken.write_bytes(b"%PDF")
    code, told = call("read-meeting", str(broken))
    assert (code, told["error"]["code"]) == (1, "O421")


def test_the_list_is_the_one_of_the_page(
    delivered: list[Delivery], standing_clock: Incident
) -> None:
    _code, told = call("list", "--show", "open")
    assert len(told["deliveries"]) == 6
    assert [row["priority"] for row in told["deliveries"]] == ["P1"] * 3 + ["P2"] * 3
    _code, told = call("list", "--unit", "100101")
    assert {row["unit"] for row in told["deliveries"]} == {"100101"}
    assert call("list", "--show", "claimed")[1] == {"deliveries": []}


def test_how_they_stand(delivered: list[Delivery], standing_clock: Incident) -> None:
    _code, told = call("status")
    assert told["open"] == 6


def test_a_meeting_is_read_and_nothing_is_drafted(standing_clock: Incident, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(
        "1. 各村完成入户排查。牵头：县级指挥部。时限：2月26日18:00。", encoding="gb18030"
    )
    _code, told = call("read-meeting", str(path))
    [row] = told["proposals"]
    assert (row["matter"], row["level"], row["due"]) == (
        "households",
        "county",
        "2020-02-26T18:00:00+08:00",
    )


def test_one_round_of_the_worker(delivered: list[Delivery], standing_clock: Incident) -> None:
    code, told = call("work", "--once")
    assert (code, told["released"], told["sent"]) == (0, 0, 0)
