"""The square code on a printed sheet: where the order stands, or its number where no address is known."""

from __future__ import annotations

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString

QUIET = 4  # modules of white around the code, as the standard asks


def content(delivery_id: str, *, base: str) -> str:
    """Return what the code says.

    >>> content("ab12", base="https://board.example/")
    'https://board.example/orders/deliveries/ab12/'
    >>> content("ab12", base="")
    'yipan:ab12'
    """
    return (
        f"{base.rstrip('/')}/orders/deliveries/{delivery_id}/" if base else f"yipan:{delivery_id}"
    )


def square(text: str, *, label: str) -> SafeString:
    """Return the code as one SVG path, without a style of its own; error correction M."""
    matrix = segno.make(text, error="m", micro=False).matrix
    size = len(matrix) + 2 * QUIET
    runs = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, dark in enumerate(row)
        if dark
    )
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<rect width="{0}" height="{0}" fill="#fff"></rect><path d="{2}" fill="#000"></path></svg>',
        size,
        label,
        runs,
    )
