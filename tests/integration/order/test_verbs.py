"""Orders from a terminal: refusals with their code, then the lists."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cast import NOON, Cast, Province
from yipan.access.models import Incident
from yipan.cli import main
from yipan.order import actions
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


# ---- acts in a person's name -------------------------------------------------------------------------------


def test_nobody_s_name_and_somebody_without_the_right(
    delivered: list[Delivery], standing_clock: Incident, cast: Cast
) -> None:
    assert call("issue", "0", "--as", "nobody")[0] == 2
    order = str(delivered[0].order_id)
    code, told = call("withdraw", order, "--as", cast.analyst.username, "--reason", "x")
    assert (code, told["error"]["code"]) == (1, "S703")
    one = next(d for d in delivered if d.unit.code == "100101")
    code, told = call("act", str(one.pk), "acknowledge", "--as", cast.auditor.username)
    assert (code, told["error"]["code"]) == (1, "S703")
    code, told = call("act", str(one.pk), "verify", "--as", cast.commander.username)
    assert (code, told["error"]["code"]) == (1, "O402")


def test_from_draft_to_withdrawal(
    standing_clock: Incident, cast: Cast, province: Province, tmp_path: Path
) -> None:
    name = cast.commander.username
    words = ("--title-zh", "关闭活禽市场", "--unit", "1001", "--level", "county")
    _code, told = call("draft", "--as", name, *words)
    [drafted] = told["orders"]
    assert drafted["state"] == "draft"
    order = drafted["order"][:8]  # its beginning is enough
    assert call("issue", order, "--as", name)[1]["orders"][0]["state"] == "held"
    assert call("undo", order, "--as", name)[1]["orders"][0]["state"] == "draft"
    assert call("issue", order, "--as", name)[1]["orders"][0]["state"] == "held"
    actions.release_due(at=NOON + timedelta(minutes=2))
    Delivery.objects.update(delivered_at=NOON)
    one = Delivery.objects.get(unit__code="100101")
    acted = ("act", str(one.pk), "acknowledge", "--as", cast.county_officer.username)
    assert call(*acted, "--key", "verb-key-1")[1]["state"] == "acknowledged"
    assert call(*acted, "--key", "verb-key-1")[1]["state"] == "acknowledged"  # a replay
    code, told = call("withdraw", order, "--as", name)
    assert (code, told["error"]["code"]) == (1, "O407")
    gone = call("withdraw", order, "--as", name, "--reason", "wrong")[1]
    assert gone["orders"][0]["state"] == "withdrawn"
    assert call("check") == (0, dict.fromkeys(call("check")[1], 0))
    assert not any(call("forget")[1].values())


def test_a_meeting_becomes_orders(standing_clock: Incident, cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("事项,责任单位,时限\n关闭活禽市场,市场监管局,2月26日\n", encoding="utf-8")
    _code, told = call("from-meeting", str(path), "--as", cast.commander.username, "--issue")
    assert [(o["state"], o["title"]) for o in told["orders"]] == [("held", "关闭活禽市场")]
