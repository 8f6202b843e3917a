"""The chain over the audit trail: sealed by a later job, anchored daily, and proved by anyone.

Each link's hash covers its record and the hash before it, so that a record changed, removed, put in
or moved breaks every later hash. Once a day the end of the chain is signed and kept as an *anchor*,
in the database and as a file outside it, and every sealing writes the present end to a file as well:
whoever shortens the trail has to reach those too, and any copy that was taken away.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import connection, transaction
from django.utils.translation import gettext as _

from yipan.access.append_only import is_installed
from yipan.access.backup_rows import one_form, plain
from yipan.access.models import AuditAnchor, AuditLink, AuditRecord
from yipan.kernel.config import config

START: Final = hashlib.sha256(b"yipan audit chain").hexdigest()
CHUNK: Final = 2_000
LATE: Final = timedelta(minutes=15)
"""How long after its own moment a record may still be committed: the longest transaction."""
OVERDUE: Final = timedelta(hours=24)
"""How long a record may wait for its seal before `verify` says so."""
FOLDER: Final = "audit"
HEAD: Final = "head.json"
LOCK: Final = 7_090_001  # of PostgreSQL's advisory locks: one sealing at a time


@dataclass(frozen=True)
class End:
    """Where the chain ends."""

    position: int
    hash: str


@dataclass(frozen=True)
class Break:
    """One place where the trail is not what was sealed."""

    kind: str  # altered, missing, gap, anchor, signature, shortened, backdated, open, overdue
    text: str
    record: int | None = None
    position: int | None = None


@dataclass(frozen=True)
class Proof:
    """What `verify` found."""

    records: int
    sealed: int
    anchors: int
    end: End
    breaks: list[Break] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed, put in or moved."""
        return not self.breaks

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as JSON prints it."""
        return {**asdict(self), "whole": self.whole}


# ---- sealing --------------------------------------------------------------------------------------


def seal(*, at: datetime, folder: Path | None = None) -> End:
    """Put every record that is not in the chain yet at its end, and return the new end.

    Idempotent, and safe to run beside another sealing. On the first sealing of a day (UTC) the end
    is signed and anchored. `folder` is where the files go (YIPAN_HOME/audit unless said).
    """
    with transaction.atomic():
        _one_at_a_time()
        end = chain_end()
        while batch := list(_unsealed()[:CHUNK]):
            links = []
            for record in batch:
                end = End(end.position + 1, link_hash(end.hash, record))
                links.append(
                    AuditLink(record=record, position=end.position, hash=end.hash, sealed_at=at)
                )
            AuditLink.objects.bulk_create(links)
        anchor = _anchor(end, at)
    _write_files(folder or _folder(), end, at, anchor)
    return end


def chain_end() -> End:
    """Return where the chain ends now."""
    last = AuditLink.objects.order_by("-position").first()
    return End(last.position, last.hash) if last else End(0, START)


def link_hash(before: str, record: AuditRecord) -> str:
    """Return the hash of a record's link: of the hash before it and everything the record says.

    Written in one form whatever the database: keys sorted, moments in UTC, numbers plain.
    """
    said = [
        record.pk,
        plain(record.at),
        plain(record.recorded_at),
        record.actor_id,
        record.event,
        record.object_type,
        record.object_id,
        record.unit_id,
        record.incident_id,
        one_form(record.detail),
    ]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def _unsealed() -> Any:
    return AuditRecord.objects.filter(link__isnull=True).order_by("pk")


def _one_at_a_time() -> None:
    if connection.vendor == "postgresql":  # SQLite has one writer at a time anyway
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


# ---- anchors --------------------------------------------------------------------------------------


def _anchor(end: End, at: datetime) -> AuditAnchor | None:
    day = at.astimezone(UTC).date()
    if end.position == 0 or AuditAnchor.objects.filter(day=day).exists():
        return None
    return AuditAnchor.objects.create(
        day=day,
        position=end.position,
        hash=end.hash,
        made_at=at,
        public_key=public_key(),
        signature=_private_key().sign(_signed_text(day, end)).hex(),
    )


def _signed_text(day: date, end: End) -> bytes:
    return f"yipan audit {day.isoformat()} {end.position} {end.hash}".encode()


def _private_key() -> Ed25519PrivateKey:
    # Of the installation's own key, which never lies in the database.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"yipan audit anchor").derive(
        config().signing_key().encode()
    )
    return Ed25519PrivateKey.from_private_bytes(derived)


def public_key() -> str:
    """Return the key by which anyone can check this installation's anchors, in hexadecimal."""
    raw = _private_key().public_key()
    return raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def _folder() -> Path:
    return config().home / FOLDER


def _write_files(folder: Path, end: End, at: datetime, anchor: AuditAnchor | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if anchor is not None:
        _write(folder / f"{anchor.day.isoformat()}.json", _told(anchor))
    _write(folder / HEAD, {**asdict(end), "at": at.isoformat()})


def _told(anchor: AuditAnchor) -> dict[str, Any]:
    return {
        "day": anchor.day.isoformat(),
        "position": anchor.position,
        "hash": anchor.hash,
        "public_key": anchor.public_key,
        "signature": anchor.signature,
    }


def _write(path: Path, told: dict[str, Any]) -> None:
    half = path.with_suffix(".partial")
    half.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="ascii")
    os.replace(half, path)


