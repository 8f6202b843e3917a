"""Every read of exposures, contacts and follow-ups: within the reader's scope, as known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

import numpy as np
from django.db.models import Exists, F, OuterRef, QuerySet

from yipan.access.models import Identity, Incident, PersonStatus
from yipan.access.row_security import every_row, narrows
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope, system_scope
from yipan.access.status_rules import is_active
from yipan.engines.surveillance.chains import linked_clusters
from yipan.kernel.time import BoardTime
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.cases import queries as cases
from yipan.report.contacts.models import (
    CasePerson,
    Contact,
    Exposure,
    Link,
    PersonRow,
    Visit,
    VisitResult,
)
from yipan.report.contacts.rules import FollowUpRule, Progress, Standing, progress, rule_for
from yipan.report.duplicates.queries import one_person
from yipan.report.models import Case, RegisterEvent

R = TypeVar("R", bound=PersonRow)
SCREENED = "screened"
"""Concept of the place register: a place was screened; the event's subject is the place's code."""
CLUSTER_DAYS = 14
LEAST_CLUSTER = 2


def standing(kind: type[R], incident: Incident, *, known_at: datetime) -> QuerySet[R]:
    """Return the rows known at a moment and not amended or voided by then."""
    known = kind._default_manager.filter(incident=incident, recorded_at__lte=known_at)
    amended = known.filter(replaces=OuterRef("pk"))
    return known.filter(void=False).exclude(Exists(amended))


def seen(kind: type[R], incident: Incident, *, scope: Scope, known_at: datetime) -> QuerySet[R]:
    """Return the standing rows that a person may read; evaluate it inside `reading(scope)`."""
    return scope.filter(
        _not_moved(standing(kind, incident, known_at=known_at), incident, scope, known_at),
        action=Action.CASE_READ,
        sensitivity=CASE,
    )


def _not_moved(
    rows: QuerySet[R], incident: Incident, scope: Scope, known_at: datetime
) -> QuerySet[R]:
    """Leave out what a row at another place replaced: the lock may hide the row that replaced it."""
    if not narrows(scope, Action.CASE_READ, sensitivity=CASE):
        return rows
    with every_row():
        elsewhere = rows.model._default_manager.filter(
            incident=incident, replaces__isnull=False, recorded_at__lte=known_at
        ).exclude(unit=F("replaces__unit"))
        return rows.exclude(pk__in=list(elsewhere.values_list("replaces_id", flat=True)))


reading = cases.reading


def one(kind: type[R], pk: int, incident: Incident, *, scope: Scope, known_at: datetime) -> R:
    """Return one row in sight; absent, amended and out of sight raise the same NotFound (K004)."""
    with reading(scope):
        related = ["unit__package", "incident__package"]
        if any(f.name == "identity" for f in kind._meta.concrete_fields):
            related.append("identity__unit__package")  # locked too: read while the lock is open
        rows = standing(kind, incident, known_at=known_at).select_related(*related)
        rows = _not_moved(rows, incident, scope, known_at)
        return scope.get(rows, action=Action.CASE_READ, sensitivity=CASE, pk=pk)


# ---- one case ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CaseFile:
    """All that is known of one case and may be read: who infected it, where it was, whom it met."""

    case: Case
    versions: list[Case]
    person: CasePerson | None
    exposures: list[Exposure]
    contacts: list[Followed]
    elsewhere: int  # contacts followed at places out of the reader's sight
    infected_by: list[tuple[str, str]]  # (pseudonym, how it is known)
    infected: list[tuple[str, str]]


def case_file(incident: Incident, case: Case, *, scope: Scope, known_at: datetime) -> CaseFile:
    """Return one case's page as data."""
    name = case.pseudonym
    with reading(scope):
        versions = list(
            Case.objects.filter(incident=incident, pseudonym=name, recorded_at__lte=known_at)
            .select_related("submission__unit")
            .order_by("-version")
        )
        person = (
            seen(CasePerson, incident, scope=scope, known_at=known_at)
            .filter(case=name)
            .select_related("identity")
            .order_by("-recorded_at")
            .first()
        )
        exposures = list(
            seen(Exposure, incident, scope=scope, known_at=known_at)
            .filter(case=name)
            .select_related("place")
            .order_by("last_day", "pk")
        )
    contacts = follow_up(incident, scope=scope, known_at=known_at, case=name)
    with every_row():
        every = standing(Contact, incident, known_at=known_at).filter(case=name).count()
    pairs = links(incident, known_at=known_at)
    sources = [(s, how) for s, c, how in pairs if c == name]
    infected = [(c, how) for s, c, how in pairs if s == name]
    return CaseFile(
        case, versions, person, exposures, contacts, every - len(contacts), sources, infected
    )


