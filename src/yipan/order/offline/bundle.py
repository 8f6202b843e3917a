"""A signed bundle of what is to do: the phone can tell that the words are the board's own.

The text is signed as it is sent, byte for byte, so that no two ways of writing JSON can disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yipan.kernel.config import config
from yipan.order.models import Delivery


@dataclass(frozen=True)
class Bundle:
    """The text of a bundle, its signature and the key that checks it, in hexadecimal."""

    text: str
    signature: str
    public_key: str


def make_bundle(found: Iterable[Delivery], *, person: int, at: datetime, zone: ZoneInfo) -> Bundle:
    """Return the signed bundle of one person's deliveries at `at`, moments in the province's own time."""
    told = {
        "version": 1,
        "made_at": _there(at, zone),
        "person": str(person),
        "orders": _orders(found, zone),
    }
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    key = _key()
    return Bundle(text, key.sign(text.encode()).hex(), _public(key.public_key()))


def _there(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat() if moment else None


def _orders(found: Iterable[Delivery], zone: ZoneInfo) -> list[dict[str, Any]]:
    return [
        {
            "delivery": str(d.pk),
            "state": getattr(d, "state_at", d.state),
            "priority": d.order.priority,
            "title": d.order.title,
            "body": d.order.body,
            "closure": d.order.closure,
            "unit": d.unit.name,
            "issuer": d.order.issuer.name,
            "acknowledge_by": _there(d.acknowledge_by, zone),
            "due_at": _there(d.due_at, zone),
            "exercise": d.order.exercise,
        }
        for d in found
    ]


def is_whole(bundle: Bundle) -> bool:
    """Return whether the signature is of this text under this key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(bundle.public_key))
        key.verify(bytes.fromhex(bundle.signature), bundle.text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _key() -> Ed25519PrivateKey:
    # Of the installation's own key; another use, another key.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"yipan order bundle").derive(
        config().signing_key().encode()
    )
    return Ed25519PrivateKey.from_private_bytes(derived)


def _public(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return raw.hex()
