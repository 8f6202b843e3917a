"""What may be assessed when: pure rules."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from yipan.assess.errors import NotYet


def check_moment(known_at: datetime, *, now: datetime) -> None:
    """Return quietly unless the moment has not come: a snapshot of the future would stand for ever.

    Raises NotYet (A201).
    """
    if known_at > now:
        raise NotYet(
            _("%s has not come yet.") % f"{known_at:%Y-%m-%dT%H:%M}",
            where="known_at",
            remedy=_("Assess a moment up to now, %s.") % f"{now:%Y-%m-%dT%H:%M}",
        )
