"""The request desk: what departments ask for, what each gets, rulings, freeze, burden, dictionary."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yipan.access.context import PersonRequest
from yipan.access.errors import Forbidden
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.config import config
from yipan.places.models import Level, Unit
from yipan.report.dictionary.definitions import Definition
from yipan.report.errors import Missing, ReportError
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.reading import read_bytes
from yipan.report.exchange.xlsform.reading import read_xlsform
from yipan.report.forms.compiler import How, compile_forms
from yipan.report.forms.writing import how_in_words, note_of, why_ruling
from yipan.report.models import DataRequest, RequestedField, RequestState, Ruled
from yipan.report.requests import actions, queries
from yipan.report.requests.answer import Answer, Group, answer_of
from yipan.report.requests.fields import Field, Form, Spec
from yipan.report.requests.ledger import ledger_of, levels_asked
from yipan.report.requests.proposals import Proposer
from yipan.report.requests.rules import IN_EFFECT, SUNSET
from yipan.report.values.rules import to_day
from yipan.report.views.home import level_name

LABELS_AT_ONCE = 120


@require_GET
@signed_in
def desk(request: PersonRequest) -> HttpResponse:
    """List the requests, what waits for a ruling, and the rulings that bind everybody."""
    request.scope.check(Action.REPORT_READ)
    board, scope = request.board, request.scope
    rows = list(queries.requests_in_scope(board.incident, scope=scope, known_at=board.at))
    levels = levels_asked(board.incident)
    ledger = ledger_of(board.incident, level=levels[0], at=board.at) if levels else None
    context = {
        "section": "report",
        "requests": rows,
        "in_effect": sum(r.state in IN_EFFECT for r in rows),
        "waiting": queries.waiting_for_ruling(board.incident, scope=scope, at=board.at),
        "rulings": queries.rulings(board.incident, known_at=board.at)[:20],
        "frozen": queries.frozen_at(board.incident, board.at),
        "ledger": ledger,
        "may_request": scope.may(Action.DATA_REQUEST) and not board.past,
        "may_freeze": scope.may(Action.DATA_FREEZE) and not board.past,
    }
    return render(request, "report/requests.html", context)


# --- one request


def _request(request: PersonRequest, pk: int) -> DataRequest:
    seen = queries.requests_in_scope(
        request.board.incident, scope=request.scope, known_at=request.board.at
    )
    rows = seen.select_related("incident__package", "unit")
    return request.scope.get(rows, action=Action.REPORT_READ, pk=pk)


@require_GET
@signed_in
def one(request: PersonRequest, pk: int) -> HttpResponse:
    """Show what a request gets: known, computed, asked already, asked anew, waiting."""
    return _page(request, _request(request, pk))


def _page(
    request: PersonRequest, asked: DataRequest, fault: ReportError | None = None
) -> HttpResponse:
    board = request.board
    answer = answer_of(asked, at=board.at)
    groups = [(g, group_in_words(g), _rows(answer, g)) for g in Group if answer.of(g)]
    waiting = [
        (a, why_ruling(a.outcome) if a.outcome.how is How.RULING else _new_question(a.adds, answer))
        for a in answer.fields
        if a.row.asked_at is not None and a.row.ruled_at is None
    ]
    may_rule = request.scope.may(Action.DATA_RULE, asked.unit) and not board.past
    context = {
        "section": "report",
        "asked": asked,
        "answer": answer,
        "groups": groups,
        "bar": [(f"rq-{g.value}", len(rows)) for g, _words, rows in groups],
        "waiting": waiting,
        "ruled": [a for a in answer.fields if a.row.ruled_at is not None],
        "at_once": answer.at_once,
        "new": len(answer.of(Group.NEW)),
        "ruling": len(answer.of(Group.RULING)),
        "units": Unit.objects.filter(
            package=board.package, level=asked.level, reports=True
        ).count(),
        "draft": asked.state == RequestState.DRAFT,
        "may_act": request.scope.may(Action.DATA_REQUEST, asked.unit) and not board.past,
        "may_rule": may_rule,
        "level": level_name(board, asked.level),
        "how_often": {"daily": _("daily"), "weekly": _("weekly")}.get(
            asked.frequency, asked.frequency
        ),
        "may_prolong": asked.state in IN_EFFECT,
        "may_close": asked.state in IN_EFFECT or asked.state == RequestState.DRAFT,
        "elements": sorted(answer.before.dictionary.values(), key=lambda e: e.id)
        if may_rule and waiting
        else [],
        "fault": fault,
    }
    return render(request, "report/request.html", context, status=fault.status if fault else 200)


def _new_question(adds: tuple[str, ...], answer: Answer) -> str:
    names = ", ".join(answer.before.dictionary[n].label for n in adds)
    return _("the front line would be asked anew: %s") % names


def _rows(answer: Answer, group: Group) -> list[dict[str, Any]]:
    return [
        {
            "field": a.row,
            "element": a.outcome.element,
            "how": how_in_words(a.outcome.how),
            "formula": a.outcome.formula
            if a.outcome.element is not None and a.outcome.formula != a.outcome.element.id
            else "",
            "note": note_of(a.outcome),
            "differs": a.outcome.cutoff_differs,
        }
        for a in answer.of(group)
    ]


def group_in_words(group: Group) -> str:
    """Return the heading of a group in the language in use."""
    return {
        Group.KNOWN: _("Known already"),
        Group.DERIVED: _("Can be computed"),
        Group.ALREADY: _("On the page already"),
        Group.NEW: _("Must be asked"),
        Group.RULING: _("Needs a ruling"),
        Group.REJECTED: _("Not asked"),
    }[group]


@require_POST
@signed_in
def act(request: PersonRequest, pk: int) -> HttpResponse:
    """Send a draft, prolong or withdraw a request."""
    asked = _request(request, pk)
    board = request.board
    try:
        if request.POST.get("act") == "close":
            actions.close_request(
                request=asked,
                reason=request.POST.get("reason", ""),
                by=request.user,
                at=board.now,
                scope=request.scope,
            )
            messages.success(request, _("Withdrawn; from tomorrow nobody is asked for it."))
        elif request.POST.get("act") == "prolong":
            until = to_day(request.POST.get("until", ""), label=_("Until"))
            if until is None:
                raise Missing(label=_("Until"))
            actions.prolong_request(
                request=asked,
                until=until,
                reason=request.POST.get("reason", ""),
                by=request.user,
                at=board.now,
                scope=request.scope,
            )
            messages.success(request, _("Prolonged; the reason is on record."))
        else:
            actions.submit_request(
                request=asked, by=request.user, at=board.now, scope=request.scope
            )
            messages.success(request, _("Sent; what is known is met from now."))
    except ReportError as fault:
        return _page(request, asked, fault)
    return redirect("report:request", pk=pk)


@require_POST
@signed_in
def rule(request: PersonRequest, pk: int, field: int) -> HttpResponse:
    """Rule on one field that waits."""
    asked = _request(request, pk)
    waits = RequestedField.objects.filter(request=asked, pk=field).select_related(
        "request__incident__package", "request__unit"
    )
    row = waits.first()
    if row is None:
        raise nothing_there(str(field))
    try:
        actions.rule(
            field=row,
            ruling=request.POST.get("ruling", ""),
            reason=request.POST.get("reason", ""),
            element=request.POST.get("element", "").strip(),
            new=_new_element(request, row) if request.POST.get("ruling") == Ruled.NEW else None,
            by=request.user,
            at=request.board.now,
            scope=request.scope,
        )
    except ReportError as fault:
        return _page(request, asked, fault)
    messages.success(request, _("Ruled; the ruling is published and binds every department."))
    return redirect("report:request", pk=pk)


def _new_element(request: PersonRequest, row: RequestedField) -> Definition:
    name = request.POST.get("element", "").strip()
    period = request.POST.get("period", "daily")
    if not name.isidentifier() or len(name) > 48:
        raise Missing(label=_("Id of the new element (letters, digits, _)"))
    return Definition(
        id=name,
        label_zh=row.label_zh,
        label_en=row.label_en,
        definition_zh=row.definition or request.POST.get("reason", ""),
        definition_en=row.definition or request.POST.get("reason", ""),
        # Its own concept: the same signature under two definitions is what is being ended here.
        concept=name,
        population=row.population,
        measure=row.measure,
        time_basis=row.time_basis,
        unit=row.unit,
        ask_period=period if period in ("daily", "weekly") else "daily",
        owner=row.request.code,
    )


@require_GET
@signed_in
def lineage_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Give what a request gets as CSV."""
    asked = _request(request, pk)
    answer = answer_of(asked, at=request.board.at)
    header = [_("Field"), _("Element"), _("How"), _("Formula"), _("Cut-off"), _("Note")]
    body = write_csv(
        header,
        (
            [
                a.row.label,
                a.outcome.element.id if a.outcome.element else "",
                how_in_words(a.outcome.how),
                a.outcome.formula,
                a.outcome.cutoff,
                note_of(a.outcome),
            ]
            for a in answer.fields
        ),
    )
    response = HttpResponse(body, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="request-{asked.pk}.csv"'
    return response


# --- drafting


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: PersonRequest) -> HttpResponse:
    """Draft a request: labels first, then what each truly is, chosen from what the dictionary has."""
    request.scope.check(Action.DATA_REQUEST)
    board = request.board
    known = queries.dictionary(board.package, known_at=board.at)
    fault: ReportError | None = None
    proposed: list[dict[str, Any]] = []
    if request.method == "POST":
        labels = [t.strip()[:160] for t in request.POST.get("labels", "").splitlines() if t.strip()]
        file = request.FILES.get("file")
        if file is not None:
            try:
                labels += [f.label[:160] for f in _from_xlsform(file).fields]
            except ReportError as refused:
                fault = refused
        if request.POST.get("act") == "draft":
            try:
                return redirect("report:request", pk=_draft(request, known).pk)
            except ReportError as refused:
                fault = refused
                labels = request.POST.getlist("label")
        if not labels:
            fault = fault or Missing(label=_("Fields"))
        proposer = Proposer(known)
        for label in labels[:LABELS_AT_ONCE]:
            asked = Field("", label, label, Spec("", "", "", ""))
            found = [(p, known[p.element]) for p in proposer.propose(asked, least=0.05)]
            proposed.append({"label": label, "candidates": found})
    context = {
        "section": "report",
        "proposed": proposed,
        "elements": sorted(known.values(), key=lambda e: e.label),
        "fault": fault,
        "typed": request.POST,
        "levels": [(level, Level(level).label) for level in Level.values],
        "sunset": board.time.local_day(board.at) + SUNSET,
    }
    return render(
        request, "report/request_new.html", context, status=fault.status if fault else 200
    )


