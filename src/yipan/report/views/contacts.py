"""One case, one contact, today's follow-ups, and who infected whom, as pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yipan.access import identity
from yipan.access import status as persons
from yipan.access.context import PersonRequest
from yipan.access.identity import Identifiers
from yipan.access.models import Identity, PersonStatus
from yipan.access.queries import one_unit
from yipan.access.rules import Action
from yipan.access.scope import CASE, IDENTITY, Scope, nothing_there
from yipan.access.signing import signed_in
from yipan.access.status_rules import STATUS_RULES, is_active
from yipan.kernel.errors import YipanError
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report.contacts import actions, queries
from yipan.report.contacts.actions import NO_DOCUMENT
from yipan.report.contacts.chains import find_chains, histogram
from yipan.report.contacts.forms import (
    ContactForm,
    ExposureForm,
    HandOverForm,
    LastDayForm,
    LinkForm,
    MoveForm,
    PersonForm,
    ReasonForm,
    VisitForm,
)
from yipan.report.contacts.models import Contact
from yipan.report.contacts.rules import STANDING_WORDS, rule_for, symptom_words
from yipan.report.duplicates.queries import same_as
from yipan.report.laboratory.queries import specimens
from yipan.report.models import Case
from yipan.report.quarantine.actions import move
from yipan.report.quarantine.models import Site, SiteKind
from yipan.report.quarantine.queries import sites, stays_of

SHOWN, HINTS = 60, 300
Forms = dict[str, forms.Form]


# ---- shared by the pages about persons --------------------------------------------------------------------


def may_write(scope: Scope, unit: Unit | None = None) -> bool:
    """Return whether a person may enter what happened to persons (at `unit`, or anywhere)."""
    reads = scope.may(Action.CASE_READ, unit, sensitivity=CASE)
    return reads and (scope.may(Action.REPORT_SUBMIT, unit) or scope.may(Action.STATUS_SET, unit))


def fresh_key() -> str:
    """Return a key under which a form that is sent twice is taken once."""
    return uuid4().hex


def unit_named(scope: Scope, text: str) -> Unit:
    """Return the one unit in scope that a code or name names."""
    return one_unit(scope, text.strip(), Action.PLACE_READ)


def hints(request: PersonRequest) -> list[Unit]:
    """Return the places in scope down to townships, to be offered while a person types."""
    units = request.scope.filter(
        Unit.objects.filter(package=request.board.package), unit="", action=Action.PLACE_READ
    ).exclude(level__in=(Level.VILLAGE, Level.FACILITY))
    return list(units.order_by("-depth", "lft")[:HINTS])


# ---- one case ---------------------------------------------------------------------------------------------


@sensitive_post_parameters("contact-number", "contact-name", "contact-phone", "contact-address",
                           "name-number", "name-name", "name-phone", "name-address")  # fmt: skip
@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def case(request: PersonRequest, name: str) -> HttpResponse:
    """Show one case: who infected it, where it was, whom it met, its specimens; enter each of them."""
    board = request.board
    found = actions.known_case(board.incident, name, scope=request.scope, at=board.at)
    made = _case_forms(request, found)
    fault: YipanError | None = None
    revealed: Identifiers | None = None
    if request.method == "POST":
        act = request.POST.get("act", "")
        form = made.get(act)
        if form is not None and form.is_valid():
            try:
                revealed = _on_case(request, found, act, form.cleaned_data)
            except YipanError as refused:
                fault = refused
            else:
                if revealed is None:
                    messages.success(request, _("Entered."))
                    return redirect("report:case", name=found.pseudonym)
    file = queries.case_file(board.incident, found, scope=request.scope, known_at=board.at)
    context = {
        "section": "report",
        "case": found,
        "file": file,
        "words": STANDING_WORDS,
        "specimens": specimens(
            board.incident, scope=request.scope, known_at=board.at, case=found.pseudonym
        ),
        "forms": made,
        "fault": fault,
        "revealed": _shown(revealed),
        "hints": hints(request),
        "may_write": may_write(request.scope, found.unit) and not board.past,
        "may_reveal": request.scope.may(Action.IDENTITY_REVEAL, found.unit, sensitivity=IDENTITY),
        "rule": rule_for(board.incident.disease),
    }
    return render(request, "report/case.html", context, status=_status(fault, made))


def _case_forms(request: PersonRequest, found: Case) -> Forms:
    posted = request.POST.get("act", "") if request.method == "POST" else ""
    today = request.board.time.local_day(request.board.at)
    first: dict[str, dict[str, Any]] = {
        "contact": {"unit": found.unit.code, "last_day": today, "client_key": fresh_key()},
        "exposure": {"first_day": today, "last_day": today, "client_key": fresh_key()},
        "link": {"client_key": fresh_key(), "certainty": "probable"},
        "name": {"client_key": fresh_key()},
        "reveal": {},
    }
    kinds: dict[str, type[forms.Form]] = {
        "contact": ContactForm,
        "exposure": ExposureForm,
        "link": LinkForm,
        "name": PersonForm,
        "reveal": ReasonForm,
    }
    return {
        act: kind(request.POST if act == posted else None, prefix=act, initial=first[act])
        for act, kind in kinds.items()
    }


def _on_case(
    request: PersonRequest, found: Case, act: str, said: dict[str, Any]
) -> Identifiers | None:
    board, scope = request.board, request.scope
    at, key = board.now, said.get("client_key") or None
    if act == "contact":
        actions.add_contact(
            case=found,
            identifiers=_identifiers(said),
            kind=said["kind"],
            last_day=said["last_day"],
            unit=unit_named(scope, said["unit"]),
            scope=scope,
            at=at,
            client_key=key,
        )
    elif act == "exposure":
        actions.add_exposure(
            case=found,
            kind=said["kind"],
            first_day=said["first_day"],
            last_day=said["last_day"],
            place=unit_named(scope, said["place"]) if said["place"] else None,
            setting=said["setting"],
            scope=scope,
            at=at,
            client_key=key,
        )
    elif act == "link":
        actions.add_link(
            source=actions.known_case(board.incident, said["source"].strip(), scope=scope, at=at),
            case=found,
            certainty=said["certainty"],
            kind=said["kind"],
            scope=scope,
            at=at,
            client_key=key,
        )
    elif act == "name":
        actions.name_case(case=found, identifiers=_identifiers(said), scope=scope, at=at)
    elif act == "reveal":
        file = queries.case_file(board.incident, found, scope=scope, known_at=at)
        return identity.reveal(
            identity_id=file.person.identity_id if file.person else 0,
            reason=said["reason"],
            scope=scope,
            at=at,
        )
    return None


def _identifiers(said: Mapping[str, str]) -> Identifiers:
    return Identifiers(said["number"], said["name"], said["phone"], said["address"])


def _shown(who: Identifiers | None) -> list[tuple[str, str]]:
    """Return who a person is, a line each; a person known without a document has no number to show."""
    if who is None:
        return []
    number = "" if who.number.startswith(NO_DOCUMENT) else who.number
    lines = [
        (_("Document"), number), (_("Name"), who.name), (_("Telephone"), who.phone),
        (_("Address"), who.address),
    ]  # fmt: skip
    return [(label, text or _("not known")) for label, text in lines]


def _status(fault: YipanError | None, made: Mapping[str, forms.BaseForm]) -> int:
    if fault is not None:
        return fault.status
    return 422 if any(form.errors for form in made.values()) else 200


# ---- follow-up -----------------------------------------------------------------------------------------


@require_GET
@signed_in
def follow_up(request: PersonRequest) -> HttpResponse:
    """Show today's follow-ups, overdue ones first, and where most help is needed: units, no persons."""
    request.scope.check(Action.CASE_READ, sensitivity=CASE)
    board = request.board
    every = queries.by_person(
        queries.follow_up(board.incident, scope=request.scope, known_at=board.at)
    )
    loads = queries.by_unit(every)
    chosen = request.GET.get("unit", "")
    everything = request.GET.get("show") == "all"
    rows = [f for f in every if not chosen or f.unit.code == chosen]
    if not everything:
        rows = [f for f in rows if f.progress.standing.value in ("late", "symptoms", "due")]
    page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    held = queries.quarantined(
        [f.contact.identity_id for f in page], scope=request.scope, at=board.at
    )
    context = {
        "section": "report",
        "page": page,
        "rows": [(f, STANDING_WORDS[f.progress.standing], held.get(f.contact.identity_id)) for f in page],
        "loads": loads,
        "open": sum(load.open for load in loads),
        "late": sum(load.late for load in loads),
        "symptoms": sum(load.symptoms for load in loads),
        "done": sum(load.done_today for load in loads),
        "due": sum(f.progress.standing.value == "due" for f in every),
        "over": sum(not f.progress.open for f in every),
        "chosen": chosen,
        "everything": everything,
        "rule": rule_for(board.incident.disease),
        "may_write": may_write(request.scope) and not board.past,
    }  # fmt: skip
    return render(request, "report/follow_up.html", context)


