"""Who has an account and which roles; made, granted and ended by an administrator, all audited."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yipan.access import actions
from yipan.access.actions import may_manage
from yipan.access.context import PersonRequest
from yipan.access.forms import GrantForm, PersonForm, beside_field
from yipan.access.models import Grant, User
from yipan.access.queries import one_unit, people_managed_by, place_hints
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError

PER_PAGE = 50


@require_http_methods(["GET", "POST"])
@signed_in
def people(request: PersonRequest) -> HttpResponse:
    """List the people at the places one manages; make a new one."""
    request.scope.check(Action.ACCESS_MANAGE)
    person_form, grant_form = PersonForm(request.POST or None), GrantForm(request.POST or None)
    fault: YipanError | None = None
    if request.method == "POST" and person_form.is_valid() and grant_form.is_valid():
        try:
            person, code = _create(request, person_form, grant_form)
        except YipanError as refused:
            fault = refused
        else:
            return _page(request, person, reset_code=code)
    wanted = request.GET.get("q", "").strip()
    everybody = people_managed_by(request.scope, at=request.now)
    shown = everybody.filter(
        Q(username__icontains=wanted)
        | Q(display_name__icontains=wanted)
        | Q(grants__unit__code=wanted)
    ).distinct()
    context = {
        "everybody": everybody.count(),
        "closed": everybody.filter(is_active=False).count(),
        "page": Paginator(shown, PER_PAGE).get_page(request.GET.get("page")),
        "q": wanted,
        "person_form": person_form,
        "grant_form": grant_form,
        "hints": place_hints(request.scope, Action.ACCESS_MANAGE),
        "fault": beside_field(fault, person_form, grant_form) if fault else None,
    }
    wrong = request.method == "POST"
    status = fault.status if fault else 422 if wrong else 200
    return render(request, "access/people.html", context, status=status)


@transaction.atomic
def _create(
    request: PersonRequest, person_form: PersonForm, grant_form: GrantForm
) -> tuple[User, str]:
    given = person_form.cleaned_data
    person = actions.create_user(
        username=given["username"],
        display_name=given["display_name"],
        password=None,
        language=given["language"],
        by=request.user,
        at=request.now,
    )
    _grant(request, person, grant_form)
    return person, actions.issue_reset_code(user=person, by=request.user, at=request.now)


def _grant(request: PersonRequest, person: User, form: GrantForm) -> Grant:
    given = form.cleaned_data
    text = given["unit"].strip()
    return actions.grant_role(
        user=person,
        role=given["role"],
        unit=one_unit(request.scope, text, Action.ACCESS_MANAGE) if text else None,
        sensitivity=given["sensitivity"],
        by=request.user,
        at=request.now,
    )


@signed_in
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Show one person: roles now and before, and what can be done."""
    return _page(request, _managed(request, pk))


@require_POST
@signed_in
def grant(request: PersonRequest, pk: int) -> HttpResponse:
    """Grant the person one more role."""
    someone = _managed(request, pk)
    form = GrantForm(request.POST)
    if not form.is_valid():
        return _page(request, someone, form=form)
    try:
        _grant(request, someone, form)
    except YipanError as fault:
        return _page(request, someone, form=form, fault=fault)
    return redirect("access:person", pk=pk)


@require_POST
@signed_in
def end_grant(request: PersonRequest, pk: int, grant_pk: int) -> HttpResponse:
    """End one of the person's roles."""
    someone = _managed(request, pk)
    held = someone.grants.filter(pk=grant_pk).select_related("unit", "user").first()
    if held is None:
        raise nothing_there(f"role {grant_pk}")
    try:
        actions.end_grant(grant=held, by=request.user, at=request.now)
    except YipanError as fault:
        return _page(request, someone, fault=fault)
    if people_managed_by(request.scope, at=request.now).filter(pk=pk).exists():
        return redirect("access:person", pk=pk)
    return redirect("access:people")


@require_POST
@never_cache
@signed_in
def reset_code(request: PersonRequest, pk: int) -> HttpResponse:
    """Give a reset code, shown once, to be handed over in person."""
    someone = _managed(request, pk)
    try:
        code = actions.issue_reset_code(user=someone, by=request.user, at=request.now)
    except YipanError as fault:
        return _page(request, someone, fault=fault)
    return _page(request, someone, reset_code=code)


@require_POST
@signed_in
def set_active(request: PersonRequest, pk: int) -> HttpResponse:
    """Close the person's account, or open it again."""
    someone = _managed(request, pk)
    try:
        actions.set_active(
            user=someone,
            active=request.POST.get("active") == "yes",
            by=request.user,
            at=request.now,
        )
    except YipanError as fault:
        return _page(request, someone, fault=fault)
    return redirect("access:person", pk=pk)


def _managed(request: PersonRequest, pk: int) -> User:
    request.scope.check(Action.ACCESS_MANAGE)
    someone = people_managed_by(request.scope, at=request.now).filter(pk=pk).first()
    if someone is None:
        raise nothing_there(f"person {pk}")
    return someone


def _page(
    request: PersonRequest,
    someone: User,
    *,
    form: GrantForm | None = None,
    fault: YipanError | None = None,
    reset_code: str = "",
) -> HttpResponse:
    held = someone.grants.select_related("unit", "granted_by").order_by("valid_to", "-valid_from")
    context = {
        "someone": someone,
        "grants": held,
        "holds": [g for g in held if g.valid_to is None or g.valid_to > request.now],
        "form": form or GrantForm(),
        "whole": may_manage(request.scope, someone, at=request.now),
        "hints": place_hints(request.scope, Action.ACCESS_MANAGE),
        "reset_code": reset_code,
        "fault": beside_field(fault, form) if fault and form else fault,
    }
    wrong = form is not None and bool(form.errors)
    status = fault.status if fault else 422 if wrong else 200
    response = render(request, "access/person.html", context, status=status)
    if reset_code:
        response["Cache-Control"] = "no-store"
    return response
