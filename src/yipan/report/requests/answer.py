"""What a request gets, before it is sent: known, computed, already asked, must be asked, waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from yipan.report.forms.compiler import Compiled, How, Outcome, compile_forms
from yipan.report.models import DataRequest, RequestedField, Ruled
from yipan.report.requests import queries


class Group(StrEnum):
    """Under which heading of the answer a field stands."""

    KNOWN = "known"  # a register or another system has it
    DERIVED = "derived"  # it is computed from what is known or asked
    ALREADY = "already"  # the one page asks it for somebody already
    NEW = "new"  # the front line would be asked something new
    RULING = "ruling"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Answered:
    """One field of a request with what it gets."""

    row: RequestedField
    outcome: Outcome
    group: Group
    adds: tuple[str, ...]  # elements it would newly ask


@dataclass(frozen=True)
class Answer:
    """What a whole request gets, and what it costs a unit's day."""

    fields: Sequence[Answered]
    before: Compiled
    after: Compiled
    minutes_alone: float
    minutes_added: float

    def of(self, group: Group) -> list[Answered]:
        """Return the fields of one group."""
        return [a for a in self.fields if a.group is group]

    @property
    def at_once(self) -> int:
        """How many fields are to be had with nobody asked anything new."""
        return sum(a.group in (Group.KNOWN, Group.DERIVED, Group.ALREADY) for a in self.fields)


def answer_of(request: DataRequest, *, at: datetime) -> Answer:
    """Return what a request gets at a moment, beside the other requests then in effect."""
    incident = request.incident
    before = queries.compiled_at(
        incident, at=at, level=request.level, without=request, even_frozen=request.statutory
    )
    known = before.dictionary
    rows = list(request.fields.order_by("position"))
    mine = queries.form_of(request, known, rows)
    units = queries.conversions(incident.package, known_at=at)
    after = compile_forms([*before.forms, mine], known, units, cutoff=before.cutoff)
    outcomes = {o.field.id: o for o in after.outcomes if o.form == request.code}
    asked_before = set(before.solution.asked)
    fields = []
    for row in rows:
        outcome = outcomes[row.code]
        adds = tuple(n for n in outcome.asked if n not in asked_before)
        fields.append(Answered(row, outcome, _group(row, outcome, adds), adds))
    alone = compile_forms([mine], known, units, cutoff=before.cutoff).minutes_before
    return Answer(
        fields, before, after, alone, max(0.0, after.minutes_after - before.minutes_after)
    )


def _group(row: RequestedField, outcome: Outcome, adds: tuple[str, ...]) -> Group:
    if row.ruling == Ruled.REJECT or outcome.how is How.REJECTED:
        return Group.REJECTED
    if outcome.how is How.RULING:
        return Group.RULING
    if adds and row.ruling not in (Ruled.SAME, Ruled.NEW):
        return Group.NEW
    if outcome.how in (How.REGISTER, How.EXTERNAL):
        return Group.KNOWN
    return Group.ALREADY if outcome.how is How.ASKED else Group.DERIVED
