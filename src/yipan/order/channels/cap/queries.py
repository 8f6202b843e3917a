"""Which orders the feed tells, and what each is told as."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import override

from yipan.access.models import Incident
from yipan.access.queries import installation
from yipan.access.rules import live_channels_allowed
from yipan.access.scope import Scope
from yipan.order.channels.cap.feed import Alert, Info
from yipan.order.matters import matters
from yipan.order.models import Order, OrderState
from yipan.order.orders.queries import orders
from yipan.places import queries as places

TOLD = (OrderState.ISSUED, OrderState.WITHDRAWN, OrderState.SUPERSEDED)
LANGUAGES = (("zh-Hans", "zh-hans"), ("en", "en"))


def told(incident: Incident, scope: Scope) -> QuerySet[Order]:
    """Return the orders in sight that have left; none of an exercise, none on a demonstration."""
    found = orders(incident, scope).filter(released_at__isnull=False, state__in=TOLD)
    if not live_channels_allowed(incident, installation()):
        return found.none()
    return found.filter(exercise=False).order_by("-released_at", "pk")


def alert_of(order: Order) -> Alert:
    """Return an order as CAP tells it: in both languages, with the areas it is meant for."""
    kind = "Alert"
    if order.state == OrderState.WITHDRAWN:
        kind = "Cancel"
    elif order.amends is not None:
        kind = "Update"
    zone = places.board_time(order.incident.package).zone
    released = order.released_at or order.drafted_at
    sent = order.withdrawn_at if kind == "Cancel" and order.withdrawn_at else released
    return Alert(
        identifier=f"{order.pk}{'-cancel' if kind == 'Cancel' else ''}",
        sender=_sender(order),
        sender_name=order.issuer.name,
        sent=sent.astimezone(zone),
        kind=kind,
        exercise=order.exercise,
        incident=order.incident.slug,
        priority=order.priority,
        expires=order.due_at.astimezone(zone) if order.due_at else None,
        infos=[
            _info(order, code, django)
            for code, django in LANGUAGES
            if order.missing != django.split("-")[0]
        ],
        areas=_areas(order),
        references=_references(order, kind),
    )


def _sender(order: Order) -> str:
    return f"{order.issuer.code}@{order.incident.package.name}"


def _info(order: Order, code: str, language: str) -> Info:
    with override(language):
        matter = matters().get(order.matter)
        return Info(
            language=code,
            event=str(matter.label) if matter else order.matter,
            headline=order.title,
            description=order.body,
            instruction=order.closure,
        )


def _areas(order: Order) -> Sequence[tuple[str, str]]:
    units = [target.unit for target in order.targets.select_related("unit").order_by("unit__lft")]
    return [(unit.name, unit.code) for unit in units]


def _references(order: Order, kind: str) -> list[tuple[str, str, datetime]]:
    earlier = order if kind == "Cancel" else order.amends
    if earlier is None or earlier.released_at is None:
        return []
    zone = places.board_time(order.incident.package).zone
    return [(_sender(order), str(earlier.pk), earlier.released_at.astimezone(zone))]