def links(incident: Incident, *, known_at: datetime) -> list[tuple[str, str, str]]:
    """Return (source, case, how it is known) of every pair known: by tracing, or a contact that fell ill.

    Pseudonyms of cases only, for the system's own use; what a page shows of it is scoped by the case.
    """
    found: dict[tuple[str, str], str] = {}
    with every_row():
        became = (
            standing(Visit, incident, known_at=known_at)
            .filter(result="became_case")
            .order_by("recorded_at")
            .values_list("contact__case", "case")
        )
        for source, case in became:
            found.setdefault((source, case), "contact")
        told = standing(Link, incident, known_at=known_at).order_by("recorded_at")
        for source, case, certainty in told.values_list("source", "case", "certainty"):
            found[source, case] = certainty
    return [(source, case, how) for (source, case), how in found.items()]


# ---- follow-up -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Followed:
    """One contact with where its follow-up stands; `visits` by the order they were recorded."""

    contact: Contact
    progress: Progress
    visits: list[Visit] = field(default_factory=list)
    otherwise: list[Visit] = field(default_factory=list)  # of the same person, as another contact
    person: int = 0  # the same for all entries of one person
    also: int = 0  # further open contacts of the same person

    @property
    def found(self) -> list[Visit]:
        """Every follow-up of the person, the latest recorded first."""
        return sorted([*self.visits, *self.otherwise], key=lambda v: v.recorded_at, reverse=True)

    @property
    def unit(self) -> Unit:
        """Where the contact is followed."""
        return self.contact.unit


ORDER = {s: i for i, s in enumerate(Standing)}


def follow_up(
    incident: Incident,
    *,
    scope: Scope,
    known_at: datetime,
    case: str = "",
    identities: Iterable[int] | None = None,
) -> list[Followed]:
    """Return the contacts in sight with their follow-up, those overdue longest first."""
    clock = places.board_time(incident.package)
    rule = rule_for(incident.disease)
    with reading(scope):
        rows = seen(Contact, incident, scope=scope, known_at=known_at).select_related(
            "unit", "identity"
        )
        if case:
            rows = rows.filter(case=case)
        if identities is not None:
            rows = rows.filter(identity__in=list(identities))
        contacts = list(rows)
    as_one = one_person(incident, known_at=known_at)
    visits = _visits(incident, contacts, known_at)
    others = _seen_otherwise(incident, contacts, as_one, known_at)
    first = _first_recorded(incident, contacts)
    found = []
    for c in contacts:
        own, person = visits.get(c.pk, []), as_one.get(c.identity_id, c.identity_id)
        mine = {v.pk for v in own}
        otherwise = [v for v in others.get(person, []) if v.pk not in mine]
        every = sorted([*own, *otherwise], key=lambda v: (v.recorded_at, v.pk))
        stands = _progress(rule, c, every, first[c.pk], known_at, clock)
        found.append(
            Followed(contact=c, progress=stands, visits=own, otherwise=otherwise, person=person)
        )
    return sorted(
        found,
        key=lambda f: (
            ORDER[f.progress.standing],
            -f.progress.late_days,
            f.progress.last,
            f.unit.code,
            f.contact.pk,
        ),
    )


