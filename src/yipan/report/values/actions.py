"""Taking counts in: by form, in bulk, from the published bulletins, from an order's receipt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.actions import note_token_use
from yipan.access.models import ApiToken, Incident, User
from yipan.access.queries import board_now
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.places.models import PublishedCount, Unit
from yipan.report.dictionary import Element
from yipan.report.errors import (
    KeyTaken,
    Missing,
    NothingSent,
    NothingToRepeat,
    ReasonMissing,
    Refused,
    ReportError,
    StoodDown,
)
from yipan.report.forms.current import elements_named
from yipan.report.models import Absence, RowAside, Source, Submission, Value
from yipan.report.values import queries, swift
from yipan.report.values.queries import Stood
from yipan.report.values.rules import check_day, check_total, check_value, known_element
from yipan.report.values.swift import Caller

TEXT_LENGTH = 2000
ATTEMPTS = 3  # two people correcting one value at once: the second looks again and goes after


def submit_values(
    *,
    incident: Incident,
    unit: Unit,
    day: date,
    values: Mapping[str, float | None],
    actor: User | None,
    source: str,
    at: datetime,
    client_key: str,
    scope: Scope,
    device_at: datetime | None = None,
    reasons: Mapping[str, str] | None = None,
    unchanged: frozenset[str] = frozenset(),
    texts: Mapping[str, str] | None = None,
) -> Submission:
    """Take one unit's values of one day and return the submission, the same one for a replayed key.

    A missing or None value is "not reported", never zero; an element in `unchanged` repeats the
    last known value as an explicit answer. A value that differs from the one known is a
    correction and needs its reason in `reasons`; None with a reason withdraws a value. `texts` are
    the answers of elements answered in words.
    Raises Refused (R101) naming every fault (then nothing is taken), KeyTaken (R123),
    NothingSent (R126), StoodDown (R125), and what `scope.check` raises.
    """
    scope.check(Action.REPORT_SUBMIT, unit)
    said = {
        name: text.strip()[:TEXT_LENGTH] for name, text in (texts or {}).items() if text.strip()
    }
    numbers = {**values, **dict.fromkeys(said, 1.0)}
    sent = _Sent(incident, unit, day, numbers, dict(reasons or {}), unchanged, at, said)
    for attempt in range(ATTEMPTS):
        there = _replayed(client_key, incident=incident, unit=unit, source=source)
        if there is not None:
            return there
        try:
            with transaction.atomic():
                return _write(sent, actor, source, client_key, device_at, subject="")
        except IntegrityError:
            # Either the same key arrived twice at once, or somebody corrected the same value.
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def faults_of_values(
    *,
    incident: Incident,
    unit: Unit,
    day: date,
    values: Mapping[str, float | None],
    at: datetime,
    reasons: Mapping[str, str] | None = None,
    unchanged: frozenset[str] = frozenset(),
) -> dict[str, ReportError]:
    """Return what the door would refuse of these values, by field; nothing is written."""
    sent = _Sent(incident, unit, day, dict(values), dict(reasons or {}), unchanged, at)
    try:
        _at_the_door(sent)
    except Refused as refused:
        return refused.faults
    return {}


def take_receipt(
    *,
    incident: Incident,
    unit: Unit,
    subject: str,
    values: Mapping[str, float | None],
    actor: User | None,
    at: datetime,
    client_key: str,
    day: date | None = None,
) -> Submission:
    """Take an order's receipt as a report that names the delivery, and return the submission.

    The caller has checked that the actor may act for the unit. Values are optional; they pass the
    same door as any report's and correct earlier ones, the order being the reason.
    """
    there = _replayed(client_key, incident=incident, unit=unit, source=Source.RECEIPT)
    if there is not None:
        return there
    on = day or places.board_time(incident.package).local_day(at)
    because = {name: _("Reported with order delivery %s") % subject for name in values}
    sent = _Sent(incident, unit, on, dict(values), because, frozenset(), at)
    try:
        with transaction.atomic():
            return _write(sent, actor, Source.RECEIPT, client_key, None, subject=subject)
    except IntegrityError:
        there = _replayed(client_key, incident=incident, unit=unit, source=Source.RECEIPT)
        if there is None:
            raise
        return there


@dataclass(frozen=True)
class _Sent:
    incident: Incident
    unit: Unit
    day: date
    values: dict[str, float | None]
    reasons: dict[str, str]
    unchanged: frozenset[str]
    at: datetime
    texts: Mapping[str, str] = field(default_factory=dict)


class Took(NamedTuple):
    """What became of a submission that went the short way."""

    id: int
    received_at: datetime
    accepted: int
    aside: int


def submit_swiftly(
    *,
    caller: Caller,
    unit: str,
    day: date,
    values: Mapping[str, float | None],
    now: datetime,
    client_key: str,
    device_at: datetime | None = None,
    reasons: Mapping[str, str] | None = None,
    unchanged: frozenset[str] = frozenset(),
) -> Took | None:
    """Take one unit's values as `submit_values` does, in one read and one write; None: go the other way.

    The same door and the same answer. None, with nothing written, where the caller may not, where
    place or incident do not fit, where the key is another's, or where somebody wrote at the same
    moment: the ordinary way then says what is wrong, or takes it.
    """
    names = {*values, *unchanged}
    if not names:
        return None
    found = swift.look(
        caller, unit=unit, day=day, names=sorted(names), back=bool(unchanged), key=client_key, now=now
    )  # fmt: skip
    if found is None or not _token_may(found):
        return None
    if found.token:
        note_token_use(token=ApiToken(pk=found.token, last_used_at=found.token_used_at), at=now)
    there = found.replay
    if there is not None:
        same = (there.incident, there.unit, there.source) == (
            found.incident, found.unit, Source.API,
        )  # fmt: skip
        return Took(there.id, there.received_at, there.accepted, there.aside) if same else None
    incident = swift.incident_of(found, now=now)
    at = board_now(incident, now)
    where = Unit(pk=found.unit, code=unit, level=found.level, package_id=incident.package_id)
    sent = _Sent(incident, where, day, dict(values), dict(reasons or {}), unchanged, at)
    elements = swift.elements_of(found, incident, names, at=at, now=now)
    accepted = _at_the_door(sent, swift.sort_standing(found, day=day, known_at=at), elements)
    if not accepted:
        raise NothingSent(where=unit)
    try:
        # A statement of its own is a transaction of its own; within another it needs a savepoint.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            made = swift.write(
                incident=incident.pk,
                unit=found.unit,
                actor=found.user,
                source=Source.API,
                key=client_key,
                at=at,
                device_at=device_at,
                values=accepted,
                detail=_told(Source.API, accepted),
            )
    except IntegrityError:
        return None  # somebody corrected the same value at this moment
    return None if made is None else Took(made, at, len(accepted), 0)


def _token_may(found: swift.Found) -> bool:
    return found.actions is None or {Action.REPORT_SUBMIT, Action.PLACE_READ} <= found.actions


def _replayed(key: str, *, incident: Incident, unit: Unit, source: str) -> Submission | None:
    there = Submission.objects.filter(client_key=key).first()
    if there is None:
        return None
    if (there.incident_id, there.unit_id, there.source) != (incident.pk, unit.pk, source):
        raise KeyTaken(where=unit.code)
    return there


def _write(
    sent: _Sent,
    actor: User | None,
    source: str,
    client_key: str,
    device_at: datetime | None,
    *,
    subject: str,
) -> Submission:
    if subject and not sent.values:  # a receipt that carries no value: the hot path of orders
        check_open(sent.incident, sent.at)
        accepted: list[Value] = []
    else:
        accepted = _at_the_door(sent)
    if not accepted and not subject:
        raise NothingSent(where=sent.unit.code)
    submission = Submission.objects.create(
        incident=sent.incident,
        unit=sent.unit,
        actor=actor,
        source=source,
        client_key=client_key,
        received_at=sent.at,
        device_at=device_at,
        rows_accepted=len(accepted),
        subject=subject,
    )
    for value in accepted:
        value.submission = submission
    Value.objects.bulk_create(accepted)
    audit.record(
        event="report.submitted",
        at=sent.at,
        actor=actor,
        object_type="submission",
        object_id=str(submission.pk),
        unit=sent.unit,
        incident=sent.incident,
        detail=_told(source, accepted),
    )
    return submission


def _told(source: str, accepted: Sequence[Value]) -> dict[str, Any]:
    """Return what the audit keeps of a submission."""
    corrections = sum(v.version > 1 for v in accepted)
    return {"source": source, "values": len(accepted), "corrections": corrections}


Standing = tuple[Mapping[str, Stood], Mapping[str, Stood], Mapping[str, int]]


def _at_the_door(
    sent: _Sent, stood: Standing | None = None, elements: Mapping[str, Element] | None = None
) -> list[Value]:
    """Return the versions to write; raise Refused with every fault. Equal values are left out.

    `stood` and `elements` are what stands and what the dictionary says, where they were read already.
    """
    clock = places.board_time(sent.incident.package)
    check_open(sent.incident, sent.at)
    faults: dict[str, ReportError] = {}
    try:
        check_day(
            sent.day,
            label=_("Day"),
            today=clock.local_day(sent.at),
            first=queries.first_day(sent.incident),
        )
    except ReportError as fault:
        raise Refused({"day": fault}, where=sent.unit.code) from None
    known, before, versions = stood or queries.standing(
        sent.incident, unit=sent.unit, day=sent.day, known_at=sent.at
    )
    accepted: list[Value] = []
    named = [*sent.values, *sorted(sent.unchanged - sent.values.keys())]
    if elements is None:
        elements = elements_named(sent.incident.package, set(named), known_at=sent.at)
    for name in named:
        try:
            element = elements.get(name) or known_element(name)
            value = _one(sent, element, known.get(name), before.get(name), versions.get(name, 0))
        except ReportError as fault:
            faults[name] = fault
            continue
        if value is not None:
            accepted.append(value)
    if faults:
        raise Refused(faults, where=sent.unit.code)
    return accepted


def _one(
    sent: _Sent, element: Element, known: Stood | None, before: Stood | None, versions: int
) -> Value | None:
    name = element.id
    text = sent.texts.get(name, "")
    number = sent.values.get(name)
    repeat = name in sent.unchanged and number is None
    if repeat:
        if before is None:
            raise NothingToRepeat(label=element.label)
        number, text = before.value, before.text
    reason = sent.reasons.get(name, "").strip()
    if number is None:
        if not (reason and known is not None and known.value is not None):
            return None  # blank: not reported
    else:
        check_value(element, number, level=sent.unit.level)
        if element.cumulative and not reason:
            check_total(element, number, sent.day, _totals(sent, name))
    if known is not None and known.value == number and known.text == text:
        return None
    if known is not None and not reason:
        raise ReasonMissing(
            label=element.label,
            day=sent.day.isoformat(),
            known=_("withdrawn") if known.value is None else element.shown(known.value),
            value=element.shown(number),
        )
    return Value(
        incident=sent.incident,
        unit=sent.unit,
        element=name,
        day=sent.day,
        version=versions + 1,
        value=number,
        text=text,
        unchanged=repeat,
        recorded_at=sent.at,
        reason=reason if versions or element.cumulative else "",
    )


def _totals(sent: _Sent, name: str) -> dict[date, float]:
    rows = Value.objects.filter(
        incident=sent.incident, unit=sent.unit, element=name, recorded_at__lte=sent.at
    ).order_by("version")
    found = dict(rows.values_list("day", "value"))
    found.pop(sent.day, None)
    return {day: value for day, value in found.items() if value is not None}


def check_open(incident: Incident, at: datetime) -> None:
    """Refuse a report to an incident that was stood down (R125)."""
    if incident.stood_down_at is not None and at >= incident.stood_down_at:
        raise StoodDown(where=incident.slug)


# --- bulk


class Report(NamedTuple):
    """One unit's answers of one day, as the bulk door takes them."""

    unit: int
    day: date
    values: Mapping[str, float | None]
    recorded_at: datetime | None = None  # from when the board knew; the batch's `at` if not given
    row: int | None = None  # where it stood in its file
    unchanged: frozenset[str] = frozenset()
    reason: str = ""  # why its values differ from the known ones; the batch's reason if empty


