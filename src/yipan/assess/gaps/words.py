"""Silence in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.assess.gaps.queries import Gap
from yipan.kernel import words


def headline(gaps: Sequence[Gap]) -> str:
    """Return how many units of any level have not been heard from, and how many of them say why."""
    silent = sum(len(gap.silent) for gap in gaps)
    owing = sum(gap.owing for gap in gaps)
    if not owing:
        return _("Nobody in your places owes a report.")
    if not silent:
        return _("All %s units that owe a report have been heard from.") % words.count(owing)
    return ngettext(
        "%(n)s of %(owing)s units has not been heard from.",
        "%(n)s of %(owing)s units have not been heard from.",
        silent,
    ) % {"n": words.count(silent), "owing": words.count(owing)}
