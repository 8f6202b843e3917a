"""Addresses of access, under the root; allauth's own names are in `account_urls`."""

from __future__ import annotations

from django.urls import path

from yipan.access.views import account, audit, door, incidents, people, persons, slip

app_name = "access"

urlpatterns = [
    path("sign-in/as/", door.sign_in_as_demo, name="sign_in_demo"),
    path("first-start/", door.first_start, name="first_start"),
    path("recover/", door.recover, name="recover"),
    path("language/", account.switch_language, name="language"),
    path("account/", account.account, name="account"),
    path("account/password/", account.change_password, name="change_password"),
    path("account/recovery-codes/", account.new_recovery_codes, name="recovery_codes"),
    path("account/tokens/", account.issue_token, name="issue_token"),
    path("account/tokens/<int:pk>/revoke/", account.revoke_token, name="revoke_token"),
    path("people/", people.people, name="people"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/grant/", people.grant, name="grant"),
    path("people/<int:pk>/grants/<int:grant_pk>/end/", people.end_grant, name="end_grant"),
    path("people/<int:pk>/reset-code/", people.reset_code, name="reset_code"),
    path("people/<int:pk>/active/", people.set_active, name="set_active"),
    path("incidents/", incidents.incidents, name="incidents"),
    path("incidents/switch/", incidents.switch, name="switch_incident"),
    path("incidents/<slug:slug>/", incidents.incident, name="incident"),
    path("incidents/<slug:slug>/level/", incidents.change_level, name="change_level"),
    path("incidents/<slug:slug>/stand-down/", incidents.stand_down, name="stand_down"),
    path("my-status/", slip.slip, name="slip"),
    path("appeals/", persons.appeals, name="appeals"),
    path("appeals/<int:pk>/ruling/", persons.rule_on, name="rule_on"),
    path("audit/", audit.audit, name="audit"),
    path("audit.csv", audit.audit_csv, name="audit_csv"),
]
