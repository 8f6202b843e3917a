"""Which channels this installation has; to add one, copy a folder and name it here."""

from __future__ import annotations

from collections.abc import Mapping

from yipan.order.channels.email.channel import Email
from yipan.order.channels.messages import Channel
from yipan.order.channels.sms.channel import Sms
from yipan.order.channels.webhook.channel import Webhook


def channels() -> Mapping[str, Channel]:
    """Return the channels that have what they need, by name.

    The inbox needs no sending (it *is* the delivery), the CAP feed and the sheet are fetched.
    """
    every: tuple[Channel, ...] = (Email(), Sms(), Webhook())
    return {channel.name: channel for channel in every if channel.ready()}
