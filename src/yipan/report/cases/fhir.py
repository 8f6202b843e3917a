"""Cases as a FHIR R4 bundle, out and in, each resource checked by `fhir.resources` (R4B).

A case is a Patient (its pseudonym for an identifier, nothing that names it, unless who exports may and
says why), a Condition, an Encounter where it has an outcome, and an Observation for each result. The
addresses below are names of code systems; nothing is fetched from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from yipan.access.identity import Identifiers
from yipan.report.cases.actions import KEPT
from yipan.report.contacts.actions import NO_DOCUMENT
from yipan.report.errors import NotATable
from yipan.report.laboratory.queries import Specimen
from yipan.report.linelists.plain import CONFIRMED, Fault, ImportedCase
from yipan.report.models import Case

PSEUDONYM: Final = "urn:yipan:case"
DOCUMENT: Final = "urn:yipan:document"
LABORATORY: Final = "urn:yipan:laboratory"
SPECIMEN: Final = "urn:yipan:specimen"
AGE_BAND, IMPORTED, CLUSTER = "urn:yipan:age-band", "urn:yipan:imported", "urn:yipan:cluster"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ENCOUNTER_CLASS: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

DISEASES: Final = {
    "sars_cov_2_wild": ("840539006", "Disease caused by severe acute respiratory syndrome coronavirus 2"),
    "influenza_pandemic": ("6142004", "Influenza"),
}  # fmt: skip
RESULTS: Final = {
    "positive": ("10828004", "Positive"),
    "negative": ("260385009", "Negative"),
    "unclear": ("419984006", "Inconclusive"),
}
KINDS: Final = ("collection", "searchset", "document", "batch", "transaction")
"""Kinds of bundle whose entries are resources as they stand."""
GENDERS: Final = {"F": "female", "M": "male", "": "unknown"}


# ---- out -----------------------------------------------------------------------------------------------


def to_bundle(
    rows: Sequence[Case],
    *,
    results: Mapping[str, Sequence[Specimen]],
    names: Mapping[str, Identifiers],
    at: datetime,
) -> dict[str, Any]:
    """Return cases as a bundle of kind `collection`, checked.

    `results` are specimens by case; `names` are identifiers by case, for whoever may have them.
    """
    resources: list[dict[str, Any]] = []
    for case in rows:
        resources.append(_patient(case, names.get(case.pseudonym)))
        resources.append(_condition(case))
        if case.outcome:
            resources.append(_encounter(case))
        resources += [
            o for s in results.get(case.pseudonym, ()) if (o := _observation(case, s)) is not None
        ]
    made = Bundle.model_validate(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": at.isoformat(),
            "entry": [
                {"fullUrl": f"urn:yipan:{r['resourceType'].lower()}:{r['id']}", "resource": r}
                for r in resources
            ],
        }
    )
    return dict(made.model_dump(mode="json", exclude_none=True))


def _patient(case: Case, who: Identifiers | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "id": _id(case),
        "identifier": [{"system": PSEUDONYM, "value": case.pseudonym}],
        "gender": GENDERS.get(case.sex, "unknown"),
        "address": [{"use": "home", "district": case.unit.code}],
    }
    if case.age_band:
        made["extension"] = [{"url": AGE_BAND, "valueString": case.age_band}]
    if case.outcome == "died" and case.outcome_day:
        made["deceasedDateTime"] = case.outcome_day.isoformat()
    if who is not None:
        if who.number and not who.number.startswith(NO_DOCUMENT):
            made["identifier"].append({"system": DOCUMENT, "value": who.number})
        if who.name:
            made["name"] = [{"text": who.name}]
        if who.phone:
            made["telecom"] = [{"system": "phone", "value": who.phone}]
        if who.address:
            made["address"][0]["text"] = who.address
    return made


def _condition(case: Case) -> dict[str, Any]:
    over = case.outcome in ("cured", "died")
    made: dict[str, Any] = {
        "resourceType": "Condition",
        "id": f"{_id(case)}-c",
        "subject": _about(case),
        "clinicalStatus": _coded(CLINICAL, "resolved" if over else "active"),
        "verificationStatus": _coded(VERIFICATION, "confirmed"),
        "code": _disease(case.incident.disease),
        "recordedDate": case.report_day.isoformat(),
    }
    if case.onset_day:
        made["onsetDateTime"] = case.onset_day.isoformat()
    if case.outcome == "cured" and case.outcome_day:
        made["abatementDateTime"] = case.outcome_day.isoformat()
    extension: list[dict[str, Any]] = []
    if case.imported is not None:
        extension.append({"url": IMPORTED, "valueBoolean": case.imported})
    if case.cluster:
        extension.append({"url": CLUSTER, "valueString": case.cluster})
    if extension:
        made["extension"] = extension
    return made


def _encounter(case: Case) -> dict[str, Any]:
    period = {"start": case.report_day.isoformat()}
    if case.outcome_day:
        period["end"] = case.outcome_day.isoformat()
    return {
        "resourceType": "Encounter",
        "id": f"{_id(case)}-e",
        "status": "finished",
        "class": {"system": ENCOUNTER_CLASS, "code": "IMP"},
        "subject": _about(case),
        "period": period,
        "hospitalization": {"dischargeDisposition": {"text": case.outcome}},
    }


def _observation(case: Case, specimen: Specimen) -> dict[str, Any] | None:
    told = specimen.result
    if told is None:
        return None
    code, display = RESULTS[told.result]
    begun = specimen.steps[0]
    return {
        "resourceType": "Observation",
        "id": f"o-{specimen.name.lower()}",
        "identifier": [{"system": SPECIMEN, "value": specimen.name}],
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": "41852-5"}],
            "text": "Microorganism or agent identified in specimen",
        },
        "subject": _about(case),
        "effectiveDateTime": begun.occurred_at.isoformat(),
        "issued": told.occurred_at.isoformat(),
        "performer": [
            {"identifier": {"system": LABORATORY, "value": told.laboratory.code},
             "display": told.laboratory.name_en}
        ],
        "valueCodeableConcept": {
            "coding": [{"system": SNOMED, "code": code, "display": display}]
        },
    }  # fmt: skip


def _id(case: Case) -> str:
    return f"p-{case.pseudonym[:56]}"


def _about(case: Case) -> dict[str, str]:
    return {"reference": f"Patient/{_id(case)}"}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _disease(name: str) -> dict[str, Any]:
    known = DISEASES.get(name)
    if known is None:
        return {"text": name}
    return {"coding": [{"system": SNOMED, "code": known[0], "display": known[1]}]}


# ---- in ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImportedResult:
    """A laboratory result of a bundle."""

    case: str
    specimen: str
    laboratory: str
    taken_at: datetime
    resulted_at: datetime
    result: str
    row: int


@dataclass
class BundleRead:
    """What a bundle says: cases, results, and entries that were not taken."""

    cases: list[ImportedCase] = field(default_factory=list)
    results: list[ImportedResult] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_bundle(body: Mapping[str, Any], *, file: str) -> BundleRead:
    """Return the cases and results of a bundle, whoever made it.

    A Patient with a confirmed (or unsaid) Condition is a case; its number is our own pseudonym where
    it carries one, else its first identifier, else its id. Raises NotATable (R115) for what is no
    R4 bundle, naming the element that is wrong.
    """
    try:
        told = Bundle.model_validate(body).model_dump(mode="json", exclude_none=True)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotATable(name="Bundle", why=f"{where}: {first['msg']}") from fault
    if told["type"] not in KINDS:
        raise NotATable(name="Bundle", why=f"type: {told['type']} ({', '.join(KINDS)})")
    entries = [
        (n, e.get("fullUrl", ""), e.get("resource", {}))
        for n, e in enumerate(told.get("entry", []), start=1)
    ]
    read = BundleRead()
    patients: dict[str, tuple[int, dict[str, Any]]] = {}
    for n, url, resource in entries:
        if resource.get("resourceType") == "Patient":
            for key in (url, f"Patient/{resource.get('id', '')}"):
                if key:
                    patients[key] = (n, resource)
    ended = _encounters(entries)
    for n, _url, resource in entries:
        kind = resource.get("resourceType")
        if kind not in ("Condition", "Observation"):
            continue
        about = resource.get("subject", {}).get("reference", "")
        found = patients.get(about)
        if found is None:
            read.faults.append(
                Fault(file, n, "subject", _("The bundle holds no patient %s.") % about[:60],
                      _("Put the patient into the same bundle."))
            )  # fmt: skip
        elif kind == "Condition":
            _read_condition(read, n, resource, found, ended.get(about, {}), file)
        else:
            _read_observation(read, n, resource, found[1], file)
    return read


def _encounters(
    entries: Sequence[tuple[int, str, dict[str, Any]]],
) -> dict[str, dict[str, Any]]:
    return {
        r.get("subject", {}).get("reference", ""): r
        for _n, _url, r in entries
        if r.get("resourceType") == "Encounter"
    }


def _read_condition(
    read: BundleRead,
    row: int,
    condition: Mapping[str, Any],
    found: tuple[int, Mapping[str, Any]],
    encounter: Mapping[str, Any],
    file: str,
) -> None:
    patient = found[1]
    status = _code(condition.get("verificationStatus"))
    if status in ("refuted", "entered-in-error"):
        return
    day = _day(condition.get("recordedDate") or condition.get("onsetDateTime"))
    if day is None:
        read.faults.append(
            Fault(file, row, "recordedDate", _("The day of confirmation is missing."),
                  _("Give Condition.recordedDate."))
        )  # fmt: skip
        return
    outcome, ended = "", None
    died = patient.get("deceasedDateTime")
    disposition = (
        encounter.get("hospitalization", {}).get("dischargeDisposition", {}).get("text", "")
    )
    if died or patient.get("deceasedBoolean"):
        outcome, ended = "died", _day(died or encounter.get("period", {}).get("end"))
    elif condition.get("abatementDateTime") or disposition == "cured":
        outcome = "cured"
        ended = _day(condition.get("abatementDateTime") or encounter.get("period", {}).get("end"))
    name = (patient.get("name") or [{}])[0]
    home = (patient.get("address") or [{}])[0]
    read.cases.append(
        ImportedCase(
            number=number_of(patient),
            unit=str(home.get("district") or home.get("city") or ""),
            report_day=day,
            onset_day=_day(condition.get("onsetDateTime")),
            age=_age(patient, day),
            sex={"female": "F", "male": "M"}.get(str(patient.get("gender", "")), ""),
            imported=_extension(condition, IMPORTED, "valueBoolean"),
            cluster=str(_extension(condition, CLUSTER, "valueString") or ""),
            outcome=outcome,
            outcome_day=ended,
            infector="",
            classification=CONFIRMED if status in ("", "confirmed") else status,
            row=row,
            document=_identifier(patient, DOCUMENT),
            name=str(
                name.get("text")
                or " ".join([*(name.get("given") or []), str(name.get("family") or "")]).strip()
            ),
            phone=str((patient.get("telecom") or [{}])[0].get("value", "")),
            address=str(home.get("text") or ""),
            age_band=str(_extension(patient, AGE_BAND, "valueString") or ""),
        )
    )


def _read_observation(
    read: BundleRead, row: int, told: Mapping[str, Any], patient: Mapping[str, Any], file: str
) -> None:
    code = _code(told.get("valueCodeableConcept"))
    result = next((name for name, (c, _d) in RESULTS.items() if c == code), "")
    taken = _moment(told.get("effectiveDateTime"))
    if not result or taken is None:
        return  # an observation of another kind: temperature, an image
    performer = (told.get("performer") or [{}])[0]
    own = _identifier(told, SPECIMEN)
    read.results.append(
        ImportedResult(
            case=number_of(patient),
            specimen=f"{KEPT}{own}" if own else _identifier(told, "") or str(told.get("id", "")),
            laboratory=str(performer.get("identifier", {}).get("value", "")),
            taken_at=taken,
            resulted_at=_moment(told.get("issued")) or taken,
            result=result,
            row=row,
        )
    )


def number_of(patient: Mapping[str, Any]) -> str:
    """Return by what number a patient is a case: our pseudonym, another system's number, or the id."""
    own = _identifier(patient, PSEUDONYM)
    return f"{KEPT}{own}" if own else _identifier(patient, "") or str(patient.get("id", ""))


def _identifier(resource: Mapping[str, Any], system: str) -> str:
    """Return the identifier of a system; with an empty one, the first."""
    for one in resource.get("identifier") or []:
        if not system or one.get("system") == system:
            return str(one.get("value", ""))
    return ""


def _extension(resource: Mapping[str, Any], name: str, value: str) -> Any:
    return next(
        (e.get(value) for e in resource.get("extension") or [] if e.get("url") == name), None
    )


def _code(concept: Mapping[str, Any] | None) -> str:
    coding = (concept or {}).get("coding") or [{}]
    return str(coding[0].get("code", ""))


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _age(patient: Mapping[str, Any], day: date) -> int | None:
    born = _day(patient.get("birthDate"))
    if born is None:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
