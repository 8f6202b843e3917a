"""What may be said of a value out of the ordinary: the office above lets it stand or asks, the unit answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places.models import Unit
from yipan.report.errors import Missing
from yipan.report.models import Value
from yipan.report.review.errors import NothingToSay, NotTheLatest
from yipan.report.review.models import Review, Verdict


def office_above(unit: Unit) -> Unit:
    """Return where the right to approve a unit's value is held: who reports a number does not approve it."""
    return unit.parent or unit


def let_stand(
    *, value: Value, by: User | None, at: datetime, scope: Scope, words: str = ""
) -> Review:
    """Let a value stand, for the office above its unit.

    Raises what `scope.check` raises, NotTheLatest (R181) where a newer version stands, and
    NothingToSay (R182) where it was let stand before.
    """
    scope.check(Action.REPORT_CORRECT, office_above(value.unit))
    return _say(value, Verdict.STANDS, words.strip(), by, at)


def ask(*, value: Value, words: str, by: User | None, at: datetime, scope: Scope) -> Review:
    """Ask the unit about its value: the words stand beside the field on its page.

    Raises as `let_stand`, NothingToSay also where it is asked already, and Missing (R118)
    without words.
    """
    scope.check(Action.REPORT_CORRECT, office_above(value.unit))
    return _say(value, Verdict.ASKED, _needed(words, _("Question")), by, at)


def answer(*, value: Value, words: str, by: User | None, at: datetime, scope: Scope) -> Review:
    """Answer a question without changing the value: it is true, and why.

    A unit that changes the value instead sends a new version; then nothing needs an answer.
    Raises as `ask`, NothingToSay where nothing is asked.
    """
    scope.check(Action.REPORT_CORRECT, value.unit)
    return _say(value, Verdict.ANSWERED, _needed(words, _("Answer")), by, at)


BY_VERDICT: Mapping[str, Callable[..., Review]] = {
    Verdict.STANDS: let_stand,
    Verdict.ASKED: ask,
    Verdict.ANSWERED: answer,
}


def _needed(words: str, label: str) -> str:
    if not words.strip():
        raise Missing(label=label)
    return words.strip()[:300]


# What may follow what was said last; nothing follows once a value stands.
_AFTER = {
    "": {Verdict.STANDS, Verdict.ASKED},
    Verdict.ASKED: {Verdict.STANDS, Verdict.ANSWERED},
    Verdict.ANSWERED: {Verdict.STANDS, Verdict.ASKED},
    Verdict.STANDS: set(),
}


def _say(value: Value, verdict: Verdict, words: str, by: User | None, at: datetime) -> Review:
    with transaction.atomic():
        held = (
            Value.objects.select_for_update(of=("self",))
            .select_related("unit", "incident")
            .get(pk=value.pk)
        )
        if _newer(held):
            raise NotTheLatest(unit=held.unit.name)
        last = held.reviews.order_by("at", "pk").last()
        if verdict not in _AFTER[last.verdict if last else ""]:
            raise NothingToSay(why=last.get_verdict_display() if last else _("nothing is asked"))
        made = Review.objects.create(value=held, verdict=verdict, words=words, by=by, at=at)
        audit.record(
            event=f"value.{verdict.value}",
            at=at,
            actor=by,
            object_type="value",
            object_id=held.pk,
            unit=held.unit,
            incident=held.incident,
            detail={"element": held.element, "day": held.day.isoformat(), "version": held.version},
        )
    return made


def _newer(value: Value) -> bool:
    return Value.objects.filter(
        incident=value.incident_id,
        unit=value.unit_id,
        element=value.element,
        day=value.day,
        version__gt=value.version,
    ).exists()
