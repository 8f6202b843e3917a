"""The situation in a browser: pictures with their tables, by keyboard, narrow, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cast import Cast
from yipan.assess.models import Assessment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Desk = Callable[..., Any]
PAGES = ("/assess/", "/assess/counties/100101/", "/assess/cities/1001/", "/assess/gaps/")


def fits(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return not wide


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_fits_a_desk_and_a_phone(
    cast: Cast, evening: Assessment, desk: Desk, language: str
) -> None:
    for width in (1280, 390):
        page = desk(cast.analyst, width=width, language=language)
        for path in PAGES:
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert fits(page), (path, width)
            assert page.locator("h1").count() == 1


def test_the_curve_has_a_table_twin_and_the_address_keeps_the_choice(
    cast: Cast, evening: Assessment, desk: Desk
) -> None:
    page = desk(cast.analyst)
    page.goto("/assess/")
    twin = page.locator("yipan-curve table")
    page.locator("yipan-curve svg.chart").wait_for()
    assert twin.is_hidden()
    page.get_by_role("button", name="Table").first.click()
    assert twin.is_visible()
    assert twin.locator("tbody tr").first.inner_text().startswith("23 Feb")
    assert "view=curve" in page.url


def test_without_scripts_the_tables_say_the_same(
    cast: Cast, evening: Assessment, desk: Desk
) -> None:
    page = desk(cast.analyst, scripts=False)
    page.goto("/assess/counties/100101/")
    assert page.locator("yipan-curve table").is_visible()
    assert page.locator("yipan-map table").is_visible()
    assert "Alder is high" in page.locator("h1").inner_text()


def test_a_tier_filter_is_a_link_that_keeps_the_page(
    cast: Cast, evening: Assessment, desk: Desk
) -> None:
    page = desk(cast.analyst)
    page.goto("/assess/")
    page.locator(".filters a", has_text="low").click()
    assert "tier=low" in page.url
    names = page.locator("#tiers tbody th").all_inner_texts()
    assert names == ["Birch"]
