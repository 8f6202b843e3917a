"""Raw statements of the hot paths and the values they return, made alike on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection


def ask(sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
    """Run one statement of a hot path and return its rows; PostgreSQL plans it once a connection.

    Planning one of these costs several times what running it does.
    """
    with _prepared() if connection.vendor == "postgresql" else connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[Sequence[Any]] = cursor.fetchall()
        return found


def _prepared() -> Any:
    """Return a cursor that binds at the server and keeps plans; it is counted like any other."""
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    raw = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = 2  # the rest of Django binds at the client and is not touched by it
    cursor: Any = cast(Any, ServerBindingCursor)(raw)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return wrap(cursor)


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