@dataclass(frozen=True)
class Taken:
    """What a batch left behind."""

    submissions: int
    values: int
    aside: int
    replayed: int  # reports that were here before under the same key


def take_batch(
    *,
    incident: Incident,
    rows: Sequence[Report],
    source: str,
    at: datetime,
    key: str,
    actor: User | None = None,
    scope: Scope | None = None,
    reason: str = "",
) -> Taken:
    """Take many reports at once with a fixed number of statements and return what was taken.

    One submission per report under the key `key:unit:day`, so a replayed batch adds nothing and
    an interrupted one goes on. Values that cannot be taken are kept aside under their submission;
    a value that differs from the one known becomes a new version where `reason` is given and is
    kept aside (R117) otherwise. `source` "bulletin" takes falling totals as published.
    """
    if not rows:
        return Taken(0, 0, 0, 0)
    check_open(incident, at)
    units = Unit.objects.filter(package=incident.package_id)
    if scope is not None:
        units = scope.filter(units, unit="", action=Action.REPORT_SUBMIT)
    levels = dict(units.order_by().values_list("pk", "level"))
    with transaction.atomic():
        there = set(
            Submission.objects.filter(
                incident=incident, client_key__startswith=f"{key}:"
            ).values_list("client_key", flat=True)
        )
        batch = [
            (r, k)
            for r in rows
            if r.unit in levels and (k := f"{key}:{r.unit}:{r.day:%Y%m%d}") not in there
        ]
        door = _Door(incident, levels, at, source, reason)
        door.learn([r for r, _key in batch])
        taken = _write_batch(incident, batch, door, source, at, actor, reason)
        if batch:
            audit.record(
                event="report.batch",
                at=at,
                actor=actor,
                object_type="batch",
                object_id=key,
                incident=incident,
                detail={"source": source, "reports": len(batch), "aside": taken.aside},
            )
    return Taken(taken.submissions, taken.values, taken.aside, len(rows) - len(batch))


