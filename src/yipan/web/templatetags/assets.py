"""`{% asset "shell.ts" %}`: the tag that loads a built script or style sheet."""

from __future__ import annotations

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from yipan.web.assets import asset_file, preloads

register = template.Library()


@register.simple_tag
def asset(source: str) -> SafeString:
    """Return the `<script>` or `<link>` of a front-end source under its hashed name."""
    address = asset_url(source)
    if address.endswith(".css"):
        return format_html('<link rel="stylesheet" href="{}">', address)
    ahead = format_html_join(
        "",
        '<link rel="modulepreload" href="{}">',
        ((static(f"dist/{name}"),) for name in preloads(source)),
    )
    return format_html('{}<script type="module" src="{}"></script>', ahead, address)


@register.simple_tag
def asset_url(source: str) -> str:
    """Return the address of a front-end source under its hashed name."""
    return static(f"dist/{asset_file(source)}")
