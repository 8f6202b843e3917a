"""Values as raw statements return them, made alike on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID


def as_id(value: Any) -> str:
    """Return an id as it is told; SQLite keeps it without its dashes.

    >>> as_id("b6a2f1de95a14f0f8d0f3c5f0a77c9e1")
    'b6a2f1de-95a1-4f0f-8d0f-3c5f0a77c9e1'
    """
    return str(UUID(str(value)))


def as_moment(value: Any) -> datetime | None:
    """Return a moment with its zone; SQLite keeps it without, as text or as a moment.

    >>> as_moment("2020-02-24 10:00:00").isoformat()
    '2020-02-24T10:00:00+00:00'
    """
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
