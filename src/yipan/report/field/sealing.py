"""A phone's outbox as a file that only this server can open: ECDH P-256, HKDF-SHA256, AES-256-GCM.

The phone makes a key pair for one file, agrees on a secret with the server's public key and forgets its
own half; who finds the file on the phone, or on the way, learns nothing from it. The server's key
is derived from the installation's own, so it need not be kept apart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext as _

from yipan.kernel.config import config
from yipan.report.errors import OutboxUnreadable

VERSION = 1
INFO = b"yipan field outbox 1"
LARGEST = 2 * 1024 * 1024
# Order of the curve P-256 (FIPS 186-5): a private key is a number from 1 to this less one.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class PublicKey:
    """The server's public key as a phone keeps it: its short name and its point, base64."""

    id: str
    point: str


def public_key() -> PublicKey:
    """Return the key that phones lock their files to."""
    point = _point(_private().public_key())
    return PublicKey(_name(point), base64.b64encode(point).decode())


def open_outbox(body: bytes, *, name: str) -> dict[str, Any]:
    """Return what a phone wrote into a file; raises OutboxUnreadable (R172) saying why it cannot."""
    if len(body) > LARGEST:
        raise OutboxUnreadable(name=name, why=_("it is larger than %d MiB") % (LARGEST >> 20))
    try:
        outer = json.loads(body)
        sealed = _from64(outer["sealed"])
        point, iv = _from64(outer["point"]), _from64(outer["iv"])
        key_name, version = str(outer["key"]), outer["yipan_outbox"]
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise OutboxUnreadable(name=name, why=_("it is not such a file")) from fault
    if version != VERSION:
        raise OutboxUnreadable(name=name, why=_("it is of another version (%s)") % str(version)[:8])
    if key_name != public_key().id:
        raise OutboxUnreadable(name=name, why=_("it is locked to another server's key"))
    try:
        there = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        secret = _private().exchange(ec.ECDH(), there)
        key = HKDF(SHA256(), 32, salt=point, info=INFO).derive(secret)
        plain = AESGCM(key).decrypt(iv, sealed, key_name.encode())
        inner = json.loads(plain)
    except (InvalidTag, ValueError, RecursionError) as fault:
        raise OutboxUnreadable(name=name, why=_("it was damaged or changed on the way")) from fault
    if not isinstance(inner, dict):
        raise OutboxUnreadable(name=name, why=_("it is not such a file"))
    return inner


def _private() -> ec.EllipticCurvePrivateKey:
    # Of the installation's own key; another use, another key. 48 bytes leave no bias in the remainder.
    raw = HKDF(SHA256(), 48, salt=None, info=b"yipan field outbox key").derive(
        config().signing_key().encode()
    )
    return ec.derive_private_key(int.from_bytes(raw) % (ORDER - 1) + 1, ec.SECP256R1())


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _name(point: bytes) -> str:
    return hashlib.sha256(point).hexdigest()[:16]


def _from64(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("not base64")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError("not base64") from fault