@require_POST
@signed_in
def seen_well(request: PersonRequest, pk: int) -> HttpResponse:
    """Record, in one tap, that a contact was seen today and is well."""
    board = request.board
    contact = queries.one(Contact, pk, board.incident, scope=request.scope, known_at=board.now)
    day = board.time.local_day(board.now)
    actions.add_visit(
        contact=contact,
        day=day,
        result="well",
        scope=request.scope,
        at=board.now,
        client_key=f"well:{contact.pk}:{request.POST.get('key', '')[:40]}",
    )
    messages.success(
        request, _("%(who)s: seen today, well.") % {"who": contact.identity.pseudonym[:8]}
    )
    back = request.POST.get("back", "")
    return redirect(
        f"{reverse('report:follow_up')}?unit={back}" if back.isalnum() else "report:follow_up"
    )


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def contact(request: PersonRequest, pk: int) -> HttpResponse:
    """Show one contact: the schedule, what was found, the status and its trace; enter what is found."""
    board = request.board
    row = queries.one(Contact, pk, board.incident, scope=request.scope, known_at=board.at)
    made = _contact_forms(request, row)
    fault: YipanError | None = None
    told: dict[str, Any] = {}
    if request.method == "POST":
        act = request.POST.get("act", "")
        form = made.get(act)
        if form is None or form.is_valid():
            try:
                said = form.cleaned_data if form is not None else {}
                done = _on_contact(request, row, act, said)
            except YipanError as refused:
                fault = refused
            else:
                if isinstance(done, HttpResponse):
                    return done
                told = done
    followed = queries.follow_up(
        board.incident, scope=request.scope, known_at=board.at, identities=[row.identity_id]
    )
    mine = next(f for f in followed if f.contact.pk == row.pk)
    history = queries.statuses(row.identity, scope=request.scope)
    context = {
        "section": "report",
        "contact": row,
        "followed": mine,
        "standing": STANDING_WORDS[mine.progress.standing],
        "days": _days(mine, board.time.local_day(board.at)),
        "visits": [(v, symptom_words(v.symptoms)) for v in mine.found],
        "others": [f for f in followed if f.contact.pk != row.pk],
        "same": _same(request, row),
        "statuses": [(s, STATUS_RULES[s.rule], is_active(s, board.at)) for s in history],
        "held": next((s for s in history if is_active(s, board.at)), None),
        "stays": stays_of(row.identity, board.incident, scope=request.scope, known_at=board.at),
        "specimens": specimens(
            board.incident, scope=request.scope, known_at=board.at, identity=row.identity_id
        ),
        "forms": made,
        "fault": fault,
        "slip": told.get("slip"),
        "revealed": _shown(told.get("who")),
        "hints": hints(request),
        "rule": rule_for(board.incident.disease),
        "may_write": may_write(request.scope, row.unit) and not board.past,
        "may_reveal": request.scope.may(Action.IDENTITY_REVEAL, row.unit, sensitivity=IDENTITY),
        "may_set": request.scope.may(Action.STATUS_SET, row.unit, sensitivity=CASE)
        and not board.past,
    }
    return render(request, "report/contact.html", context, status=_status(fault, made))


