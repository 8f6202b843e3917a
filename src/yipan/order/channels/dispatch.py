"""The worker's round: take messages in hand, send them, remember what came of it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import translation

from yipan.access.queries import installation
from yipan.access.rules import live_channels_allowed
from yipan.kernel.config import config
from yipan.order.channels import queries
from yipan.order.channels.messages import AddressRefused, Channel, ChannelDown
from yipan.order.channels.rules import (
    TRIES,
    Fuse,
    after_failure,
    after_success,
    may_try,
    wait_after,
)
from yipan.order.models import Attempt, Breaker, Outbox

log = logging.getLogger("yipan.order")
HANDFUL = 50


@dataclass
class Sent:
    """What one round came to."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    kept_back: int = 0  # of an exercise: never leaves

    @property
    def any(self) -> bool:
        """Whether anything was in hand."""
        return bool(self.sent or self.failed or self.given_up or self.kept_back)


def dispatch(
    *,
    worker: str,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    rng: random.Random,
    limit: int = HANDFUL,
) -> Sent:
    """Send up to a handful of waiting messages and return what came of them.

    At least once, each under a key that stays the same: a worker killed between sending and
    remembering sends again, and the receiver drops what it has seen.
    """
    at = clock()
    able = sorted(set(channels) - queries.resting(at))
    outcome = Sent()
    for row in queries.in_hand(queries.claim(worker, channels=able, at=at, limit=limit)):
        _one(row, channels[row.channel], worker, clock(), rng, outcome)
    return outcome


def _one(
    row: Outbox,
    channel: Channel,
    worker: str,
    at: datetime,
    rng: random.Random,
    outcome: Sent,
) -> None:
    if not live_channels_allowed(row.delivery.order.incident, installation()) or (
        row.delivery.order.exercise
    ):
        _give_up(row, worker, at, "exercise: nothing leaves", follow=False)
        outcome.kept_back += 1
        return
    if queries.line_down(row, at=at):
        _give_up(row, worker, at, "outage declared: next channel", follow=True)
        outcome.given_up += 1
        return
    if not may_try(_fuse(row.channel), at):
        _let_go(row, at)
        return
    try:
        with translation.override(config().language):
            channel.send(queries.message_of(row, secret=queries.secret_of(row), url=_url(row)))
    except ChannelDown as fault:
        outcome.failed += 1
        _failed(row, worker, at, str(fault), rng)
    except AddressRefused as fault:
        outcome.given_up += 1
        _give_up(row, worker, at, str(fault), follow=True)
    else:
        outcome.sent += 1
        _sent(row, worker, at)


def _url(row: Outbox) -> str:
    base = config().public_url.rstrip("/")
    return f"{base}/orders/deliveries/{row.delivery_id}/" if base else ""


@transaction.atomic
def _sent(row: Outbox, worker: str, at: datetime) -> None:
    Outbox.objects.filter(pk=row.pk).update(
        sent_at=at, attempts=row.attempts + 1, claimed_by="", claimed_until=None, last_error=""
    )
    Attempt.objects.create(outbox=row, at=at, worker=worker, sent=True)
    _keep_fuse(row.channel, lambda fuse: after_success(fuse))


@transaction.atomic
def _failed(row: Outbox, worker: str, at: datetime, error: str, rng: random.Random) -> None:
    tries = row.attempts + 1
    Attempt.objects.create(outbox=row, at=at, worker=worker, sent=False, error=error[:500])
    _keep_fuse(row.channel, lambda fuse: after_failure(fuse, at))
    log.warning("order.message_failed", extra={"channel": row.channel, "tries": tries})
    if tries >= TRIES:
        _end(row, at, tries, error)
        _follow(row, at)
        return
    Outbox.objects.filter(pk=row.pk).update(
        attempts=tries,
        last_error=error[:500],
        next_at=at + wait_after(tries, jitter=rng.random()),
        claimed_by="",
        claimed_until=None,
    )


@transaction.atomic
def _give_up(row: Outbox, worker: str, at: datetime, error: str, *, follow: bool) -> None:
    Attempt.objects.create(outbox=row, at=at, worker=worker, sent=False, error=error[:500])
    _end(row, at, row.attempts + 1, error)
    if follow:
        _follow(row, at)


def _end(row: Outbox, at: datetime, tries: int, error: str) -> None:
    Outbox.objects.filter(pk=row.pk).update(
        given_up_at=at, attempts=tries, last_error=error[:500], claimed_by="", claimed_until=None
    )


def _follow(row: Outbox, at: datetime) -> None:
    """Queue the same message to the unit's next contact, if it has one."""
    contact = queries.next_contact(row)
    if contact is None:
        return
    step = row.step + 1
    Outbox.objects.get_or_create(
        delivery=row.delivery,
        channel=contact.channel,
        kind=row.kind,
        step=step,
        unit=row.unit,
        defaults={"address": contact.address, "queued_at": at, "next_at": at},
    )


def _let_go(row: Outbox, at: datetime) -> None:
    """Leave a message of a channel that rests meanwhile to a later round."""
    Outbox.objects.filter(pk=row.pk).update(claimed_by="", claimed_until=None)


def _fuse(channel: str) -> Fuse:
    kept = Breaker.objects.filter(pk=channel).first()
    return Fuse(kept.failures, kept.open_until) if kept else Fuse()


def _keep_fuse(channel: str, change: Callable[[Fuse], Fuse]) -> None:
    kept = Breaker.objects.select_for_update().filter(pk=channel).first()
    before = Fuse(kept.failures, kept.open_until) if kept else Fuse()
    after = change(before)
    if after != before:
        Breaker.objects.update_or_create(
            pk=channel, defaults={"failures": after.failures, "open_until": after.open_until}
        )