def _from_xlsform(file: UploadedFile[Any]) -> Form:
    """Return an existing XLSForm's questions; what each is, the requester then says."""
    name = file.name or "xlsx"
    body = read_bytes(file, limit_mib=config().upload_limit_mib, name=name)
    return read_xlsform(body, name=name, code="X")


def _draft(request: PersonRequest, known: dict[str, Definition]) -> DataRequest:
    board, typed = request.board, request.POST
    roots = request.scope.roots(Action.DATA_REQUEST)
    unit = next((u for u in roots if u.package_id == board.package.pk), None)
    if unit is None:
        raise Forbidden(_("Your roles ask for data nowhere in this incident."))
    code = typed.get("code", "").strip()[:20]
    if not code:
        raise Missing(label=_("Code"))
    chosen = zip(
        typed.getlist("label"),
        typed.getlist("element"),
        typed.getlist("cutoff"),
        typed.getlist("population"),
        typed.getlist("definition"),
        strict=False,
    )
    fields = []
    for i, (label, name, cutoff, population, definition) in enumerate(chosen, start=1):
        element = known.get(name)
        fields.append(
            Field(
                f"{code}{i:02d}",
                label,
                label,
                Spec(
                    concept=element.concept if element else label[:80],
                    population=population.strip()[:120]
                    or (element.population if element else "all"),
                    measure=element.measure if element else "stock",
                    time_basis=element.time_basis if element else "instant",
                    unit=element.unit if element else "",
                    cutoff=cutoff.strip()[:16],
                    definition=definition.strip(),
                ),
            )
        )
    sunset: date | None = to_day(typed.get("sunset", ""), label=_("Ends on"))
    title = typed.get("title", "").strip()[:160] or code
    department = typed.get("department", "").strip()[:80] or str(request.user)
    return actions.draft_request(
        incident=board.incident,
        unit=unit,
        form=Form(
            code, department, department, title, title, typed.get("frequency", "daily"),
            typed.get("form_cutoff", ""), typed.get("deadline", ""), typed.get("level", Level.VILLAGE),
            tuple(fields),
        ),
        why=actions.Why(
            typed.get("purpose", ""), typed.get("decision", ""), typed.get("legal_basis", "")
        ),
        by=request.user,
        at=board.now,
        scope=request.scope,
        sunset_on=sunset,
        statutory=bool(typed.get("statutory")),
    )  # fmt: skip


