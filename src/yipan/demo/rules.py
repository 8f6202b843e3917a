"""What a demonstration may never do."""

from __future__ import annotations

from ipaddress import ip_address

from yipan.kernel.errors import YipanError
from yipan.kernel.texts import terminal_text as _


class DemoRefused(YipanError):
    """A demonstration was asked to do what only a live system may."""

    code = "W950"
    status = 409


def check_address(host: str) -> None:
    """Refuse any address but this machine's own: demo people have no passwords (W950)."""
    try:
        inside = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise DemoRefused(
            _("A demonstration is served on this machine only; its people have no passwords."),
            where=host,
            remedy=_("Leave --host at 127.0.0.1, or load a real package with `yipan load`."),
        )
