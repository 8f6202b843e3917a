"""PostgreSQL as a server runs it: the database's user is no superuser, for those pass every lock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

ROLE = "yipan_plain_user_test"
on_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has no row-level security"
)


def as_plain_user() -> Iterator[None]:
    """Act as a user without special rights; the test's own transaction takes the role back."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE} NOLOGIN")
        cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
        cursor.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
        cursor.execute(f"SET ROLE {ROLE}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
