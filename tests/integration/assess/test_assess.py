"""One assessment: what was known at a moment, nothing later, once, with its tiers and their trace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from front import CLOCK, Front
from yipan.access.scope import system_scope
from yipan.assess import queries
from yipan.assess.actions import assess
from yipan.assess.errors import NotYet
from yipan.assess.models import Assessment, TierChange, UnitSituation
from yipan.report.models import Source

pytestmark = pytest.mark.django_db
A, B, C = "100101", "100102", "100201"


def of(assessment: Assessment, code: str) -> UnitSituation:
    return queries.situation(assessment, code, scope=system_scope())


def test_counts_of_counties_windows_and_last_case(front: Front) -> None:
    front.counties(1, c100101=2, c100102=0, c100201=0)
    front.counties(10, c100101=1, c100102=0, c100201=0)
    for n in (*range(2, 10), *range(11, 18)):
        front.counties(n, c100101=0, c100102=0, c100201=0)
    alder = of(front.assess(17), A)
    assert (alder.confirmed, alder.confirmed_14d, alder.confirmed_7d) == (3, 1, 0)
    assert (alder.confirmed_new, alder.last_case_day) == (0, front.day(10))
    assert alder.tier == "medium"
    assert alder.rule == 2
    assert of(front.assess(17), B).tier == "low"


def test_a_day_is_known_only_from_eight_the_next_morning(front: Front) -> None:
    front.counties(1, c100101=0)
    front.counties(2, c100101=5)
    early = front.assess(2, hour=7)
    assert early.data_day == front.day(1)
    assert of(early, A).confirmed == 0
    late = front.assess(2, hour=8)
    assert late.data_day == front.day(2)
    assert of(late, A).confirmed == 5


def test_nothing_recorded_later_enters(front: Front) -> None:
    front.counties(1, c100101=2)
    front.counties(2, c100101=1)
    front.counties(
        1, c100101=9, recorded_at=CLOCK.known_from(front.day(5)), reason="nine were meant"
    )
    assert of(front.assess(2), A).confirmed == 3
    assert of(front.assess(5), A).confirmed == 10


def test_who_has_not_reported_has_no_data_never_a_zero(front: Front) -> None:
    front.counties(1, c100101=3, c100102=0, c100201=0)
    front.counties(2, c100102=0, c100201=0)
    made = front.assess(2)
    alder = of(made, A)
    assert alder.tier == "no_data"
    assert alder.confirmed_new is None
    assert alder.confirmed == 3  # the last that was heard stands, as what it is
    assert made.province["silent"] == [A]
    assert made.province["reported"] == {"heard": 2, "owing": 3}


def test_a_county_never_heard_has_nothing(front: Front) -> None:
    front.counties(1, c100101=1)
    cedar = of(front.assess(1), C)
    assert cedar.confirmed is None
    assert cedar.confirmed_14d is None
    assert cedar.tier == "no_data"


def test_a_missed_day_leaves_low_open_until_it_is_known(front: Front) -> None:
    front.counties(1, c100101=0, c100102=0)
    front.counties(2, c100102=0)
    front.counties(3, c100101=0, c100102=0)
    made = front.assess(3)
    assert of(made, A).tier == "low"  # no case ever, as far as anybody has said
    front.cases([(A, 1, None, False)])
    front.counties(4, c100101=0, c100102=0)
    late = front.assess(4)
    assert of(late, A).confirmed == 0  # the county's own word of day 1 stands


def test_a_missed_day_is_counted_from_the_line_list(front: Front) -> None:
    front.counties(1, c100101=0)
    front.cases([(A, 2, None, False)])
    front.counties(3, c100101=0)
    assert of(front.assess(3), A).confirmed == 1


@pytest.mark.parametrize(
    ("cluster", "tier", "rule"), [(1.0, "high", 4), (0.0, "medium", 3), (None, "undecided", None)]
)
def test_over_fifty_the_cluster_decides(
    front: Front, cluster: float | None, tier: str, rule: int | None
) -> None:
    front.counties(1, c100101=(51, cluster))
    alder = of(front.assess(1), A)
    assert (alder.tier, alder.rule) == (tier, rule)


def test_the_province_is_authoritative_and_the_rest_is_unallocated(front: Front) -> None:
    front.bulletin(1, u10=20, u1001=12, u1002=5)
    front.counties(1, c100101=7, c100102=2, c100201=5)
    made = front.assess(1)
    assert made.province["basis"] == "bulletin"
    assert made.province["confirmed"] == 20
    assert made.province["unallocated"]["confirmed"] == 3
    assert made.province["cured"] is None
    assert made.province["active"] is None
    assert of(made, "1001").confirmed == 12


def test_without_bulletins_the_province_is_the_sum_of_its_counties(front: Front) -> None:
    front.counties(1, c100101=2, c100201=1)
    front.counties(2, c100101=0, c100201=4)
    made = front.assess(2)
    assert made.province["basis"] == "counties"
    assert (made.province["confirmed"], made.province["confirmed_new"]) == (7, 4)


def test_a_late_bulletin_is_said_and_not_invented(front: Front) -> None:
    front.bulletin(1, u10=4)
    front.counties(2, c100101=0)
    made = front.assess(2)
    assert made.province["confirmed_new"] is None
    assert (made.province["confirmed"], made.province["as_of"]) == (4, "2020-02-01")


def test_rt_only_where_eleven_local_cases_say_something(front: Front) -> None:
    published = [
        r for n in range(1, 21) for r in front.published(n, u10=3 * n, u1001=2 * n, u1002=n)
    ]
    front.send(published, Source.BULLETIN)
    rows = [(A, n, None, False) for n in range(1, 21) for _ in range(2)]
    rows += [(C, n, None, True) for n in range(1, 21)]
    front.cases(rows)
    made = front.assess(20)
    north, south = of(made, "1001"), of(made, "1002")
    assert north.rt is not None
    assert south.rt is not None
    assert north.rt["local_cases"] == 14
    assert north.rt["q05"] < north.rt["median"] < north.rt["q95"]
    assert south.rt == {"note": "too_few_cases", "local_cases": 0}  # all of them were imported
    assert made.province["rt"]["biased_up"] is False
    shown = [x is not None for x in made.series["cities"]["1001"]["rt"]["median"]]
    assert len(shown) == len(made.series["dates"])
    assert shown[-1]


def test_without_a_line_list_imports_count_as_local_and_it_is_said(front: Front) -> None:
    published = [r for n in range(1, 21) for r in front.published(n, u10=3 * n, u1001=3 * n)]
    front.send(published, Source.BULLETIN)
    made = front.assess(20)
    assert made.province["rt"]["biased_up"] is True
    assert made.province["not_yet_reported"] == {"note": "no_line_list"}
    assert made.series["onset"] is None
    assert made.series["expected"] is None


def test_cases_by_onset_and_what_is_still_expected(front: Front) -> None:
    front.cases([(A, n, n - d, False) for n in range(8, 25) for d in (2, 3, 4, 5, 6, 7)])
    made = front.assess(24)
    onset, expected = made.series["onset"], made.series["expected"]
    assert sum(onset) == 17 * 6
    assert len(onset) == len(expected) == len(made.series["dates"])
    assert all(e is None or e["lo"] <= e["mid"] <= e["hi"] for e in expected)
    assert all(e is None or e["lo"] >= n for n, e in zip(onset, expected, strict=True))
    assert expected[-4]["mid"] > onset[-4]
    assert made.province["not_yet_reported"]["median"] > 5
    alder, birch = of(made, A).pending, of(made, B).pending
    assert alder["q05"] <= alder["median"] <= alder["q95"]
    assert alder["median"] > birch["median"]


def test_a_second_assessment_of_a_moment_is_the_first_one(front: Front) -> None:
    front.counties(1, c100101=2)
    first = front.assess(1)
    front.counties(2, c100101=2)
    assert front.assess(1) == first
    assert Assessment.objects.count() == 1


def test_a_moment_that_has_not_come_is_refused(front: Front) -> None:
    moment = CLOCK.known_from(front.day(3))
    with pytest.raises(NotYet):
        assess(incident=front.incident, known_at=moment + timedelta(seconds=1), made_at=moment)
    assert not Assessment.objects.exists()


def test_each_change_of_tier_is_kept_with_its_rule_and_trace(front: Front) -> None:
    front.counties(1, c100101=0, c100102=0, c100201=0)
    front.assess(1)
    front.counties(2, c100101=4, c100102=0, c100201=0)
    front.assess(2)
    changes = TierChange.objects.filter(unit__code=A).order_by("at")
    assert [(c.before, c.after, c.rule) for c in changes] == [("", "low", 1), ("low", "medium", 2)]
    assert changes[1].trace[1]["values"] == {"cumulative": 4}
    assert TierChange.objects.filter(unit__code=B).count() == 1


def test_looking_back_changes_no_tier(front: Front) -> None:
    front.counties(1, c100101=0)
    front.counties(2, c100101=4)
    front.assess(2)
    front.assess(1)
    assert [(c.before, c.after) for c in TierChange.objects.filter(unit__code=A)] == [
        ("", "medium")
    ]


def test_tiers_are_counted_with_their_people(front: Front) -> None:
    front.counties(1, c100101=4, c100102=0)
    counted = queries.tier_counts(front.assess(1))
    assert counted == {
        "low": (1, 1000), "medium": (1, 1000), "high": (0, 0), "undecided": (0, 0),
        "no_data": (1, 1000),
    }  # fmt: skip
