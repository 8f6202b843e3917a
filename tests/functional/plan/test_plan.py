"""The plan desk in a browser: compare, ask where a number is from, edit a county, search and stop, sign after confirming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Visit = Callable[..., Any]


def test_a_commander_compares_and_asks_where_a_number_is_from(visit: Visit) -> None:
    desk = visit("commander")
    desk.go("/plan/")
    page = desk.page
    assert page.locator("#options tbody tr").count() >= 3
    page.locator("#frontier details summary").click()
    assert page.locator("#frontier-table tbody tr").first.is_visible()
    page.locator("#options tbody tr a b").first.click()
    desk.settle()
    assert "/trace/" in page.url
    assert page.get_by_text("How it was computed").first.is_visible()
    assert page.locator("table.cards tbody tr").count() > 5
    assert desk.heard == []


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("zh", 390)])
def test_an_edit_is_checked_in_seconds_and_stands_beside_what_it_edits(
    visit: Visit, language: str, width: int
) -> None:
    desk = visit("commander", language=language, width=width)
    desk.go("/plan/")
    page = desk.page
    page.locator('a[href*="/edit/"]').first.click()
    desk.settle()
    page.locator('nav.filters a[href*="setting=schools"]').first.click()
    desk.settle()
    page.locator('input[name="counties"]').first.check()
    page.locator("#level").select_option("1" if language == "en" else "2")
    page.locator("#reason").fill("Final examinations" if language == "en" else "毕业年级考试")
    page.locator("form.plan-edit button.btn").click()
    page.wait_for_url("**option=edit-*", timeout=60_000)
    desk.settle()
    assert page.locator("#edited tbody tr").count() == 5
    assert desk.sideways() <= 0
    assert desk.heard == []


def test_work_returns_and_schools_open_and_print(visit: Visit) -> None:
    desk = visit("commander")
    desk.go("/plan/")
    page = desk.page
    page.locator('a[href*="/work/"]').first.click()
    desk.settle()
    assert page.locator("#firms tbody tr").count() > 5
    assert page.locator("#returns tbody tr").count() > 5
    page.emulate_media(media="print")
    assert page.locator("#firms-title").is_visible()
    assert desk.heard == []


def test_a_search_shows_its_progress_and_can_be_stopped(visit: Visit) -> None:
    desk = visit("analyst")
    desk.go("/plan/")
    page = desk.page
    page.evaluate("document.querySelector('#search details').open = true")
    page.locator("#accepted_risk").fill("10")
    page.locator('#search form[action$="/search/"] button.btn').click()
    page.locator("#search-state progress").wait_for(timeout=20_000)
    page.locator('#search-state form[action$="/stop/"] button').click()
    page.locator("#search-state", has_text="stop").first.wait_for(timeout=120_000)
    page.wait_for_function(
        "() => !document.querySelector('#search-state progress')", timeout=180_000
    )
    assert "nothing of it was kept" in page.locator("#search-state").inner_text()
    assert [line for line in desk.heard if "ERR_ABORTED" not in line] == []