def _write_batch(
    incident: Incident,
    batch: Sequence[tuple[Report, str]],
    door: _Door,
    source: str,
    at: datetime,
    actor: User | None,
    reason: str,
) -> Taken:
    ids = queries.next_ids(Submission, len(batch))
    who = actor.pk if actor is not None else None
    heads: list[tuple[Any, ...]] = []
    facts: list[tuple[Any, ...]] = []
    aside: list[RowAside] = []
    for pk, (report, key) in zip(ids, batch, strict=True):
        known_from = report.recorded_at or at
        passed, kept = door.check(report)
        for name, value, version, why in passed:
            facts.append(
                (incident.pk, report.unit, name, report.day, version, value,
                 name in report.unchanged, known_from, pk, why, report.row)
            )  # fmt: skip
        aside.extend(aside_row(pk, report, name, fault) for name, fault in kept)
        heads.append(
            (pk, incident.pk, report.unit, who, source, key, known_from, None, "", "", "", None,
             len(passed), len(kept), "")
        )  # fmt: skip
    queries.insert_rows(
        Submission,
        ("id", "incident", "unit", "actor", "source", "client_key", "received_at", "device_at",
         "file_name", "file_digest", "file_encoding", "file_expires_on", "rows_accepted",
         "rows_aside", "subject"),
        heads,
    )  # fmt: skip
    queries.insert_rows(Value, FACT_COLUMNS, facts)
    RowAside.objects.bulk_create(aside, batch_size=1000)
    return Taken(len(heads), len(facts), len(aside), 0)


