"""Everything in one file, and back: the same file on SQLite and PostgreSQL, whole or not at all.

A backup is a `tar.gz`: `manifest.json` first (schema, digests, numbers of rows), one file of lines
for each table, and the key of the installation, without which second factors could not be read. The
key that opens persons' identifiers is *not* in it (docs/decisions/0008): it is kept apart.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from django.core.management.color import no_style
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from yipan import __version__
from yipan.access import audit
from yipan.access.append_only import is_installed
from yipan.access.backup_rows import (
    CHUNK,
    MADE_BY_MIGRATE,
    Content,
    columns,
    instances,
    kept_models,
    line,
    read_rows,
)
from yipan.access.chain import walk_chain
from yipan.access.errors import BackupRefused, DatabaseNotEmpty, RestoreUnverified
from yipan.access.row_security import every_row
from yipan.kernel.config import config
from yipan.places.models import Unit
from yipan.places.tree import broken_spans

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
KEY: Final = "secret.key"
LONGEST_LINE: Final = 256 * 1024 * 1024


def backup(*, to: Path, at: datetime) -> Path:
    """Write the whole database, as it stands at one moment, and the installation's key to `to`.

    The file appears whole or not at all, readable by its owner only; people go on working
    meanwhile. Raises BackupRefused (S720) where it cannot be written.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as folder:
            parts = Path(folder)
            with one_moment(), every_row():
                manifest = _write_tables(parts, at)
            half = parts / "whole.tar.gz"
            _pack(half, parts, manifest)
            os.replace(half, to)
    except OSError as fault:
        raise BackupRefused(
            _("The backup could not be written: %s.") % (fault.strerror or fault),
            where=str(to),
            remedy=_("Name a folder that you may write to, with room for the whole database."),
        ) from fault
    return to


