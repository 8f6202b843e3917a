"""The morning window: every unit sends its page once, with retries, at a steady rate.

    python benchmarks/morning_window.py [--rate 210] [--seconds 600] [--database-url postgresql://…]

Measures SQLite, and before it PostgreSQL where an empty database of its is given: one after the other,
each in a process of its own. Starts the server as `yipan serve` does (granian, two workers), makes units, and sends pages of five
values at the rate given over kept connections, from 200 phones with a token each; each page is sent
three times under the same key, the second time after all have been sent once, as a network that failed
does it. Client, server and database share the machine. Counts what was lost and what was doubled in
the database afterwards. Prints throughput and p50, p95, p99 of both databases side by side, and writes
benchmarks/results/morning_window-DATABASE.json of each. Asked for: 210 requests/s for 10
minutes, p95 at most 0.1 s on PostgreSQL, none lost, none twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
NOON = datetime(2020, 2, 24, 4, tzinfo=UTC)
CONNECTIONS = 32
PHONES = 200
DATABASES = ("postgresql", "sqlite")


def prepare(units: int) -> tuple[list[str], list[str]]:
    """Make a province of so many villages, an exercise at noon, and tokens; return them and the codes."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from yipan.access.actions import create_incident, create_user, grant_role, issue_token
    from yipan.access.models import Role
    from yipan.access.rules import Action
    from yipan.places.models import Package, Unit

    now = datetime.now(UTC)
    package = Package.objects.create(
        name="morning", version="1", title_zh="省", title_en="Province", time_zone="Asia/Shanghai",
        digest="0" * 64, loaded_at=now,
    )  # fmt: skip
    rows = [("province", "p", 1, 2 * units + 2, 0)]
    rows += [("village", f"v{i:06d}", 2 * i + 2, 2 * i + 3, 1) for i in range(units)]
    Unit.objects.bulk_create(
        (
            Unit(package=package, code=code, level=level, kind=level, name_zh=code, name_en=code,
                 lft=low, rgt=high, depth=depth, reports=level == "village")
            for level, code, low, high, depth in rows
        ),
        batch_size=2000,
    )  # fmt: skip
    top = Unit.objects.get(code="p", package=package)
    create_incident(
        package=package, slug="morning", name_zh="早报", name_en="Morning", disease="sars_cov_2_wild",
        places=[top], response_level=1, exercise=True, at=NOON - timedelta(days=30), clock_at=NOON,
        clock_set_at=now,
    )  # fmt: skip
    user = create_user(
        username="phones", display_name="", password=None, language="en", by=None, at=NOON
    )
    grant_role(user=user, role=Role.COUNTY_OFFICER, unit=top, sensitivity=1, by=None, at=NOON)
    secrets = [
        issue_token(
            user=user, name=f"phone {i}", actions=[Action.REPORT_SUBMIT, Action.PLACE_READ], by=user,
            at=now, expires_at=now + timedelta(days=1),
        )[1]
        for i in range(PHONES)
    ]  # fmt: skip
    return secrets, [code for level, code, *_rest in rows if level == "village"]