def by_person(followed: Iterable[Followed]) -> list[Followed]:
    """Return one row a person, who may be a contact of several cases: one visit a day is enough.

    The order stays; the row kept is the most urgent one, and says how many open ones it stands for.
    """
    first: dict[int, Followed] = {}
    more: dict[int, int] = defaultdict(int)
    for one_ in followed:
        if one_.person in first:
            more[one_.person] += one_.progress.open
        else:
            first[one_.person] = one_
    return [replace(one_, also=more[person]) for person, one_ in first.items()]


def _seen_otherwise(
    incident: Incident,
    contacts: Sequence[Contact],
    as_one: Mapping[int, int],
    known_at: datetime,
) -> dict[int, list[Visit]]:
    """Return, by person, the visits to anybody decided to be them; ends are of one contact alone."""
    persons = {as_one.get(c.identity_id, c.identity_id) for c in contacts}
    entries = {c.identity_id for c in contacts} | {i for i, who in as_one.items() if who in persons}
    found: dict[int, list[Visit]] = defaultdict(list)
    with every_row():
        rows = standing(Visit, incident, known_at=known_at).exclude(result=VisitResult.ENDED)
        if len(entries) <= 300:
            rows = rows.filter(contact__identity__in=list(entries))
        for visit in rows.select_related("contact", "recorded_by").order_by("recorded_at", "pk"):
            who = visit.contact.identity_id
            if who in entries:
                found[as_one.get(who, who)].append(visit)
    return found


def _progress(
    rule: FollowUpRule,
    contact: Contact,
    visits: Sequence[Visit],
    known_from: datetime,
    at: datetime,
    clock: BoardTime,
) -> Progress:
    return progress(
        rule,
        last_day=contact.last_day,
        known_from=known_from,
        visits=[(v.day, v.result) for v in visits],
        at=at,
        zone=clock.zone,
    )


def _visits(
    incident: Incident, contacts: Sequence[Contact], known_at: datetime
) -> dict[int, list[Visit]]:
    """Return the visits of contacts in sight, by contact.

    Those made before the contact was amended, or where it was followed before, are its own too.
    """
    found: dict[int, list[Visit]] = defaultdict(list)
    with every_row():
        ancestors = _ancestors(contacts)
        rows = standing(Visit, incident, known_at=known_at).select_related("recorded_by")
        if len(contacts) <= 300:
            rows = rows.filter(contact__in=list(ancestors))
        for visit in rows.order_by("recorded_at", "pk"):
            if visit.contact_id in ancestors:
                found[ancestors[visit.contact_id]].append(visit)
    return found


def _ancestors(contacts: Sequence[Contact]) -> dict[int, int]:
    """Return each contact row and the rows it replaced, to the row that stands."""
    found = {c.pk: c.pk for c in contacts}
    waiting = {c.replaces_id: c.pk for c in contacts if c.replaces_id is not None}
    while waiting:
        found.update({old: now for old, now in waiting.items() if old is not None})
        older = Contact.objects.filter(pk__in=list(waiting), replaces__isnull=False)
        waiting = {before: waiting[pk] for pk, before in older.values_list("pk", "replaces_id")}
    return found


def _first_recorded(incident: Incident, contacts: Sequence[Contact]) -> dict[int, datetime]:
    """Return since when each contact is known, its amendments apart."""
    with every_row():
        ancestors = _ancestors([c for c in contacts if c.replaces_id is not None])
        older = Contact.objects.filter(pk__in=list(ancestors)).values_list("pk", "recorded_at")
        first = {c.pk: c.recorded_at for c in contacts}
        for pk, recorded in older:
            first[ancestors[pk]] = min(first[ancestors[pk]], recorded)
    return first


