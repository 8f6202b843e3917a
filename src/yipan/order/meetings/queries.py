"""Reads of minutes: what waits to be confirmed, which units a text may name."""

from __future__ import annotations

from django.db.models import QuerySet

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.order.meetings.outline import outline
from yipan.order.meetings.rules import Place, Proposal, propose
from yipan.order.models import Minutes, Order
from yipan.places import queries as places
from yipan.places.models import Level

SUFFIXES = ("特别行政区", "自治州", "自治区", "地区", "省", "市")


def minutes(incident: Incident, scope: Scope) -> QuerySet[Minutes]:
    """Return the minutes of an incident, the latest first; only for who may draft orders."""
    found = Minutes.objects.filter(incident=incident).order_by("-taken_at", "-pk")
    return found if scope.may(Action.ORDER_DRAFT) else found.none()


def proposals(taken: Minutes) -> list[Proposal]:
    """Return what the rules propose for the decisions of some minutes; the same on every call."""
    package = taken.incident.package
    return propose(
        taken.paragraphs,
        said_at=taken.said_at,
        zone=places.board_time(package).zone,
        places=nameable(taken.incident),
    )


def beside(taken: Minutes) -> list[str]:
    """Return the paragraphs of some minutes that are no decision: who was there, what was heard."""
    return outline(taken.paragraphs).beside


def nameable(incident: Incident) -> list[Place]:
    """Return the cities and counties that a decision may name, each also by its short name."""
    units = places.units(incident.package).filter(level__in=[Level.CITY, Level.COUNTY])
    return [
        Place(unit.pk, unit.code, unit.level, _names(unit.name_zh, unit.name_en, unit.level))
        for unit in units
    ]


def _names(zh: str, en: str, level: str) -> tuple[str, ...]:
    short = zh
    for suffix in SUFFIXES if level == Level.CITY else ("县",):
        short = short.removesuffix(suffix)
    plain = en
    for word in (" City", " city", " County", " county", " District", " district"):
        plain = plain.removesuffix(word)
    return tuple(dict.fromkeys(n for n in (zh, short, en, plain) if len(n) > 1))


def made_from(taken: Minutes) -> dict[str, Order]:
    """Return the orders made from some minutes, by the key of their proposal."""
    found = Order.objects.filter(incident=taken.incident, source__minutes=taken.pk)
    return {str(order.source["key"]): order for order in found}
