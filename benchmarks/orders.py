"""One order to 50,000 units: fan-out, kill -9 in the middle of it, acknowledgements with replays.

    python benchmarks/orders.py --units 50000 --db sqlite --json
    python benchmarks/orders.py --units 50000 --db postgresql://user@host:5432/scratch --json

A scratch database is made and dropped (PostgreSQL: a new one beside the one named). The table goes to
stderr; the last line of stdout is one JSON object with `fanout_seconds` (median of the runs),
`fanout_p95_seconds`, `rows`, `kills`, `lost`, `doubled`, `acks_per_second`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

RESULTS = Path(__file__).parent / "results"
START = datetime(2020, 2, 24, 10, 0, tzinfo=UTC)


def set_up(url: str, home: str) -> None:
    """Point this process at the scratch database and start Django."""
    os.environ["YIPAN_HOME"] = home
    os.environ["YIPAN_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "yipan.kernel.settings"
    import django

    django.setup()


def scratch(db: str, home: str) -> tuple[str, Callable[[], None]]:
    """Return the address of a new scratch database and how to drop it."""
    if db == "sqlite":
        return "", lambda: None
    import psycopg

    name = f"yipan_bench_{os.getpid()}"
    with psycopg.connect(db, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')

    def drop() -> None:
        with psycopg.connect(db, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    return f"{db.rpartition('/')[0]}/{name}", drop


def make_province(units: int) -> None:
    """Write a province of one city, counties of 300 villages each, an officer and an incident."""
    from yipan.access.actions import create_incident, create_user, grant_role
    from yipan.access.models import Role
    from yipan.places.models import Package, Unit

    package = Package.objects.create(
        name="bench", version="1", title_zh="测", title_en="Bench", time_zone="Asia/Shanghai",
        digest="0" * 64, loaded_at=START,
    )  # fmt: skip
    counties = -(-units // 300)
    top = Unit(
        package=package, code="1", level="province", kind="province", name_zh="省", name_en="P",
        lft=1, rgt=2 * (units + counties + 1), depth=0,
    )  # fmt: skip
    top.save()
    at, rows, villages = 2, [], []
    for c in range(counties):
        mine = min(300, units - 300 * c)
        county = Unit(
            package=package, code=f"1{c:05d}", level="county", kind="county", name_zh="县",
            name_en="C", parent=top, lft=at, rgt=at + 2 * mine + 1, depth=1,
        )  # fmt: skip
        rows.append(county)
        for v in range(mine):
            villages.append((county, at + 1 + 2 * v, f"1{c:05d}{v:03d}"))
        at += 2 * mine + 2
    Unit.objects.bulk_create(rows, batch_size=500)
    Unit.objects.bulk_create(
        (
            Unit(
                package=package, code=code, level="village", kind="village", name_zh="村",
                name_en="V", parent=county, lft=lft, rgt=lft + 1, depth=2,
            )
            for county, lft, code in villages
        ),
        batch_size=1000,
    )  # fmt: skip
    user = create_user(
        username="bench", display_name="", password=None, language="", by=None, at=START
    )
    grant_role(user=user, role=Role.COMMANDER, unit=top, sensitivity=1, by=None, at=START)
    create_incident(
        package=package, slug="bench", name_zh="测", name_en="Bench", disease="other",
        places=[top], response_level=1, exercise=False, at=START,
    )  # fmt: skip


def issue(n: int) -> Any:
    """Draft and issue the n-th order to every village; it is held, not yet released."""
    from yipan.access.models import Incident, User
    from yipan.access.scope import system_scope
    from yipan.order import actions
    from yipan.order.matters import Text
    from yipan.places.models import Unit

    at = START + timedelta(days=4 * n)  # beyond the 72 h of the duplicate guard
    given: dict[str, Any] = {"by": User.objects.get(), "at": at, "scope": system_scope()}
    top = Unit.objects.get(level="province")
    order = actions.draft_order(
        incident=Incident.objects.get(), issuer=top, matter="other", title=Text("办", "Do"),
        body=Text("办", "Do"), targets=[(top, "village")], **given,
    )  # fmt: skip
    [held] = actions.issue_orders(orders=[order], **given)
    return held


def release(at: datetime) -> int:
    """Release what is due; the work that is timed and killed."""
    from yipan.order.actions import release_due

    return release_due(at=at)


def kill_in_the_middle(url: str, home: str, at: datetime, wait: float) -> bool:
    """Release in a child and kill it after `wait` seconds; return whether it was still at work."""
    child = subprocess.Popen(
        [
            sys.executable,
            __file__,
            "--child",
            at.isoformat(),
            "--db",
            url or "sqlite",
            "--home",
            home,
        ],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()  # it says when it begins
    time.sleep(wait)
    running = child.poll() is None
    if running:
        child.send_signal(signal.SIGKILL)
    child.wait()
    return running


def count(order: Any) -> tuple[int, int, int]:
    """Return deliveries, distinct units and outbox rows of an order."""
    from yipan.order.models import Delivery, Outbox

    rows = Delivery.objects.filter(order=order)
    return (
        rows.count(),
        rows.values("unit").distinct().count(),
        Outbox.objects.filter(delivery__order=order, channel="inbox").count(),
    )


def go_on(order: Any, at: datetime) -> tuple[int, int, int]:
    """Let another worker finish what the killed one began, and return what then stands.

    It tries again while the server has not yet noticed that the killed one is gone and still holds
    its locks; what stands after a minute is what stands.
    """
    from yipan.order.models import Order

    for _try in range(240):
        release(at)
        if Order.objects.filter(pk=order.pk, state="issued").exists():
            break
        time.sleep(0.25)
    return count(order)


def acknowledge(order: Any, n: int, replays: int) -> tuple[float, int, int]:
    """Acknowledge n deliveries, each replayed; return acts a second, lost and doubled."""
    from yipan.access.models import User
    from yipan.access.scope import system_scope
    from yipan.order import actions
    from yipan.order.models import Delivery, DeliveryEvent

    user, scope = User.objects.get(), system_scope()
    chosen = list(Delivery.objects.filter(order=order)[:n])
    at = order.issued_at + timedelta(minutes=5)
    began = time.perf_counter()
    for delivery in chosen:
        for _replay in range(replays):
            actions.acknowledge(
                delivery=delivery, by=user, at=at, client_key=f"b-{delivery.pk}", scope=scope
            )
    seconds = time.perf_counter() - began
    events = DeliveryEvent.objects.filter(act="acknowledge", delivery__order=order).count()
    read = Delivery.objects.filter(order=order, acknowledged_at__isnull=False).count()
    return n * replays / seconds, n - read, events - n


@click.command(help=__doc__)
@click.option("--units", default=50_000, show_default=True)
@click.option("--db", default="sqlite", show_default=True, help="sqlite or a PostgreSQL address")
@click.option("--runs", default=5, show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--acks", default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.option("--keep/--no-keep", default=True, help="Write the figures under benchmarks/results.")
@click.option("--child", hidden=True)
@click.option("--home", hidden=True)
def main(
    units: int, db: str, runs: int, kills: int, acks: int, as_json: bool,
    keep: bool, child: str | None, home: str | None,
) -> None:  # fmt: skip
    if child is not None:
        set_up("" if db == "sqlite" else db, str(home))
        print("begins", flush=True)
        release(datetime.fromisoformat(child))
        return
    with tempfile.TemporaryDirectory(prefix="yipan-bench-") as place:
        url, drop = scratch(db, place)
        try:
            outcome = measure(url, place, units, runs, kills, acks)
        finally:
            from django.db import connections

            connections.close_all()
            drop()
    outcome["db"] = "sqlite" if db == "sqlite" else "postgresql"
    for name, value in outcome.items():
        click.echo(f"{name:>20}  {value}", err=True)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"orders-{outcome['db']}.json"
        path.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(outcome))


def measure(url: str, home: str, units: int, runs: int, kills: int, acks: int) -> dict[str, Any]:
    """Run everything on the scratch database and return the figures."""
    set_up(url, home)
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    make_province(units)
    seconds, order = [], None
    for n in range(runs):
        order = issue(n)
        began = time.perf_counter()
        written = release(order.issued_at + timedelta(minutes=1))
        seconds.append(time.perf_counter() - began)
        assert written == units, (written, units)
    rate, lost_acks, doubled_acks = acknowledge(order, acks, replays=3)
    rng, lost, doubled, killed = random.Random(1), 0, 0, 0
    for n in range(runs, runs + kills):
        order = issue(n)
        at = order.issued_at + timedelta(minutes=1)
        killed += kill_in_the_middle(url, home, at, rng.uniform(0.0, 1.2 * max(seconds)))
        rows, distinct, outbox = go_on(order, at)
        lost += (units - distinct) + (units - outbox)
        doubled += (rows - distinct) + max(0, outbox - units)
    return {
        "units": units,
        "fanout_seconds": round(statistics.median(seconds), 3),
        "fanout_p95_seconds": round(sorted(seconds)[max(0, -(-95 * len(seconds) // 100) - 1)], 3),
        "rows": 3 * units,  # deliveries, their first events, outbox rows
        "kills": killed,
        "lost": lost + lost_acks,
        "doubled": doubled + doubled_acks,
        "acks_per_second": round(rate, 1),
    }


if __name__ == "__main__":
    main()
