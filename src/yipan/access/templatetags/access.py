"""What the pages of access say about moments, acts and rights: `{% load access %}`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import Context

from yipan.access import audit
from yipan.access.rules import Action
from yipan.kernel import words

register = template.Library()

UTC = ZoneInfo("UTC")


@register.filter
def moment(value: datetime | None, zone: ZoneInfo | None) -> str:
    """Return a moment in words in the zone given, UTC (and saying so) where there is none."""
    if value is None:
        return ""
    return words.when(value, zone) if zone else f"{words.when(value, UTC)} UTC"


@register.filter
def event_words(event: str) -> str:
    """Return what an audit event is called."""
    return audit.in_words(event)


@register.simple_tag(takes_context=True)
def may(context: Context, action: str) -> bool:
    """Return whether whoever looks at the page may do `action` anywhere."""
    scope: Any = context.get("scope")
    return bool(scope) and bool(scope.may(Action(action)))


@register.filter
def lookup(table: dict[Any, Any], key: Any) -> Any:
    """Return the entry of a table, the key itself where it has none."""
    return table.get(key, key)
