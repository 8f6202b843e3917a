"""The frame: navigation by role, search by scope, errors in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory

from cast import Cast
from front import Front
from yipan.access.models import User
from yipan.web.shell import faults

pytestmark = pytest.mark.django_db
Door = Callable[[User | None], Client]


def rooms(page: str) -> list[str]:
    nav = page.split('<nav aria-label="The loop">')[1].split("</nav>")[0]
    return [part.split('"')[0] for part in nav.split('data-key="g ')[1:]]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("commander", ["b", "r", "a", "p", "o"]),
        ("analyst", ["b", "r", "a", "p", "o"]),
        ("county_officer", ["b", "r", "a", "p", "o"]),
        ("village_reporter", ["r", "o"]),
        ("auditor", ["b", "a", "p", "o"]),
        ("administrator", []),
    ],
)
def test_the_navigation_shows_the_rooms_one_may_enter(
    door: Door, living: Front, cast: Cast, who: str, expected: list[str]
) -> None:
    page = door(getattr(cast, who)).get("/search/").content.decode()
    assert rooms(page) == expected


def test_search_finds_only_what_lies_in_sight(door: Door, living: Front, cast: Cast) -> None:
    found = door(cast.commander).get("/search/?q=ceda&stay=1").content.decode()
    assert "Cedar" in found
    hidden = door(cast.county_officer).get("/search/?q=ceda&stay=1").content.decode()
    assert "Cedar" not in hidden
    assert "No place in your area" in hidden


@pytest.mark.parametrize("word", ["100101", "Alder", "赤杨县"])
def test_a_full_name_or_code_opens_the_place(
    door: Door, living: Front, cast: Cast, word: str
) -> None:
    answer = door(cast.commander).get("/search/", {"q": word})
    assert (answer.status_code, answer["Location"]) == (302, "/assess/counties/100101/")


def test_search_writes_what_was_typed_as_text(door: Door, living: Front, cast: Cast) -> None:
    page = door(cast.commander).get("/search/", {"q": "<script>x</script>"}).content.decode()
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_an_unknown_address_is_told_in_words(door: Door, living: Front, cast: Cast) -> None:
    page = door(cast.commander).get("/nowhere/")
    assert page.status_code == 404
    assert "There is no page at this address." in page.content.decode()
    machine = door(cast.commander).get("/nowhere/", headers={"accept": "application/json"})
    assert machine.json()["code"] == "K004"


def test_a_broken_page_needs_no_database(django_assert_num_queries: Callable[..., object]) -> None:
    request = RequestFactory().get("/", headers={"accept": "text/html"})
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        answer = faults.broken(request)
    assert answer.status_code == 500
    assert "W500" in answer.content.decode()


def test_an_old_form_is_refused_in_words(cast: Cast, living: Front) -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    answer = client.post("/language/", {"language": "en"})
    assert answer.status_code == 403
    assert "W403" in answer.content.decode()
