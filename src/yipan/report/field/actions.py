"""Taking one page's answers: from the page itself, from the field app, from a phone's outbox as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.report.errors import OutboxUnreadable, Refused, ReportError
from yipan.report.field.sealing import open_outbox
from yipan.report.forms.daily import (
    Answers,
    Page,
    adds_nothing,
    daily_page,
    read_answers,
    unit_of_page,
)
from yipan.report.models import Source, Submission
from yipan.report.values.actions import faults_of_values, submit_values
from yipan.report.values.rules import to_day

MOST_ITEMS = 500
KEY_LENGTH = (8, 64)


def take_answers(
    *,
    incident: Incident,
    page: Page,
    answers: Answers,
    actor: User,
    at: datetime,
    client_key: str,
    scope: Scope,
    device_at: datetime | None = None,
) -> Submission | None:
    """Take a page's answers and return the submission, the same one for a replayed key.

    Returns None where every answer is known already with the same value: that report stands.
    Raises Refused (R101) naming every fault, whether of a cell or of a value, and what
    `submit_values` raises.
    """
    there = Submission.objects.filter(client_key=client_key).exists()
    if not there:
        if answers.faults:
            others = faults_of_values(
                incident=incident,
                unit=page.unit,
                day=page.day,
                values=answers.values,
                at=at,
                reasons=answers.reasons,
                unchanged=answers.unchanged,
            )
            raise Refused({**others, **answers.faults}, where=page.unit.code)
        if adds_nothing(page, answers):
            return None
    return submit_values(
        incident=incident,
        unit=page.unit,
        day=page.day,
        values=answers.values,
        actor=actor,
        source=Source.FORM,
        at=at,
        client_key=client_key,
        scope=scope,
        device_at=device_at,
        reasons=answers.reasons,
        unchanged=answers.unchanged,
        texts=answers.texts,
    )


def standing(page: Page) -> Submission | None:
    """Return the submission that a page's known answers came with last, None where nothing is known."""
    known = [a.known for a in page.asks if a.known is not None]
    return max(known, key=lambda v: (v.recorded_at, v.pk)).submission if known else None


@dataclass(frozen=True)
class Sent:
    """One finished page as a phone sends it."""

    unit: str
    day: date
    period: str
    answers: Mapping[str, str]
    same: tuple[str, ...]
    reason: str
    client_key: str
    device_at: datetime | None = None


def take_page(
    *, incident: Incident, sent: Sent, actor: User, at: datetime, scope: Scope
) -> tuple[Submission | None, Page, Answers]:
    """Take one finished page, with the submission that has it (see `take_answers`), the page and answers.

    Raises NotFound (K004) for a unit the person does not report for.
    """
    unit = unit_of_page(incident, scope=scope, code=sent.unit)
    assert unit is not None, "a code was given: it is found or refused"
    page = daily_page(incident, unit=unit, day=sent.day, known_at=at, period=sent.period)
    answers = read_answers(page, {**sent.answers, "reason": sent.reason}, sent.same)
    made = take_answers(
        incident=incident,
        page=page,
        answers=answers,
        actor=actor,
        at=at,
        client_key=sent.client_key,
        scope=scope,
        device_at=sent.device_at,
    )
    return made or standing(page), page, answers


# --- a phone's outbox brought as a file


@dataclass(frozen=True)
class Brought:
    """What became of one thing in an outbox: taken, there already, refused with its fault, or an order's act."""

    label: str
    state: str  # taken, there, refused, order
    submission: Submission | None = None
    fault: ReportError | YipanError | None = None
    delivery: str = ""

    @property
    def faults(self) -> list[ReportError]:
        """What is wrong field by field, where the page was refused for its fields."""
        return list(self.fault.faults.values()) if isinstance(self.fault, Refused) else []


@dataclass(frozen=True)
class Outbox:
    """A file's own words about itself, and what became of what it held."""

    person: str
    unit: str
    made_at: str
    items: tuple[Brought, ...]


def take_outbox(
    *, incident: Incident, body: bytes, name: str, actor: User, at: datetime, scope: Scope
) -> Outbox:
    """Take in a phone's outbox and return what became of each item; taken twice it changes nothing.

    Whoever brings it acts: within their own scope, under their own name; who filled it in is
    recorded beside, as the file says. Each item passes the same door as on the phone, under the
    phone's own key, so an item that the phone sends later is recognised. Raises OutboxUnreadable (R172).
    """
    scope.check(Action.REPORT_SUBMIT)
    inside = open_outbox(body, name=name)
    items = inside.get("items")
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise OutboxUnreadable(name=name, why=_("it holds no list of reports"))
    person, unit, made_at = (_short(inside.get(k)) for k in ("person_name", "unit_name", "made_at"))
    found = tuple(_bring(i, incident, actor, at, scope, name) for i in items)
    with transaction.atomic():
        audit.record(
            event="report.outbox_brought",
            at=at,
            actor=actor,
            object_type="outbox",
            object_id=_short(inside.get("id")),
            incident=incident,
            detail={
                "filled_in_by": _short(inside.get("person")),
                "taken": sum(b.state == "taken" for b in found),
                "there": sum(b.state == "there" for b in found),
                "refused": sum(b.state == "refused" for b in found),
            },
        )
    return Outbox(person, unit, made_at, found)


def _bring(
    item: Any, incident: Incident, actor: User, at: datetime, scope: Scope, name: str
) -> Brought:
    label = _short(item.get("label")) if isinstance(item, dict) else ""
    if isinstance(item, dict) and item.get("kind") == "order":
        return Brought(label, "order", delivery=_short(item.get("delivery")))
    try:
        sent = read_sent(item, name=name)
        there = Submission.objects.filter(client_key=sent.client_key).exists()
        made, _page, _answers = take_page(
            incident=incident, sent=sent, actor=actor, at=at, scope=scope
        )
    except YipanError as fault:
        return Brought(label, "refused", fault=fault)
    return Brought(label, "there" if there else "taken", submission=made)


def read_sent(item: Any, *, name: str) -> Sent:
    """Return one item of an outbox; raises OutboxUnreadable (R172) naming what is not as it must be."""
    try:
        key = str(item["client_key"])
        answers = item["answers"]
        same = item.get("same", [])
        day = to_day(item["day"])
        if not (
            KEY_LENGTH[0] <= len(key) <= KEY_LENGTH[1]
            and isinstance(answers, dict)
            and isinstance(same, list)
            and day is not None
        ):
            raise ValueError(key)
        pressed = item.get("device_at")
        return Sent(
            unit=str(item["unit"]),
            day=day,
            period="weekly" if item.get("period") == "weekly" else "daily",
            answers={str(k): str(v) for k, v in answers.items()},
            same=tuple(str(s) for s in same),
            reason=str(item.get("reason", "")),
            client_key=key,
            device_at=datetime.fromisoformat(pressed) if pressed else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, ReportError) as fault:
        raise OutboxUnreadable(name=name, why=_("one of its reports cannot be read")) from fault


def _short(value: object) -> str:
    return str(value or "")[:80]
