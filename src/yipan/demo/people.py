"""The demo people: one for each role, where the person would sit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from yipan.access import actions as access
from yipan.access.models import Role, User
from yipan.places import queries as places
from yipan.places.models import Package, Unit

COUNTY = "411525"  # the county whose officer and village reporter one can be


@dataclass(frozen=True)
class People:
    """The demo people; none has a password, and none can exist on a live system."""

    village: User
    county_officer: User
    health_officer: User
    department: User
    analyst: User
    commander: User
    auditor: User
    administrator: User
    counties: User  # acts for every county in the run


def make_people(package: Package, *, at: datetime) -> People:
    """Make the demo people, or find them where they stand already."""
    province = places.province(package)
    county = places.by_code(package, COUNTY)
    village = places.subtree(county, level="village").order_by("code").first() or county
    posts: dict[str, tuple[Role, Unit, int]] = {
        "village": (Role.FRONT_LINE, village, 1),
        "county_officer": (Role.COUNTY_OFFICER, county, 2),
        "health_officer": (Role.HEALTH_OFFICER, county, 3),
        "department": (Role.DEPARTMENT, province, 1),
        "analyst": (Role.ANALYST, province, 2),
        "commander": (Role.COMMANDER, province, 2),
        "auditor": (Role.AUDITOR, province, 1),
        "administrator": (Role.ADMINISTRATOR, province, 1),
        "counties": (Role.COUNTY_OFFICER, province, 2),
    }
    return People(**{name: _person(name, *post, at=at) for name, post in posts.items()})


def _person(username: str, role: Role, unit: Unit, sensitivity: int, *, at: datetime) -> User:
    there = User.objects.filter(username=username).first()
    if there is not None:
        return there
    person = access.create_user(
        username=username, display_name="", password=None, language="", by=None, at=at, demo=True
    )
    access.grant_role(user=person, role=role, unit=unit, sensitivity=sensitivity, by=None, at=at)
    return person