def take_under(
    *, head: Submission, rows: Sequence[Report], levels: Mapping[int, str], at: datetime
) -> tuple[int, int]:
    """Take reports under one submission (a file's) and return (values taken, values kept aside).

    `levels` are the units the sender may report for, by id. What is known already and equal is
    left out, so a chunk taken twice adds nothing. Call it inside a transaction.
    """
    door = _Door(head.incident, dict(levels), at, head.source, "")
    door.learn(rows)
    facts: list[tuple[Any, ...]] = []
    aside: list[RowAside] = []
    for report in rows:
        passed, kept = door.check(report)
        facts.extend(
            (head.incident_id, report.unit, name, report.day, version, value, False, at, head.pk,
             why, report.row)
            for name, value, version, why in passed
        )  # fmt: skip
        aside.extend(aside_row(head.pk, report, name, fault) for name, fault in kept)
    queries.insert_rows(Value, FACT_COLUMNS, facts)
    RowAside.objects.bulk_create(aside, batch_size=1000)
    return len(facts), len(aside)


FACT_COLUMNS = (
    "incident", "unit", "element", "day", "version", "value", "unchanged", "recorded_at",
    "submission", "reason", "row",
)  # fmt: skip


def aside_row(submission: int, report: Report, name: str, fault: ReportError) -> RowAside:
    """Return the record of one value kept aside."""
    return RowAside(
        submission_id=submission,
        unit_id=report.unit,
        kind="counts",
        row=report.row or 0,
        field=name,
        raw={"day": report.day.isoformat(), name: report.values.get(name), "reason": report.reason},
        code=fault.code,
        params={k: v if isinstance(v, int | float) else str(v) for k, v in fault.params.items()},
        message=fault.message,
        remedy=fault.remedy,
    )


