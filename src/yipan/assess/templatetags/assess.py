"""Words of assess for its templates: `{% load assess %}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from yipan.assess.models import Alarm
from yipan.assess.warnings.words import null_in_words, sentence
from yipan.kernel import words
from yipan.places.models import Level
from yipan.report.dictionary import ELEMENTS
from yipan.report.models import Value

register = template.Library()


@register.filter
def rt_words(rt: Mapping[str, Any]) -> str:
    """Return an Rt with its 90 % interval."""
    return words.interval(rt["median"], rt["q05"], rt["q95"])


@register.filter
def plain_number(value: float) -> str:
    """Return a number as an attribute of an element needs it, whatever the language."""
    return f"{value:.3f}"


@register.filter
def level_words(level: str) -> str:
    """Return what a level of the tree is called."""
    return str(Level(level).label)


@register.filter
def element_words(value: Value) -> str:
    """Return the label of a value's element."""
    element = ELEMENTS.get(value.element)
    return element.label if element is not None else value.element


@register.filter
def value_words(value: Value) -> str:
    """Return a value as people read it: yes or no for a flag, a count otherwise."""
    if value.value is None:
        return _("withdrawn")
    element = ELEMENTS.get(value.element)
    if element is not None and element.flag:
        return _("yes") if value.value else _("no")
    return words.count(value.value)


@register.filter
def alarm_sentence(alarm: Alarm) -> str:
    """Return what an alarm asks about, with its numbers."""
    return sentence(alarm)


@register.filter
def alarm_href(alarm: Alarm) -> str:
    """Return the page of an alarm's unit, empty where it has none."""
    page = {Level.COUNTY: "assess:county", Level.CITY: "assess:city"}.get(Level(alarm.unit.level))
    if page is None:
        return reverse("assess:home") if alarm.unit.level == Level.PROVINCE else ""
    return reverse(page, args=[alarm.unit.code])


@register.filter
def alarm_null(alarm: Alarm) -> str:
    """Return what an alarm's probability stands against."""
    return null_in_words(alarm)
