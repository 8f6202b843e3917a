"""Triggers by which the database itself refuses to change or delete an audit record."""

from __future__ import annotations

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE: Final = "access_auditrecord"
REFUSAL: Final = "audit records are append-only"

_SQLITE_INSTALL: Final = [
    f"""CREATE TRIGGER access_audit_no_{act} BEFORE {act} ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"""
    for act in ("update", "delete")
]
_SQLITE_REMOVE: Final = [
    f"DROP TRIGGER IF EXISTS access_audit_no_{act}" for act in ("update", "delete")
]
_POSTGRES_INSTALL: Final = [
    f"""CREATE OR REPLACE FUNCTION access_audit_sealed() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE TRIGGER access_audit_no_change BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION access_audit_sealed()""",
    # Row triggers do not see TRUNCATE.
    f"""CREATE TRIGGER access_audit_no_truncate BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION access_audit_sealed()""",
]
_POSTGRES_REMOVE: Final = [
    f"DROP TRIGGER IF EXISTS access_audit_no_change ON {TABLE}",
    f"DROP TRIGGER IF EXISTS access_audit_no_truncate ON {TABLE}",
    "DROP FUNCTION IF EXISTS access_audit_sealed()",
]

INSTALL: Final = {"sqlite": _SQLITE_INSTALL, "postgresql": _POSTGRES_INSTALL}
REMOVE: Final = {"sqlite": _SQLITE_REMOVE, "postgresql": _POSTGRES_REMOVE}


def install(connection: BaseDatabaseWrapper) -> None:
    """Seal the audit table in this database."""
    _run(connection, INSTALL[connection.vendor])


def remove(connection: BaseDatabaseWrapper) -> None:
    """Unseal the audit table: for migrating backwards, and for a test that empties the database."""
    _run(connection, REMOVE[connection.vendor])


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Return whether this database refuses to change or delete an audit record."""
    question = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
        "postgresql": (
            "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relname = %s AND NOT t.tgisinternal AND t.tgenabled = 'O'"
        ),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(question, [TABLE])
        return int(cursor.fetchone()[0]) >= 2


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
