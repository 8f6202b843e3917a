"""A backup is whole, restores exactly, and a bad one changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from cast import NOON, Cast, Province
from yipan.access import audit, backup_rows
from yipan.access.append_only import install, remove
from yipan.access.backup import backup, check_file, one_moment, restore, verify_database
from yipan.access.errors import BackupRefused, DatabaseNotEmpty, RestoreUnverified
from yipan.access.models import AuditRecord, Incident, User
from yipan.kernel.config import config
from yipan.places.models import Package, Unit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(cast: Cast, incident: Incident, province: Province, tmp_path: Path) -> Path:
    """A backup of the small province and its people."""
    # What databases write differently: large and whole floats in JSON, Chinese, an old date.
    Package.objects.filter(pk=province.package.pk).update(
        parameters={"b": 1e16, "a": [1.0, 0.1, None, "疫情"], "nested": {"z": 1, "y": -0.0}}
    )
    return backup(to=tmp_path / "deep" / "tonight.tar.gz", at=NOON)


def emptied() -> None:
    """Empty the database as a fresh one is."""
    remove(connection)
    try:
        call_command("flush", verbosity=0, interactive=False)
    finally:
        install(connection)


def everything() -> dict[str, list[list[Any]]]:
    return {
        m._meta.label: sorted(map(repr, backup_rows.read_rows(m)))  # type: ignore[misc]
        for m in backup_rows.kept_models()
        if m is not AuditRecord
    }


def altered(path: Path, change: Any) -> Path:
    """The same backup with its parts changed by `change(name, data) -> data | None`."""
    target = path.with_name("altered.tar.gz")
    with tarfile.open(path) as old, tarfile.open(target, "w:gz") as new:
        for entry in old:
            data = change(entry.name, old.extractfile(entry).read())  # type: ignore[union-attr]
            if data is None:
                continue
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return target


# ---- refusals: nothing is changed ----


def test_a_database_with_rows_in_it_is_left_as_it_was(made: Path) -> None:
    before = everything()
    with pytest.raises(DatabaseNotEmpty):
        restore(path=made, at=NOON)
    assert everything() == before


def spoil_rows(name: str, data: bytes) -> bytes:
    return data.replace(b"Alder", b"Elder") if name == "places.Unit.jsonl" else data


BAD = {
    "altered rows": lambda p: altered(p, spoil_rows),
    "a part missing": lambda p: altered(p, lambda n, d: None if n == "access.User.jsonl" else d),
    "no manifest": lambda p: altered(p, lambda n, d: None if n == "manifest.json" else d),
    "no key": lambda p: altered(p, lambda n, d: None if n == "secret.key" else d),
    "another key": lambda p: altered(p, lambda n, d: b"x" if n == "secret.key" else d),
    "a row less": lambda p: altered(
        p, lambda n, d: d[d.index(b"\n") + 1 :] if n == "access.Grant.jsonl" else d
    ),
    "a manifest of nothing": lambda p: altered(
        p, lambda n, d: b"{}" if n == "manifest.json" else d
    ),
    "a manifest that is a list": lambda p: altered(
        p, lambda n, d: b"[]" if n == "manifest.json" else d
    ),
    "truncated": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]) and p,
    "a bit flipped": lambda p: (
        p.write_bytes(p.read_bytes()[:3000] + b"\x00" + p.read_bytes()[3001:]) and p
    ),
    "not a tar": lambda p: p.write_bytes(gzip.compress(b"hello")) and p,
    "empty": lambda p: p.write_bytes(b"") or p,
    "absent": lambda p: p.with_name("nowhere.tar.gz"),
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_before_anything_is_written(made: Path, spoil: Any) -> None:
    bad = spoil(made)
    emptied()
    key = config().signing_key()
    with pytest.raises(BackupRefused) as refused:
        restore(path=bad, at=NOON)
    assert refused.value.code == "S720"
    assert refused.value.remedy
    assert not User.objects.exists()
    assert not Unit.objects.exists()
    assert config().signing_key() == key


def test_a_part_that_does_not_belong_is_refused(made: Path) -> None:
    with tarfile.open(made) as old, tarfile.open(made.with_name("more.tar.gz"), "w:gz") as new:
        for entry in old:
            new.addfile(entry, old.extractfile(entry))
        new.addfile(tarfile.TarInfo("../../etc/passwd"))
    with pytest.raises(BackupRefused, match="passwd"):
        check_file(made.with_name("more.tar.gz"))


def test_a_backup_of_another_schema_is_refused_with_the_difference(made: Path) -> None:
    MigrationRecorder(connection).record_applied("access", "9999_from_the_future")
    try:
        with pytest.raises(BackupRefused, match="9999_from_the_future"):
            restore(path=made, at=NOON)
    finally:
        MigrationRecorder(connection).record_unapplied("access", "9999_from_the_future")


def test_where_nothing_can_be_written_nothing_is_left(cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BackupRefused):
        backup(to=tmp_path / "file" / "tonight.tar.gz", at=NOON)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("label", ["access.Grant", "access.Incident"], ids=["a row", "a reference"])
def test_what_does_not_agree_afterwards_is_not_kept(
    made: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    def loses_one(model: Any, rows: Any) -> None:
        kept = list(backup_rows.instances(model, rows))
        model._base_manager.bulk_create(kept[:-1] if model._meta.label == label else kept)

    emptied()
    monkeypatch.setattr("yipan.access.backup._insert", loses_one)
    with pytest.raises(RestoreUnverified, match=f"(?i){label.rpartition('.')[2]}"):
        restore(path=made, at=NOON, verify=True)
    assert not User.objects.exists()


def test_a_broken_tree_is_found(made: Path, province: Province) -> None:
    Unit.objects.filter(code="100101").update(rgt=4000)
    fresh = backup(to=made.with_name("broken.tar.gz"), at=NOON)
    emptied()
    with pytest.raises(RestoreUnverified, match="tree"):
        restore(path=fresh, at=NOON, verify=True)


def test_an_unsealed_trail_is_found(made: Path) -> None:
    remove(connection)
    try:
        with pytest.raises(RestoreUnverified, match="audit"):
            verify_database(check_file(made))
    finally:
        install(connection)


# ---- and what works ----


def test_everything_comes_back_as_it_was(made: Path) -> None:
    before, acts = everything(), list(AuditRecord.objects.order_by("pk").values())
    package = Package.objects.get().parameters
    emptied()
    outcome = restore(path=made, at=NOON, verify=True)
    assert everything() == before
    assert Package.objects.get().parameters == package
    trail = list(AuditRecord.objects.order_by("pk").values())
    assert trail[:-1] == acts
    assert trail[-1]["event"] == "backup.restored"
    assert outcome["verified"] is True
    assert outcome["rows"] == sum(len(rows) for rows in before.values()) + len(acts)


def test_new_rows_after_a_restore_do_not_meet_old_numbers(made: Path) -> None:
    last = User.objects.latest("pk").pk
    emptied()
    restore(path=made, at=NOON, verify=True)
    assert User.objects.create(username="afterwards").pk > last
    with transaction.atomic():
        audit.record(event="person.created", at=NOON)


def test_the_key_comes_with_it(made: Path) -> None:
    key = config().signing_key()
    emptied()
    (config().home / "secret.key").write_text("another installation's key")
    restore(path=made, at=NOON)
    assert config().signing_key() == key
    assert (config().home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_the_file_is_for_its_owner_only_and_leaves_nothing_beside_it(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in made.parent.iterdir()] == [made.name]


def test_the_manifest_says_what_is_in_it(made: Path) -> None:
    manifest = check_file(made)
    assert manifest["made_at"] == NOON.isoformat()
    assert "access.0001_initial" in manifest["migrations"]
    assert manifest["tables"]["places.Unit"]["rows"] == Unit.objects.count()
    assert "sessions.Session" not in manifest["tables"]


def test_a_backup_shows_one_moment(cast: Cast) -> None:
    before = User.objects.count()
    with one_moment():
        assert User.objects.count() == before
        assert not connection.in_atomic_block
    assert User.objects.count() == before
    User.objects.create(username="later")


def test_no_field_changes_itself_on_the_way_back() -> None:
    """`auto_now` would overwrite what is restored."""
    for model in backup_rows.kept_models():
        for field in backup_rows.columns(model):
            assert not getattr(field, "auto_now", False), field
            assert not getattr(field, "auto_now_add", False), field


def test_every_model_with_a_table_is_kept_or_named_as_left_out() -> None:
    kept = {*backup_rows.kept_models(), *backup_rows.LEFT_OUT}
    assert {m for m in apps.get_models(include_auto_created=True) if m._meta.managed} == kept


def test_what_refers_comes_after_what_it_refers_to() -> None:
    order = [m._meta.label for m in backup_rows.kept_models()]
    assert order.index("places.Unit") < order.index("access.Grant") < len(order)
    assert order.index("access.Incident") < order.index("access.Incident_places")


def test_a_digest_does_not_depend_on_order_or_on_how_numbers_are_written() -> None:
    one, other = backup_rows.Content(), backup_rows.Content()
    rows = [[1, {"a": 1e16, "b": 2}], [2, {"c": [0.5]}]]
    for row in rows:
        one.add(row)
    for row in json.loads(json.dumps([[2.0, {"c": [0.5]}], [1, {"b": 2, "a": 10**16}]])):
        other.add(row)
    assert one.digest == other.digest
    other.add([3])
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.DateTimeField(), NOON),
        (models.DateField(), NOON.date()),
        (models.TimeField(), NOON.time()),
        (models.DurationField(), timedelta(days=-3, seconds=7, microseconds=5)),
        (models.BinaryField(), b"\x00\xff"),
    ],
)
def test_a_value_survives_the_way_there_and_back(field: models.Field[Any, Any], value: Any) -> None:
    written = json.loads(json.dumps(backup_rows.plain(value)))
    assert backup_rows._typed(field, written) == value
