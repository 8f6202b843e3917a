"""How long what is known about a person is kept, and the job that ends it.

Every such row says at its creation when it ends. A room registers how its own rows end; one job,
`expire`, ends them all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from yipan.access import audit

RETENTION: Final = {
    "case": timedelta(days=365),
    "contact": timedelta(days=60),
    "register": timedelta(days=180),
}
"""Purpose → how long identifiers are kept after they were last recorded. Our own choice, as short as
follow-up and appeals allow; a law may ask for another."""

Ends = Callable[[datetime], int]

_ENDS: dict[str, Ends] = {}


def ends(name: str, job: Ends) -> None:
    """Register the job that ends rows of one kind at a moment and returns how many it ended."""
    _ENDS[name] = job


def expire(*, at: datetime) -> dict[str, int]:
    """End everything whose time is over at `at`, and return how many of each kind; audited.

    Idempotent; each kind in a transaction of its own, so that one failing leaves the others done.
    """
    ended: dict[str, int] = {}
    for name, job in sorted(_ENDS.items()):
        with transaction.atomic():
            ended[name] = job(at)
            if ended[name]:
                audit.record(
                    event="retention.expired", at=at, detail={"kind": name, "count": ended[name]}
                )
    return ended
