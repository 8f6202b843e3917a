"""May this happen? Pure rules of the plan stage; the page asks the same rule as the act."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from yipan.plan.errors import (
    AlreadySigned,
    IncidentOver,
    PlanError,
    ReasonMissing,
    Superseded,
    TooFewMembers,
)

FEWEST_MEMBERS = 20
"""Below this the 5th and 95th percentiles are the smallest and largest run."""

LONGEST_REASON = 2000


@dataclass(frozen=True)
class Standing:
    """What the rules need to know of a scenario before somebody signs one of its options."""

    signed: bool
    superseded: bool
    stood_down: bool


def check_can_sign(standing: Standing) -> None:
    """Return quietly where an option of this scenario may be signed.

    Raises IncidentOver (P307), AlreadySigned (P304) and Superseded (P306).
    """
    if standing.stood_down:
        raise IncidentOver(
            _("The incident has been stood down; nothing more is signed for it."),
            remedy=_("Choose an active incident."),
        )
    if standing.signed:
        raise AlreadySigned(
            _("An option of this scenario has been signed already."),
            remedy=_("Make a new scenario; its signature replaces this one."),
        )
    if standing.superseded:
        raise Superseded(
            _("A newer scenario stands; this one can be read and no longer signed."),
            remedy=_("Open the latest options and sign there."),
        )


def can_sign(standing: Standing) -> bool:
    """Return whether `check_can_sign` would let it pass."""
    try:
        check_can_sign(standing)
    except PlanError:
        return False
    return True


def check_reason(reason: str) -> str:
    """Return the reason without surrounding blanks; raises ReasonMissing (P305)."""
    words = reason.strip()
    if not words:
        raise ReasonMissing(
            _("A signature needs a reason."),
            where="reason",
            remedy=_("Say in a sentence why this option: it is kept with the decision."),
        )
    if len(words) > LONGEST_REASON:
        raise ReasonMissing(
            _("The reason has %(n)d characters; at most %(limit)d are kept.")
            % {"n": len(words), "limit": LONGEST_REASON},
            where="reason",
            remedy=_("Say it in fewer words."),
        )
    return words


def check_members(members: int) -> None:
    """Return quietly for an ensemble large enough to give intervals; raises TooFewMembers (P308)."""
    if members < FEWEST_MEMBERS:
        raise TooFewMembers(
            _("%(n)d runs are too few for a 90%% interval.") % {"n": members},
            where="members",
            remedy=_("Ask for %(n)d runs or more.") % {"n": FEWEST_MEMBERS},
        )
