"""Each fact is reported once, nothing is lost, and the board knows when it knew."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from cast import NOON, Cast, Province
from yipan.access.models import Incident
from yipan.access.scope import scope_of
from yipan.report.actions import submit_values
from yipan.report.errors import Refused
from yipan.report.models import Submission, Value
from yipan.report.queries import daily_counts, history

pytestmark = pytest.mark.django_db
TODAY = date(2020, 2, 24)


def report(
    incident: Incident,
    province: Province,
    cast: Cast,
    *,
    key: str,
    at: datetime = NOON,
    reasons: dict[str, str] | None = None,
    unchanged: frozenset[str] = frozenset(),
    **values: float | None,
) -> Submission:
    """The village reporter sends today's page."""
    return submit_values(
        incident=incident,
        unit=province["100101001"],
        day=TODAY,
        values=values,
        actor=cast.village_reporter,
        source="form",
        at=at,
        client_key=key,
        scope=scope_of(cast.village_reporter, at=at),
        reasons=reasons,
        unchanged=unchanged,
    )


def known(incident: Incident, province: Province, element: str, at: datetime) -> float:
    """What the board knew of the village's value at a moment; NaN for not reported."""
    counts = daily_counts(
        incident,
        units=[province["100101001"]],
        element=element,
        first=TODAY,
        last=TODAY,
        known_at=at,
    )
    return float(counts[0, 0])


def test_zero_is_not_blank(incident: Incident, province: Province, cast: Cast) -> None:
    """A zero is a value; an empty field is not reported, and never becomes a zero."""
    report(incident, province, cast, key="one", fever=0, masks_stock=None)
    assert known(incident, province, "fever", NOON) == 0
    assert np.isnan(known(incident, province, "masks_stock", NOON))


def test_a_replayed_report_changes_nothing(
    incident: Incident, province: Province, cast: Cast
) -> None:
    """A phone that sends the same report three times has sent it once."""
    first = report(incident, province, cast, key="one", fever=2)
    for minute in (1, 2):
        again = report(
            incident, province, cast, key="one", fever=2, at=NOON + timedelta(minutes=minute)
        )
        assert again == first
    assert (Submission.objects.count(), Value.objects.count()) == (1, 1)


def test_a_correction_is_a_new_version_with_its_reason(
    incident: Incident, province: Province, cast: Cast
) -> None:
    """A correction needs a reason, the earlier value stays, and the past looks as it looked then."""
    report(incident, province, cast, key="one", fever=2)
    later = NOON + timedelta(hours=2)
    with pytest.raises(Refused) as refused:
        report(incident, province, cast, key="two", fever=3, at=later)
    assert refused.value.faults["fever"].code == "R117"
    report(
        incident, province, cast, key="three", fever=3, at=later, reasons={"fever": "counted again"}
    )
    assert known(incident, province, "fever", later) == 3
    assert known(incident, province, "fever", later - timedelta(minutes=1)) == 2
    versions = history(
        incident, unit=province["100101001"], element="fever", day=TODAY, known_at=later
    )
    assert [(v.version, v.value, v.reason) for v in versions] == [
        (2, 3, "counted again"),
        (1, 2, ""),
    ]


def test_no_change_is_an_answer(incident: Incident, province: Province, cast: Cast) -> None:
    """“No change” is a value with a time; where nothing came before it cannot be said."""
    with pytest.raises(Refused) as refused:
        report(incident, province, cast, key="one", unchanged=frozenset({"masks_stock"}))
    assert refused.value.faults["masks_stock"].code == "R121"


def test_what_cannot_be_is_refused_with_what_would_be_right(
    incident: Incident, province: Province, cast: Cast
) -> None:
    """Every fault of a form is named at once, nothing of it is taken, and what was typed stays with the sender."""
    with pytest.raises(Refused) as refused:
        report(incident, province, cast, key="one", fever=-3, masks_stock=2.5, unheard_of=1)
    assert {name: fault.code for name, fault in refused.value.faults.items()} == {
        "fever": "R104",
        "masks_stock": "R103",
        "unheard_of": "R102",
    }
    assert all(fault.remedy for fault in refused.value.faults.values())
    assert not Value.objects.exists()
