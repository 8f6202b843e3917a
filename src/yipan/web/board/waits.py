"""What waits for the person who looks, as links to where it is done; units and matters, never persons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yipan.access.rules import Action
from yipan.assess.models import Tier
from yipan.kernel.words import clock, count
from yipan.order import queries as ordering
from yipan.order.models import DeliveryState
from yipan.report.models import RowAside
from yipan.web.board.facts import Facts


@dataclass(frozen=True)
class Wait:
    """One thing that waits: what to do, on what, since when or how many, and where."""

    title: str
    detail: str
    href: str
    figure: str = ""


def waits(facts: Facts) -> list[Wait]:
    """Return what this person can do now and nobody has done yet; nothing in the past."""
    if facts.board.past:
        return []
    return [
        *_to_sign(facts),
        *_drafts(facts),
        *_to_acknowledge(facts),
        *_to_verify(facts),
        *_aside(facts),
        *_undecided(facts),
    ]


def _to_sign(facts: Facts) -> Iterator[Wait]:
    scenario = facts.unsigned
    if scenario is None or not facts.scope.may(Action.PLAN_SIGN, facts.root):
        return
    n = scenario.options.count()
    yield Wait(
        _("Choose how to go on"),
        ngettext("%(n)s option of %(when)s", "%(n)s options of %(when)s", n)
        % {"n": count(n), "when": clock(scenario.made_at, facts.board.time.zone)},
        reverse("plan:scenario", args=[scenario.pk]),
    )


def _drafts(facts: Facts) -> Iterator[Wait]:
    if not facts.scope.may(Action.ORDER_ISSUE):
        return
    n = ordering.drafts(facts.board.incident, facts.scope).count()
    if n:
        yield Wait(
            _("Issue the drafted orders"),
            _("Nothing has left yet; each order shows its list of units first."),
            reverse("order:issue"),
            count(n),
        )


def _to_acknowledge(facts: Facts) -> Iterator[Wait]:
    if not facts.scope.may(Action.ORDER_RECEIVE):
        return
    mine = ordering.inbox(facts.board.incident, facts.scope, at=facts.board.at)
    n = mine.filter(state_at=DeliveryState.DELIVERED).count()
    if n:
        yield Wait(
            _("Read and acknowledge orders"),
            _("They wait for a person, not a device."),
            reverse("order:inbox"),
            count(n),
        )


def _to_verify(facts: Facts) -> Iterator[Wait]:
    """What units below reported done: nobody verifies the work of their own unit."""
    if not facts.scope.may(Action.ORDER_VERIFY):
        return
    done = ordering.deliveries(facts.board.incident, facts.scope, at=facts.board.at).filter(
        state_at=DeliveryState.CLAIMED_DONE
    )
    own = [unit.pk for unit in facts.scope.roots(Action.ORDER_VERIFY)]
    n = facts.scope.filter(done, action=Action.ORDER_VERIFY).exclude(unit__in=own).count()
    if n:
        yield Wait(
            _("Verify what was reported done"),
            _("Each order names the one test that closes it."),
            reverse("order:watch"),
            count(n),
        )


def _aside(facts: Facts) -> Iterator[Wait]:
    if not facts.scope.may(Action.REPORT_CORRECT):
        return
    rows = RowAside.objects.filter(
        submission__incident=facts.board.incident, settled_at__isnull=True
    )
    n = facts.scope.filter(rows, action=Action.REPORT_CORRECT).count()
    if n:
        yield Wait(
            _("Settle rows kept aside"),
            _("Each says what was wrong and what would be right."),
            reverse("report:aside"),
            count(n),
        )


def _undecided(facts: Facts) -> Iterator[Wait]:
    if not facts.scope.may(Action.REPORT_SUBMIT):
        return
    for s in facts.counties:
        if s.tier == Tier.UNDECIDED and facts.scope.may(Action.REPORT_SUBMIT, s.unit):
            yield Wait(
                _("Say whether %s has a cluster") % s.unit.name,
                _("Its tier cannot be decided without it."),
                reverse("assess:county", args=[s.unit.code]),
            )