def _same(request: PersonRequest, row: Contact) -> list[Identity]:
    """Return the persons in sight decided to be the same as a contact."""
    board = request.board
    found = same_as(row.identity, board.incident, known_at=board.at)
    with queries.reading(request.scope):
        rows = request.scope.filter(
            Identity.objects.filter(pk__in=found), action=Action.CASE_READ, sensitivity=CASE
        )
        return list(rows)


def _days(followed: queries.Followed, today: Any) -> list[tuple[Any, str]]:
    progress = followed.progress

    def word(day: Any) -> str:
        if day in progress.seen:
            return "seen"
        if day in progress.missed:
            return "missed"
        return "today" if day == today else "ahead" if day > today else "before"

    return [(day, word(day)) for day in progress.due]


def _contact_forms(request: PersonRequest, row: Contact) -> Forms:
    posted = request.POST.get("act", "") if request.method == "POST" else ""
    board = request.board

    def data(act: str) -> Any:
        return request.POST if act == posted else None

    here = sites(board.incident, SiteKind.QUARANTINE, scope=request.scope, known_at=board.at)
    return {
        "visit": VisitForm(
            data("visit"),
            prefix="visit",
            symptoms=rule_for(board.incident.disease).symptoms,
            initial={
                "day": board.time.local_day(board.at), "result": "well", "client_key": fresh_key(),
            },
        ),
        "in": MoveForm(
            data("in"),
            prefix="in",
            sites=[(str(s.pk), s.name) for s in here],
            initial={"client_key": fresh_key()},
        ),
        "hand_over": HandOverForm(data("hand_over"), prefix="over"),
        "last_day": LastDayForm(
            data("last_day"), prefix="last", initial={"last_day": row.last_day}
        ),
        "void": ReasonForm(data("void"), prefix="void"),
        "reveal": ReasonForm(data("reveal"), prefix="reveal"),
        "end_status": ReasonForm(data("end_status"), prefix="end"),
    }  # fmt: skip


