"""One order to 50,000 units: fan-out, kill -9 in the middle of it, acknowledgements with replays.

    python benchmarks/orders.py --units 50000 --db sqlite --json
    python benchmarks/orders.py --units 50000 --db postgresql://user@host:5432/scratch --json

A scratch database is made and dropped (PostgreSQL: a new one beside the one named). The table goes to
stderr; the last line of stdout is one JSON object with `fanout_seconds` (median of the runs),
`fanout_p95_seconds`, `rows`, `kills`, `lost`, `doubled`, `acks_per_second`, and what lies behind them.

Acknowledgements and polls go over HTTP to `yipan serve` (two granian workers) from the same machine.
`acks_per_second` counts every answered request: each acknowledgement is sent once and replayed three
times, each post with a token of its own; `acks_distinct_per_second` counts the acknowledgements alone.
Every post polls its inbox once a minute, at a constant rate, and its answer's time counts from the
moment at which it was due; in the first minute every post reads its whole inbox. What is asked comes
from this same machine: `polls_generator_cores` says how much of its cores the asking takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import click

RESULTS = Path(__file__).parent / "results"
START = datetime(2020, 2, 24, 10, 0, tzinfo=UTC)


def machine() -> str:
    """Return what it ran on."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"


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
    given: dict[str, Any] = {
        "by": User.objects.get(username="bench"),
        "at": at,
        "scope": system_scope(),
    }
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


# ---- over HTTP, as `yipan serve` runs ------------------------------------------------------------------


def make_posts(n: int) -> list[str]:
    """Give each of n villages a person with a token that reads and receives orders; return the tokens."""
    from yipan.access.codes import token_digest
    from yipan.access.models import ApiToken, Grant, Role, User
    from yipan.places.models import Unit

    villages = list(Unit.objects.filter(level="village").order_by("lft")[:n])
    people = User.objects.bulk_create(
        (User(username=f"post-{u.code}", display_name="", password="!") for u in villages),
        batch_size=500,
    )
    began, ends = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=30)
    Grant.objects.bulk_create(
        (
            Grant(user=person, role=Role.FRONT_LINE, unit=unit, sensitivity=0, valid_from=began)
            for person, unit in zip(people, villages, strict=True)
        ),
        batch_size=500,
    )
    secrets = [f"yipan_bench_{u.code}" for u in villages]
    ApiToken.objects.bulk_create(
        (
            ApiToken(
                user=person, name="bench", digest=token_digest(secret),
                actions=["order.read", "order.receive"], created_at=began, created_by=person,
                expires_at=ends,
            )
            for person, secret in zip(people, secrets, strict=True)
        ),
        batch_size=500,
    )  # fmt: skip
    return secrets


@contextmanager
def served(url: str, home: str) -> Iterator[int]:
    """Run `yipan serve` on a free port until done; the worker stays out, the benchmark releases itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "yipan.cli", "serve", "--port", str(port), "--no-work"]
    env = os.environ | {"YIPAN_HOME": home, "YIPAN_DATABASE_URL": url}
    server = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _try in range(120):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


class Answer(NamedTuple):
    """What came back, and how long after it should have been asked."""

    status: int
    tag: str
    seconds: float


class Line(asyncio.Protocol):
    """One kept-alive connection; what is asked on it waits its turn. As lean as can be: it shares the
    cores with what it measures."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, float, Callable[[Answer], None]]] = deque()
        self.asked: tuple[float, Callable[[Answer], None]] | None = None
        self.came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes, due: float, done: Callable[[Answer], None]) -> None:
        """Send one request; `done` gets its answer, whose time counts from when it was due."""
        if self.asked is None:
            self.asked = (due, done)
            self.transport.write(request)
        else:
            self.waiting.append((request, due, done))

    def data_received(self, data: bytes) -> None:
        self.came += data
        end = self.came.find(b"\r\n\r\n")
        if end < 0 or self.asked is None:
            return
        head = self.came[:end].lower()
        status = int(head[9:12])
        if status != 304 and len(self.came) < end + 4 + int(_field(head, b"content-length") or 0):
            return
        (due, done), self.asked, self.came = self.asked, None, b""
        done(Answer(status, _field(head, b"etag").decode(), time.perf_counter() - due))
        if self.asked is None and self.waiting:
            self.ask(*self.waiting.popleft())

    def connection_lost(self, exc: Exception | None) -> None:
        if self.asked is not None:  # an answer that never comes is told as such
            due, done = self.asked
            done(Answer(0, "", time.perf_counter() - due))


