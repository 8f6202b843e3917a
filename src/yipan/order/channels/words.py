"""The words of a message where there is little room: no personal data, no link without an address."""

from __future__ import annotations

from django.utils.translation import gettext as _

from yipan.kernel.words import day
from yipan.order.channels.messages import Message
from yipan.order.models import Notice

SMS_LONGEST = 210  # three parts of a Chinese message


def subject(message: Message) -> str:
    """Return one line that says how urgent it is and what is to be done."""
    mark = _("[Exercise] ") if message.exercise else ""
    return f"{mark}[P{message.priority}] {_lead(message)}{message.title}"


def _lead(message: Message) -> str:
    leads = {
        Notice.UNREAD.value: _("Not read yet: "),
        Notice.DUE.value: _("Due soon: "),
        Notice.ESCALATED.value: _("Waits for your help: "),
        Notice.RETURNED.value: _("Given back: "),
        Notice.CLAIMED.value: _("Reported done: "),
        Notice.CHANGED.value: _("Changed: "),
        Notice.WITHDRAWN.value: _("Withdrawn, nothing more to do: "),
    }
    return leads.get(message.kind, "")


def short(message: Message) -> str:
    """Return the message for a telephone without a network of its own: one text, cut at the end.

    The order's number stands last and is never cut, so that a reply can name it.
    """
    number = message.delivery_id[:8].upper()
    parts = [subject(message)]
    if message.acknowledge_by is not None and message.kind in (Notice.DELIVERED, Notice.UNREAD):
        by = message.acknowledge_by
        parts.append(_("Read by %s.") % f"{day(by.date())} {by:%H:%M}")
    text = " ".join(parts)
    end = _(" No. %s") % number
    return text[: SMS_LONGEST - len(end)].rstrip() + end
