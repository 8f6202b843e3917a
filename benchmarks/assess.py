"""What assessing costs: every evening of the demonstration replayed, by step, in CPU seconds.

    YIPAN_HOME=… python benchmarks/assess.py

Needs a home in which `yipan demo` has run. Nothing is kept: each evening is read, computed and thrown
away. Prints a table and writes benchmarks/results/assess.json.
"""

from __future__ import annotations

# ruff: noqa: E402  Django must be set up before its models are imported
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yipan.kernel.settings")

import django

django.setup()

from yipan.access.models import Incident
from yipan.assess import assumptions
from yipan.assess.outlook.look import look
from yipan.assess.situation import figures, onset, picture, transmission
from yipan.assess.tiers.chances import chances_of_counties
from yipan.assess.tiers.facts import facts_of_counties
from yipan.assess.tiers.packs import pack_of
from yipan.assess.warnings.find import clusters, of_counts
from yipan.engines.surveillance.tiers import decide_tier

RESULT = Path(__file__).parent / "results" / "assess.json"
EVENINGS = 34


class Clock:
    """CPU and wall seconds by step."""

    def __init__(self) -> None:
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.wall: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what the block takes to a step."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu[name] += time.process_time() - cpu
        self.wall[name] += time.perf_counter() - wall


def evening(incident: Incident, known_at: datetime, clock: Clock, *, closer: bool) -> int:
    """Assess one moment step by step and return how many counties got a tier."""
    pack = pack_of(incident)
    with clock.step("read what was known"):
        known = picture.read(incident, known_at=known_at, elements=pack.elements)
    with clock.step("counts"):
        province, counties = figures.province(known), figures.counties(known)
    with clock.step("Rt by confirmation"):
        interval = assumptions.serial_interval(incident.disease)
        transmission.estimate(known, province.new, interval)
    with clock.step("nowcast"):
        onsets = onset.estimate(known, assumptions.onset_to_report(incident.disease))
    with clock.step("tiers and chances"):
        facts = facts_of_counties(known, counties, pack)
        decisions = [decide_tier(pack.rules, f) for f in facts]
        chances_of_counties(known.counties, facts, pack, onset.pending_by_county(onsets))
    with clock.step("alarms"):
        of_counts(known)
    if closer:
        with clock.step("closer look (once)"):
            look(known, onsets)
        with clock.step("clusters (once)"):
            clusters(known, seed=1)
    return len(decisions)


def main() -> None:
    """Replay the evenings and print the table."""
    incident = Incident.objects.select_related("package").get(slug="demo-henan-2020")
    last = incident.assessments.latest("known_at").known_at
    evening(
        incident, last, Clock(), closer=True
    )  # compiles and reads what is read once in a process
    clock, counties = Clock(), 0
    for back in range(EVENINGS - 1, -1, -1):
        counties = evening(incident, last - timedelta(days=back), clock, closer=back == 0)
    print(f"{EVENINGS} evenings, {counties} counties, {platform.processor() or platform.machine()}")
    print(f"{'step':<24}{'CPU s':>8}{'wall s':>8}{'CPU ms each':>13}")
    for name, cpu in clock.cpu.items():
        times = 1 if name.endswith("(once)") else EVENINGS
        print(f"{name:<24}{cpu:>8.2f}{clock.wall[name]:>8.2f}{1000 * cpu / times:>13.1f}")
    print(f"{'all':<24}{sum(clock.cpu.values()):>8.2f}{sum(clock.wall.values()):>8.2f}")
    RESULT.write_text(
        json.dumps(
            {
                "evenings": EVENINGS,
                "counties": counties,
                "cpu_s": {k: round(v, 3) for k, v in clock.cpu.items()},
                "wall_s": {k: round(v, 3) for k, v in clock.wall.items()},
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