@contextmanager
def one_moment() -> Iterator[None]:
    """Let every read inside see the database as it stood at one moment, without stopping writers."""
    if connection.in_atomic_block:  # the caller has one already
        yield
        return
    begin = {
        "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "sqlite": "BEGIN DEFERRED",  # a reader of the write-ahead log; Django's own would lock
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")


def _write_tables(parts: Path, at: datetime) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for model in kept_models():
        content, digest = Content(), hashlib.sha256()
        with (parts / _file(model._meta.label)).open("wb") as file:
            for row in read_rows(model):
                text = line(row)
                file.write(text)
                digest.update(text)
                content.add(row)
        tables[model._meta.label] = {
            "columns": [f.attname for f in columns(model)],
            "rows": content.rows,
            "sha256": digest.hexdigest(),
            "content": content.digest,
        }
    key = config().signing_key().encode()
    (parts / KEY).write_bytes(key)
    return {
        "format": FORMAT,
        "yipan": __version__,
        "made_at": at.isoformat(),
        "database": connection.vendor,
        "migrations": _migrations(),
        "tables": tables,
        "key": {"sha256": hashlib.sha256(key).hexdigest()},
    }


def _pack(target: Path, parts: Path, manifest: dict[str, Any]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with (
        os.fdopen(os.open(target, flags, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar,
    ):
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        head = tarfile.TarInfo(MANIFEST)
        head.size, head.mode = len(text), 0o600
        tar.addfile(head, io.BytesIO(text))
        for name in [*(_file(label) for label in manifest["tables"]), KEY]:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (parts / name).stat().st_size, 0o600
            with (parts / name).open("rb") as part:
                tar.addfile(entry, part)
        tar.close()
        file.flush()
        os.fsync(file.fileno())


def _file(label: str) -> str:
    return f"{label}.jsonl"


def _migrations() -> list[str]:
    recorded = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in recorded)


# ---- back again -----------------------------------------------------------------------------------


def restore(*, path: Path, at: datetime, verify: bool = False) -> dict[str, Any]:
    """Bring a backup back into the empty database, all of it or nothing, and say what came.

    Digests and numbers of rows are compared before anything is written; `verify` compares every
    row again as the database gives it back, the tree of units and the audit trail, before anything
    is kept. The installation's key is put in its place too, unless it comes from a setting.
    Raises BackupRefused (S720), DatabaseNotEmpty (S721) and RestoreUnverified (S722).
    """
    manifest = check_file(path)
    _check_schema(manifest, path)
    with _key_in_place(path, manifest), transaction.atomic(), every_row():
        _check_empty(path)
        for model in MADE_BY_MIGRATE:
            model._base_manager.all().delete()
        _fill(path, manifest)
        _reset_sequences()
        _check_references()
        if verify:
            verify_database(manifest)
        audit.record(
            event="backup.restored",
            at=at,
            detail={"made_at": manifest["made_at"], "rows": _rows(manifest), "verified": verify},
        )
    return {
        "path": str(path),
        "made_at": manifest["made_at"],
        "tables": len(manifest["tables"]),
        "rows": _rows(manifest),
        "verified": verify,
    }


def _rows(manifest: dict[str, Any]) -> int:
    return sum(int(table["rows"]) for table in manifest["tables"].values())


def check_file(path: Path) -> dict[str, Any]:
    """Return the manifest of a backup after reading all of it; raises BackupRefused (S720)."""
    try:
        with tarfile.open(path, mode="r:gz") as tar:
            manifest = _read_manifest(tar)
            wanted = {_file(label): (label, table) for label, table in manifest["tables"].items()}
            seen: set[str] = set()
            for entry in tar:
                if entry.name == MANIFEST:
                    continue
                file = tar.extractfile(entry) if entry.isreg() else None
                if file is None or entry.name in seen:
                    raise _refused(path, _("it holds a part that no backup has: %s") % entry.name)
                seen.add(entry.name)
                if entry.name == KEY:
                    _check_digest(path, KEY, file.read(LONGEST_LINE), manifest["key"])
                elif entry.name in wanted:
                    _check_table(path, file, *wanted[entry.name])
                else:
                    raise _refused(path, _("it holds a part that no backup has: %s") % entry.name)
    except (
        OSError,
        EOFError,
        tarfile.TarError,
        zlib.error,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as fault:
        raise _refused(path, str(fault) or type(fault).__name__) from fault
    absent = sorted({*wanted, KEY} - seen)
    if absent:
        raise _refused(path, _("it lacks %s") % ", ".join(absent))
    return manifest


def _read_manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    first = tar.next()
    file = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if file is None:
        raise ValueError(_("its first part is not a manifest"))
    manifest: dict[str, Any] = json.load(file)
    if manifest["format"] != FORMAT:
        raise ValueError(_("its format is %s") % manifest["format"])
    return manifest


def _check_digest(path: Path, name: str, data: bytes, told: dict[str, Any]) -> None:
    if hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise _refused(path, _("%s was altered") % name)


def _check_table(path: Path, file: IO[bytes], label: str, told: dict[str, Any]) -> None:
    digest, rows = hashlib.sha256(), 0
    for text in file:
        digest.update(text)
        rows += 1
    if digest.hexdigest() != told["sha256"] or rows != told["rows"]:
        raise _refused(path, _("%s was altered") % label)


def _refused(path: Path, detail: str) -> BackupRefused:
    return BackupRefused(
        _("This is not a whole backup: %s. Nothing was changed.") % detail,
        where=str(path),
        remedy=_("Take the file again from where it is kept, or another one."),
    )


def _check_schema(manifest: dict[str, Any], path: Path) -> None:
    theirs, ours = set(manifest["migrations"]), set(_migrations())
    labels = {m._meta.label: [f.attname for f in columns(m)] for m in kept_models()}
    told = {label: table["columns"] for label, table in manifest["tables"].items()}
    if theirs == ours and told == labels:
        return
    differ = (
        sorted(theirs ^ ours)[:3]
        or sorted(k for k in {*told, *labels} if told.get(k) != labels.get(k))[:3]
    )
    raise BackupRefused(
        _("The backup was made by another version (%(version)s): %(differ)s differ.")
        % {"version": manifest.get("yipan", "?"), "differ": ", ".join(differ)},
        where=str(path),
        remedy=_("Restore it with the version that made it, then upgrade."),
    )


def _check_empty(path: Path) -> None:
    for model in kept_models():
        if model not in MADE_BY_MIGRATE and model._base_manager.exists():
            raise DatabaseNotEmpty(
                _("The database is not empty: it has rows in %s. Nothing was changed.")
                % model._meta.label,
                where=str(path),
                remedy=_("Set YIPAN_HOME, or YIPAN_DATABASE_URL, to an empty database."),
            )


def _fill(path: Path, manifest: dict[str, Any]) -> None:
    by_file = {_file(m._meta.label): m for m in kept_models()}
    with tarfile.open(path, mode="r:gz") as tar:
        for entry in tar:
            model = by_file.get(entry.name)
            file = tar.extractfile(entry)
            if model is not None and file is not None:
                _insert(model, (json.loads(text) for text in file))


def _insert(model: type[models.Model], rows: Iterator[list[Any]]) -> None:
    batch: list[models.Model] = []
    for one in instances(model, rows):
        batch.append(one)
        if len(batch) == CHUNK:
            model._base_manager.bulk_create(batch)
            batch = []
    if batch:
        model._base_manager.bulk_create(batch)


def _reset_sequences() -> None:
    statements = connection.ops.sequence_reset_sql(no_style(), kept_models())
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def _key_in_place(path: Path, manifest: dict[str, Any]) -> Iterator[None]:
    """Put the backup's key where this installation's is; put the old one back if anything fails."""
    target = config().home / KEY
    if config().secret_key:
        yield
        return
    before = target.read_bytes() if target.exists() else None
    with tarfile.open(path, mode="r:gz") as tar:
        file = tar.extractfile(KEY)
        key = file.read() if file else b""
    _keep_key(target, key)
    try:
        yield
    except BaseException:
        if before is None:
            target.unlink()
        else:
            _keep_key(target, before)
        raise


def _keep_key(target: Path, key: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".partial")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
    os.replace(half, target)


# ---- does it agree --------------------------------------------------------------------------------


def verify_database(manifest: dict[str, Any]) -> None:
    """Return quietly where the database holds exactly what the manifest says.

    Compares each table's rows, the nested set of every package and the seal of the audit trail.
    Raises RestoreUnverified (S722).
    """
    for model in kept_models():
        told, content = manifest["tables"][model._meta.label], Content()
        for row in read_rows(model):
            content.add(row)
        if (content.rows, content.digest) != (told["rows"], told["content"]):
            raise _unverified(_("the rows of %s differ") % model._meta.label)
    wrong = broken_spans(_spans())
    if wrong:
        raise _unverified(_("the tree of units is broken at %s") % wrong)
    if not is_installed(connection):
        raise _unverified(_("the audit trail is not sealed"))
    breaks = walk_chain().breaks
    if breaks:
        raise _unverified(breaks[0].text)


def _check_references() -> None:
    try:
        connection.check_constraints()
    except IntegrityError as fault:
        raise _unverified(str(fault)) from fault


def _spans() -> Iterator[tuple[int, int | None, int, int, int]]:
    rows = Unit.objects.order_by("package_id", "lft")
    yield from rows.values_list("pk", "parent_id", "lft", "rgt", "depth").iterator(chunk_size=CHUNK)


def _unverified(detail: str) -> RestoreUnverified:
    return RestoreUnverified(
        _("What was restored does not agree with the backup: %s. Nothing was kept.") % detail,
        where="restore",
        remedy=_("Keep the file and report this; the database is as empty as before."),
    )
