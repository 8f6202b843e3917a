"""The door: signing in, the first start, and the way back into an account."""

from __future__ import annotations

import ipaddress
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.views import LoginView
from django.contrib.auth import login
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from yipan.access import actions, audit
from yipan.access.context import PersonRequest
from yipan.access.errors import AlreadyStarted, DemonstrationOnly
from yipan.access.forms import FirstStartForm, RecoverForm, beside_field
from yipan.access.models import User
from yipan.access.queries import demo_people, installation, needs_first_start, sign_in_home
from yipan.access.scope import scope_of
from yipan.kernel.errors import YipanError

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class SignInView(LoginView):  # type: ignore[misc]
    """Name and password, or a passkey; on a demonstration also the demo people."""

    template_name = "access/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go to the first start while nobody has an account."""
        if needs_first_start():
            return redirect("access:first_start")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    def get_form(self, form_class: type[Form] | None = None) -> Form:
        """Name the fields as this project names them; the way back stands below the form."""
        form: Form = super().get_form(form_class)
        form.fields["login"].label = _("Sign-in name")
        form.fields["password"].help_text = ""
        for field in form.fields.values():
            field.widget.attrs.pop("placeholder", None)
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the demo people where they may be offered."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if demo_sign_in_allowed(self.request):
            at = self.request.now
            context["cast"] = [(person, scope_of(person, at=at)) for person in demo_people()]
        context["next"] = self.request.GET.get("next", "")
        return context


def demo_sign_in_allowed(request: HttpRequest) -> bool:
    """Return whether a demo person may sign in without a password: demonstration, same machine.

    A proxy on this machine would make the whole world look local, so a forwarded request is
    refused, whatever address it claims.
    """
    here = installation()
    if here is None or not here.demo:
        return False
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@require_POST
@never_cache
def sign_in_as_demo(request: HttpRequest) -> HttpResponse:
    """Sign in as the demo person of the button pressed."""
    if not demo_sign_in_allowed(request):
        raise DemonstrationOnly(
            _("Signing in without a password works only on a demonstration, on its own machine."),
            where=request.path,
            remedy=_("Sign in with your name and password."),
        )
    person = demo_people().filter(username=request.POST.get("username", "")).first()
    if person is None:
        raise DemonstrationOnly(
            _("There is no such demo person."),
            where=request.path,
            remedy=_("Choose one of those offered."),
        )
    at = cast(PersonRequest, request).now
    with transaction.atomic():
        login(request, person, backend="allauth.account.auth_backends.AuthenticationBackend")
        audit.record(
            event="person.signed_in_demo",
            at=at,
            actor=person,
            object_type="person",
            object_id=person.pk,
            unit=scope_of(person, at=at).home,
        )
    return redirect(_next(request) or sign_in_home(person, at=at))


@sensitive_post_parameters("password", "again", "code")
@never_cache
@require_http_methods(["GET", "POST"])
def first_start(request: HttpRequest) -> HttpResponse:
    """Take the one-time code and make the first administrator; gone once there is one."""
    if not needs_first_start():
        raise AlreadyStarted(
            _("This installation has been started already."),
            remedy=_("Sign in, or ask an administrator for an account."),
        )
    form = FirstStartForm(request.POST or None, initial={"language": request.LANGUAGE_CODE})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            person, codes = actions.redeem_setup_code(
                code=given["code"],
                username=given["username"],
                display_name=given["display_name"],
                password=given["password"],
                language=given["language"],
                at=cast(PersonRequest, request).now,
                address=get_adapter(request).get_client_ip(request),
            )
        except YipanError as fault:
            return _again(request, "access/first_start.html", form, fault)
        return show_codes(request, person, codes)
    status = 422 if form.errors else 200
    return render(request, "access/first_start.html", {"form": form}, status=status)


@sensitive_post_parameters("password", "again", "code")
@never_cache
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest) -> HttpResponse:
    """Set a new password with a recovery code, or with the reset code of an administrator."""
    form = RecoverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            person, codes = actions.recover(
                username=given["username"],
                code=given["code"],
                password=given["password"],
                address=get_adapter(request).get_client_ip(request),
                at=cast(PersonRequest, request).now,
            )
        except YipanError as fault:
            return _again(request, "access/recover.html", form, fault)
        return show_codes(request, person, codes)
    status = 422 if form.errors else 200
    return render(request, "access/recover.html", {"form": form}, status=status)


def show_codes(request: HttpRequest, person: User, codes: list[str]) -> HttpResponse:
    """Show fresh recovery codes this once; they are kept nowhere in the clear."""
    response = render(request, "access/codes.html", {"holder": person, "codes": codes})
    response["Cache-Control"] = "no-store"
    return response


def _again(request: HttpRequest, template: str, form: Form, fault: YipanError) -> HttpResponse:
    """Show the form once more with what was wrong; passwords are not sent back."""
    context = {"form": form, "fault": beside_field(fault, form)}
    return render(request, template, context, status=fault.status)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if safe else ""