@dataclass(frozen=True)
class UnitLoad:
    """The follow-up of one unit: how many contacts, how many done and late. Units, never persons."""

    unit: Unit
    open: int
    done_today: int
    late: int
    symptoms: int
    longest_late_days: int

    @property
    def share_done(self) -> float | None:
        """Of those owed today or late, the share done; None where nothing is owed."""
        owed = self.open
        return self.done_today / owed if owed else None


def by_unit(followed: Iterable[Followed]) -> list[UnitLoad]:
    """Return the load of each unit, where most help is needed first (contacts overdue), then by name."""
    groups: dict[int, list[Followed]] = defaultdict(list)
    for one_ in followed:
        if one_.progress.open:
            groups[one_.contact.unit_id].append(one_)
    loads = [
        UnitLoad(
            unit=group[0].unit,
            open=len(group),
            done_today=sum(f.progress.standing is Standing.DONE_TODAY for f in group),
            late=sum(f.progress.late_days > 0 for f in group),
            symptoms=sum(f.progress.standing is Standing.SYMPTOMS for f in group),
            longest_late_days=max(f.progress.late_days for f in group),
        )
        for group in groups.values()
    ]
    return sorted(loads, key=lambda u: (-u.late, -u.longest_late_days, u.unit.code))


def statuses(identity: Identity, *, scope: Scope) -> list[PersonStatus]:
    """Return the statuses one person has had, the latest first; none where they are out of sight."""
    with reading(scope):
        rows = scope.filter(
            PersonStatus.objects.select_related("event", "set_by", "ended_by", "unit__package"),
            action=Action.CASE_READ,
            sensitivity=CASE,
        )
        return list(rows.filter(event__identity=identity).order_by("-set_at"))


def quarantined(
    identities: Iterable[int], *, scope: Scope, at: datetime
) -> dict[int, PersonStatus]:
    """Return the status that holds now, by person, of those who have one."""
    with reading(scope):
        rows = scope.filter(
            PersonStatus.objects.select_related("event"), action=Action.CASE_READ, sensitivity=CASE
        )
        wanted = set(identities)
        held = rows.filter(set_at__lte=at, expires_at__gt=at).order_by("set_at")
        return {
            s.event.identity_id: s
            for s in held
            if s.event.identity_id in wanted and is_active(s, at)
        }


# ---- what assess asks for ------------------------------------------------------------------------------


def contacts_not_followed(
    incident: Incident, *, known_at: datetime, scope: Scope | None = None
) -> list[UnitLoad]:
    """Return the units with contacts overdue for follow-up, where most help is needed first."""
    every = follow_up(incident, scope=scope or system_scope(), known_at=known_at)
    loads = by_unit(by_person(every))
    return [load for load in loads if load.late]


@dataclass(frozen=True)
class Unscreened:
    """A place where cases were, and that nobody has screened since."""

    place: Unit
    cases: int
    last_day: date
    days: int  # since the last case was there


def places_not_screened(
    incident: Incident, *, known_at: datetime, scope: Scope | None = None, within_days: int = 14
) -> list[Unscreened]:
    """Return the places of exposures in the last `within_days` days without a screening since.

    A screening is an event of the place register (concept `screened`) at the place or with its
    code as subject, on the last exposed day or later. The longest wait first.
    """
    who = scope or system_scope()
    clock = places.board_time(incident.package)
    today = clock.local_day(known_at)
    with reading(who):
        rows = list(
            seen(Exposure, incident, scope=who, known_at=known_at)
            .filter(place__isnull=False, last_day__gte=today - timedelta(days=within_days))
            .select_related("place")
        )
    last: dict[int, date] = {}
    met: dict[int, set[str]] = defaultdict(set)
    found: dict[int, Unit] = {}
    for row in rows:
        if row.place is None:
            continue
        found[row.place.pk] = row.place
        last[row.place.pk] = max(last.get(row.place.pk, row.last_day), row.last_day)
        met[row.place.pk].add(row.case)
    if not found:
        return []
    from_code = {unit.code: pk for pk, unit in found.items()}
    screened: dict[int, datetime] = {}
    events = RegisterEvent.objects.filter(
        incident=incident, concept=SCREENED, recorded_at__lte=known_at, change__gt=0
    ).exclude(voided_by__recorded_at__lte=known_at)
    with every_row():
        told = list(events.values_list("unit_id", "subject", "occurred_at"))
    for unit, subject, occurred in told:
        for pk in {unit if unit in found else None, from_code.get(subject)} - {None}:
            if pk is not None:
                screened[pk] = max(screened.get(pk, occurred), occurred)
    waiting = [
        Unscreened(found[pk], len(met[pk]), day, (today - day).days)
        for pk, day in last.items()
        if pk not in screened or clock.local_day(screened[pk]) < day
    ]
    return sorted(waiting, key=lambda u: (-u.days, u.place.code))


