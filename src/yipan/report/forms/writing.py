"""A compilation as files: the one form, the lineage of every field, each department's layout."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from yipan.report.dictionary.definitions import Definition
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.excel.writing import write_workbook
from yipan.report.forms.compiler import Compiled, How, Outcome
from yipan.report.requests.fields import Form
from yipan.report.requests.matching import Relation

LINEAGE = (
    "form", "field", "label_zh", "label_en", "element", "how", "relation", "formula", "rests_on",
    "cutoff_asked", "cutoff_met", "cutoff_differs", "unit_asked", "unit_met", "note",
)  # fmt: skip


def write_compiled(compiled: Compiled, folder: Path) -> list[Path]:
    """Write a compilation into a folder and return the files, the merged form first."""
    layouts = folder / "layouts"
    layouts.mkdir(parents=True, exist_ok=True)
    written = [folder / "merged_form.json", folder / "lineage.csv", folder / "counts.json"]
    written[0].write_text(_json(merged_form(compiled)), encoding="utf-8")
    rows = (_lineage_row(o) for o in compiled.outcomes)
    written[1].write_bytes(write_csv(LINEAGE, rows))
    written[2].write_text(_json(compiled.counts()), encoding="utf-8")
    for form in compiled.forms:
        path = layouts / f"{_file_name(form.code)}.xlsx"
        path.write_bytes(department_layout(compiled, form))
        written.append(path)
    return written


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def _file_name(code: str) -> str:
    """Return a form's code as a file name: a code is somebody else's text."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in code)
    return safe.strip("_")[:60] or "form"


def merged_form(compiled: Compiled) -> dict[str, Any]:
    """Return the one form as data: its pages, and for each question who uses its answer."""
    users: dict[str, list[str]] = {}
    for outcome in compiled.outcomes:
        for element in outcome.asked if outcome.met else ():
            users.setdefault(element, []).append(outcome.form)
    return {
        "cutoff": compiled.cutoff,
        "daily": [_question(e, users.get(e.id, [])) for e in compiled.daily],
        "weekly": [_question(e, users.get(e.id, [])) for e in compiled.weekly],
        "registers": sorted({e.source for e in compiled.from_registers}),
    }


def _question(element: Definition, users: list[str]) -> dict[str, Any]:
    return {
        "id": element.id,
        "label": {"zh": element.label_zh, "en": element.label_en},
        "unit": element.unit,
        "measure": element.measure,
        "time_basis": element.time_basis,
        "decimals": element.decimals,
        "relevant": element.relevant,
        "sensitivity": element.sensitivity,
        "used_by": dict(sorted(Counter(users).items())),
    }


def _lineage_row(o: Outcome) -> list[Any]:
    conversion = o.match.conversion
    return [
        o.form, o.field.id, o.field.label_zh, o.field.label_en,
        o.element.id if o.element else "", o.how.value, o.match.relation.value, o.formula,
        " ".join(o.asked), o.field.spec.cutoff, o.cutoff, int(o.cutoff_differs),
        o.field.spec.unit, o.element.unit if o.element and conversion is None else o.field.spec.unit,
        note_of(o),
    ]  # fmt: skip


def note_of(o: Outcome) -> str:
    """Return what must be said beside a field, in the language in use."""
    said: list[str] = []
    element = o.element
    if o.match.conversion is not None and o.match.conversion.note:
        said.append(o.match.conversion.note)
    if o.cutoff_differs:
        said.append(
            _("as at %(met)s, asked for %(asked)s")
            % {"met": o.cutoff, "asked": o.field.spec.cutoff}
        )
    if o.weekly:
        said.append(
            _("of the last weekly answer: %(names)s")
            % {"names": ", ".join(e.label for e in o.weekly)}
        )
    if o.how is How.REJECTED:
        said.append(
            (element.reason_zh if element else "")
            or _("not asked: it serves no decision of the epidemic")
        )
    if o.how is How.RULING:
        said.append(why_ruling(o))
    return "; ".join(s for s in said if s)


def why_ruling(o: Outcome) -> str:
    """Return why a field waits for a ruling, in the language in use."""
    name = o.element.label if o.element is not None else o.field.spec.concept
    texts = {
        Relation.DEFINITION: _("defined otherwise than “%(name)s”: %(said)s"),
        Relation.NO_UNIT: _("no conversion from the unit of “%(name)s”"),
        Relation.NO_MEASURE: _(
            "“%(name)s” is another measure, and this one does not follow from it"
        ),
        Relation.NO_POPULATION: _("“%(name)s” is asked as one total and cannot be cut to %(cut)s"),
        Relation.NO_ELEMENT: _("the dictionary has no “%(name)s”: it would be a new question"),
    }
    text = texts.get(o.match.relation)
    if text is None and not o.missing:
        return _("“%(name)s” follows only from itself, or from what waits in turn") % {"name": name}
    if text is None:
        return _("the formula of “%(name)s” rests on what nobody reports: %(missing)s") % {
            "name": name,
            "missing": ", ".join(o.missing),
        }
    return text % {"name": name, "said": o.field.spec.definition, "cut": o.field.spec.population}


def department_layout(compiled: Compiled, form: Form) -> bytes:
    """Return a department's own table as a workbook: its columns, and how each will be met."""
    mine = [o for o in compiled.outcomes if o.form == form.code]
    header = [
        f"{o.field.label} ({o.field.spec.unit})" if o.field.spec.unit else o.field.label
        for o in mine
    ]
    how = [
        [o.field.id, o.field.label, how_in_words(o.how), o.formula, o.cutoff, note_of(o)]
        for o in mine
    ]
    return write_workbook(
        [
            (form.code or _("Table"), header, []),
            (
                _("How it is met"),
                [_("Field"), _("Label"), _("How"), _("Formula"), _("Cut-off"), _("Note")],
                how,
            ),
        ]
    )


def how_in_words(how: How) -> str:
    """Return how a field is met, in words of the language in use."""
    return {
        How.ASKED: _("asked on the one page"),
        How.DERIVED: _("computed"),
        How.REGISTER: _("counted from a register"),
        How.EXTERNAL: _("from another system"),
        How.REJECTED: _("not asked"),
        How.RULING: _("waits for a ruling"),
    }[how]
