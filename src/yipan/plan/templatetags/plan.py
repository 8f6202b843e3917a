"""Numbers of the plan pages: `{% load plan %}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template

from yipan.kernel import words
from yipan.plan.queries import chance_words

register = template.Library()


@register.filter
def unlocal(value: float) -> str:
    """Return a number as a machine reads it, whatever the language in use."""
    return f"{value:.10g}"


@register.filter
def percent1(value: float) -> str:
    """Return a share as per cent with one digit behind the point; none at 0 and 100 %."""
    return chance_words(value)


@register.filter
def decimal2(value: float) -> str:
    """Return a number with two places."""
    return words.decimal(value, 2)


@register.simple_tag
def levels(by_setting: Mapping[str, Sequence[int]], setting: str) -> str:
    """Return one setting's levels as digits, one a week."""
    return "".join(str(level) for level in by_setting[setting])


@register.filter
def per_cent(value: float) -> str:
    """Return a share as the number a form takes, in per cent."""
    return f"{100 * value:.6g}"
