"""A village answers its page on a phone: with and without scripts, with and without a signal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cast import NOON, Cast, Province
from yipan.access.models import Incident
from yipan.access.scope import scope_of
from yipan.report.actions import submit_values
from yipan.report.models import Submission, Value

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Phone = Callable[..., Any]
VILLAGE = "100101001"


@pytest.fixture
def yesterday(drill: Incident, province: Province, cast: Cast) -> None:
    """What the village said the day before."""
    submit_values(
        incident=drill,
        unit=province[VILLAGE],
        day=NOON.date().replace(day=23),
        values={"households_checked": 96, "fever": 0, "masks_stock": 420},
        actor=cast.village_reporter,
        source="form",
        at=NOON,
        client_key="yesterday",
        scope=scope_of(cast.village_reporter, at=NOON),
    )


def fits(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return not wide


def today() -> dict[str, float | None]:
    return dict(Value.objects.filter(day="2020-02-24").values_list("element", "value"))


def test_steps_same_warning_and_received(phone: Phone, cast: Cast, yesterday: None) -> None:
    page = phone(cast.village_reporter)
    page.goto("/report/form/")
    assert fits(page)
    page.locator(".ask", has_text="Households checked").locator("input[inputmode]").fill("117")
    warned = page.locator(".ask", has_text="Households checked").locator("[data-warn]")
    assert "22% more" in warned.inner_text()
    page.locator(".ask", has_text="Households checked").get_by_role(
        "button", name=re.compile("one more")
    ).click()
    page.locator(".ask", has_text="Masks in stock").get_by_text("no change").click()
    assert page.locator("#masks_stock").input_value() == "420"
    assert "2 answered" in page.locator("[data-progress-text]").inner_text()
    page.get_by_role("button", name="Send").click()
    page.locator("[data-state=received]").wait_for()
    assert "12:00" in page.locator("[data-state]").inner_text()
    assert today() == {"households_checked": 118, "masks_stock": 420}
    assert Value.objects.get(day="2020-02-24", element="masks_stock").unchanged


def test_without_scripts_the_page_still_works(phone: Phone, cast: Cast, yesterday: None) -> None:
    page = phone(cast.village_reporter, scripts=False)
    page.goto("/report/form/")
    page.locator("#fever").fill("3")
    page.locator("input[name=same][value=masks_stock]").check()
    page.get_by_role("button", name="Send").click()
    assert "Received by the server" in page.locator("main").inner_text()
    assert today() == {"fever": 3, "masks_stock": 420}


def test_a_fault_stands_at_its_field_and_the_rest_is_not_lost(
    phone: Phone, cast: Cast, drill: Incident
) -> None:
    page = phone(cast.village_reporter)
    page.goto("/report/form/")
    page.locator("#fever").fill("-3")
    page.locator("#masks_stock").fill("30")
    page.get_by_role("button", name="Send").click()
    page.locator("#fever[aria-invalid=true]").wait_for()
    assert page.locator("#masks_stock").input_value() == "30"
    assert not Submission.objects.filter(client_key__startswith="page").exists()
    page.locator("#fever").fill("3")
    page.get_by_role("button", name="Send").click()
    page.locator("[data-state=received]").wait_for()
    assert today() == {"fever": 3, "masks_stock": 30}


def test_with_the_network_cut_it_is_kept_and_sent_once_when_it_is_back(
    phone: Phone, cast: Cast, drill: Incident
) -> None:
    page = phone(cast.village_reporter)
    page.goto("/report/form/")
    page.locator("#fever").fill("2")
    page.context.set_offline(True)
    page.get_by_role("button", name="Send").click()
    page.locator("[data-state=kept]").wait_for()
    told = page.locator("[data-state]").inner_text()
    assert "kept on this phone" in told
    assert "Received" not in told
    assert not today()
    page.context.set_offline(False)
    page.locator("[data-state=received]").wait_for(timeout=10_000)
    assert today() == {"fever": 2}
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_of_the_room_is_wider_than_its_screen(
    phone: Phone, cast: Cast, yesterday: None, language: str, width: int
) -> None:
    page = phone(cast.county_officer, width=width, language=language)
    for address in (
        "/report/",
        "/report/form/",
        "/report/upload/",
        "/report/aside/",
        "/report/cases/",
        "/report/requests/",
        "/report/burden/",
        "/report/dictionary/",
        f"/report/units/{VILLAGE}/",
        f"/report/values/{VILLAGE}/fever/2020-02-23/",
    ):
        assert page.goto(address).ok, address
        assert fits(page), address
        assert page.locator("h1").count() == 1