# --- freeze


@require_http_methods(["GET", "POST"])
@signed_in
def freeze(request: PersonRequest) -> HttpResponse:
    """Show what a freeze would stop, then freeze; or thaw."""
    request.scope.check(Action.DATA_FREEZE)
    board = request.board
    fault: ReportError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("act") == "thaw":
                actions.thaw(
                    incident=board.incident, by=request.user, at=board.now, scope=request.scope
                )
                messages.success(
                    request, _("Thawed; from tomorrow's page all requests count again.")
                )
            else:
                actions.freeze(
                    incident=board.incident,
                    reason=request.POST.get("reason", ""),
                    by=request.user,
                    at=board.now,
                    scope=request.scope,
                )
                messages.success(
                    request, _("Frozen; tomorrow's page asks only what the law demands.")
                )
            return redirect("report:requests")
        except ReportError as refused:
            fault = refused
    standing = queries.in_effect(board.incident, at=board.at, even_frozen=True)
    level = (levels_asked(board.incident) or [Level.VILLAGE])[0]
    all_of_it = queries.compiled_at(board.incident, at=board.at, level=level, even_frozen=True)
    statutory = {r.code for r in standing if r.statutory}
    kept = [f for f in all_of_it.forms if f.code in statutory]
    context = {
        "section": "report",
        "frozen": queries.frozen_at(board.incident, board.at),
        "stops": [r for r in standing if not r.statutory],
        "stays": [r for r in standing if r.statutory],
        "now": all_of_it,
        "then": compile_forms(
            kept,
            all_of_it.dictionary,
            queries.conversions(board.package, known_at=board.at),
            cutoff=all_of_it.cutoff,
        ),
        "fault": fault,
    }
    return render(request, "report/freeze.html", context, status=fault.status if fault else 200)