class Caller:
    """One kept connection: plain HTTP/1.1, so that the client costs the machine little."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, secret: str, body: bytes) -> int:
        """Send one page and return the status."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        assert self.reader is not None
        self.writer.write(
            b"POST /api/report/values HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {secret}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await self.reader.readexactly(int(line.split(b":")[1]))
        return status


async def morning(
    port: int, secrets: list[str], codes: list[str], *, rate: float, seconds: float, retries: int
) -> dict[str, Any]:
    """Send pages at the rate; latency counts from when each was due, so a queue shows."""
    total = int(rate * seconds)
    rng = random.Random(1)
    unique = max(1, total // retries)
    pages = []
    for i in range(unique):
        values = {
            "households_checked": rng.randint(0, 300), "households_not_reached": rng.randint(0, 20),
            "returned_from_outside": rng.randint(0, 5), "fever": rng.randint(0, 2), "masks_stock": 40,
        }  # fmt: skip
        page = {"unit": codes[i % len(codes)], "day": "2020-02-24", "values": values, "client_key": str(uuid.UUID(int=rng.getrandbits(128)))}  # fmt: skip
        pages.append(json.dumps(page).encode())
    plan = [i % unique for i in range(total)]
    queue: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
    latencies: list[float] = []
    statuses: dict[int, int] = {}

    async def work() -> None:
        caller = Caller(port)
        while True:
            due, page = await queue.get()
            try:
                status = await caller.post(secrets[page % len(secrets)], pages[page])
            except (OSError, asyncio.IncompleteReadError):
                caller.writer, status = None, 0
            statuses[status] = statuses.get(status, 0) + 1
            latencies.append(time.perf_counter() - due)
            queue.task_done()

    for caller in [Caller(port) for _ in range(4)]:  # both workers are awake before the morning
        for _ in range(4):
            first = await caller.post(secrets[0], pages[0])
            if first != 200:
                raise SystemExit(f"the server answers {first}")
    workers = [asyncio.create_task(work()) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for i, page in enumerate(plan):
        due = started + i / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        queue.put_nowait((due, page))
    await queue.join()
    took = time.perf_counter() - started
    for worker in workers:
        worker.cancel()
    ordered = sorted(latencies)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)

    return {
        "sent": total, "distinct": unique, "seconds": round(took, 1), "asked_per_s": rate,
        "reached_per_s": round(total / took, 1), "p50_s": at(0.5), "p95_s": at(0.95), "p99_s": at(0.99),
        "statuses": {str(k): v for k, v in sorted(statuses.items())},
    }  # fmt: skip


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    import socket

    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def measure(asked: argparse.Namespace, database_url: str) -> None:
    """Measure one database in a home of its own and write its result."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["YIPAN_HOME"] = home
        os.environ["YIPAN_DATABASE_URL"] = database_url
        os.environ["DJANGO_SETTINGS_MODULE"] = "yipan.kernel.settings"
        secrets, codes = prepare(asked.units)
        from django.db import connections

        connections.close_all()
        server = subprocess.Popen(
            [sys.executable, "-m", "yipan.cli", "serve", "--port", str(asked.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(asked.port)
            figures = asyncio.run(
                morning(asked.port, secrets, codes, rate=asked.rate, seconds=asked.seconds, retries=asked.retries)
            )  # fmt: skip
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures["server_cpu_ms_a_request"] = round(
            (spent.ru_utime + spent.ru_stime) * 1000 / figures["sent"], 2
        )
        from yipan.report.models import Submission, Value

        kept = Submission.objects.count()
        figures["lost"] = figures["distinct"] - kept
        figures["twice"] = Value.objects.count() - 5 * kept
    database = "postgresql" if database_url else "sqlite"
    machine = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "nice": os.nice(0),
        # fifo: before everything else on the machine, as if it had the cores to itself
        "scheduler": {os.SCHED_OTHER: "other", os.SCHED_FIFO: "fifo"}.get(
            os.sched_getscheduler(0), "?"
        ),
        "load_when_run": [round(x, 1) for x in os.getloadavg()],
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, "database": database, **figures}, indent=1) + "\n"
    (RESULTS / f"morning_window-{database}.json").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=210.0)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--units", type=int, default=50_000)
    parser.add_argument("--port", type=int, default=8199)
    parser.add_argument("--database-url", default="", help="an empty PostgreSQL database")
    parser.add_argument("--only", choices=DATABASES, help="leave the other database out")
    asked = parser.parse_args()
    if asked.only == "postgresql" and not asked.database_url:
        parser.error("--only postgresql needs --database-url")
    wanted = [asked.only] if asked.only else [d for d in DATABASES if d == "sqlite" or asked.database_url]  # fmt: skip
    if len(wanted) == 1:
        measure(asked, asked.database_url if wanted == ["postgresql"] else "")
    else:
        for database in wanted:
            subprocess.run([sys.executable, *sys.argv, "--only", database], check=True)
    if asked.only is None:
        print_side_by_side()


def print_side_by_side() -> None:
    """Print the last result of each database; one that has none yet is left out."""
    files = {d: RESULTS / f"morning_window-{d}.json" for d in DATABASES}
    last = {d: json.loads(f.read_text("utf-8")) for d, f in files.items() if f.exists()}
    names = [n for n in next(iter(last.values())) if n not in ("machine", "database")]
    print(f"{'figure':<26}" + "".join(f"{d:>22}" for d in last))
    for name in names:
        print(f"{name:<26}" + "".join(f"{told.get(name, '')!s:>22}" for told in last.values()))


if __name__ == "__main__":
    main()
