"""Pairs waiting and decided, and which persons count as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from yipan.access.models import Identity, Incident
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import IDENTITY, Scope
from yipan.report.contacts.models import CasePerson, Contact
from yipan.report.duplicates.models import Decision, Pair, Verdict
from yipan.report.laboratory.models import SpecimenEvent
from yipan.report.quarantine.models import Stay


@dataclass(frozen=True)
class Proposal:
    """A pair with what was decided of it, the latest first."""

    pair: Pair
    decisions: list[Decision]

    @property
    def verdict(self) -> str:
        """What holds now."""
        return self.decisions[0].verdict if self.decisions else Verdict.OPEN

    @property
    def open(self) -> bool:
        """Whether it waits for somebody."""
        return self.verdict == Verdict.OPEN


def proposals(incident: Incident, *, scope: Scope, known_at: datetime) -> list[Proposal]:
    """Return the pairs of persons both in sight: those that wait first, the likeliest first."""
    with rows_within(scope, Action.IDENTITY_REVEAL, sensitivity=IDENTITY):
        rows = Pair.objects.filter(incident=incident, proposed_at__lte=known_at)
        for path in ("one__unit", "other__unit"):
            rows = scope.filter(
                rows, action=Action.IDENTITY_REVEAL, unit=path, sensitivity=IDENTITY
            )
        pairs = list(rows.select_related("one__unit", "other__unit", "unit", "incident"))
        decided: Mapping[int, list[Decision]] = defaultdict(list)
        told = Decision.objects.filter(
            pair__in=[p.pk for p in pairs], recorded_at__lte=known_at
        ).select_related("recorded_by")
        for decision in told.order_by("-recorded_at", "-pk"):
            decided[decision.pair_id].append(decision)
    found = [Proposal(p, decided[p.pk]) for p in pairs]
    return sorted(found, key=lambda p: (not p.open, -p.pair.probability, p.pair.pk))


def verdict_of(pair: Pair, *, known_at: datetime) -> str:
    """Return what was decided of a pair last, by then."""
    last = (
        Decision.objects.filter(pair=pair, recorded_at__lte=known_at)
        .order_by("-recorded_at", "-pk")
        .first()
    )
    return last.verdict if last is not None else Verdict.OPEN


def of_incident(incident: Incident) -> set[int]:
    """Return the persons whom an incident's registers name."""
    found: set[int] = set()
    with every_row():
        for kind in (CasePerson, Contact, Stay, SpecimenEvent):
            rows = kind._default_manager.filter(incident=incident, identity__isnull=False)
            found |= set(rows.values_list("identity_id", flat=True))
    return found


def one_person(incident: Incident, *, known_at: datetime) -> dict[int, int]:
    """Return, for each person decided to be the same as another, the one they count as (least id).

    Persons without such a decision are not in it. Chains of decisions join: a = b and b = c.
    """
    with every_row():
        last: dict[int, tuple[str, int, int]] = {}
        rows = Decision.objects.filter(pair__incident=incident, recorded_at__lte=known_at)
        for pk, verdict, one, other in rows.order_by("recorded_at", "pk").values_list(
            "pair_id", "verdict", "pair__one_id", "pair__other_id"
        ):
            last[pk] = (verdict, one, other)
    root: dict[int, int] = {}

    def find(i: int) -> int:
        while root.setdefault(i, i) != i:
            i = root[i]
        return i

    for verdict, one, other in last.values():
        if verdict == Verdict.SAME:
            low, high = sorted((find(one), find(other)))
            root[high] = low
    return {i: find(i) for i in list(root)}


def same_as(identity: Identity, incident: Incident, *, known_at: datetime) -> set[int]:
    """Return the other persons decided to be the same as this one."""
    as_one = one_person(incident, known_at=known_at)
    mine = as_one.get(identity.pk, identity.pk)
    return {pk for pk, who in as_one.items() if who == mine} - {identity.pk}
