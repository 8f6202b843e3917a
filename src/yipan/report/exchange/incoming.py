"""What came in by another system's format passes the same door as everything else."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime

from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import Missing, Refused, ReportError
from yipan.report.exchange.dhis2.messages import Sent, uid
from yipan.report.exchange.openrosa.messages import Instance
from yipan.report.forms.current import elements_named
from yipan.report.models import Source, Submission
from yipan.report.requests.queries import dictionary
from yipan.report.values.actions import submit_values
from yipan.report.values.rules import known_element, to_day, to_number


def take_instance(
    *,
    incident: Incident,
    instance: Instance,
    actor: User | None,
    at: datetime,
    scope: Scope,
    prefix: str,
) -> Submission:
    """Take one filled-in form and return its submission; a retry with the same key changes nothing.

    Raises Refused (R101) naming every fault, Missing (R118) and what `scope` raises.
    """
    day = to_day(instance.day, label="day")
    if day is None:
        raise Missing(label="day")
    unit = _unit(incident, instance.unit, scope)
    return _submit(
        incident, unit, day, instance.answers, actor, at, scope, f"{prefix}:{instance.key}"
    )


def is_here(*, key: str, prefix: str) -> bool:
    """Return whether a filled-in form was taken before under this key."""
    return Submission.objects.filter(client_key=_client_key(f"{prefix}:{key}")).exists()


def _client_key(key: str) -> str:
    return key if len(key) <= 64 else hashlib.sha256(key.encode()).hexdigest()


def _unit(incident: Incident, code: str, scope: Scope) -> Unit:
    return scope.get(
        Unit.objects.filter(package=incident.package_id),
        unit="",
        action=Action.PLACE_READ,
        code=code,
    )


def _submit(
    incident: Incident,
    unit: Unit,
    day: date,
    answers: dict[str, str],
    actor: User | None,
    at: datetime,
    scope: Scope,
    key: str,
    reasons: dict[str, str] | None = None,
) -> Submission:
    known = elements_named(incident.package, set(answers), known_at=at)
    values: dict[str, float | None] = {}
    texts: dict[str, str] = {}
    faults: dict[str, ReportError] = {}
    for name, text in answers.items():
        try:
            element = known.get(name) or known_element(name)
            if element.words:
                texts[name] = text
                continue
            number = to_number(
                text, label=element.label, flag=element.flag, decimals=element.decimals
            )
        except ReportError as fault:
            faults[name] = fault
            continue
        if number is not None:
            values[name] = float(number)
    if faults:
        raise Refused(faults, where=unit.code)
    return submit_values(
        incident=incident,
        unit=unit,
        day=day,
        values=values,
        actor=actor,
        source=Source.API,
        at=at,
        client_key=_client_key(key),
        scope=scope,
        texts=texts,
        reasons=reasons,
    )


def _by_codes(incident: Incident, sent: Sent, at: datetime) -> Sent:
    """Return a set with UIDs turned into codes; what is neither stays and is refused by name."""
    names = {n for answers in sent.values.values() for n in answers}
    strange = {n for n in names if UID.fullmatch(n)} - elements_named(
        incident.package, names, known_at=at
    ).keys()
    places = {code for code, _day in sent.values if UID.fullmatch(code)}
    places -= set(
        Unit.objects.filter(package=incident.package_id, code__in=places).values_list("code", flat=True)
    )  # fmt: skip
    if not strange and not places:
        return sent
    known = [*ELEMENTS, *dictionary(incident.package, known_at=at)] if strange else []
    element = {uid("dataElement", n): n for n in known}
    codes = Unit.objects.filter(package=incident.package_id).values_list("code", flat=True)
    place = {uid("organisationUnit", c): c for c in codes} if places else {}
    turned = Sent(refused=sent.refused)
    for kind, rows in ((turned.values, sent.values), (turned.comments, sent.comments)):
        for (code, day), answers in rows.items():
            told = kind.setdefault((place.get(code, code), day), {})
            told.update({element.get(n, n): text for n, text in answers.items()})
    return turned


UID = re.compile(r"[A-Za-z][A-Za-z0-9]{10}")


@dataclass(frozen=True)
class Imported:
    """What became of a set of values."""

    imported: int
    ignored: int
    conflicts: list[dict[str, str]]


def take_sets(
    *, incident: Incident, sent: Sent, actor: User | None, at: datetime, scope: Scope, key: str
) -> Imported:
    """Take values of many units and days; what one unit's set has wrong costs that set only.

    A comment on a value is the reason of a correction. Elements and places may be named by the UIDs
    that our own metadata give them.
    """
    sent = _by_codes(incident, sent, at)
    imported = 0
    conflicts = list(sent.refused)
    ignored = len(sent.refused)
    for (code, day), answers in sorted(sent.values.items()):
        comments = sent.comments.get((code, day), {})
        try:
            unit = _unit(incident, code, scope)
            made = _submit(
                incident,
                unit,
                day,
                answers,
                actor,
                at,
                scope,
                f"{key}:{code}:{day:%Y%m%d}",
                comments,
            )
            imported += made.rows_accepted
        except Refused as refused:
            ignored += len(answers)
            conflicts += [
                {"object": f"{code}.{day:%Y%m%d}.{name}", "value": str(fault)}
                for name, fault in refused.faults.items()
            ]
        except YipanError as fault:
            ignored += len(answers)
            conflicts.append({"object": f"{code}.{day:%Y%m%d}", "value": str(fault)})
    return Imported(imported, ignored, conflicts)
