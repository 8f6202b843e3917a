"""Addresses of report, below /report/."""

from __future__ import annotations

from django.urls import path

from yipan.report.contacts.urls import urlpatterns as persons
from yipan.report.field import views as field
from yipan.report.views import (
    aside,
    cases,
    form,
    home,
    openrosa,
    requests,
    review,
    tables,
    upload,
    values,
)

app_name = "report"

urlpatterns = [
    path("", home.home, name="home"),
    path("form/", form.form, name="form"),
    path("field/", field.app, name="field"),
    path("field/manifest.webmanifest", field.manifest, name="field_manifest"),
    path("field/worker.js", field.worker, name="field_worker"),
    path("field/outbox/", field.outbox, name="field_outbox"),
    path("upload/", upload.upload, name="upload"),
    path("templates/counts.csv", upload.template, {"kind": "counts", "format": "csv"}, name="counts_csv"),
    path("templates/counts.xlsx", upload.template, {"kind": "counts", "format": "xlsx"}, name="counts_xlsx"),
    path("templates/cases.csv", upload.template, {"kind": "cases", "format": "csv"}, name="cases_template_csv"),
    path("templates/cases.xlsx", upload.template, {"kind": "cases", "format": "xlsx"}, name="cases_template_xlsx"),
    path("submissions/<int:pk>/", upload.submission, name="submission"),
    path("submissions/<int:pk>/read-on/", upload.read_on, name="read_on"),
    path("units/<str:code>/", values.unit, name="unit"),
    path("values/<str:code>/<str:element>/<str:day>/", values.value, name="value"),
    path("review/", review.rows, name="review"),
    path("review/<int:pk>/say/", review.say, name="say"),
    path("aside/", aside.rows, name="aside"),
    path("aside/<int:pk>/", aside.row, name="row"),
    path("absences/", home.absence, name="absence"),
    path("cases/", cases.cases, name="cases"),
    path("cases.csv", cases.cases_csv, name="cases_csv"),
    path("requests/", requests.desk, name="requests"),
    path("requests/new/", requests.new, name="request_new"),
    path("requests/freeze/", requests.freeze, name="freeze"),
    path("requests/<int:pk>/", requests.one, name="request"),
    path("requests/<int:pk>/act/", requests.act, name="request_act"),
    path("requests/<int:pk>/fields/<int:field>/rule/", requests.rule, name="rule"),
    path("requests/<int:pk>/lineage.csv", requests.lineage_csv, name="lineage_csv"),
    path("requests/<int:pk>/table/", tables.table, name="table"),
    path("requests/<int:pk>/table.xlsx", tables.download, {"format": "xlsx"}, name="table_xlsx"),
    path("requests/<int:pk>/table.csv", tables.download, {"format": "csv"}, name="table_csv"),
    path("requests/<int:pk>/table.json", tables.download, {"format": "json"}, name="table_json"),
    path("requests/<int:pk>/hook/", tables.hook, name="table_hook"),
    path("requests/<int:pk>/template/", tables.template, name="table_template"),
    path("openrosa/formList", openrosa.form_list, name="openrosa_list"),
    path("openrosa/form.xml", openrosa.form, name="openrosa_form"),
    path("openrosa/manifest.xml", openrosa.manifest, name="openrosa_manifest"),
    path("openrosa/submission", openrosa.submission, name="openrosa_submission"),
    path("burden/", requests.burden, name="burden"),
    path("dictionary/", requests.dictionary, name="dictionary"),
    path("dictionary/<str:name>/", requests.element, name="element"),
    *persons,
]  # fmt: skip
