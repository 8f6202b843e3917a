"""Whatever is recorded after a moment, an assessment of that moment says the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from front import CLOCK, Front
from yipan.assess.models import Alarm, Assessment, UnitSituation
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
COUNTIES = ("100101", "100102", "100201")
DAYS = 20

counts = st.lists(
    st.tuples(
        st.integers(1, DAYS),
        st.sampled_from(COUNTIES),
        st.integers(0, 30),
        st.sampled_from([0.0, 1.0, None]),
    ),
    max_size=12,
)
cases = st.lists(
    st.tuples(
        st.sampled_from(COUNTIES),
        st.integers(1, DAYS),
        st.integers(0, 9),
        st.sampled_from([True, False, None]),
    ),
    max_size=25,
)


def said(assessment: Assessment) -> list[Any]:
    """Everything an assessment says, without ids and times of making."""
    units = UnitSituation.objects.filter(assessment=assessment).order_by("unit__code")
    fields = [
        f.name for f in UnitSituation._meta.fields if f.name not in ("id", "assessment", "unit")
    ]
    alarms = Alarm.objects.filter(assessment=assessment).order_by("unit__code", "kind")
    return [
        assessment.province,
        assessment.series,
        [
            [u.unit.code, *(getattr(u, name) for name in fields)]
            for u in units.select_related("unit")
        ],
        [
            [a.unit.code, a.kind, a.observed, a.p_value, a.evidence]
            for a in alarms.select_related("unit")
        ],
    ]


def once(front: Front, day: int) -> list[Any]:
    """Assess the morning after a day, read what it says, and forget it."""
    with transaction.atomic():
        told = said(front.assess(day))
        transaction.set_rollback(True)
    return told


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=counts, after=counts, known=cases, late=cases, day=st.integers(3, DAYS - 2))
def test_nothing_recorded_later_changes_an_assessment(
    front: Front, before: list[Any], after: list[Any], known: list[Any], late: list[Any], day: int
) -> None:
    moment = CLOCK.known_from(front.day(day))
    with transaction.atomic():
        early = {(n, c): (x, k) for n, c, x, k in before if n <= day}
        for (n, c), (x, k) in early.items():
            front.send(front.told(n, **{f"c{c}": (x, k)}), Source.API)
        front.cases([(c, n, max(1, n - d), i) for c, n, d, i in known if n <= day])
        first = once(front, day)
        for n, c, x, k in after:
            later = CLOCK.known_from(front.day(max(n, day) + 1))
            assert later > moment
            front.send(
                front.told(n, recorded_at=later, **{f"c{c}": (x, k)}), Source.API, "learned later"
            )
        front.cases([(c, n, max(1, n - d), i) for c, n, d, i in late if n > day])
        assert once(front, day) == first
        transaction.set_rollback(True)
