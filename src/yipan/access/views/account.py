"""One's own account: language, password, second factor, recovery codes, machines' tokens."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from yipan.access import actions
from yipan.access.context import PersonRequest
from yipan.access.errors import PasswordRefused
from yipan.access.forms import ChangePasswordForm, TokenForm, beside_field
from yipan.access.middleware import in_the_past_too
from yipan.access.models import ApiToken, CodeKind
from yipan.access.rules import PERMISSIONS, Action
from yipan.access.scope import Scope, nothing_there
from yipan.access.signing import signed_in
from yipan.access.views.door import show_codes
from yipan.kernel.errors import YipanError


@signed_in
def account(request: PersonRequest) -> HttpResponse:
    """Show what the person holds, and what guards the account."""
    return _page(request)


def _page(
    request: PersonRequest,
    *,
    form: TokenForm | None = None,
    token: str = "",
    fault: YipanError | None = None,
) -> HttpResponse:
    person = request.user
    context = {
        "codes_left": person.recovery_codes.filter(
            kind=CodeKind.RECOVERY, used_at__isnull=True
        ).count(),
        "factors": Authenticator.objects.filter(user=person).exclude(
            type=Authenticator.Type.RECOVERY_CODES
        ),
        "tokens": person.api_tokens.order_by("-created_at"),
        "token_form": form or TokenForm(allowed=own_actions(request.scope), initial={"days": 30}),
        "token": token,
        "fault": beside_field(fault, form) if fault and form else fault,
    }
    status = fault.status if fault else 422 if form and form.errors else 200
    response = render(request, "access/account.html", context, status=status)
    if token:
        response["Cache-Control"] = "no-store"
    return response


def own_actions(scope: Scope) -> frozenset[Action]:
    """Return every act that the person may do anywhere."""
    return frozenset[Action]().union(*(PERMISSIONS[role] for role in scope.roles))


@sensitive_post_parameters("old", "password", "again")
@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def change_password(request: PersonRequest) -> HttpResponse:
    """Take a new password, the present one first; other sessions of the person end."""
    form = ChangePasswordForm(request.POST or None)
    fault: YipanError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            _check_old(request, form.cleaned_data["old"])
            actions.change_password(
                user=request.user, password=form.cleaned_data["password"], at=request.now
            )
        except YipanError as refused:
            fault = refused
        else:
            update_session_auth_hash(request, request.user)
            return redirect("access:account")
    status = fault.status if fault else 422 if form.errors else 200
    context = {"form": form, "fault": beside_field(fault, form) if fault else None}
    return render(request, "access/change_password.html", context, status=status)


def _check_old(request: PersonRequest, password: str) -> None:
    try:
        right = get_adapter(request).reauthenticate(request.user, password)
    except ValidationError as locked:
        raise PasswordRefused(" ".join(locked.messages), where="old") from locked
    if not right:
        raise PasswordRefused(
            _("The present password is not right."),
            where="old",
            remedy=_("If you have forgotten it, use a recovery code."),
        )


@require_POST
@never_cache
@signed_in
def new_recovery_codes(request: PersonRequest) -> HttpResponse:
    """Give ten new recovery codes; the old ones no longer open."""
    codes = actions.issue_recovery_codes(user=request.user, by=request.user, at=request.now)
    return show_codes(request, request.user, codes)


@require_POST
@never_cache
@signed_in
def issue_token(request: PersonRequest) -> HttpResponse:
    """Make a token for a machine in the person's name, shown once."""
    form = TokenForm(request.POST, allowed=own_actions(request.scope))
    if not form.is_valid():
        return _page(request, form=form)
    try:
        _token, secret = actions.issue_token(
            user=request.user,
            name=form.cleaned_data["name"],
            actions=form.cleaned_data["actions"],
            expires_at=request.now + timedelta(days=form.cleaned_data["days"]),
            by=request.user,
            at=request.now,
        )
    except YipanError as fault:
        return _page(request, form=form, fault=fault)
    return _page(request, token=secret)


@require_POST
@signed_in
def revoke_token(request: PersonRequest, pk: int) -> HttpResponse:
    """Close one of the person's own tokens."""
    token = ApiToken.objects.filter(user=request.user, pk=pk).first()
    if token is None:
        raise nothing_there(f"token {pk}")
    actions.revoke_token(token=token, by=request.user, at=request.now)
    return redirect("access:account")


@in_the_past_too
@require_POST
def switch_language(request: HttpRequest) -> HttpResponse:
    """Speak the other language from now on; the page and what is selected in it stay."""
    language = request.POST.get("language", "")
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    response = redirect(wanted if safe else "/")
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
        )
        if request.user.is_authenticated:
            actions.set_language(user=request.user, language=language)
    return response
