"""Keys that open persons' identifiers: in a file outside the database, renewed without losing anything.

The file holds one secret for pseudonyms, which never changes (or nobody would be recognised again),
and numbered secrets for sealing, of which the current one seals and all can open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext as _

from yipan.access.errors import IdentityUnreadable
from yipan.kernel.config import config

FILE: Final = "identity.keys"
NONCE: Final = 12


@dataclass(frozen=True)
class Keyring:
    """The keys as the file holds them."""

    pseudonyms: bytes
    current: str
    seals: dict[str, bytes]

    def pseudonym(self, purpose: str, identifier: str) -> str:
        """Return what a person is called for one purpose: 130 bits of a keyed hash, in letters.

        The same identifier, however it is written (width, case, spaces, dashes), has the same
        pseudonym for one purpose, and another for another, so that tables made for different
        purposes cannot be joined without the key.
        """
        key = _derive(self.pseudonyms, f"yipan pseudonym {purpose}")
        told = hmac.new(key, normal(identifier).encode(), hashlib.sha256).digest()
        return base64.b32encode(told).decode("ascii")[:26]

    def seal(self, text: bytes, *, bound_to: str) -> bytes:
        """Return `text` sealed with the current key, so that it opens only where it belongs."""
        nonce = secrets.token_bytes(NONCE)
        key = _derive(self.seals[self.current], "yipan identifiers")
        return nonce + AESGCM(key).encrypt(nonce, text, bound_to.encode())

    def open(self, sealed: bytes, *, key_id: str, bound_to: str) -> bytes:
        """Return what `seal` was given; raises IdentityUnreadable (S723)."""
        secret = self.seals.get(key_id)
        try:
            if secret is not None:
                key = _derive(secret, "yipan identifiers")
                return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())
        except InvalidTag:
            pass
        raise IdentityUnreadable(
            _("The identifiers cannot be opened with the keys that are here."),
            where=key_id,
            remedy=_("Bring back the file %s from where it is kept.") % FILE,
        )


def normal(identifier: str) -> str:
    """Return an identifier as it is compared: one width, one case, no spaces or dashes.

    >>> normal("４１０１ 0519-x") == normal("41010519X")
    True
    """
    wide = unicodedata.normalize("NFKC", identifier).upper()
    return "".join(c for c in wide if c.isalnum())


def keyring() -> Keyring:
    """Return the keys, making the file on first use; raises IdentityUnreadable (S723) if it is spoiled."""
    path = _path()
    if not path.exists():
        _write(path, _fresh(), first=True)
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        seals = {name: base64.b64decode(text) for name, text in told["seals"].items()}
        ring = Keyring(base64.b64decode(told["pseudonyms"]), told["current"], seals)
        ring.seals[ring.current]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise IdentityUnreadable(
            _("The file of identity keys cannot be read."),
            where=path.name,
            remedy=_("Bring back the file %s from where it is kept.") % FILE,
        ) from fault
    return ring


def add_seal(*, at: datetime) -> str:
    """Add a fresh sealing key, make it the current one, and return its name; the old ones still open."""
    ring = keyring()
    name = f"{at:%Y%m%d%H%M%S}"
    while name in ring.seals:
        name += "a"
    _write(_path(), _told(Keyring(ring.pseudonyms, name, {**ring.seals, name: _secret()})))
    return name


def drop_seals(names: set[str]) -> None:
    """Forget sealing keys that seal nothing any more; the current one stays."""
    ring = keyring()
    kept = {n: s for n, s in ring.seals.items() if n == ring.current or n not in names}
    _write(_path(), _told(Keyring(ring.pseudonyms, ring.current, kept)))


def _path() -> Path:
    return config().identity_keys or config().home / FILE


def _secret() -> bytes:
    return secrets.token_bytes(32)


def _fresh() -> dict[str, Any]:
    return _told(Keyring(_secret(), "1", {"1": _secret()}))


def _told(ring: Keyring) -> dict[str, Any]:
    return {
        "pseudonyms": base64.b64encode(ring.pseudonyms).decode("ascii"),
        "current": ring.current,
        "seals": {n: base64.b64encode(s).decode("ascii") for n, s in ring.seals.items()},
    }


def _write(path: Path, told: dict[str, Any], *, first: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(half, flags, 0o600), "w", encoding="ascii") as file:
        json.dump(told, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    if first:  # two workers may start at once: the first one's keys stay
        with suppress(FileExistsError):
            os.link(half, path)
        half.unlink()
    else:
        os.replace(half, path)


def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)
