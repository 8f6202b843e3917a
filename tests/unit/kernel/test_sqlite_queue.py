"""Writers on SQLite take turns in the order of asking, and nobody keeps the turn by failing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db.utils import OperationalError

from yipan.kernel.sqlite.base import DatabaseWrapper

pytestmark = pytest.mark.django_db  # opens connections, though none to the test database


def connect(path: Path) -> DatabaseWrapper:
    """A connection of its own to the database at `path`, as the settings make it."""
    return DatabaseWrapper(
        {
            "ENGINE": "yipan.kernel.sqlite",
            "NAME": str(path),
            "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": False,
            "TIME_ZONE": None,
            "USER": "",
            "PASSWORD": "",
            "HOST": "",
            "PORT": "",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 0},
            "TEST": {"NAME": None},
        }
    )


def begin(wrapper: DatabaseWrapper) -> None:
    """Open a transaction as `transaction.atomic` does."""
    wrapper.ensure_connection()
    wrapper.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def finish(wrapper: DatabaseWrapper, *, kept: bool = True) -> None:
    """Commit or roll back, and return to autocommit."""
    (wrapper.commit if kept else wrapper.rollback)()
    wrapper.set_autocommit(True)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "board.sqlite3"
    first = connect(path)
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n INTEGER)")
    first.close()
    return path


def test_a_second_writer_waits_instead_of_failing(database: Path) -> None:
    one, order = connect(database), []
    begin(one)
    one.cursor().execute("INSERT INTO t VALUES (1)")

    def other() -> None:
        two = connect(database)
        begin(two)  # SQLite alone, with a timeout of zero, would say "database is locked"
        two.cursor().execute("INSERT INTO t VALUES (2)")
        order.append("two")
        finish(two)
        two.close()

    waiting = threading.Thread(target=other)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert order == []
    finish(one)
    waiting.join(5)
    assert order == ["two"]
    assert one.cursor().execute("SELECT count(*) FROM t").fetchone() == (2,)
    one.close()


@pytest.mark.parametrize("how", ["rollback", "close"])
def test_who_gives_up_passes_the_turn_on(database: Path, how: str) -> None:
    one, two = connect(database), connect(database)
    begin(one)
    if how == "rollback":
        finish(one, kept=False)
    else:
        one.close()
    begin(two)
    two.cursor().execute("INSERT INTO t VALUES (3)")
    finish(two)
    two.close()
    one.close()


def test_a_begin_that_fails_does_not_keep_the_turn(database: Path) -> None:
    outsider, one = connect(database), connect(database)
    outsider.ensure_connection()
    outsider.connection.execute("BEGIN IMMEDIATE")  # a program that does not queue
    with pytest.raises(OperationalError):
        begin(one)
    outsider.connection.rollback()
    one.close()
    two = connect(database)
    begin(two)
    finish(two)
    two.close()
    outsider.close()
