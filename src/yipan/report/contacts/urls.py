"""Addresses of the pages about cases, contacts, sites and specimens, below /report/."""

from __future__ import annotations

from django.urls import path

from yipan.report.views import bring, contacts, duplicates, sites

urlpatterns = [
    path("cases/bring/", bring.bringing, name="bring"),
    path("cases.fhir.json", bring.fhir_cases, name="fhir_cases"),
    path("linelist.csv", bring.cases_tagged, name="cases_tagged"),
    path("cases/<str:name>/", contacts.case, name="case"),
    path("follow-up/", contacts.follow_up, name="follow_up"),
    path("contacts/<int:pk>/", contacts.contact, name="contact"),
    path("contacts/<int:pk>/well/", contacts.seen_well, name="seen_well"),
    path("chains/", contacts.chains, name="chains"),
    path("quarantine/", sites.quarantine, name="quarantine"),
    path("laboratory/", sites.laboratory, name="laboratory"),
    path("registers/", sites.entering, name="registers"),
    path("duplicates/", duplicates.duplicates, name="duplicates"),
]
