"""Originals of files of counts, kept a month under their digest so that nothing sent is lost."""

from __future__ import annotations

import hashlib
import os
from datetime import date, datetime, timedelta
from pathlib import Path

from yipan.access import retention
from yipan.kernel.config import config
from yipan.report.models import Submission

KEPT = timedelta(days=30)


def digest_of(body: bytes) -> str:
    """Return the digest under which a file is known."""
    return hashlib.sha256(body).hexdigest()


def keep(body: bytes) -> str:
    """Keep a file and return its digest; the same file is kept once, readable by this account only."""
    digest = digest_of(body)
    path = _path(digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(body)
        fresh.replace(path)
    return digest


def kept(digest: str) -> bytes | None:
    """Return a kept file's bytes, None once it has expired."""
    path = _path(digest)
    return path.read_bytes() if path.exists() else None


def forget_expired(*, today: date) -> int:
    """Delete the originals whose time is over and return how many went."""
    gone = 0
    over = Submission.objects.filter(file_expires_on__lte=today).exclude(file_digest="")
    still = set(
        Submission.objects.filter(file_expires_on__gt=today).values_list("file_digest", flat=True)
    )
    for digest in set(over.values_list("file_digest", flat=True)) - still:
        path = _path(digest)
        if path.exists():
            path.unlink()
            gone += 1
    return gone


def _end(at: datetime) -> int:
    return forget_expired(today=at.date())


retention.ends("files", _end)


def _path(digest: str) -> Path:
    return config().home / "uploads" / digest[:2] / digest
