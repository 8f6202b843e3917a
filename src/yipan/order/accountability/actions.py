"""What is kept of how orders went ends after 90 days."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet

from yipan.access.models import Incident
from yipan.access.queries import board_now
from yipan.order.accountability.rules import KEPT
from yipan.order.deliveries.rules import OPEN
from yipan.order.models import Attempt, Call, Delivery, DeliveryEvent, Order, Outbox, Shift
from yipan.places.models import Unit

CHUNK = 2000


def forget_old(*, at: datetime) -> dict[str, int]:
    """Erase what only tells how fast messages and people were, 90 days after it was written.

    Messages and their tries, calls, shifts that are over, and on the steps of finished deliveries who
    pressed and when the phone says it was. Orders, their deliveries and states stay, and so does the
    audit trail, which has its own time. Each incident by its own clock. Run again, it adds nothing.
    Return how many of each.
    """
    gone: Counter[str] = Counter()
    clocks = [at]
    for incident in Incident.objects.all():
        clocks.append(board_now(incident, at))
        gone.update(_forget(incident, before=clocks[-1] - KEPT))
    # A shift belongs to an office, not to an incident: the clock that is furthest back counts.
    gone.update(shifts=_erase(Shift.objects.filter(end__lt=min(clocks) - KEPT)))
    return dict(gone)


def _forget(incident: Incident, *, before: datetime) -> dict[str, int]:
    mine = {"delivery__order__incident": incident}
    steps = DeliveryEvent.objects.filter(**mine, at__lt=before).exclude(
        actor__isnull=True, device_at__isnull=True
    )
    finished = steps.exclude(delivery__state__in=OPEN)
    tries = Attempt.objects.filter(outbox__delivery__order__incident=incident, at__lt=before)
    messages = Outbox.objects.filter(**mine, queued_at__lt=before)
    return {
        "attempts": _erase(tries),
        "messages": _erase(messages.exclude(sent_at__isnull=True, given_up_at__isnull=True)),
        "calls": _erase(Call.objects.filter(**mine, at__lt=before)),
        "steps": _unnamed(finished),
    }


def _unnamed(steps: QuerySet[DeliveryEvent]) -> int:
    """Take the names off steps, a handful a transaction."""
    done = 0
    while ids := list(steps.values_list("pk", flat=True)[:CHUNK]):
        done += DeliveryEvent.objects.filter(pk__in=ids).update(actor=None, device_at=None)
    return done


def _erase(rows: QuerySet[Model]) -> int:
    """Delete rows a handful a transaction, so that nobody waits long for a turn at writing."""
    erased = 0
    while True:
        with transaction.atomic():
            ids = list(rows.values_list("pk", flat=True)[:CHUNK])
            if not ids:
                return erased
            erased += rows.model._default_manager.filter(pk__in=ids).delete()[0]


def orphans() -> dict[str, int]:
    """Return how many rows name an order, a delivery or a unit that is not there; all zero is right.

    The hot tables carry no foreign keys (each would cost a fan-out half a second): this proves what
    those would have enforced.
    """
    return {
        "deliveries_without_order": _without(Delivery, "order", Order),
        "deliveries_without_unit": _without(Delivery, "unit", Unit),
        "steps_without_delivery": _without(DeliveryEvent, "delivery", Delivery),
        "messages_without_delivery": _without(Outbox, "delivery", Delivery),
        "messages_without_unit": _without(Outbox, "unit", Unit),
        "tries_without_message": _without(Attempt, "outbox", Outbox),
    }


def _without(rows: type[Model], name: str, named: type[Model]) -> int:
    there = named._default_manager.filter(pk=OuterRef(f"{name}_id"))
    return rows._default_manager.filter(~Exists(there)).count()
