"""Approval by exception: what is out of the ordinary, and who may say what of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province, person
from yipan.access.errors import Forbidden
from yipan.access.models import AuditRecord, Incident, Role, User
from yipan.access.scope import scope_of, system_scope
from yipan.kernel.errors import NotFound
from yipan.report.actions import Report, take_batch
from yipan.report.errors import Missing
from yipan.report.models import DataRequest, Source, TableRelease, Value
from yipan.report.review.actions import answer, ask, let_stand
from yipan.report.review.errors import NothingToSay, NotTheLatest
from yipan.report.review.models import Verdict
from yipan.report.review.queries import Kind, exceptions, questions_to

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
TODAY = date(2020, 2, 24)
VILLAGE = "100101001"
NEXT = NOON + timedelta(hours=1)


@pytest.fixture
def told(drill: Incident, province: Province) -> Callable[..., None]:
    """Take a day's values of a village as if it had sent them."""

    def take(
        on: date, *, village: str = VILLAGE, at: datetime = NOON, reason: str = "", **values: float
    ) -> None:
        row = Report(province[village].pk, on, values, at, reason=reason)
        taken = take_batch(
            incident=drill, rows=[row], source=Source.API, at=at, key=f"{village}{on}{at}"
        )
        assert not taken.aside

    return take


def waiting(
    incident: Incident, *, at: datetime = NEXT, by: User | None = None
) -> list[tuple[str, str, Kind]]:
    scope = scope_of(by, at=at) if by else system_scope()
    found = exceptions(incident, day=TODAY, known_at=at, scope=scope)
    return [(e.value.unit.code, e.value.element, e.kind) for e in found if e.open]


def standing(element: str = "households_checked") -> Value:
    return (
        Value.objects.select_related("unit__parent")
        .filter(element=element, day=TODAY)
        .latest("version")
    )


def said(who: User) -> dict[str, object]:
    return {"by": who, "at": NEXT, "scope": scope_of(who, at=NEXT)}


# ---- what is out of the ordinary


def test_a_sharp_change_waits_and_an_ordinary_one_does_not(
    drill: Incident, told: Callable[..., None]
) -> None:
    told(TODAY - timedelta(days=1), households_checked=100, masks_stock=1000, fever=0)
    told(TODAY, households_checked=121, masks_stock=600, fever=9)
    assert waiting(drill) == [(VILLAGE, "households_checked", Kind.JUMP)]  # 21 % of 20; 40 % of 50


def test_a_small_number_never_jumps(drill: Incident, told: Callable[..., None]) -> None:
    told(TODAY - timedelta(days=1), households_checked=4)
    told(TODAY, households_checked=13)
    assert not waiting(drill)
    told(TODAY, at=NEXT, reason="counted again", households_checked=14)
    assert waiting(drill) == [(VILLAGE, "households_checked", Kind.JUMP)]


def test_without_yesterday_nothing_is_a_jump(drill: Incident, told: Callable[..., None]) -> None:
    told(TODAY - timedelta(days=2), households_checked=100)
    told(TODAY, households_checked=900)
    assert not waiting(drill)


def test_a_correction_waits_only_if_somebody_had_received_the_old_value(
    drill: Incident, province: Province, told: Callable[..., None]
) -> None:
    told(TODAY, households_checked=100, masks_stock=50)
    told(TODAY, at=NOON + timedelta(minutes=1), reason="typed wrongly", masks_stock=51)
    asked = DataRequest.objects.create(
        incident=drill, unit=province["10"], code="d1", department_zh="部", department_en="D",
        title_zh="表", title_en="T", level="village", sunset_on=TODAY, made_at=NOON,
    )  # fmt: skip
    TableRelease.objects.create(
        request=asked, day=TODAY, known_at=NOON + timedelta(minutes=2), format="xlsx", units=5,
        cells=5, elements=["households_checked", "masks_stock"],
    )  # fmt: skip
    assert not waiting(drill)
    told(
        TODAY, at=NOON + timedelta(minutes=3), reason="a lane was forgotten", households_checked=104
    )
    assert waiting(drill) == [(VILLAGE, "households_checked", Kind.CORRECTED)]
    one = exceptions(drill, day=TODAY, known_at=NEXT, scope=system_scope())[0]
    assert one.before == 100
    assert not waiting(drill, at=NOON + timedelta(minutes=2))  # as it was known then


def test_each_sees_the_exceptions_of_their_own_places(
    drill: Incident, cast: Cast, told: Callable[..., None]
) -> None:
    for village in (VILLAGE, "100201001"):
        told(TODAY - timedelta(days=1), village=village, households_checked=100)
        told(TODAY, village=village, households_checked=300)
    assert [code for code, *_rest in waiting(drill, by=cast.county_officer)] == [VILLAGE]
    assert len(waiting(drill, by=cast.analyst)) == 2


# ---- who may say what


@pytest.fixture
def jump(drill: Incident, told: Callable[..., None]) -> Value:
    """A village's value that trebled in a day."""
    told(TODAY - timedelta(days=1), households_checked=100)
    told(TODAY, households_checked=300)
    return standing()


def test_who_reports_a_number_does_not_approve_it(jump: Value, cast: Cast) -> None:
    for act in (let_stand, ask):
        with pytest.raises((Forbidden, NotFound)):
            act(value=jump, words="true", **said(cast.village_reporter))
    for who in (cast.other_county_officer, cast.stranger, cast.analyst, cast.department):
        with pytest.raises((Forbidden, NotFound)):
            let_stand(value=jump, **said(who))
    assert not jump.reviews.exists()