def _on_contact(
    request: PersonRequest, row: Contact, act: str, said: dict[str, Any]
) -> HttpResponse | dict[str, Any]:
    doing: dict[str, Callable[[], Any]] = {
        "visit": lambda: _visit(request, row, said),
        "in": lambda: _move(request, row, said.get("site", ""), True, said.get("client_key")),
        "out": lambda: _move(request, row, request.POST.get("site", ""), False, None),
        "hand_over": lambda: _handed(request, row, said),
        "last_day": lambda: actions.amend(
            row=row,
            changes={"last_day": _not_ahead(request, said["last_day"])},
            reason=said["reason"],
            scope=request.scope,
            at=request.board.now,
        ),
        "void": lambda: actions.void(
            row=row, reason=said["reason"], scope=request.scope, at=request.board.now
        ),
        "end_status": lambda: persons.end_status(
            status=_held(request, row),
            reason=said["reason"],
            by=request.user,
            at=request.board.now,
        ),
    }
    if act == "reveal":
        who = identity.reveal(
            identity_id=row.identity_id,
            reason=said["reason"],
            scope=request.scope,
            at=request.board.now,
        )
        return {"who": who}
    if act == "quarantine":
        _status_set, slip = actions.quarantine(contact=row, by=request.user, at=request.board.now)
        return {"slip": slip}
    if act in doing:
        made = doing[act]()
        messages.success(request, _("Entered."))
        if act in ("void", "hand_over"):
            return redirect("report:follow_up")
        return redirect("report:contact", pk=made.pk if isinstance(made, Contact) else row.pk)
    return redirect("report:contact", pk=row.pk)


def _not_ahead(request: PersonRequest, day: Any) -> Any:
    actions.check_day(request.board.incident, day, label=_("Last contact"), at=request.board.now)
    return day


def _visit(request: PersonRequest, row: Contact, said: dict[str, Any]) -> Any:
    return actions.add_visit(
        contact=row,
        day=said["day"],
        result=said["result"],
        symptoms=said["symptoms"],
        case=said["case"],
        reason=said["reason"],
        scope=request.scope,
        at=request.board.now,
        client_key=said["client_key"] or None,
    )


def _move(request: PersonRequest, row: Contact, site: str, into: bool, key: str | None) -> Any:
    where = request.scope.get(
        Site.objects.filter(
            incident=request.board.incident, kind=SiteKind.QUARANTINE
        ).select_related("unit", "incident__package"),
        action=Action.REPORT_READ,
        pk=int(site) if site.isdigit() else 0,
    )
    return move(
        site=where,
        who=row.identity,
        into=into,
        scope=request.scope,
        at=request.board.now,
        client_key=key or None,
    )


def _handed(request: PersonRequest, row: Contact, said: dict[str, Any]) -> Contact:
    # Another county is out of sight; that it exists is no secret.
    to = places.by_code(request.board.package, said["unit"].split()[0])
    return actions.hand_over(
        contact=row, to=to, reason=said["reason"], scope=request.scope, at=request.board.now
    )


def _held(request: PersonRequest, row: Contact) -> PersonStatus:
    for one in queries.statuses(row.identity, scope=request.scope):
        if is_active(one, request.board.now):
            return one
    raise nothing_there(row.identity.pseudonym[:8])


# ---- chains --------------------------------------------------------------------------------------------


@require_GET
@signed_in
def chains(request: PersonRequest) -> HttpResponse:
    """Show who infected whom, drawn and as a table, with serial interval and offspring distribution."""
    request.scope.check(Action.CASE_READ, sensitivity=CASE)
    board = request.board
    found = find_chains(board.incident, scope=request.scope, known_at=board.at)
    context = {
        "section": "report",
        "found": found,
        "serial": found.summary.serial_interval,
        "spread": found.summary.offspring if found.looked_into else None,
        "bars": histogram(found.serial_days),
        "clusters": [
            cluster
            for cluster in queries.linked_case_clusters(board.incident, known_at=board.at)
            if request.scope.may(Action.CASE_READ, cluster.unit, sensitivity=CASE)
        ],
    }
    return render(request, "report/chains.html", context)
