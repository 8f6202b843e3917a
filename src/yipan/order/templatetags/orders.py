"""Marks and words of orders: priority tags, clocks, lanes of steps, stretches on a log scale."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yipan.kernel.config import config
from yipan.kernel.words import duration
from yipan.order.channels.sheet.code import content, square
from yipan.order.deliveries.lanes import Lane
from yipan.order.deliveries.queries import Quantiles, clock_words
from yipan.order.models import Delivery, DeliveryEvent, DeliveryState, Priority

register = template.Library()

STEP_WORDS = {
    "acknowledge": gettext_lazy("to acknowledgement"),
    "accept": gettext_lazy("to acceptance"),
    "work": gettext_lazy("doing the work"),
    "verify": gettext_lazy("verification"),
}
WIDTH = 240
LOG_FROM, LOG_TO = math.log10(0.5), math.log10(2880)  # half a minute to two days


@register.simple_tag
def priority(value: int) -> SafeString:
    """Return the tag of a priority."""
    return format_html('<span class="tag p{}">{}</span>', value, Priority(value).label)


@register.simple_tag
def order_clock(delivery: Delivery, at: datetime) -> SafeString:
    """Return what the clock of a delivery says; in the alarm's colour only where it is late."""
    words, late = clock_words(delivery, at=at)
    return format_html('<span class="nb{}">{}</span>', " alert b" if late else "", words)


@register.filter
def state_words(delivery: Delivery) -> str:
    """Return the state of a delivery at the moment shown."""
    return str(DeliveryState(getattr(delivery, "state_at", delivery.state)).label)


@register.filter
def event_words(event: DeliveryEvent) -> str:
    """Return to which state a step led, in words."""
    return str(DeliveryState(event.after).label)


@register.simple_tag
def lane(drawn: Lane, reach: float) -> SafeString:
    """Return one lane of steps with the tick of its deadline; its name says the same in words."""
    scale = WIDTH / max(reach, 1.0)
    parts = format_html_join(
        "",
        '<rect class="ln-{}" x="{}" y="3" width="{}" height="9"></rect>',
        (
            (p.step, f"{p.start * scale:.1f}", f"{max(0.8, (p.end - p.start) * scale):.1f}")
            for p in drawn.parts
        ),
    )
    tick = SafeString("")
    if drawn.deadline is not None:
        x = f"{min(WIDTH - 1.0, drawn.deadline * scale):.1f}"
        tick = format_html('<rect class="ln-due" x="{}" y="0" width="2" height="15"></rect>', x)
    return format_html(
        '<svg class="lane" viewBox="0 0 {} 15" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="ln-track" y="3" width="{}" height="9"></rect>{}{}</svg>',
        WIDTH,
        lane_words(drawn),
        WIDTH,
        parts,
        tick,
    )


def lane_words(drawn: Lane) -> str:
    """Return a lane in words: each stretch with its length."""
    told = [f"{STEP_WORDS[p.step]} {duration(p.end - p.start)}" for p in drawn.parts]
    return "; ".join(told) or _("not delivered yet")


@register.inclusion_tag("order/lane_key.html")
def lane_key() -> dict[str, Any]:
    """Say which colour of a lane is which step."""
    return {"steps": list(STEP_WORDS.items())}


@register.simple_tag
def stretch(found: Quantiles | None) -> SafeString:
    """Return the middle half, nine tenths and median of a stretch on a log scale of minutes."""
    if found is None:
        return format_html('<span class="mut">{}</span>', _("none yet"))
    x = {name: _log_x(getattr(found, name)) for name in ("q05", "q25", "median", "q75", "q95")}
    return format_html(
        '<svg class="lane stretch" viewBox="0 0 {} 15" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ln-grid" x="{}" width="1" height="15"></rect>'
        '<rect class="ln-grid" x="{}" width="1" height="15"></rect>'
        '<rect class="ln-thin" x="{}" y="6.5" width="{}" height="2"></rect>'
        '<rect class="ln-thick" x="{}" y="3.5" width="{}" height="8"></rect>'
        '<rect class="ln-due" x="{}" y="1" width="2" height="13"></rect></svg>',
        WIDTH,
        f"{_log_x(1):.1f}",
        f"{_log_x(60):.1f}",
        f"{x['q05']:.1f}",
        f"{max(1.0, x['q95'] - x['q05']):.1f}",
        f"{x['q25']:.1f}",
        f"{max(1.0, x['q75'] - x['q25']):.1f}",
        f"{x['median']:.1f}",
    )


def _log_x(minutes: float) -> float:
    at = math.log10(max(minutes, 0.5))
    return WIDTH * min(1.0, max(0.0, (at - LOG_FROM) / (LOG_TO - LOG_FROM)))


@register.filter
def minutes(value: float | str | None) -> str:
    """Return a length in minutes in words; a dash where there is none (a template says "" then)."""
    return duration(value) if isinstance(value, int | float) else "–"


@register.filter
def paragraphs(text: str) -> list[str]:
    """Return the lines of an order's text."""
    return [line for line in text.splitlines() if line.strip()]


@register.simple_tag
def order_code(delivery: Delivery) -> SafeString:
    """Return the square code that leads back to a delivery."""
    base = config().public_url
    return square(content(str(delivery.pk), base=base), label=_("Code of this order"))
