"""Addresses that allauth looks up by its own names; included without a namespace."""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import include, path

from yipan.access.middleware import in_the_past_too
from yipan.access.views import account, door

urlpatterns = [
    path("sign-in/", in_the_past_too(door.SignInView.as_view()), name="account_login"),
    path("sign-out/", in_the_past_too(allauth.logout), name="account_logout"),
    path("account/closed/", allauth.account_inactive, name="account_inactive"),
    path("account/again/", allauth.reauthenticate, name="account_reauthenticate"),
    path("account/password/", account.change_password, name="account_change_password"),
    path("account/", account.account, name="account_email"),
    path("recover/", door.recover, name="account_reset_password"),
    path("account/second-factor/", include("allauth.mfa.urls")),
]
