"""Reads of the duty room."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from yipan.access.models import User
from yipan.order.models import Call, Contact, Delivery, Outage, Shift
from yipan.places.models import Unit


def roster(unit: Unit, *, at: datetime) -> QuerySet[Shift]:
    """Return the shifts of a unit from yesterday to a week ahead, in their order."""
    near = Shift.objects.filter(
        unit=unit, end__gt=at - timedelta(days=1), start__lt=at + timedelta(7)
    )
    return near.select_related("person", "handed_over_to").order_by("start", "pk")


def on_duty(unit: Unit, *, at: datetime) -> QuerySet[Shift]:
    """Return who is on duty at a unit at `at`."""
    now = Shift.objects.filter(unit=unit, start__lte=at, end__gt=at, handed_over_at__isnull=True)
    return now.select_related("person").order_by("start", "pk")


def last_handover(unit: Unit, *, at: datetime) -> Shift | None:
    """Return the latest hand-over at a unit: what this shift must know."""
    told = Shift.objects.filter(unit=unit, handed_over_at__lte=at).select_related("person")
    return told.order_by("-handed_over_at", "-pk").first()


def directory(unit: Unit) -> QuerySet[Contact]:
    """Return how the units directly below are reached, and the unit itself, by unit and rank."""
    near = Contact.objects.filter(Q(unit=unit) | Q(unit__parent=unit)).select_related("unit")
    return near.order_by("unit__lft", "rank", "pk")


def telephones(unit: Unit) -> QuerySet[Contact]:
    """Return the telephones of a unit's duty posts."""
    return Contact.objects.filter(unit=unit, channel="telephone").order_by("rank", "pk")


def calls(delivery: Delivery) -> QuerySet[Call]:
    """Return the calls made about an order, the latest first."""
    return Call.objects.filter(delivery=delivery).select_related("caller").order_by("-at", "-pk")


def outages_of(unit: Unit, *, at: datetime) -> QuerySet[Outage]:
    """Return the outages that run at a unit or below it."""
    running = Q(until__isnull=True) | Q(until__gt=at)
    here = Q(unit__package_id=unit.package_id, unit__lft__gte=unit.lft, unit__rgt__lte=unit.rgt)
    return (
        Outage.objects.filter(running, here, since__lte=at).select_related("unit").order_by("since")
    )


def colleagues(unit: Unit) -> QuerySet[User]:
    """Return the people who hold a role at a unit or at one above it, by name."""
    held = Q(
        grants__valid_to__isnull=True,
        grants__unit__package_id=unit.package_id,
        grants__unit__lft__lte=unit.lft,
        grants__unit__rgt__gte=unit.rgt,
    )
    return User.objects.filter(held, is_active=True).distinct().order_by("display_name", "username")
