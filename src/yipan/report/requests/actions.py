"""Asking for data: drafted, checked, met at once or ruled on, frozen and thawed, over by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.places.models import Level, Package, Unit
from yipan.report.dictionary.definitions import Definition
from yipan.report.dictionary.units import Conversion
from yipan.report.errors import (
    AlreadyFrozen,
    AlreadyRuled,
    ElementClash,
    Missing,
    NoSuchLevel,
    NotFrozen,
    NoTimeOfDay,
    RequestStands,
    RequestTooLong,
    UnknownElement,
    closest,
)
from yipan.report.models import (
    DataElement,
    DataRequest,
    Freeze,
    RequestedField,
    RequestState,
    Ruled,
    UnitConversion,
)
from yipan.report.requests import queries
from yipan.report.requests.answer import Answer, Answered, Group, answer_of
from yipan.report.requests.fields import Form, plain_cutoff
from yipan.report.requests.files import FormsFile
from yipan.report.requests.rules import (
    AUDIT_EVENT,
    IN_EFFECT,
    LONGEST,
    RULING_CLOCK,
    SUNSET,
    check_may_become,
    due_state,
)

LEVELS = {"village_community": Level.VILLAGE, **{level: Level(level) for level in Level.values}}


# --- the dictionary


def record_elements(
    *, package: Package, definitions: Iterable[Definition], at: datetime, by: User | None
) -> int:
    """Record elements that are new or say something else, each as its next version; return how many.

    A change of concept, population, measure or time basis would change what the id means: raises
    ElementClash (R133), and nothing is recorded.
    """
    known = queries.dictionary(package, known_at=at)
    rows = []
    for given in definitions:
        before = known.get(given.id)
        if before is not None:
            if before.signature != given.signature:
                raise ElementClash(value=given.id)
            if all(getattr(before, n) == getattr(given, n) for n in queries.COPIED):
                continue
        rows.append(
            DataElement(
                package=package,
                element=given.id,
                version=1 if before is None else before.version + 1,
                disaggregation=list(given.disaggregation),
                recorded_at=at,
                recorded_by=by,
                **{name: getattr(given, name) for name in queries.COPIED},
            )
        )
    with transaction.atomic():
        DataElement.objects.bulk_create(rows, batch_size=200)
        if rows:
            audit.record(
                event="dictionary.recorded",
                at=at,
                actor=by,
                object_type="package",
                object_id=package.pk,
                detail={"elements": len(rows)},
            )
    return len(rows)


def record_conversions(
    *, package: Package, given: Iterable[Conversion], at: datetime, by: User | None
) -> int:
    """Record unit conversions that are new or say something else; return how many."""
    known = {(c.source_unit, c.target_unit): c for c in queries.conversions(package, known_at=at)}
    rows = [
        UnitConversion(
            package=package,
            source_unit=c.source_unit,
            target_unit=c.target_unit,
            factor=c.factor,
            note=c.note[:200],
            recorded_at=at,
            recorded_by=by,
        )
        for c in given
        if known.get((c.source_unit, c.target_unit)) != c
    ]
    UnitConversion.objects.bulk_create(rows)
    return len(rows)


# --- requests


@dataclass(frozen=True)
class Why:
    """For what a department asks: without this nothing is asked of anybody."""

    purpose: str
    decision: str
    legal_basis: str


def draft_request(
    *,
    incident: Incident,
    unit: Unit,
    form: Form,
    why: Why,
    by: User | None,
    at: datetime,
    scope: Scope,
    sunset_on: date | None = None,
    statutory: bool = False,
) -> DataRequest:
    """Draft a request of one form for the units of a level below `unit`, and return it.

    It ends by itself after 14 days unless said, at the latest after 90. Raises Missing (R118) without
    a purpose, a decision or a legal basis, NoSuchLevel (R131), RequestTooLong (R134) and what
    `scope.check` raises.
    """
    scope.check(Action.DATA_REQUEST, unit)
    for label, text in (
        (_("Purpose"), why.purpose),
        (_("Decision it serves"), why.decision),
        (_("Legal basis"), why.legal_basis),
    ):
        if not text.strip():
            raise Missing(label=label, where=form.code)
    today = places.board_time(incident.package).local_day(at)
    ends = sunset_on or today + SUNSET
    if not today < ends <= today + LONGEST:
        raise RequestTooLong(value=ends.isoformat(), last=(today + LONGEST).isoformat())
    form = _with_plain_times(form)
    level = LEVELS.get(form.level or Level.VILLAGE)
    if level is None:
        raise NoSuchLevel(value=form.level, levels=", ".join(LEVELS))
    with transaction.atomic():
        made = DataRequest.objects.create(
            incident=incident,
            unit=unit,
            code=form.code,
            department_zh=form.department_zh,
            department_en=form.department_en,
            title_zh=form.title_zh,
            title_en=form.title_en,
            purpose=why.purpose.strip(),
            decision=why.decision.strip(),
            legal_basis=why.legal_basis.strip()[:200],
            level=level,
            frequency=form.frequency,
            cutoff=form.cutoff,
            deadline=form.deadline,
            statutory=statutory,
            sunset_on=ends,
            made_at=at,
            made_by=by,
        )
        RequestedField.objects.bulk_create(
            RequestedField(
                request=made,
                position=i,
                code=x.id,
                label_zh=x.label_zh,
                label_en=x.label_en,
                concept=x.spec.concept,
                population=x.spec.population,
                measure=x.spec.measure,
                time_basis=x.spec.time_basis,
                unit=x.spec.unit,
                cutoff=x.spec.cutoff,
                definition=x.spec.definition,
            )
            for i, x in enumerate(form.fields)
        )
        _record("request.drafted", made, at, by, {"fields": len(form.fields)})
    return made


def _with_plain_times(form: Form) -> Form:
    """Return a form whose times of day are written in one way. Raises NoTimeOfDay (R174)."""

    def plain(said: str, label: str, where: str) -> str:
        time = plain_cutoff(said)
        if time is None:
            raise NoTimeOfDay(label=label, value=said[:40], where=where)
        return time

    fields = tuple(
        replace(x, spec=replace(x.spec, cutoff=plain(x.spec.cutoff, _("Cut-off"), x.id)))
        for x in form.fields
    )
    return replace(
        form,
        cutoff=plain(form.cutoff, _("Cut-off"), form.code),
        deadline=plain(form.deadline, _("Deadline"), form.code),
        fields=fields,
    )


def submit_request(
    *, request: DataRequest, by: User | None, at: datetime, scope: Scope
) -> tuple[DataRequest, Answer]:
    """Check a draft and let it take effect; return it with what it gets.

    What is known, computed or asked already is met at once. What would be asked anew, and what is
    defined otherwise, goes to a ruling with a clock of two hours; the rest does not wait for it. A
    request of which nothing can be met or ruled on is rejected with the reasons of its fields.
    """
    scope.check(Action.DATA_REQUEST, request.unit)
    with transaction.atomic():
        held = _held(request)
        answer = answer_of(held, at=at)
        held.minutes_alone, held.minutes_added = answer.minutes_alone, answer.minutes_added
        _become(held, RequestState.CHECKED, at, by)
        waits = [a.row for a in answer.fields if a.group in (Group.NEW, Group.RULING)]
        for row in waits:
            row.asked_at, row.due_at = at, at + RULING_CLOCK
        RequestedField.objects.bulk_update(waits, ["asked_at", "due_at"])
        if not answer.at_once and not waits:
            held.closed_at, held.closed_reason = at, _("None of its fields is asked of anybody.")
            _become(held, RequestState.REJECTED, at, by)
        else:
            held.active_from = at
            _become(held, RequestState.RULING if waits else RequestState.ACTIVE, at, by)
    return held, answer


def rule(
    *,
    field: RequestedField,
    ruling: str,
    reason: str,
    by: User | None,
    at: datetime,
    scope: Scope,
    element: str = "",
    new: Definition | None = None,
) -> RequestedField:
    """Rule on a field that waits, with a reason, and return it; the ruling is published to all.

    `same`: it is `element` (its own match unless said) as it stands. `new`: `new` enters the
    dictionary. `reject`: it is not asked. Raises AlreadyRuled (R135), Missing (R118), UnknownElement (R102).
    """
    scope.check(Action.DATA_RULE, field.request.unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    with transaction.atomic():
        held = RequestedField.objects.select_for_update(of=("self",)).select_related(
            "request__incident__package", "request__unit"
        ).get(pk=field.pk)  # fmt: skip
        if held.ruled_at is not None:
            raise AlreadyRuled(at=held.ruled_at.isoformat(timespec="minutes"))
        package = held.request.incident.package
        if ruling == Ruled.NEW and new is not None:
            record_elements(package=package, definitions=[new], at=at, by=by)
            held.ruled_element = new.id
        elif ruling == Ruled.SAME:
            held.ruled_element = element or _matched(held, at)
            known = queries.dictionary(package, known_at=at)
            if held.ruled_element not in known:
                near = closest(held.ruled_element, list(known))
                raise UnknownElement(value=held.ruled_element, closest=near)
        elif ruling != Ruled.REJECT:
            raise Missing(label=_("Ruling"))
        held.ruling, held.ruling_reason = ruling, reason.strip()
        held.ruled_at, held.ruled_by = at, by
        held.save()
        _record("request.ruled", held.request, at, by, {"field": held.code, "ruling": ruling})
        _after_ruling(held.request, at, by)
    return held


def _matched(field: RequestedField, at: datetime) -> str:
    answer = answer_of(field.request, at=at)
    mine = next(a for a in answer.fields if a.row.pk == field.pk)
    return mine.outcome.element.id if mine.outcome.element is not None else field.concept


def _after_ruling(request: DataRequest, at: datetime, by: User | None) -> None:
    """The last ruling settles the request: active, or rejected where nothing is left of it."""
    if request.fields.filter(asked_at__isnull=False, ruled_at__isnull=True).exists():
        return
    held = _held(request)
    if held.state != RequestState.RULING:
        return
    if held.fields.exclude(ruling=Ruled.REJECT).exists():
        _become(held, RequestState.ACTIVE, at, by)
    else:
        held.closed_at, held.closed_reason = at, _("Every field was ruled out.")
        _become(held, RequestState.REJECTED, at, by)


def close_request(
    *, request: DataRequest, reason: str, by: User | None, at: datetime, scope: Scope
) -> DataRequest:
    """Withdraw a request; from the next day nobody is asked for what only it needed."""
    scope.check(Action.DATA_REQUEST, request.unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    with transaction.atomic():
        held = _held(request)
        held.closed_at, held.closed_reason = at, reason.strip()
        _become(held, RequestState.CLOSED, at, by)
    return held


def prolong_request(
    *,
    request: DataRequest,
    until: date,
    reason: str,
    by: User | None,
    at: datetime,
    scope: Scope,
) -> DataRequest:
    """Let a request in effect run until another day, with a reason; one about to end is active again.

    Raises Missing (R118) without a reason, RequestTooLong (R134) for a day that is past or further off than a
    request may run, RequestStands (R132) for one that is over.
    """
    scope.check(Action.DATA_REQUEST, request.unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    today = places.board_time(request.incident.package).local_day(at)
    if not today < until <= today + LONGEST:
        raise RequestTooLong(value=until.isoformat(), last=(today + LONGEST).isoformat())
    with transaction.atomic():
        held = _held(request)
        if held.state not in IN_EFFECT:
            raise RequestStands(state=held.get_state_display(), wanted=_("prolonged"))
        before, held.sunset_on = held.sunset_on, until
        if held.state == RequestState.EXPIRING and due_state("active", until, today) == "active":
            check_may_become(held.state, RequestState.ACTIVE)
            held.state = RequestState.ACTIVE
        held.save(update_fields=["sunset_on", "state"])
        _record(
            "request.prolonged", held, at, by,
            {"from": before.isoformat(), "until": until.isoformat(), "reason": reason.strip()},
        )  # fmt: skip
    return held


def expire_requests(*, incident: Incident, at: datetime) -> int:
    """Let requests near their sunset say so and those past it end; return how many changed."""
    today = places.board_time(incident.package).local_day(at)
    changed = 0
    with transaction.atomic():
        rows = DataRequest.objects.select_for_update().filter(incident=incident)
        for held in rows.filter(state__in=("active", "ruling", "expiring")).order_by("pk"):
            due = due_state(held.state, held.sunset_on, today)
            if due == held.state:
                continue
            if due is RequestState.CLOSED:
                held.closed_at, held.closed_reason = at, _("Its time was over.")
            _become(held, due, at, None)
            changed += 1
    return changed


# --- freeze


def freeze(
    *, incident: Incident, reason: str, by: User | None, at: datetime, scope: Scope
) -> Freeze:
    """Suspend every request without a statutory flag; raises AlreadyFrozen (R136), Missing (R118)."""
    scope.check(Action.DATA_FREEZE)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    if queries.frozen_at(incident, at) is not None:
        raise AlreadyFrozen
    with transaction.atomic():
        made = Freeze.objects.create(incident=incident, since=at, by=by, reason=reason.strip())
        _record_freeze("request.frozen", made, at, by)
    return made


def thaw(*, incident: Incident, by: User | None, at: datetime, scope: Scope) -> Freeze:
    """End the freeze; raises NotFrozen (R137)."""
    scope.check(Action.DATA_FREEZE)
    with transaction.atomic():
        standing = Freeze.objects.select_for_update().filter(incident=incident, until=None).first()
        if standing is None:
            raise NotFrozen
        standing.until, standing.thawed_by = at, by
        standing.save(update_fields=["until", "thawed_by"])
        _record_freeze("request.thawed", standing, at, by)
    return standing


# --- in bulk


def import_forms(
    *,
    incident: Incident,
    unit: Unit,
    file: FormsFile,
    why: Why,
    by: User | None,
    at: datetime,
    scope: Scope,
    approve_new: str = "",
) -> list[DataRequest]:
    """Record a file's dictionary, draft and submit each of its forms, and return the requests.

    With a reason in `approve_new`, questions that are new are ruled in at once (the first forms of an
    incident are all new); fields that are defined otherwise still wait. A form whose code is known is left out.
    """
    known = set(DataRequest.objects.filter(incident=incident).values_list("code", flat=True))
    made = []
    with transaction.atomic():
        record_elements(
            package=incident.package, definitions=file.dictionary.values(), at=at, by=by
        )
        record_conversions(package=incident.package, given=file.conversions, at=at, by=by)
        for form in file.forms:
            if form.code in known:
                continue
            request = draft_request(
                incident=incident, unit=unit, form=form, why=why, by=by, at=at, scope=scope
            )
            held, answer = submit_request(request=request, by=by, at=at, scope=scope)
            if approve_new:
                _approve(held, answer.of(Group.NEW), approve_new, by, at)
            made.append(_held(held))
    return made


def _approve(
    request: DataRequest, answered: Sequence[Answered], reason: str, by: User | None, at: datetime
) -> None:
    rows = []
    for a in answered:
        assert a.outcome.element is not None  # what would be asked has an element
        row = a.row
        row.ruling, row.ruling_reason = Ruled.SAME, reason
        row.ruled_at, row.ruled_by = at, by
        row.ruled_element = a.outcome.element.id
        rows.append(row)
    names = ["ruling", "ruling_reason", "ruled_at", "ruled_by", "ruled_element"]
    RequestedField.objects.bulk_update(rows, names)
    if rows:
        _record("request.ruled", request, at, by, {"fields": len(rows), "ruling": "same"})
    _after_ruling(request, at, by)


def _held(request: DataRequest) -> DataRequest:
    rows = DataRequest.objects.select_for_update(of=("self",))
    return rows.select_related("incident__package", "unit").get(pk=request.pk)


def _become(request: DataRequest, state: RequestState, at: datetime, by: User | None) -> None:
    check_may_become(request.state, state)
    request.state = state
    request.save()
    _record(AUDIT_EVENT[state], request, at, by, {})


def _record(
    event: str, request: DataRequest, at: datetime, by: User | None, detail: dict[str, object]
) -> None:
    audit.record(
        event=event,
        at=at,
        actor=by,
        object_type="data_request",
        object_id=request.pk,
        unit=request.unit,
        incident=request.incident,
        detail={"code": request.code, **detail},
    )


def _record_freeze(event: str, one: Freeze, at: datetime, by: User | None) -> None:
    audit.record(
        event=event,
        at=at,
        actor=by,
        object_type="freeze",
        object_id=one.pk,
        incident=one.incident,
    )
