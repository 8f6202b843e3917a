"""E-mail by SMTP: one message, its key as Message-ID, so that a mail server drops a second copy."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from yipan.kernel.config import config
from yipan.order.channels.messages import AddressRefused, ChannelDown, Message
from yipan.order.channels.words import subject
from yipan.order.models import Notice

SECONDS = 20


class Email:
    """Sends through the server that `YIPAN_EMAIL_URL` names."""

    name = "email"

    def ready(self) -> bool:
        """Return whether a mail server is set."""
        return bool(config().email_url)

    def send(self, message: Message) -> None:
        """Hand one message to the mail server; raise ChannelDown or AddressRefused."""
        url = urlsplit(config().email_url)
        try:
            with smtplib.SMTP(url.hostname or "", url.port or 25, timeout=SECONDS) as server:
                if url.scheme == "smtps+starttls" or "tls" in url.query:
                    server.starttls()
                if url.username:
                    server.login(unquote(url.username), unquote(url.password or ""))
                server.send_message(_letter(message, sender=_sender()))
        except smtplib.SMTPRecipientsRefused as fault:
            codes = [code for code, _text in fault.recipients.values()]
            if all(code >= 500 for code in codes):
                raise AddressRefused(f"recipient refused: {codes}") from fault
            raise ChannelDown(f"recipient put off: {codes}") from fault
        except smtplib.SMTPResponseException as fault:
            raise ChannelDown(f"{fault.smtp_code} {fault.smtp_error!r}") from fault
        except (OSError, smtplib.SMTPException) as fault:
            raise ChannelDown(str(fault)) from fault


def _sender() -> str:
    return config().email_from


def _letter(message: Message, *, sender: str) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = subject(message)
    letter["From"] = sender
    letter["To"] = message.address
    letter["Message-ID"] = f"<{message.key}@{sender.rpartition('@')[2]}>"
    letter["X-Priority"] = str(message.priority + 1)
    letter.set_content(text(message))
    return letter


def text(message: Message) -> str:
    """Return the letter's text: the order's own words, by when, and where to answer."""
    if message.kind == Notice.WITHDRAWN:
        return _withdrawn(message)
    lines = [
        message.title,
        *([message.note] if message.note else []),
        "",
        message.body,
        "",
        _("Done when: %s") % message.closure,
        _("For: %(unit)s. From: %(issuer)s.")
        % {"unit": message.unit_name, "issuer": message.issuer_name},
    ]
    if message.acknowledge_by is not None:
        lines.append(_("To be read by: %s") % f"{message.acknowledge_by:%Y-%m-%d %H:%M %Z}")
    if message.due_at is not None:
        lines.append(_("To be done by: %s") % f"{message.due_at:%Y-%m-%d %H:%M %Z}")
    if message.url:
        lines += ["", _("Acknowledge here: %s") % message.url]
    if message.exercise:
        lines.insert(0, _("This is an exercise."))
    return "\n".join(lines)


def _withdrawn(message: Message) -> str:
    lines = [
        message.title,
        "",
        _("This order is withdrawn; nothing more is to be done."),
        *([_("Why: %s") % message.note] if message.note else []),
        _("For: %(unit)s. From: %(issuer)s.")
        % {"unit": message.unit_name, "issuer": message.issuer_name},
    ]
    if message.exercise:
        lines.insert(0, _("This is an exercise."))
    return "\n".join(lines)
