"""A demonstration's desk has work, and its villages are asked nothing more for it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cast import NOON
from yipan.access.models import Incident
from yipan.report.dictionary import asked_of
from yipan.report.forms.current import asked_on
from yipan.report.models import RequestedField
from yipan.report.requests.example import draft_example_requests
from yipan.report.requests.queries import compiled_at

pytestmark = pytest.mark.django_db


def test_four_departments_ask_and_a_village_answers_what_it_answered_before(
    drill: Incident,
) -> None:
    since = NOON - timedelta(days=2)
    made = draft_example_requests(incident=drill, by=None, at=since)
    assert [r.state for r in made] == ["active", "active", "active", "ruling"]
    waits = RequestedField.objects.filter(asked_at__isnull=False, ruled_at__isnull=True)
    assert [(f.code, f.population) for f in waits] == [("EX-TR02", "students")]
    asked = asked_on(drill, level="village", day=date(2020, 2, 24), now=NOON)
    assert {e.id for e in asked} == {e.id for e in asked_of("village")}
    counts = compiled_at(drill, at=NOON, level="village").counts()
    assert (counts["forms"], counts["fields"], counts["asked_daily"]) == (4, 12, 5)
    assert counts["minutes_after"] < counts["minutes_before"]
    assert draft_example_requests(incident=drill, by=None, at=NOON) == []
