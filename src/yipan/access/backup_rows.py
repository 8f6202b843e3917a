"""Rows of any table as lines of text that mean the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

CHUNK: Final = 2_000
SIZE: Final = 2**256

MADE_BY_MIGRATE: Final = (ContentType, Permission)
"""Tables that an empty database has rows in already; a restore replaces them."""
LEFT_OUT: Final = (Session,)
"""Who was signed in signs in again."""


def kept_models() -> list[type[models.Model]]:
    """Return every model with a table of its own, those referred to before those that refer."""
    every = [
        m
        for m in apps.get_models(include_auto_created=True)
        if m._meta.managed and not m._meta.proxy and m not in LEFT_OUT
    ]
    ordered: list[type[models.Model]] = []
    waiting = sorted(every, key=lambda m: m._meta.label)
    while waiting:
        free = [m for m in waiting if not (_needs(m) - {m}) & set(waiting)]
        ordered += free or waiting  # a circle: foreign keys are checked at commit only
        waiting = [m for m in waiting if m not in free] if free else []
    return ordered


def _needs(model: type[models.Model]) -> set[type[models.Model]]:
    return {
        f.related_model
        for f in model._meta.concrete_fields
        if isinstance(f, models.ForeignKey) and isinstance(f.related_model, type)
    }


def columns(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Return the fields of a model that are stored, in order."""
    return [f for f in model._meta.concrete_fields if not f.generated]


def read_rows(model: type[models.Model]) -> Iterator[list[Any]]:
    """Yield every row of a table as plain JSON values."""
    names = [f.attname for f in columns(model)]
    rows = model._base_manager.order_by("pk").values_list(*names)
    for row in rows.iterator(chunk_size=CHUNK):
        yield [plain(value) for value in row]


def plain(value: Any) -> Any:
    """Return a value as JSON can carry it.

    >>> plain(date(2020, 2, 24)), plain(b"key")
    ('2020-02-24', 'a2V5')
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return f"{value.days} {value - timedelta(days=value.days)}"
    return value


def instances(model: type[models.Model], rows: Iterable[Sequence[Any]]) -> Iterator[models.Model]:
    """Yield unsaved rows made of what `read_rows` gave."""
    fields = columns(model)
    for row in rows:
        values = {f.attname: _typed(f, value) for f, value in zip(fields, row, strict=True)}
        yield model(**values)


def _typed(field: models.Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(field, models.JSONField):
        return value
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    match target:
        case models.DateTimeField():
            return parse_datetime(value)
        case models.DateField():
            return parse_date(value)
        case models.TimeField():
            return parse_time(value)
        case models.DurationField():
            return parse_duration(value)
        case models.BinaryField():
            return base64.b64decode(value)
        case models.UUIDField():
            return UUID(value)
        case models.DecimalField():
            return Decimal(value)
    return value


def line(row: Sequence[Any]) -> bytes:
    """Return one row as one line."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Content:
    """A digest of rows that does not depend on their order, nor on how a database writes numbers.

    PostgreSQL keeps 1e16 in a JSON value as 10000000000000000 and sorts its keys; SQLite does
    neither. Rows are hashed one by one in one form, and the digests added.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, row: Sequence[Any]) -> None:
        """Take one more row in."""
        text = json.dumps(one_form(list(row)), sort_keys=True, separators=(",", ":"))
        self.rows += 1
        digest = hashlib.sha256(text.encode()).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) % SIZE

    @property
    def digest(self) -> str:
        """The digest of all rows so far."""
        return f"{self._sum:064x}"


def one_form(value: Any) -> Any:
    """Return a JSON value in the form that both databases give back: whole floats as integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(k): one_form(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [one_form(v) for v in value]
    return value
