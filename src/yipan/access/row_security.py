"""The second lock: PostgreSQL itself shows rows about persons only within the scope of who asks.

A table under this lock shows nothing until the session says within which units it reads; the first
lock, the scope in the query, stays. The lock binds the table's owner too, but no superuser: the
database's user must not be one. SQLite has no such thing, and there this does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from yipan.access.rules import Action
from yipan.access.scope import PUBLIC, Scope

SETTING: Final = "yipan.spans"
EVERYTHING: Final = "*"
TABLES: Final = (
    "access_identity",
    "access_healthevent",
    "access_personstatus",
    "access_appeal",
)

_WITHIN: Final = f"""
    CASE WHEN current_setting('{SETTING}', true) = '{EVERYTHING}' THEN true
    ELSE EXISTS (
        SELECT 1 FROM places_unit u, jsonb_array_elements(
            COALESCE(NULLIF(current_setting('{SETTING}', true), ''), '[]')::jsonb) AS s(span)
        WHERE u.id = {{table}}.unit_id AND u.package_id = (s.span->>0)::bigint
          AND u.lft >= (s.span->>1)::bigint AND u.rgt <= (s.span->>2)::bigint)
    END"""


def protect(connection: BaseDatabaseWrapper, table: str) -> None:
    """Put a table with a column `unit_id` under the lock; nothing on SQLite."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        cursor.execute(
            f"CREATE POLICY yipan_scope ON {table} USING ({_WITHIN.format(table=table)})"
        )


def unprotect(connection: BaseDatabaseWrapper, table: str) -> None:
    """Take a table out of the lock: for migrating backwards."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"DROP POLICY IF EXISTS yipan_scope ON {table}")
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


@contextmanager
def rows_within(scope: Scope, action: Action, *, sensitivity: int = PUBLIC) -> Iterator[None]:
    """Let the session see, inside, the locked rows at the places where `scope` may do `action`."""
    with _spans(_told(scope, action, sensitivity)):
        yield


def narrows(scope: Scope, action: Action, *, sensitivity: int = PUBLIC) -> bool:
    """Return whether the lock hides rows from `scope`, so that what replaced a row may be out of sight."""
    if connection.vendor != "postgresql":
        return False
    return scope.spans(action, sensitivity=sensitivity) is not None


@contextmanager
def every_row() -> Iterator[None]:
    """Let the session see every locked row, inside: for jobs, backups, and a person's own code."""
    with _spans(EVERYTHING):
        yield


def _told(scope: Scope, action: Action, sensitivity: int) -> str:
    spans = scope.spans(action, sensitivity=sensitivity)
    return EVERYTHING if spans is None else json.dumps(spans)


@contextmanager
def _spans(text: str) -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    before = _set(text)
    try:
        yield
    finally:
        # A transaction that failed takes no statement; its rollback puts the setting back itself.
        if connection.connection.info.transaction_status != TransactionStatus.INERROR:
            _set(before)


def _set(text: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(%s, true), set_config(%s, %s, false)", [SETTING, SETTING, text]
        )
        return cursor.fetchone()[0] or ""
