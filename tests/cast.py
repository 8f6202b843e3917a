"""A named cast of people over a small province; every test of who may see what uses it.

The province: two cities, three counties, five villages.

    Testland 10
    ├── Northcity 1001
    │   ├── Alder 100101   ├── villages 100101001, 100101002
    │   └── Birch 100102   └── villages 100102001, 100102002
    └── Southcity 1002
        └── Cedar 100201   └── village 100201001
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import TransactionTestCase

from yipan.access import append_only
from yipan.access.actions import create_incident, create_user, grant_role
from yipan.access.models import Incident, Role, User
from yipan.places.models import Package, Unit

NOON = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)  # 12:00 in the province
GRANTED = NOON - timedelta(days=30)
PASSWORD = "correct horse battery staple"

TREE = {
    "10": ("province", None),
    "1001": ("city", "10"),
    "100101": ("county", "1001"),
    "100101001": ("village", "100101"),
    "100101002": ("village", "100101"),
    "100102": ("county", "1001"),
    "100102001": ("village", "100102"),
    "100102002": ("village", "100102"),
    "1002": ("city", "10"),
    "100201": ("county", "1002"),
    "100201001": ("village", "100201"),
}
NAMES = {
    "10": ("测试省", "Testland"),
    "1001": ("北市", "Northcity"),
    "100101": ("赤杨县", "Alder"),
    "100102": ("白桦县", "Birch"),
    "1002": ("南市", "Southcity"),
    "100201": ("雪松县", "Cedar"),
}


@dataclass(frozen=True)
class Province:
    """The small province, its units by code."""

    package: Package
    units: dict[str, Unit]

    def __getitem__(self, code: str) -> Unit:
        return self.units[code]


@dataclass(frozen=True)
class Cast:
    """Who plays: each named for what they are."""

    village_reporter: User  # front line at village 100101001
    county_officer: User  # of Alder 100101
    other_county_officer: User  # of Cedar 100201
    department: User
    analyst: User
    commander: User
    auditor: User
    administrator: User  # of the whole installation
    stranger: User  # an account without any role


def make_tree(tree: dict[str, tuple[str, str | None]], *, name: str = "testland") -> Province:
    """Write a tree of units straight into the database, nested set included."""
    package = Package.objects.create(
        name=name,
        version="1",
        title_zh="测试省",
        title_en="Testland",
        time_zone="Asia/Shanghai",
        digest="0" * 64,
        loaded_at=GRANTED,
    )
    children: dict[str | None, list[str]] = {}
    for code, (_level, parent) in tree.items():
        children.setdefault(parent, []).append(code)
    units: dict[str, Unit] = {}
    counter = 0

    def plant(code: str, depth: int) -> None:
        nonlocal counter
        level, parent = tree[code]
        zh, en = NAMES.get(code, (f"村{code}", f"Village {code}"))
        counter += 1
        unit = Unit.objects.create(
            package=package,
            code=code,
            level=level,
            kind=level,
            name_zh=zh,
            name_en=en,
            parent=units[parent] if parent else None,
            lft=counter,
            rgt=10_000_000,
            depth=depth,
            population=1000,
            reports=level == "village",
        )
        units[code] = unit
        for child in children.get(code, []):
            plant(child, depth + 1)
        counter += 1
        unit.rgt = counter
        unit.save(update_fields=["rgt"])

    for top in children[None]:
        plant(top, 0)
    return Province(package, units)


def person(
    name: str, role: Role | None = None, unit: Unit | None = None, *, sensitivity: int = 1
) -> User:
    """Make one person who can sign in with PASSWORD, with one role."""
    user = create_user(
        username=name,
        display_name=name.replace("_", " ").title(),
        password=None,
        language="en",
        by=None,
        at=GRANTED,
    )
    if role is not None:
        grant_role(user=user, role=role, unit=unit, sensitivity=sensitivity, by=None, at=GRANTED)
    return user


def with_password(user: User) -> User:
    """Give a person PASSWORD (hashing is slow, so only who signs in by it gets one)."""
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user


@pytest.fixture(autouse=True, scope="session")
def the_sealed_trail_can_be_flushed() -> Iterator[None]:
    """Let a test with real transactions empty the database afterwards: its audit trail is sealed."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def unsealed(case: TransactionTestCase) -> None:
        append_only.remove(connection)
        try:
            flush(case)
        finally:
            append_only.install(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", unsealed)
        yield


@pytest.fixture
def province(db: None) -> Province:
    """The small province."""
    return make_tree(TREE)


@pytest.fixture
def cast(province: Province) -> Cast:
    """One person for each role, and two who should not see what others see."""
    top = province["10"]
    return Cast(
        village_reporter=person("village_reporter", Role.FRONT_LINE, province["100101001"]),
        county_officer=person(
            "county_officer", Role.COUNTY_OFFICER, province["100101"], sensitivity=2
        ),
        other_county_officer=person(
            "other_county_officer", Role.COUNTY_OFFICER, province["100201"], sensitivity=2
        ),
        department=person("department", Role.DEPARTMENT, top),
        analyst=person("analyst", Role.ANALYST, top, sensitivity=2),
        commander=person("commander", Role.COMMANDER, top),
        auditor=person("auditor", Role.AUDITOR, top),
        administrator=person("administrator", Role.ADMINISTRATOR, None),
        stranger=person("stranger"),
    )


@pytest.fixture
def incident(province: Province) -> Incident:
    """One real incident over the whole province, level I."""
    return create_incident(
        package=province.package,
        slug="outbreak-2020",
        name_zh="疫情",
        name_en="Outbreak",
        disease="sars_cov_2_wild",
        places=[province["10"]],
        response_level=1,
        exercise=False,
        at=GRANTED,
    )
