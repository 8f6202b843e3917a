"""Revisions of inboxes: raised with each change, in its transaction; read at each poll."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from django.db import connection

from yipan.order.models import Target

_RAISE = """
INSERT INTO order_inboxrevision (unit_id, below, n) VALUES {rows}
ON CONFLICT (unit_id, below) DO UPDATE SET n = order_inboxrevision.n + 1
"""
CHUNK = 200


def touch(units: Iterable[int], *, below: bool = False) -> None:
    """Say that the inboxes of these units (and, with `below`, of every unit under them) changed.

    In the order of the ids, so that two writers never wait for each other in a circle.
    """
    wanted = sorted(set(units))
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        sql = _RAISE.format(rows=", ".join(["(%s, %s, 1)"] * len(some)))
        with connection.cursor() as cursor:
            cursor.execute(sql, [value for pk in some for value in (pk, below)])


def touch_targets(order_ids: Sequence[uuid.UUID]) -> None:
    """Say that every inbox which these orders are meant for has changed."""
    meant = Target.objects.filter(order__in=list(order_ids)).values_list("unit", "level")
    pairs = list(meant)
    touch(pk for pk, level in pairs if not level)
    touch((pk for pk, level in pairs if level), below=True)