@dataclass
class _Door:
    """The checks of a batch, with what is known already learnt in one query each."""

    incident: Incident
    levels: dict[int, str]
    at: datetime
    source: str
    reason: str
    today: date = field(init=False)
    first: date = field(init=False)
    elements: dict[str, Element] = field(default_factory=dict)
    known: dict[tuple[int, str, date], tuple[int, float | None]] = field(default_factory=dict)
    totals: dict[tuple[int, str], dict[date, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def __post_init__(self) -> None:
        self.today = places.board_time(self.incident.package).local_day(self.at)
        self.first = queries.first_day(self.incident)

    def learn(self, rows: Sequence[Report]) -> None:
        """Read the values that stand already where this batch speaks."""
        if not rows:
            return
        names = {name for r in rows for name in r.values}
        self.elements = elements_named(self.incident.package, names, known_at=self.at)
        there = Value.objects.filter(incident=self.incident, element__in=names)
        span = there.filter(day__range=(min(r.day for r in rows), max(r.day for r in rows)))
        asked = (
            {(r.unit, name, r.day) for r in rows for name in r.values} if span.exists() else set()
        )
        for unit, name, day, version, value in (
            span.order_by("version").values_list("unit_id", "element", "day", "version", "value")
            if asked
            else ()
        ):
            if (unit, name, day) in asked:
                self.known[unit, name, day] = (version, value)
        running = [n for n, element in self.elements.items() if element.cumulative]
        if running and self.source != Source.BULLETIN:
            for unit, name, day, value in (
                there.filter(element__in=running)
                .order_by("version")
                .values_list("unit_id", "element", "day", "value")
            ):
                if value is not None:
                    self.totals[unit, name][day] = value

    def check(
        self, report: Report
    ) -> tuple[list[tuple[str, float | None, int, str]], list[tuple[str, ReportError]]]:
        """Return (values to write with version and reason, values kept aside with their fault)."""
        passed: list[tuple[str, float | None, int, str]] = []
        kept: list[tuple[str, ReportError]] = []
        for name, value in report.values.items():
            if value is None:
                continue
            try:
                written = self._one(report, name, value)
            except ReportError as fault:
                kept.append((name, fault))
                continue
            if written is not None:
                passed.append((name, value, *written))
        return passed, kept

    def _one(self, report: Report, name: str, value: float) -> tuple[int, str] | None:
        element = self.elements.get(name)
        if element is None:
            element = self.elements[name] = known_element(name)
        first = None if self.source == Source.BULLETIN else self.first
        if report.day > self.today or (first is not None and report.day < first):
            check_day(report.day, label=_("Day"), today=self.today, first=first)
        # The authority may publish for a county what no county is asked for.
        level = None if self.source == Source.BULLETIN else self.levels[report.unit]
        check_value(element, value, level=level)
        version, there = self.known.get((report.unit, name, report.day), (0, None))
        if version and there == value:
            return None
        reason = report.reason or self.reason
        if version and not reason:
            raise ReasonMissing(
                label=element.label,
                day=report.day.isoformat(),
                known=_("withdrawn") if there is None else element.shown(there),
                value=element.shown(value),
            )
        if element.cumulative and self.source != Source.BULLETIN and not reason:
            others = self.totals[report.unit, name]
            check_total(
                element, value, report.day, {d: v for d, v in others.items() if d != report.day}
            )
        if element.cumulative:
            self.totals[report.unit, name][report.day] = value
        self.known[report.unit, name, report.day] = (version + 1, value)
        return version + 1, reason


def take_published(
    *, incident: Incident, until: date | datetime, at: datetime | None = None
) -> Taken:
    """Take the package's bulletins as submissions, each recorded at the moment it was published.

    `until` is a moment (what was published by then) or a data day (that day included). City and
    province series enter as published, never scaled to each other; a count that was not published
    stays absent. What was taken before is not taken again.
    """
    rows = PublishedCount.objects.filter(unit__package=incident.package_id)
    # A datetime is a date too, so it is asked first.
    rows = (
        rows.filter(known_from__lte=until)
        if isinstance(until, datetime)
        else rows.filter(day__lte=until)
    )
    reports = [
        Report(
            unit,
            day,
            {"confirmed": confirmed, "cured": cured, "deaths": deaths},
            known_from,
        )
        for unit, day, known_from, confirmed, cured, deaths in rows.order_by(
            "day", "unit_id", "known_from"
        ).values_list("unit_id", "day", "known_from", "confirmed", "cured", "deaths")
    ]
    latest = max((r.recorded_at for r in reports if r.recorded_at), default=None)
    moment = at or (until if isinstance(until, datetime) else latest)
    if moment is None:
        return Taken(0, 0, 0, 0)
    return take_batch(
        incident=incident,
        rows=reports,
        source=Source.BULLETIN,
        at=max(moment, latest) if latest else moment,
        key=f"bulletin:{incident.pk}",
    )


def note_absence(
    *,
    incident: Incident,
    unit: Unit,
    reason: str,
    since: datetime,
    until: datetime | None,
    by: User | None,
    at: datetime,
    scope: Scope,
) -> Absence:
    """Note why a unit is not heard from, beside its lateness; raises Missing (R118) without a reason."""
    scope.check(Action.REPORT_SUBMIT, unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    with transaction.atomic():
        noted = Absence.objects.create(
            incident=incident,
            unit=unit,
            since=since,
            until=until,
            reason=reason.strip()[:200],
            noted_by=by,
            noted_at=at,
        )
        audit.record(
            event="report.absence_noted",
            at=at,
            actor=by,
            object_type="absence",
            object_id=str(noted.pk),
            unit=unit,
            incident=incident,
        )
    return noted
