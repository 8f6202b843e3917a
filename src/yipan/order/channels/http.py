"""One POST with a deadline, and its answers as a channel understands them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from yipan.order.channels.messages import AddressRefused, ChannelDown

SECONDS = 10
LATER = frozenset({408, 425, 429})


def post(address: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send one POST; 2xx is taken, 4xx refuses for good, anything else is to be tried again.

    A redirect is not followed: what is signed for one address goes to no other.
    """
    if not address.startswith(("https://", "http://")):
        raise AddressRefused(f"not an address of the web: {address[:60]}")
    request = urllib.request.Request(address, data=body, headers=dict(headers), method="POST")
    try:
        with _opener().open(request, timeout=SECONDS) as answer:
            status = answer.status
    except urllib.error.HTTPError as fault:
        status = fault.code
    except (OSError, ValueError) as fault:
        raise ChannelDown(str(fault)) from fault
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in LATER:
        raise AddressRefused(f"HTTP {status}")
    raise ChannelDown(f"HTTP {status}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)
