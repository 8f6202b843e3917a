"""Text messages by the reference gateway: POST {to, text, key} with a bearer token.

Any provider is reached by a small program that takes this POST and speaks the provider's own
tongue; docs/reference/order-channels.md describes it.
"""

from __future__ import annotations

import json

from yipan.kernel.config import config
from yipan.order.channels.http import post
from yipan.order.channels.messages import Message
from yipan.order.channels.words import short


class Sms:
    """Sends through the gateway that `YIPAN_SMS_URL` names."""

    name = "sms"

    def ready(self) -> bool:
        """Return whether a gateway is set."""
        return bool(config().sms_url)

    def send(self, message: Message) -> None:
        """Hand one short text to the gateway; raise ChannelDown or AddressRefused."""
        body = {"to": message.address, "text": short(message), "key": message.key}
        post(
            config().sms_url,
            json.dumps(body, ensure_ascii=False).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {config().sms_token}",
                "Idempotency-Key": message.key,
            },
        )
