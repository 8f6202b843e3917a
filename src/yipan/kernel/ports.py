"""Whether a port of this machine is free."""

from __future__ import annotations

import socket

from yipan.kernel.errors import ConfigurationError
from yipan.kernel.texts import terminal_text as _


class PortTaken(ConfigurationError):
    """Another program listens on the port asked for."""

    code = "K002"
    status = 409


def check_free(host: str, port: int) -> None:
    """Refuse a port that is taken, or an address this machine does not have (K002)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise PortTaken(
                _("The console cannot listen there: %s.") % (fault.strerror or fault),
                where=f"{host}:{port}",
                remedy=_("Choose another with --port, or stop the program that uses it."),
            ) from fault