@dataclass(frozen=True)
class LinkedCluster:
    """Cases that tracing joins: an alarm's evidence, by pseudonyms."""

    unit: Unit  # the smallest place that holds them all
    cases: tuple[str, ...]
    recent: int  # confirmed in the last 14 days
    first_day: date
    last_day: date
    contacts: int  # joined by contacts shared or links: how many joins
    counties: tuple[str, ...]


def linked_case_clusters(
    incident: Incident,
    *,
    known_at: datetime,
    window_days: int = CLUSTER_DAYS,
    least: int = LEAST_CLUSTER,
) -> list[LinkedCluster]:
    """Return the clusters of cases joined by links, or by a contact that two cases share.

    Only clusters with at least `least` cases confirmed in the last `window_days` days; the largest
    recent first. For assess: it names cases by pseudonym and counts, never a person.
    """
    pairs = [(s, c) for s, c, _how in links(incident, known_at=known_at)]
    with every_row():
        told = standing(Contact, incident, known_at=known_at).values_list("identity_id", "case")
        shared: Mapping[int, set[str]] = defaultdict(set)
        for who, case in told:
            shared[who].add(case)
    for together in shared.values():
        first, *rest = sorted(together)
        pairs += [(first, other) for other in rest]
    if not pairs:
        return []
    joined = {name for pair in pairs for name in pair}
    with every_row():
        rows = {
            c.pseudonym: c
            for c in cases.current(incident, known_at=known_at).select_related("unit")
            if c.pseudonym in joined
        }
    names = list(rows)
    index = {name: i for i, name in enumerate(names)}
    joins = [(index[a], index[b]) for a, b in pairs if a in index and b in index]
    if not joins:
        return []
    label = linked_clusters(np.array(joins), cases=len(names))
    since = places.board_time(incident.package).local_day(known_at) - timedelta(
        days=window_days - 1
    )
    members: dict[int, list[Case]] = defaultdict(list)
    for name, i in index.items():
        members[int(label[i])].append(rows[name])
    made = []
    for number, group in members.items():
        recent = sum(c.report_day >= since for c in group)
        if len(group) < 2 or recent < least:
            continue
        days = [c.report_day for c in group]
        made.append(
            LinkedCluster(
                unit=_common(group),
                cases=tuple(c.pseudonym for c in sorted(group, key=lambda c: c.report_day)),
                recent=recent,
                first_day=min(days),
                last_day=max(days),
                contacts=sum(int(label[a]) == number for a, _b in joins),
                counties=tuple(sorted({c.unit.code for c in group})),
            )
        )
    return sorted(made, key=lambda c: (-c.recent, -len(c.cases), c.unit.code))


def _common(group: Sequence[Case]) -> Unit:
    """Return the smallest unit that holds all cases of a group."""
    units = {c.unit_id: c.unit for c in group}
    if len(units) == 1:
        return next(iter(units.values()))
    left, right = min(u.lft for u in units.values()), max(u.rgt for u in units.values())
    any_one = next(iter(units.values()))
    above = Unit.objects.filter(
        package_id=any_one.package_id, lft__lte=left, rgt__gte=right
    ).order_by("-depth")
    return above.first() or any_one
