"""What a channel is given to send: one message, its words, its key; and how a channel says no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Message:
    """One message to one address. Nothing in it names a person."""

    key: str  # the same on every try: the receiver may drop what it has seen
    channel: str
    kind: str  # one of Notice
    address: str
    secret: str
    order_id: str
    delivery_id: str
    matter: str
    priority: int
    unit_code: str
    unit_name: str
    issuer_name: str
    title: str
    body: str
    closure: str
    acknowledge_by: datetime | None
    due_at: datetime | None
    url: str  # of the delivery's page; empty where nobody has said where the console stands
    exercise: bool
    note: str = ""  # why it was given back, changed, withdrawn
    state: str = ""  # of the delivery when the message left

    def as_dict(self) -> dict[str, Any]:
        """Return the message as a machine receives it."""
        return {
            "key": self.key,
            "kind": self.kind,
            "order": self.order_id,
            "delivery": self.delivery_id,
            "matter": self.matter,
            "priority": f"P{self.priority}",
            "unit": self.unit_code,
            "issuer": self.issuer_name,
            "title": self.title,
            "body": self.body,
            "closure": self.closure,
            "acknowledge_by": self.acknowledge_by.isoformat() if self.acknowledge_by else None,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "url": self.url,
            "exercise": self.exercise,
            "note": self.note,
            "state": self.state,
        }


class ChannelDown(Exception):
    """The channel could not be reached: try again later, and leave it alone if it goes on."""


class AddressRefused(Exception):
    """The channel works and refuses this message for good: the next contact is tried."""


class Channel(Protocol):
    """What a channel's folder provides."""

    name: str

    def ready(self) -> bool:
        """Return whether this installation has what the channel needs."""

    def send(self, message: Message) -> None:
        """Hand one message over; raise ChannelDown or AddressRefused."""