def test_letting_it_stand_ends_the_waiting_and_leaves_a_trace(
    drill: Incident, jump: Value, cast: Cast
) -> None:
    let_stand(value=jump, **said(cast.county_officer))
    assert not waiting(drill)
    assert waiting(drill, at=NOON)  # as known before
    assert AuditRecord.objects.filter(event="value.stands", actor=cast.county_officer).count() == 1
    with pytest.raises(NothingToSay):
        let_stand(value=jump, **said(cast.county_officer))


def test_a_question_is_answered_in_words_and_then_stands(
    drill: Incident, province: Province, jump: Value, cast: Cast
) -> None:
    with pytest.raises(Missing):
        ask(value=jump, words="  ", **said(cast.county_officer))
    with pytest.raises(NothingToSay):  # nothing is asked yet
        answer(value=jump, words="true", **said(cast.village_reporter))
    ask(value=jump, words="300 households in one day?", **said(cast.county_officer))
    asked = questions_to(drill, unit=province[VILLAGE], day=TODAY, known_at=NEXT)
    assert {k: r.words for k, r in asked.items()} == {
        "households_checked": "300 households in one day?"
    }
    answer(value=jump, words="two teams came to help", **said(cast.village_reporter))
    assert not questions_to(drill, unit=province[VILLAGE], day=TODAY, known_at=NEXT)
    assert waiting(drill)
    let_stand(value=jump, **said(cast.county_officer))
    assert not waiting(drill)
    assert [r.verdict for r in jump.reviews.order_by("pk")] == [
        Verdict.ASKED,
        Verdict.ANSWERED,
        Verdict.STANDS,
    ]


def test_a_new_version_answers_by_itself(
    drill: Incident, province: Province, jump: Value, cast: Cast, told: Callable[..., None]
) -> None:
    ask(value=jump, words="sure?", **said(cast.county_officer))
    told(TODAY, at=NEXT, reason="typed wrongly", households_checked=110)
    assert not questions_to(drill, unit=province[VILLAGE], day=TODAY, known_at=NEXT)
    assert not waiting(drill)  # 10 % is ordinary
    with pytest.raises(NotTheLatest):
        let_stand(value=jump, **said(cast.county_officer))


# ---- pages and API


def test_pages_refuse_first(drill: Incident, jump: Value, cast: Cast, as_person: As) -> None:
    say = reverse("report:say", args=[jump.pk])
    assert Client().get(reverse("report:review")).status_code == 302
    assert as_person(cast.auditor).get(reverse("report:review")).status_code == 403
    assert as_person(cast.other_county_officer).post(say, {"verdict": "stands"}).status_code == 404
    assert as_person(cast.county_officer).get(say).status_code == 405
    for verdict in ("", "approved"):
        as_person(cast.county_officer).post(say, {"verdict": verdict})
    as_person(cast.village_reporter).post(say, {"verdict": "stands"})
    assert not jump.reviews.exists()


def test_the_office_asks_and_the_village_answers_on_pages(
    drill: Incident, jump: Value, cast: Cast, as_person: As
) -> None:
    office, village = as_person(cast.county_officer), as_person(cast.village_reporter)
    page = office.get(reverse("report:review"), headers={"accept-language": "en"}).content.decode()
    assert "1 value is out of the ordinary" in page
    assert "200% more than the day before" in page
    shown = reverse("report:value", args=[VILLAGE, "households_checked", TODAY.isoformat()])
    assert "Let it stand" in office.get(shown, headers={"accept-language": "en"}).content.decode()
    assert (
        "Let it stand" not in village.get(shown, headers={"accept-language": "en"}).content.decode()
    )
    say = reverse("report:say", args=[jump.pk])
    office.post(say, {"verdict": "asked", "words": "three times yesterday's?"})
    assert "three times yesterday" in village.get(shown).content.decode()
    assert "three times yesterday" in village.get(reverse("report:form")).content.decode()
    village.post(say, {"verdict": "answered", "words": "a second team"})
    assert "three times yesterday" not in village.get(reverse("report:form")).content.decode()
    office.post(say, {"verdict": "stands"})
    assert [r.verdict for r in jump.reviews.order_by("pk")] == ["asked", "answered", "stands"]


def test_the_api_lists_and_says_the_same(
    drill: Incident, jump: Value, cast: Cast, as_person: As
) -> None:
    office = as_person(cast.county_officer)
    assert Client().get("/api/report/review?day=2020-02-24").status_code == 401
    assert as_person(cast.auditor).get("/api/report/review?day=2020-02-24").status_code == 403
    assert office.get("/api/report/review?day=now").status_code == 422
    (one,) = office.get("/api/report/review?day=2020-02-24").json()
    assert (one["unit"], one["kind"], one["before"], one["value"]) == (VILLAGE, "jump", 100, 300)
    address = f"/api/report/review/{one['id']}"
    kind = "application/json"
    assert office.post(address, {"verdict": "no"}, content_type=kind).status_code == 422
    assert (
        as_person(cast.other_county_officer)
        .post(address, {"verdict": "stands"}, content_type=kind)
        .status_code
        == 404
    )
    assert (
        office.post(address, {"verdict": "stands"}, content_type=kind).json()["verdict"] == "stands"
    )
    assert office.post(address, {"verdict": "stands"}, content_type=kind).status_code == 409


def test_a_county_answers_to_the_city(
    drill: Incident, province: Province, cast: Cast, told: Callable[..., None]
) -> None:
    """The right is held where the unit's parent stands, at every level."""
    told(TODAY - timedelta(days=1), households_checked=100)
    told(TODAY, households_checked=300)
    city = person("city_officer", Role.COUNTY_OFFICER, province["1001"])
    let_stand(value=standing(), **said(city))
    assert not waiting(drill)
