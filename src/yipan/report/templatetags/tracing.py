"""How cases, contacts and their links are said: `{% load tracing %}`."""

from __future__ import annotations

import math
from typing import Any

from django import template
from django.template.context import Context
from django.utils.translation import gettext as _

from yipan.access.rules import Action
from yipan.access.scope import IDENTITY
from yipan.report.contacts.models import Certainty
from yipan.report.contacts.rules import STANDING_WORDS, Standing

register = template.Library()


@register.simple_tag(takes_context=True)
def sees_persons(context: Context) -> bool:
    """Return whether whoever looks at the page may see who a person is, anywhere."""
    scope: Any = context.get("scope")
    return bool(scope) and bool(scope.may(Action.IDENTITY_REVEAL, sensitivity=IDENTITY))


@register.filter
def standing_word(standing: str) -> str:
    """Return where a follow-up stands, in words."""
    return str(STANDING_WORDS[Standing(standing)])


@register.filter
def how_word(how: str) -> str:
    """Return how a link is known, in words; empty for none."""
    if how == "contact":
        return _("a contact that fell ill")
    return str(Certainty(how).label) if how else ""


@register.filter
def purpose_word(purpose: str) -> str:
    """Return for which purpose a person is known."""
    return {"case": _("case"), "contact": _("contact")}.get(purpose, _("register"))


@register.filter
def k_words(k: float) -> str:
    """Return a dispersion with two digits; words where it has no bound or nothing is known."""
    if math.isnan(k):
        return _("not known")
    return _("without bound") if math.isinf(k) else f"{k:.2f}"


@register.filter
def minus_sign(days: int) -> str:
    """Return a whole number with a real minus."""
    return f"{days}".replace("-", "−")


@register.filter
def plus(value: float, more: float) -> float:
    """Return a coordinate moved by `more`."""
    return round(value + more, 1)


@register.filter
def from_foot(height: float, foot: float) -> float:
    """Return where a bar of this height begins, above its foot."""
    return foot - height
