"""What later stages offer inside the field app, by the names of their addresses.

Report knows nothing of orders: the order stage says here where its bundle is fetched and its acts
are sent, and the app shows a tab for it.
"""

from __future__ import annotations

from django.urls import reverse

NIL = "00000000-0000-0000-0000-000000000000"
_OFFERED: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}


def offer(part: str, **addresses: str | tuple[str, ...]) -> None:
    """Offer a part of the app: its addresses by name, each a URL name or (URL name, arguments)."""
    _OFFERED[part] = {
        name: (given, ()) if isinstance(given, str) else (given[0], tuple(given[1:]))
        for name, given in addresses.items()
    }


def addresses() -> dict[str, dict[str, str]]:
    """Return every offered part's addresses."""
    return {
        part: {name: reverse(url, args=args) for name, (url, args) in named.items()}
        for part, named in _OFFERED.items()
    }
