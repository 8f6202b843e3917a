"""What the registers of cases, contacts, stays and specimens say as counts: no second copy of a fact.

A concept here is counted from the rows themselves, so that a department's field “from register”
equals a direct count at any cut-off. Each is a list of changes: where, when, by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from yipan.access.models import Incident
from yipan.access.row_security import every_row
from yipan.access.scope import system_scope
from yipan.places import queries as places
from yipan.report.cases import queries as cases
from yipan.report.contacts.models import Contact, VisitResult
from yipan.report.contacts.queries import follow_up, standing
from yipan.report.contacts.rules import rule_for
from yipan.report.laboratory.models import Result, SpecimenEvent, Step
from yipan.report.quarantine.models import Move, Stay

Change = tuple[int, datetime, float]  # unit id, when it happened, by how much
Reader = Callable[[Incident, datetime], Iterable[Change]]


@dataclass(frozen=True)
class Derived:
    """One concept counted from rows about persons; `began` lists the units that keep them."""

    label: str | Promise
    changes: Reader


def _cases(outcome: str) -> Reader:
    def read(incident: Incident, known_at: datetime) -> Iterable[Change]:
        zone = places.board_time(incident.package).zone
        rows = cases.current(incident, known_at=known_at).order_by()
        day = "outcome_day" if outcome else "report_day"
        if outcome:
            rows = rows.filter(outcome=outcome, outcome_day__isnull=False)
        with every_row():
            told = list(rows.values_list("unit_id", day))
        for unit, on in told:
            yield unit, datetime.combine(on, time(0), tzinfo=zone), 1.0

    return read


def _followed(incident: Incident, known_at: datetime) -> Iterable[Change]:
    """+1 when a contact is recorded; −1 at the end of its days, or when it became a case or was ended."""
    zone = places.board_time(incident.package).zone
    rule = rule_for(incident.disease)
    for one in follow_up(incident, scope=system_scope(), known_at=known_at):
        begun = one.contact.occurred_at
        over = rule.due_days(one.contact.last_day)[-1] + timedelta(days=1)
        end = datetime.combine(over, time(0), tzinfo=zone)
        for visit in one.visits:
            if visit.result in (VisitResult.BECAME_CASE, VisitResult.ENDED):
                end = min(end, visit.occurred_at)
                break
        if begun < end:
            yield one.contact.unit_id, begun, 1.0
            yield one.contact.unit_id, end, -1.0


def _released(incident: Incident, known_at: datetime) -> Iterable[Change]:
    for unit, when, change in _followed(incident, known_at):
        if change < 0:
            yield unit, when, 1.0


def _visits(result: str) -> Reader:
    def read(incident: Incident, known_at: datetime) -> Iterable[Change]:
        for one in follow_up(incident, scope=system_scope(), known_at=known_at):
            for visit in one.visits:
                if visit.result == result:
                    yield one.contact.unit_id, visit.occurred_at, 1.0

    return read


def _stays(incident: Incident, known_at: datetime) -> Iterable[Change]:
    with every_row():
        rows = standing(Stay, incident, known_at=known_at)
        told = list(rows.values_list("unit_id", "occurred_at", "move"))
    for unit, when, move in told:
        yield unit, when, 1.0 if move == Move.IN else -1.0


def _left(incident: Incident, known_at: datetime) -> Iterable[Change]:
    for unit, when, change in _stays(incident, known_at):
        if change < 0:
            yield unit, when, 1.0


def _specimens(step: str, result: str = "") -> Reader:
    def read(incident: Incident, known_at: datetime) -> Iterable[Change]:
        with every_row():
            rows = standing(SpecimenEvent, incident, known_at=known_at).filter(step=step)
            if result:
                rows = rows.filter(result=result)
            told = list(rows.values_list("unit_id", "occurred_at"))
        for unit, when in told:
            yield unit, when, 1.0

    return read


DERIVED: Final[Mapping[str, Derived]] = {
    "case.confirmed": Derived(_("cases confirmed, by day of report"), _cases("")),
    "case.cured": Derived(_("cases cured, by day of outcome"), _cases("cured")),
    "case.died": Derived(_("deaths of cases, by day of outcome"), _cases("died")),
    "contact.followed": Derived(_("contacts under follow-up"), _followed),
    "contact.released": Derived(_("contacts whose follow-up ended"), _released),
    "contact.symptoms": Derived(_("contacts found with symptoms"), _visits(VisitResult.SYMPTOMS)),
    "contact.became_case": Derived(_("contacts confirmed as cases"), _visits(VisitResult.BECAME_CASE)),
    "quarantine.inside": Derived(_("persons in quarantine sites"), _stays),
    "quarantine.left": Derived(_("persons who left a quarantine site"), _left),
    "specimen.taken": Derived(_("specimens taken"), _specimens(Step.TAKEN)),
    "specimen.result": Derived(_("specimens with a result"), _specimens(Step.RESULT)),
    "specimen.positive": Derived(_("specimens found positive"), _specimens(Step.RESULT, Result.POSITIVE)),
}  # fmt: skip
"""Concept → how it is counted. A dictionary element of register `person` with one of these concepts
needs nobody to enter anything for it."""

KEEPS: Final = {"case": None, "contact": Contact, "quarantine": Stay, "specimen": SpecimenEvent}


def changes(incident: Incident, concept: str, *, known_at: datetime) -> list[Change]:
    """Return the changes of a derived concept known at a moment; none for another concept."""
    found = DERIVED.get(concept)
    return list(found.changes(incident, known_at)) if found is not None else []


def kept_by(incident: Incident, concept: str, *, known_at: datetime) -> set[int]:
    """Return the units of which the register of a derived concept says anything, ever."""
    model = KEEPS[concept.partition(".")[0]]
    if model is None:
        rows = cases.current(incident, known_at=known_at)
        with every_row():
            return set(rows.order_by().values_list("unit_id", flat=True).distinct())
    with every_row():
        told = standing(model, incident, known_at=known_at)
        return set(told.order_by().values_list("unit_id", flat=True).distinct())