def _field(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


async def connect(port: int, lines: int) -> list[Line]:
    """Open some connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Line, "127.0.0.1", port))[1] for _n in range(lines)]


def _request(method: str, path: str, token: str, body: bytes = b"", tag: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    if tag:
        lines.append(f"If-None-Match: {tag}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def acknowledge_all(
    port: int, work: list[tuple[str, str]], replays: int, lines: int
) -> tuple[float, list[Answer]]:
    """Acknowledge each delivery and replay it; return the seconds it took and every answer.

    The replays of one key go out together with the next ones' first tries, on other connections.
    """
    requests: deque[bytes] = deque()
    for delivery, token in work:
        body = json.dumps({"client_key": f"bench-{delivery}"}).encode()
        path = f"/api/orders/deliveries/{delivery}/acknowledge"
        requests.extend(_request("POST", path, token, body) for _again in range(1 + replays))
    wanted, answers, finished = len(requests), [], asyncio.Event()

    def go_on(line: Line, answer: Answer | None = None) -> None:
        if answer is not None:
            answers.append(answer)
        if requests:
            line.ask(requests.popleft(), time.perf_counter(), partial(go_on, line))
        elif len(answers) == wanted:
            finished.set()

    opened = await connect(port, lines)
    began = time.perf_counter()
    for line in opened:
        go_on(line)
    await finished.wait()
    return time.perf_counter() - began, answers


async def poll_all(
    port: int, tokens: list[str], *, a_minute: int, seconds: float, tags: dict[str, str]
) -> list[Answer]:
    """Let the posts poll in turn at a constant rate, whatever the server does; return every answer."""
    rate, lines, rng = a_minute / 60, await connect(port, 64), random.Random(7)
    wanted, answers, finished = int(rate * seconds), [], asyncio.Event()

    def done(token: str, answer: Answer) -> None:
        tags[token] = answer.tag
        answers.append(answer)
        if len(answers) == wanted:
            finished.set()

    began = time.perf_counter()
    for n in range(wanted):
        due = began + n / rate
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        token = tokens[n % len(tokens)]
        request = _request("GET", "/api/orders/inbox", token, tag=tags.get(token, ""))
        rng.choice(lines).ask(request, due, partial(done, token))
    await finished.wait()
    return answers


def share_ms(answers: list[Answer], percent: int) -> float:
    """Return the percentile of how long answers took, in milliseconds."""
    took = sorted(answer.seconds for answer in answers)
    return round(1000 * took[max(0, -(-percent * len(took) // 100) - 1)], 1)


def over_http(url: str, home: str, order: Any, acks: int, minutes: float) -> dict[str, Any]:
    """Acknowledge with replays, then let every post poll once a minute; return the figures."""
    from yipan.order.models import Delivery, DeliveryEvent

    posts = Delivery.objects.filter(order=order).count()
    tokens = make_posts(posts if minutes else acks)
    chosen = list(
        Delivery.objects.filter(order=order)
        .order_by("unit__lft")
        .values_list("pk", flat=True)[:acks]
    )
    replays = 3
    with served(url, home) as port:
        work = [(str(pk), token) for pk, token in zip(chosen, tokens, strict=False)]
        random.Random(3).shuffle(work)
        seconds, answers = asyncio.run(acknowledge_all(port, work, replays, lines=16))
        first, later, tags, used = [], [], {}, 0.0
        told = {"a_minute": posts, "tags": tags}
        if minutes:
            first = asyncio.run(poll_all(port, tokens, seconds=60 * minutes, **told))
            used = time.process_time()
            later = asyncio.run(poll_all(port, tokens, seconds=60 * minutes, **told))
            used = time.process_time() - used
    wrong = [a.status for a in answers if a.status != 200]
    assert not wrong, f"{len(wrong)} acknowledgements refused: {sorted(set(wrong))}"
    wrong = [a.status for a in (*first, *later) if a.status not in (200, 304)]
    assert not wrong, f"{len(wrong)} polls refused: {sorted(set(wrong))}"
    events = DeliveryEvent.objects.filter(act="acknowledge", delivery__order=order)
    read = Delivery.objects.filter(order=order, acknowledged_at__isnull=False).count()
    polls = {
        "polls_per_second": round(posts / 60, 1),
        **{f"polls_first_minute_p{p}_ms": share_ms(first, p) for p in (50, 95, 99)},
        **{f"polls_p{p}_ms": share_ms(later, p) for p in (50, 95, 99)},
        "polls_unchanged_share": round(sum(a.status == 304 for a in later) / len(later), 3),
        "polls_generator_cores": round(used / (60 * minutes), 2),  # what the asking itself takes
    } if later else {}  # fmt: skip
    return {
        "acks_per_second": round(len(answers) / seconds, 1),
        "acks_distinct_per_second": round(len(work) / seconds, 1),
        "acks_replayed": replays,
        "acks_p95_ms": share_ms(answers, 95),
        "acks_lost": len(work) - read,
        "acks_doubled": events.count() - len(work),
        **polls,
    }


@click.command(help=__doc__)
@click.option("--units", default=50_000, show_default=True)
@click.option("--db", default="sqlite", show_default=True, help="sqlite or a PostgreSQL address")
@click.option("--runs", default=5, show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--acks", default=4000, show_default=True)
@click.option("--minutes", default=1.0, show_default=True, help="Of polling, twice; 0: none.")
@click.option("--json", "as_json", is_flag=True)
@click.option("--keep/--no-keep", default=True, help="Write the figures under benchmarks/results.")
@click.option("--child", hidden=True)
@click.option("--home", hidden=True)
def main(
    units: int, db: str, runs: int, kills: int, acks: int, minutes: float, as_json: bool,
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
            outcome = measure(url, place, units, runs, kills, acks, minutes)
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


def measure(
    url: str, home: str, units: int, runs: int, kills: int, acks: int, minutes: float
) -> dict[str, Any]:
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
    http = over_http(url, home, order, acks, minutes)
    rng, lost, doubled, killed, n = random.Random(1), 0, 0, 0, runs
    while killed < kills and n < runs + 3 * kills:  # one that had finished already does not count
        order = issue(n)
        at = order.issued_at + timedelta(minutes=1)
        killed += kill_in_the_middle(
            url, home, at, rng.uniform(0.0, 0.9 * statistics.median(seconds))
        )
        rows, distinct, outbox = go_on(order, at)
        lost += (units - distinct) + (units - outbox)
        doubled += (rows - distinct) + max(0, outbox - units)
        n += 1
    return {
        "units": units,
        "fanout_seconds": round(statistics.median(seconds), 3),
        "fanout_p95_seconds": round(sorted(seconds)[max(0, -(-95 * len(seconds) // 100) - 1)], 3),
        "rows": 3 * units,  # deliveries, their first events, outbox rows
        "kills": killed,
        "lost": lost + http["acks_lost"],
        "doubled": doubled + http["acks_doubled"],
        **http,
        "machine": machine(),
    }


if __name__ == "__main__":
    main()
