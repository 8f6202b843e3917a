"""Entering specimens step by step; the number on the tube is kept as a pseudonym only."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from yipan.access import keyring, retention
from yipan.access.models import Identity
from yipan.access.row_security import every_row
from yipan.access.scope import Scope
from yipan.places.models import Unit
from yipan.report.cases.actions import KEPT
from yipan.report.contacts.actions import end_rows, head, keep, writing
from yipan.report.contacts.errors import RegisterRefused, StepOutOfOrder
from yipan.report.contacts.queries import standing
from yipan.report.errors import FutureDay, Missing
from yipan.report.laboratory.models import Result, SpecimenEvent, Step
from yipan.report.models import Case
from yipan.report.quarantine.models import Site, SiteKind
from yipan.report.values.actions import check_open

AFTER = {
    Step.TAKEN: frozenset({""}),
    Step.RECEIVED: frozenset({"", Step.TAKEN}),
    Step.RESULT: frozenset({Step.TAKEN, Step.RECEIVED}),
    Step.REJECTED: frozenset({Step.TAKEN, Step.RECEIVED}),
}
"""Each step with the steps it may follow; a result follows no result: an amendment does that."""
LATE = timedelta(minutes=5)


def specimen_name(number: str) -> str:
    """Return what a specimen is called here: the same number, however written, the same name.

    A number that begins with `pseudonym:` is such a name already.
    """
    if number.startswith(KEPT):
        return number.removeprefix(KEPT)[:32]
    return keyring.keyring().pseudonym("specimen", number)


def enter_step(
    *,
    laboratory: Site,
    unit: Unit,
    number: str,
    step: str,
    scope: Scope,
    at: datetime,
    result: str = "",
    occurred_at: datetime | None = None,
    case: Case | None = None,
    identity: Identity | None = None,
    client_key: str | None = None,
    synthetic: bool = False,
) -> SpecimenEvent:
    """Record one step of one specimen; whom it is of is told when it is taken and kept from then on.

    `unit` is where the specimen was taken. A replayed key is the step it was. Raises Missing (R118),
    RegisterRefused (R160), FutureDay (R105), StepOutOfOrder (R163).
    """
    writing(scope, unit)
    incident = laboratory.incident
    check_open(incident, at)
    when = occurred_at or at
    if laboratory.kind != SiteKind.LABORATORY:
        raise RegisterRefused(label=_("Laboratory"), why=_("this site is no laboratory"))
    if len(keyring.normal(number)) < 4:
        raise RegisterRefused(label=_("Specimen number"), why=_("it is missing or too short"))
    if step not in Step.values:
        raise RegisterRefused(label=_("Step"), why=_("“%s” is none of the choices") % step[:40])
    if step == Step.RESULT and result not in Result.values:
        raise Missing(label=_("Result"))
    if step != Step.RESULT and result:
        raise RegisterRefused(label=_("Result"), why=_("only the step “result” has one"))
    if when > at + LATE:
        raise FutureDay(
            label=_("Moment"), value=f"{when:%Y-%m-%dT%H:%M}", today=f"{at:%Y-%m-%dT%H:%M}"
        )
    name = specimen_name(number)
    with every_row():
        if client_key:
            there = SpecimenEvent.objects.filter(client_key=client_key).first()
            if there is not None:
                return there
        before = list(
            standing(SpecimenEvent, incident, known_at=at)
            .filter(specimen=name)
            .select_related("unit", "identity")
            .order_by("occurred_at", "pk")
        )
    _in_order(name, Step(step), when, before)
    if before:
        unit, case_name, who = before[0].unit, before[0].case, before[0].identity
    else:
        case_name, who = (case.pseudonym if case else ""), identity
    return keep(
        SpecimenEvent(
            specimen=name,
            laboratory=laboratory,
            step=step,
            result=result,
            case=case_name,
            identity=who,
            client_key=client_key,
            **head(incident, unit, scope.user, when, at, "case", synthetic),
        ),
        scope,
    )


def _in_order(name: str, step: Step, when: datetime, before: list[SpecimenEvent]) -> None:
    last = before[-1] if before else None
    if (last.step if last else "") not in AFTER[step]:
        told = last.get_step_display() if last else _("nothing")
        raise StepOutOfOrder(
            specimen=name[:8],
            why=_("“%(step)s” does not follow “%(last)s”") % {"step": step.label, "last": told},
        )
    if last is not None and when < last.occurred_at:
        raise StepOutOfOrder(
            specimen=name[:8],
            why=_("“%(step)s” lies before “%(last)s”")
            % {"step": step.label, "last": last.get_step_display()},
        )


def end_expired(at: datetime) -> int:
    """Delete the specimens whose time is over, and return how many."""
    return end_rows(at, SpecimenEvent)


retention.ends("specimens", end_expired)
