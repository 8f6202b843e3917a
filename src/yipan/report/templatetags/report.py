"""How a reported value is said: `{% load report %}`."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from yipan.access.suppression import Hidden, Shown
from yipan.kernel.words import count
from yipan.report.dictionary import ELEMENTS, in_language
from yipan.report.models import DataElement, Value

register = template.Library()


@register.filter
def element_label(value: Value) -> str:
    """Return the label of a value's element in the language in use."""
    element = ELEMENTS.get(value.element)
    return element.label if element is not None else value.element


@register.filter
def said(value: Value) -> str:
    """Return a value as its reader may see it: a flag in words, a withdrawn one as such."""
    shown = getattr(value, "shown", value.value)
    if isinstance(shown, Hidden):
        return str(shown)
    if value.value is None:
        return _("withdrawn")
    element = ELEMENTS.get(value.element)
    if element is not None and element.flag:
        return _("yes") if value.value else _("no")
    return count(value.value)


@register.filter
def shown_count(shown: Shown) -> str:
    """Return a count as its reader may see it: the number, or why it is not shown."""
    if shown is None:
        return ""
    return str(shown) if isinstance(shown, Hidden) else count(shown)


@register.filter
def sex_word(code: str) -> str:
    """Return the word for F or M, empty when not known."""
    return {"F": _("female"), "M": _("male")}.get(code, "")


@register.filter
def outcome_word(code: str) -> str:
    """Return the word for a case's outcome, empty while there is none."""
    return {"cured": _("cured"), "died": _("died"), "void": _("no case after all")}.get(code, "")


@register.filter
def label_of(element: DataElement) -> str:
    """Return the label of a dictionary row in the language in use."""
    return in_language(element.label_zh, element.label_en)


@register.filter
def definition_of(element: DataElement) -> str:
    """Return the definition of a dictionary row in the language in use."""
    return in_language(element.definition_zh, element.definition_en)


@register.simple_tag
def cycle_label(titles: list[str], place: int) -> str:
    """Return the title of a cell's column, for a table that becomes cards on a phone."""
    return titles[place]
