"""A webhook: the message as JSON, signed, so that the receiver knows who sent it and when."""

from __future__ import annotations

import hashlib
import hmac
import json

from yipan.order.channels.http import post
from yipan.order.channels.messages import Message


class Webhook:
    """Posts to the contact's own address; each contact has its own secret."""

    name = "webhook"

    def ready(self) -> bool:
        """Return True: a contact's address and secret are all it needs."""
        return True

    def send(self, message: Message) -> None:
        """Post one signed message; raise ChannelDown or AddressRefused."""
        body = json.dumps(message.as_dict(), ensure_ascii=False, sort_keys=True).encode()
        post(
            message.address,
            body,
            {
                "Content-Type": "application/json",
                "Idempotency-Key": message.key,
                "Yipan-Signature": signature(body, secret=message.secret),
            },
        )


def signature(body: bytes, *, secret: str) -> str:
    """Return `sha256=` and the HMAC of the body under the contact's secret.

    >>> signature(b"{}", secret="k")
    'sha256=add853b103fbcc936a194f9eb15e29c4ff08af6e47d5d1bca4f20218e31e4fff'
    """
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, *, secret: str, given: str) -> bool:
    """Return whether `given` is the signature of `body`; for receivers, in constant time."""
    return hmac.compare_digest(signature(body, secret=secret), given)
