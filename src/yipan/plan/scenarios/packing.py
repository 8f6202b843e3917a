"""The pack of assumptions that a kept scenario stands on, brought back whole."""

from __future__ import annotations

from django.utils.translation import gettext as _

from yipan.plan.errors import MalformedAssumptions
from yipan.plan.models import Scenario
from yipan.plan.scenarios.assumptions import Assumptions, load_pack, over_weeks, packs


def pack_of(scenario: Scenario) -> Assumptions:
    """Return the pack a scenario was made with, checked against the digest it kept.

    Raises MalformedAssumptions (P301) where the pack has changed since: an edit on other
    assumptions could not be compared with its option.
    """
    kept = scenario.assumptions
    for name in packs():
        pack = load_pack(name)
        if pack.digest == kept.get("digest"):
            return over_weeks(pack, scenario.weeks)
    raise MalformedAssumptions(
        _(
            "The assumptions of this scenario (%(name)s %(version)s) are no longer there as they were."
        )
        % {"name": kept.get("name", ""), "version": kept.get("version", "")},
        where=f"scenario {scenario.pk}",
        remedy=_("Make a new scenario from the latest assessment."),
    )
