"""Whoever walks the follow-ups holds a phone; the graph of who infected whom can be walked by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cast import NOON, Cast, Province, person
from integration.report.tracing import Outbreak, at, outbreak
from yipan.access import keyring
from yipan.access.models import Incident, Role
from yipan.access.scope import system_scope
from yipan.report.contacts.actions import add_link
from yipan.report.contacts.models import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Phone = Callable[..., Any]


@pytest.fixture
def out(
    drill: Incident, province: Province, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbreak:
    monkeypatch.setattr(keyring, "_path", lambda: tmp_path / "identity.keys")
    return outbreak(drill, province, cast.county_officer)


def fits(page: Any) -> bool:
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return not wide


def test_a_round_of_follow_ups_on_a_phone(phone: Phone, out: Outbreak) -> None:
    village = out.province["100101001"]
    walker = person("walker", Role.COUNTY_OFFICER, village, sensitivity=2)
    late = out.contact("410000000000000001", at_=at(9, 21), unit=village.code)
    fresh = out.contact("410000000000000002", last=23, unit=village.code)
    out.contact("410000000000000003", at_=at(9, 21))  # the county's own: not on this round
    for language, words in (("zh-hans", "2名随访中的接触者"), ("en", "1 of 2 contacts")):
        page = phone(walker, language=language)
        page.goto("/report/follow-up/")
        assert words in page.locator("h1").inner_text()
        assert fits(page)
    first = page.locator("table.cards a").first
    assert first.inner_text() == late.identity.pseudonym[:8]  # overdue first
    page.get_by_role("button", name="Seen, well").first.click()
    page.wait_for_load_state()
    assert "seen today, well" in page.locator("[role=status]").inner_text()
    page.locator("table.cards a").first.click()
    page.wait_for_load_state()
    assert fresh.identity.pseudonym[:8] in page.locator("h1").inner_text()
    assert fits(page)
    page.get_by_text("seen, with symptoms", exact=True).click()
    page.get_by_text("cough", exact=True).click()
    page.get_by_role("button", name="Enter the follow-up").click()
    page.wait_for_load_state()
    assert "has symptoms" in page.locator("h1").inner_text()
    assert sorted(Visit.objects.values_list("result", "symptoms")) == [
        ("symptoms", "|cough|"), ("well", ""),
    ]  # fmt: skip


def test_the_graph_is_walked_by_keyboard(phone: Phone, out: Outbreak) -> None:
    for source, case in (("A-1", "A-2"), ("A-2", "A-3")):
        add_link(source=out.case(source), case=out.case(case), scope=system_scope(), at=NOON)
    page = phone(out.officer, width=1280)
    page.goto("/report/chains/")
    page.locator("svg.chains a").first.focus()
    page.keyboard.press("Tab")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert out.case("A-2").pseudonym[:8] in name
    page.keyboard.press("Enter")
    page.wait_for_url("**/report/cases/**")
    assert out.case("A-2").pseudonym[:8] in page.locator("h1").inner_text()
    assert fits(page)
