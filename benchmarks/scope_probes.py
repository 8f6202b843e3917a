"""100,000 random questions about who may see what, on this database: how many show a row too many.

    python benchmarks/scope_probes.py [--probes 100000] [--seed 1]
    YIPAN_DATABASE_URL=postgresql://user@host/empty python benchmarks/scope_probes.py

Random people hold random roles (some ended, some to come) at random places of random trees of two
provinces, one of them with the other's codes. Each probe asks one way of seeing (act, list, count,
search, sum, export, one row, spans, token and, on PostgreSQL, the database's own lock with the query's
scope forgotten) and compares the answer with a plain walk up the parents, written apart. Everything
is made in one transaction and taken back. Prints a table and writes
benchmarks/results/scope_probes-DATABASE.json. DESIGN §7 asks for 0 leaks in 100,000.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yipan.kernel.settings")
if __name__ == "__main__" and not os.environ.get("YIPAN_DATABASE_URL"):
    os.environ["YIPAN_HOME"] = tempfile.mkdtemp(prefix="yipan-probes-")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.models import Sum  # noqa: E402

from yipan.access.models import Grant, Identity, Role, User  # noqa: E402
from yipan.access.row_security import every_row, rows_within  # noqa: E402
from yipan.access.rules import PERMISSIONS, Action  # noqa: E402
from yipan.access.scope import Scope, scope_of  # noqa: E402
from yipan.kernel.errors import NotFound  # noqa: E402
from yipan.places.models import Package, Unit  # noqa: E402
from yipan.places.tree import nested_set  # noqa: E402

NOW = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)
RESULTS = Path(__file__).parent / "results"
PLAIN_USER = "yipan_scope_probes"
UNITS, PEOPLE = 250, 40


@dataclass(frozen=True)
class World:
    """What the probes are about, and the truth kept apart from the database."""

    units: list[Unit]
    parent: dict[int, int | None]
    people: list[User]
    holds: dict[int, list[tuple[int, Role, int]]]  # person → (unit, role, sensitivity), valid now

    def truth(self, user: User, action: Action, unit: Unit, level: int) -> bool:
        """Whether the person may, by walking up the parents."""
        above: int | None = unit.pk
        while above is not None:
            for held_at, role, sensitivity in self.holds[user.pk]:
                if held_at == above and action in PERMISSIONS[role] and level <= sensitivity:
                    return True
            above = self.parent[above]
        return False


def make_world(rng: random.Random) -> World:
    """Fill the database with two provinces, people, roles and one person known in each unit."""
    units: list[Unit] = []
    for name in ("one", "other"):
        units += make_province(name, rng)
    people = User.objects.bulk_create([User(username=f"p{i}") for i in range(PEOPLE)])
    holds: dict[int, list[tuple[int, Role, int]]] = {user.pk: [] for user in people}
    grants, seen = [], set()
    for user in people:
        for _number in range(rng.randint(0, 4)):
            unit, role = rng.choice(units), rng.choice(list(Role))
            if (user.pk, role, unit.pk) in seen:
                continue
            seen.add((user.pk, role, unit.pk))
            grants.append(make_grant(user, role, unit, rng, holds))
    Grant.objects.bulk_create(grants)
    Identity.objects.bulk_create(
        Identity(
            purpose="case",
            pseudonym=str(unit.pk),
            unit=unit,
            sealed=b"",
            key_id="",
            recorded_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
        for unit in units
    )
    return World(units, {u.pk: u.parent_id for u in units}, people, holds)


def make_province(name: str, rng: random.Random) -> list[Unit]:
    """Write one random tree; both provinces use the same codes and the same numbers."""
    package = Package.objects.create(
        name=name,
        version="1",
        title_zh=name,
        title_en=name,
        time_zone="Asia/Shanghai",
        digest="0" * 64,
        loaded_at=NOW,
    )
    parents: dict[int, int | None] = {0: None}
    for number in range(1, UNITS):
        parents[number] = rng.randrange(max(0, number - 30), number)
    spans = nested_set(parents, list(parents))
    made: dict[int, Unit] = {}
    for number, above in parents.items():
        lft, rgt, depth = spans[number]
        made[number] = Unit.objects.create(
            package=package,
            code=str(number),
            level="county",
            kind="county",
            name_zh=str(number),
            name_en=str(number),
            parent=made[above] if above is not None else None,
            lft=lft,
            rgt=rgt,
            depth=depth,
            population=1,
        )
    return list(made.values())


def make_grant(
    user: User,
    role: Role,
    unit: Unit,
    rng: random.Random,
    holds: dict[int, list[tuple[int, Role, int]]],
) -> Grant:
    """Return a role that is valid, ended, ending this very moment, or still to come."""
    sensitivity = rng.randint(0, 3)
    start, end, valid = rng.choice(
        [
            (NOW - timedelta(days=9), None, True),
            (NOW - timedelta(days=9), NOW + timedelta(seconds=1), True),
            (NOW, None, True),
            (NOW - timedelta(days=9), NOW - timedelta(days=1), False),
            (NOW - timedelta(days=9), NOW, False),
            (NOW + timedelta(seconds=1), None, False),
        ]
    )
    if valid:
        holds[user.pk].append((unit.pk, role, sensitivity))
    return Grant(
        user=user, role=role, unit=unit, sensitivity=sensitivity, valid_from=start, valid_to=end
    )


# ---- ways of seeing -------------------------------------------------------------------------------

Way = Callable[[Scope, Action, Unit, int], bool]


def _rows(scope: Scope, action: Action, level: int):  # type: ignore[no-untyped-def]
    return scope.filter(Unit.objects.all(), unit="", action=action, sensitivity=level)


def _one(scope: Scope, action: Action, unit: Unit, level: int) -> bool:
    try:
        scope.get(Unit.objects.all(), unit="", action=action, sensitivity=level, pk=unit.pk)
    except NotFound:
        return False
    return True


def _through(scope: Scope, action: Action, unit: Unit, level: int) -> bool:
    rows = scope.filter(Identity.objects.all(), action=action, sensitivity=level)
    with every_row():  # the query's own scope alone; the database's lock is asked apart
        return rows.filter(pseudonym=str(unit.pk)).exists()


def _spans(scope: Scope, action: Action, unit: Unit, level: int) -> bool:
    spans = scope.spans(action, sensitivity=level) or []
    return any(p == unit.package_id and a <= unit.lft and unit.rgt <= b for p, a, b in spans)


def _token(scope: Scope, action: Action, unit: Unit, level: int) -> bool:
    # A token for this act only sees as much as its person; for another act it must see nothing.
    other = next(a for a in Action if a != action)
    if scope.narrow(frozenset({other})).may(action, unit, sensitivity=level):
        return True  # a leak, unless the person may: then the two below disagree as they should
    return scope.narrow(frozenset({action})).may(action, unit, sensitivity=level)


def _locked(scope: Scope, action: Action, unit: Unit, level: int) -> bool:
    with rows_within(scope, action, sensitivity=level):
        return Identity.objects.filter(pseudonym=str(unit.pk)).exists()  # the scope is forgotten


WAYS: dict[str, Way] = {
    "act": lambda s, a, u, n: s.may(a, u, sensitivity=n),
    "list": lambda s, a, u, n: _rows(s, a, n).filter(parent=u.parent_id, pk=u.pk).exists(),
    "count": lambda s, a, u, n: _rows(s, a, n).filter(lft=u.lft, package=u.package_id).count() == 1,
    "search": lambda s, a, u, n: u.pk in set(
        _rows(s, a, n).filter(name_en=u.name_en).values_list("pk", flat=True)
    ),
    "sum": lambda s, a, u, n: bool(_rows(s, a, n).filter(pk=u.pk).aggregate(t=Sum("population"))["t"]),
    "export": lambda s, a, u, n: u.pk in _rows(s, a, n).filter(code=u.code).values_list(
        "pk", flat=True
    ).iterator(),
    "one row": _one,
    "through a row": _through,
    "spans": _spans,
    "token": _token,
}  # fmt: skip


@contextmanager
def as_plain_user() -> Iterator[None]:
    """Ask as a user that is no superuser: those pass every lock."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {PLAIN_USER} NOLOGIN")
        cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {PLAIN_USER}")
        cursor.execute(f"SET LOCAL ROLE {PLAIN_USER}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def probe(world: World, probes: int, rng: random.Random) -> dict[str, dict[str, int]]:
    """Ask, compare, and return for each way how often it was asked, allowed, leaked and hid."""
    ways = dict(WAYS)
    if connection.vendor == "postgresql":
        ways["the database's lock"] = _locked
    scopes = {user.pk: scope_of(user, at=NOW) for user in world.people}
    counts = {name: Counter[str]() for name in ways}
    for _number in range(probes):
        user, unit = rng.choice(world.people), rng.choice(world.units)
        if rng.random() < 0.5 and world.holds[user.pk]:  # half of them near what the person holds
            near = rng.choice(world.holds[user.pk])[0]
            family = [u for u in world.units if u.pk == near or u.parent_id == near]
            unit = rng.choice(family)
        action, level = rng.choice(list(Action)), rng.randint(0, 3)
        name = rng.choice(list(ways))
        right = world.truth(user, action, unit, level)
        answer = ways[name](scopes[user.pk], action, unit, level)
        counts[name].update(
            asked=1,
            allowed=int(right),
            leaked=int(answer and not right),
            hid=int(right and not answer),
        )
    return {
        name: {k: c[k] for k in ("asked", "allowed", "leaked", "hid")} for name, c in counts.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--probes", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    call_command("migrate", verbosity=0, interactive=False)
    rng = random.Random(asked.seed)
    with transaction.atomic():
        world = make_world(rng)
        started = time.perf_counter()
        if connection.vendor == "postgresql":
            with as_plain_user():
                found = probe(world, asked.probes, rng)
        else:
            found = probe(world, asked.probes, rng)
        seconds = time.perf_counter() - started
        transaction.set_rollback(True)
    print(f"{'way of seeing':<22}{'asked':>9}{'allowed':>9}{'leaked':>9}{'hid':>9}")
    for name, row in found.items():
        print(
            f"{name:<22}" + "".join(f"{row[k]:>9}" for k in ("asked", "allowed", "leaked", "hid"))
        )
    total = {
        k: sum(row[k] for row in found.values()) for k in ("asked", "allowed", "leaked", "hid")
    }
    print(f"{'all':<22}" + "".join(f"{n:>9}" for n in total.values()) + f"   in {seconds:.0f} s")
    RESULTS.mkdir(exist_ok=True)
    outcome = {
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count()},
        "database": connection.vendor,
        "seed": asked.seed,
        "seconds": round(seconds, 1),
        "total": total,
        "ways": found,
    }
    path = RESULTS / f"scope_probes-{connection.vendor}.json"
    path.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
    return 1 if total["leaked"] or total["hid"] else 0


if __name__ == "__main__":
    sys.exit(main())
