"""Marks the server draws: tier patterns and swatches, shares and bullets as plain SVG.

Geometry is in SVG attributes, never in `style`: the content security policy refuses inline styles.
"""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

PATTERNED = {"medium": "medium", "undecided": "undecided", "no_data": "none"}


@register.inclusion_tag("web/patterns.svg.html")
def tier_patterns() -> dict[str, object]:
    """Draw, once a page and invisibly, the patterns `swatch` refers to."""
    return {}


@register.simple_tag
def swatch(tier: str) -> SafeString:
    """Return the mark of a tier: low, medium, high, undecided, no_data; the word stands beside it."""
    if tier in ("low", "high"):
        paint = format_html('class="edge t-{}"', tier)
    else:
        name = PATTERNED.get(tier, "none")
        paint = format_html('class="edge p-{}" fill="url(#tier-{})"', name, name)
    return format_html(
        '<svg class="sw" width="18" height="14" aria-hidden="true">'
        '<rect {} x=".5" y=".5" width="17" height="13" rx="2"></rect></svg>',
        paint,
    )


@register.simple_tag
def share(value: float, total: float = 1.0, tone: str = "now") -> SafeString:
    """Return a bar filled to `value / total`; the number stands beside it in text."""
    part = 100 * max(0.0, min(1.0, value / total)) if total else 0.0
    return format_html(
        '<svg class="bullet share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10"></rect>'
        '<rect class="{}" width="{}" height="10"></rect></svg>',
        tone,
        f"{part:.1f}",
    )


@register.simple_tag
def stack(counts: Iterable[tuple[str, float]]) -> SafeString:
    """Return one bar of parts, each with the class given (`sh-p0` … `sh-p3`, `t-low`, …)."""
    parts = [(name, value) for name, value in counts if value > 0]
    total = sum(value for _name, value in parts)
    rows, at = [], 0.0
    for name, value in parts:
        width = 100 * value / total
        rows.append((name, f"{at:.2f}", f"{max(0.4, width - 0.4):.2f}"))
        at += width
    return format_html(
        '<svg class="bullet" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="10"></rect>', rows),
    )
