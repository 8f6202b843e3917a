"""A release killed with -9 somewhere in the middle: another goes on, none lost, none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_killed_fan_out_is_finished_by_another() -> None:
    database = os.environ.get("YIPAN_DATABASE_URL", "")
    server = f"{database.rpartition('/')[0]}/postgres" if database else "sqlite"
    told = subprocess.run(
        [
            sys.executable, str(ROOT / "benchmarks" / "orders.py"), "--units", "3000", "--runs", "1",
            "--kills", "3", "--acks", "20", "--minutes", "0", "--db", server, "--json", "--no-keep",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )  # fmt: skip
    outcome = json.loads(told.stdout.splitlines()[-1])
    assert (outcome["lost"], outcome["doubled"], outcome["units"]) == (0, 0, 3000)
    assert outcome["kills"] == 3