# ---- proving --------------------------------------------------------------------------------------


def verify(*, at: datetime, folder: Path | None = None) -> Proof:
    """Walk the whole chain and return every place where the trail is not what was sealed.

    Finds a record changed, removed, moved or put in, a trail shortened since the last file or
    anchor, an anchor whose signature is not this installation's, tables that were opened for
    change, a record written long after the moment it claims, and a sealing that is overdue. `at`
    is now; `folder` is where the files are (YIPAN_HOME/audit unless said).
    """
    files = list(_files(folder or _folder()))
    proof = walk_chain(told_outside=files)
    breaks = list(proof.breaks)
    waiting = _unsealed().filter(recorded_at__lt=at - OVERDUE).count()
    if waiting:
        text = _("%(count)d record(s) have waited for their seal for over a day.")
        breaks.append(Break("overdue", text % {"count": waiting}))
    if not is_installed(connection):
        text = _("The database would let the trail be changed: its triggers are gone.")
        breaks.append(Break("open", text))
    return replace(proof, breaks=breaks)


def walk_chain(*, told_outside: Sequence[tuple[str, dict[str, Any]]] = ()) -> Proof:
    """Return what the chain in the database says of itself, and of the ends told outside it."""
    anchors = [(a.day.isoformat(), _told(a)) for a in AuditAnchor.objects.order_by("day")]
    told = [*anchors, *told_outside]
    watched = {int(t["position"]) for _name, t in told}
    breaks: list[Break] = []
    ends, end = {0: START}, End(0, START)
    batch: datetime | None = None
    batch_before: datetime | None = None
    for link, record in _walk():
        if link.sealed_at != batch:
            batch_before, batch = batch, link.sealed_at
        breaks += _link_breaks(link, record, end, batch_before)
        end = End(link.position, link.hash)
        if link.position in watched:
            ends[link.position] = link.hash
    for name, one in told:
        breaks += _anchor_breaks(one, ends, name)
    return Proof(
        records=AuditRecord.objects.count(),
        sealed=end.position,
        anchors=len(anchors),
        end=end,
        breaks=breaks,
    )


def _walk() -> Iterator[tuple[AuditLink, AuditRecord | None]]:
    """Yield every link with its record, None where the record is gone."""
    after = 0
    while links := list(AuditLink.objects.filter(position__gt=after).order_by("position")[:CHUNK]):
        records = AuditRecord.objects.in_bulk([link.record_id for link in links])
        for link in links:
            yield link, records.get(link.record_id)
        after = links[-1].position


def _link_breaks(
    link: AuditLink, record: AuditRecord | None, before: End, sealed_before: datetime | None
) -> Iterator[Break]:
    where = {"record": link.record_id, "position": link.position}
    if link.position != before.position + 1:
        text = _("Between places %(from)d and %(to)d of the chain links are missing.")
        yield Break("gap", text % {"from": before.position, "to": link.position}, **where)
    if record is None:
        yield Break("missing", _("Record %(record)d was removed.") % where, **where)
        return
    if link.position == before.position + 1 and link_hash(before.hash, record) != link.hash:
        text = _("Record %(record)d, or its place in the chain, is not what was sealed.")
        yield Break("altered", text % where, **where)
    if sealed_before is not None and record.recorded_at < sealed_before - LATE:
        text = _("Record %(record)d was written long after the moment it claims.")
        yield Break("backdated", text % where, **where)


def _anchor_breaks(told: dict[str, Any], ends: dict[int, str], name: str) -> Iterator[Break]:
    position = int(told["position"])
    if position not in ends:
        text = _("The trail was shortened: %(name)s knew %(count)d records.")
        yield Break("shortened", text % {"name": name, "count": position}, position=position)
    elif ends[position] != told["hash"]:
        text = _("The chain is not the one that %(name)s knew at place %(count)d.")
        yield Break("anchor", text % {"name": name, "count": position}, position=position)
    if position > 0 and "signature" in told and not _signed_here(told):
        text = _("The signature of %(name)s is not this installation's.")
        yield Break("signature", text % {"name": name}, position=position)


def _signed_here(told: dict[str, Any]) -> bool:
    end = End(int(told["position"]), str(told["hash"]))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key()))
    try:
        key.verify(
            bytes.fromhex(str(told["signature"])),
            _signed_text(date.fromisoformat(str(told["day"])), end),
        )
    except (InvalidSignature, ValueError):
        return False
    return str(told["public_key"]) == public_key()


def _files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            told = json.loads(path.read_text(encoding="ascii"))
            int(told["position"]), str(told["hash"])
        except (ValueError, KeyError, TypeError):
            told = {"position": -1, "hash": ""}  # a file that was spoiled proves nothing: say so
        yield path.name, told