# --- burden and dictionary


@require_GET
@signed_in
def burden(request: PersonRequest) -> HttpResponse:
    """The published account of what the front line is asked, and who asks."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    levels = levels_asked(board.incident)
    level = request.GET.get("level", "")
    chosen = level if level in levels else (levels[0] if levels else Level.VILLAGE)
    context = {
        "section": "report",
        "levels": levels,
        "ledger": ledger_of(board.incident, level=chosen, at=board.at),
        "in_sight": _in_sight(request),
        "frozen": queries.frozen_at(board.incident, board.at),
    }
    return render(request, "report/burden.html", context)


def _in_sight(request: PersonRequest) -> set[int]:
    """Return the requests that the person may open; the others are named without a link."""
    board = request.board
    rows = queries.requests_in_scope(board.incident, scope=request.scope, known_at=board.at)
    return set(rows.values_list("pk", flat=True))


@require_GET
@signed_in
def dictionary(request: PersonRequest) -> HttpResponse:
    """Search the dictionary."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    known = queries.dictionary(board.package, known_at=board.at)
    text = request.GET.get("q", "")[:80]
    found = queries.search(known, text) if text.strip() else list(known.values())
    context = {"section": "report", "q": text, "found": found, "total": len(known)}
    return render(request, "report/dictionary.html", context)


@require_GET
@signed_in
def element(request: PersonRequest, name: str) -> HttpResponse:
    """Show one element with every version of its definition."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    rows = queries.versions(board.package, name, known_at=board.at)
    if not rows:
        raise nothing_there(name)
    fields = RequestedField.objects.filter(
        request__incident=board.incident, concept=rows[0].concept
    ).select_related("request")
    context = {
        "section": "report",
        "element": rows[0],
        "versions": rows,
        "fields": fields[:50],
        "in_sight": _in_sight(request),
    }
    return render(request, "report/element.html", context)
