"""The burden, accounted and published: asked against requested, minutes, who asks most, what was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from yipan.access.models import Incident
from yipan.places.models import Unit
from yipan.report.forms.burden import minutes_of_forms
from yipan.report.forms.compiler import Compiled
from yipan.report.models import DataRequest, RequestedField, RequestState, Ruled
from yipan.report.requests import queries


@dataclass(frozen=True)
class Asker:
    """One request in the ledger: what it asks, what it gets, what it would have cost apart."""

    request: DataRequest
    fields: int
    met: int
    minutes_alone: float


@dataclass(frozen=True)
class Ledger:
    """The account of one level at a moment."""

    level: str
    units: int
    compiled: Compiled
    askers: list[Asker]
    reuse: list[tuple[str, int]]  # element label, departments it serves
    refused: list[RequestedField]
    rejected: list[DataRequest]

    @property
    def saved(self) -> float:
        """Minutes of a unit's day that the one page saves."""
        return max(0.0, self.compiled.minutes_before - self.compiled.minutes_after)

    @property
    def hours_saved(self) -> float:
        """Hours a day over all units."""
        return self.saved * self.units / 60


def ledger_of(incident: Incident, *, level: str, at: datetime) -> Ledger:
    """Return the ledger of one level of units at a moment."""
    compiled = queries.compiled_at(incident, at=at, level=level)
    rows = {r.code: r for r in queries.in_effect(incident, at=at, level=level)}
    met = Counter(o.form for o in compiled.outcomes if o.met)
    askers = [
        Asker(
            rows[form.code],
            len(form.fields),
            met[form.code],
            minutes_of_forms([[x.spec.measure for x in form.fields]]),
        )
        for form in compiled.forms
    ]
    serves: dict[str, set[str]] = {}
    for o in compiled.outcomes:
        if o.met and o.element is not None:
            serves.setdefault(o.element.id, set()).add(o.form)
    reuse = sorted(
        ((compiled.dictionary[n].label, len(forms)) for n, forms in serves.items()),
        key=lambda pair: (-pair[1], pair[0]),
    )
    refused = RequestedField.objects.filter(
        request__incident=incident, request__level=level, ruling=Ruled.REJECT, ruled_at__lte=at
    )
    rejected = DataRequest.objects.filter(
        incident=incident, level=level, state=RequestState.REJECTED, closed_at__lte=at
    )
    units = Unit.objects.filter(package=incident.package_id, level=level, reports=True)
    return Ledger(
        level=level,
        units=units.count(),
        compiled=compiled,
        askers=sorted(askers, key=lambda a: (-a.minutes_alone, a.request.code)),
        reuse=reuse,
        refused=list(refused.select_related("request").order_by("-ruled_at")),
        rejected=list(rejected.order_by("-closed_at")),
    )


def levels_asked(incident: Incident) -> list[str]:
    """Return the levels of units that requests speak of, the most asked first."""
    rows = DataRequest.objects.filter(incident=incident).order_by().values_list("level")
    counted = rows.annotate(n=Count("pk"))
    return [level for level, _n in sorted(counted, key=lambda pair: (-pair[1], pair[0]))]
