"""Triggers by which the database itself refuses to change or delete what was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

AUDIT: Final = "access_auditrecord"
CHAIN: Final = ("access_auditlink", "access_auditanchor")
TABLES: Final = (AUDIT, *CHAIN)
REFUSAL: Final = "audit records are append-only"


def install(connection: BaseDatabaseWrapper, tables: Iterable[str] = TABLES) -> None:
    """Seal these tables in this database."""
    if connection.vendor == "postgresql":
        _run(
            connection,
            [
                f"""CREATE OR REPLACE FUNCTION access_audit_sealed() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION '{REFUSAL}'
                USING ERRCODE = 'integrity_constraint_violation'; END $$"""
            ],
        )
    for table in tables:
        _run(connection, _seals(connection.vendor, table))


def remove(connection: BaseDatabaseWrapper, tables: Iterable[str] = TABLES) -> None:
    """Unseal these tables: for migrating backwards, and for a test that empties the database."""
    for table in tables:
        _run(connection, _openings(connection.vendor, table))
    if connection.vendor == "postgresql" and set(tables) == set(TABLES):
        _run(connection, ["DROP FUNCTION IF EXISTS access_audit_sealed()"])


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Return whether this database refuses to change or delete any of these tables' rows."""
    question = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
        "postgresql": (
            "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relname = %s AND NOT t.tgisinternal AND t.tgenabled = 'O'"
        ),
    }[connection.vendor]
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(question, [table])
            if int(cursor.fetchone()[0]) < len(_seals(connection.vendor, table)):
                return False
    return True


def _name(table: str, act: str) -> str:
    # The audit table's triggers are older than those of the others, and keep their name.
    return f"access_audit_no_{act}" if table == AUDIT else f"{table}_no_{act}"


def _seals(vendor: str, table: str) -> list[str]:
    if vendor == "sqlite":
        return [
            f"""CREATE TRIGGER {_name(table, act)} BEFORE {act} ON {table}
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"""
            for act in ("update", "delete")
        ]
    return [
        f"""CREATE TRIGGER {_name(table, "change")} BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION access_audit_sealed()""",
        # Row triggers do not see TRUNCATE.
        f"""CREATE TRIGGER {_name(table, "truncate")} BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION access_audit_sealed()""",
    ]


def _openings(vendor: str, table: str) -> list[str]:
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {_name(table, act)}" for act in ("update", "delete")]
    return [
        f"DROP TRIGGER IF EXISTS {_name(table, act)} ON {table}" for act in ("change", "truncate")
    ]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
