"""Words and marks for every page's templates: `{% load yipan %}`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yipan.assess.models import Tier
from yipan.kernel import words
from yipan.web.templatetags.look import swatch

register = template.Library()
register.filter("people", words.people)
register.filter("count", words.count)
register.filter("money", words.money)
register.filter("percent", words.percent)
register.filter("duration", words.duration)
register.filter("estimate", words.two_digits)
register.filter("likelihood", words.likelihood)


@register.filter
def day(value: date | None) -> str:
    """Return a day in words; empty for none."""
    return words.day(value) if value else ""


@register.filter
def when(value: datetime | None, board: Any) -> str:
    """Return a moment in the board's zone, with its year; empty for none."""
    return words.when(value, board.time.zone) if value else ""


@register.filter
def clock(value: datetime | None, board: Any) -> str:
    """Return a moment in the board's zone, without its year; empty for none."""
    return words.clock(value, board.time.zone) if value else ""


@register.simple_tag
def tier(name: str) -> SafeString:
    """Return a tier's mark and word, never the mark alone."""
    return format_html('<span class="tier">{}{}</span>', swatch(name), Tier(name).label)
