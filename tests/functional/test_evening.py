"""One evening at the headquarters, in a real browser: report, assess, plan, order, and round again.

With YIPAN_TEST_PICTURES the pictures of docs/tutorials/first-evening.md are written into that folder.
The demonstration runs without boundaries here: rights in them are unsettled, so a picture that is
published shows circles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from yipan.demo.people import COUNTY

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visit = Callable[..., Any]

PAGES = {
    "commander": [
        "/",
        "/numbers/rt/",
        "/search/?q=a",
        "/report/",
        "/assess/",
        f"/assess/counties/{COUNTY}/",
        "/assess/cities/411500/",
        "/assess/gaps/",
        "/assess/alarms/",
        "/plan/",
        "/orders/",
        "/orders/issue/",
        "/orders/meetings/",
        "/orders/accountability/",
        "/incidents/",
        "/account/",
        "/nowhere/",
    ],
    "county_officer": ["/", "/report/", "/report/upload/", "/report/aside/", "/orders/inbox/"],
    "village": ["/", "/report/form/", "/orders/inbox/"],
    "analyst": ["/", "/plan/", "/report/cases/"],
    "auditor": ["/audit/", "/"],
    "administrator": ["/people/", "/"],
}
# Contrast is computed for every pair of tokens by the front end's own test; axe cannot read patterns.
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def picture(visitor: Any, name: str, *, whole: bool = True) -> None:
    """Keep a picture where somebody asked for pictures."""
    folder = os.environ.get("YIPAN_TEST_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        visitor.page.screenshot(path=f"{folder}/{name}.png", full_page=whole)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_keeps_its_promises(visit: Visit, language: str, width: int) -> None:
    """No error in the console or of the policy, no sideways scroll, one heading, nothing that axe finds."""
    faults = []
    for person, paths in PAGES.items():
        visitor = visit(person, language=language, width=width)
        for path in paths:
            where = f"{person} {path} {language} {width}"
            visitor.heard.clear()
            visitor.go(path)
            told = [h for h in visitor.heard if "404" not in h or path != "/nowhere/"]
            faults += [f"{where}: {line}" for line in told]
            if visitor.sideways() > 0:
                faults.append(f"{where}: {visitor.sideways()} px wider than the screen")
            if visitor.page.locator("h1").count() != 1:
                faults.append(f"{where}: {visitor.page.locator('h1').count()} h1")
            expected = "zh-Hans" if language == "zh" else "en"
            if visitor.page.locator("html").get_attribute("lang") != expected:
                faults.append(f"{where}: not in {expected}")
            if language == "en" and width == 390:
                continue  # its structure is that of the three others
            found = Axe().run(visitor.page, options=AXE).response["violations"]
            faults += [
                f"{where}: axe {v['id']} {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found
            ]
    assert not faults, "\n".join(faults)


def test_the_board_stands_in_the_first_screen(visit: Visit) -> None:
    """The sentence, the figures, the map, the curve and what waits are seen without scrolling."""
    desk = visit("commander", language="zh", width=1280)
    desk.go("/")
    assert "1,271" in desk.page.locator("yipan-curve").evaluate("e => JSON.stringify(e.data)")
    for selector in ("h1", ".kpis", "svg.map", "yipan-curve svg.chart", "#waits-title"):
        top = desk.page.locator(selector).first.bounding_box()["y"]
        assert top < 700, selector
    picture(desk, "board.zh")


def test_a_number_opens_its_source_and_back_closes_it(visit: Visit) -> None:
    desk = visit("commander", language="en")
    desk.go("/")
    desk.page.locator('[data-n="rt"]').click()
    sheet = desk.page.locator("dialog.sheet")
    sheet.wait_for(state="visible")
    assert "Cori" in sheet.inner_text()
    assert desk.page.url.endswith("#n=rt")
    picture(desk, "number.en", whole=False)
    desk.page.go_back()
    sheet.wait_for(state="hidden")
    assert not desk.heard


def test_the_keyboard_alone_reaches_a_county(visit: Visit) -> None:
    desk = visit("commander", language="en")
    desk.go("/")
    desk.page.keyboard.press("?")
    assert desk.page.locator("dialog#keys").is_visible()
    desk.page.keyboard.press("Escape")
    desk.page.locator("yipan-map .stage").focus()
    desk.page.keyboard.type("gushi")
    assert "Gushi" in desk.page.locator(".mapcard h3").inner_text()
    assert f"unit={COUNTY}" in desk.page.url
    desk.page.keyboard.press("ArrowLeft")
    assert "Gushi" not in desk.page.locator(".mapcard h3").inner_text()
    desk.page.keyboard.press("ArrowRight")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")
    assert "/assess/counties/" in desk.page.url
    desk.settle()
    desk.page.keyboard.press("g")
    with desk.page.expect_navigation():
        desk.page.keyboard.press("p")
    assert "/plan/" in desk.page.url


def test_a_traffic_control_is_tried_on_the_page_of_a_county(visit: Visit) -> None:
    """The block of trips answers a share of travel that is stopped, and has nothing that axe finds."""
    desk = visit("commander", language="zh")
    desk.go(f"/assess/counties/{COUNTY}/")
    block = desk.page.locator("#travel")
    assert "radiation" not in block.inner_text()
    desk.page.get_by_label("来往本地的交通停止的比例").fill("100")
    with desk.page.expect_navigation():
        block.get_by_role("button").click()
    desk.settle()
    assert "control=100" in desk.page.url
    assert "减少100%" in block.locator(".callout").inner_text()
    found = Axe().run(desk.page, context="#travel", options=AXE).response["violations"]
    assert not found, [v["id"] for v in found]


def test_the_language_switch_keeps_the_page_and_what_is_selected(visit: Visit) -> None:
    desk = visit("analyst", language="en")
    desk.go(f"/?at=2020-02-10T18:00&unit={COUNTY}")
    desk.page.locator('button[name="language"]').click()
    desk.settle()
    assert f"at=2020-02-10T18:00&unit={COUNTY}" in desk.page.url.replace("%3A", ":")
    assert "2月10日" in desk.page.locator(".asof").inner_text()


def test_the_past_shows_what_was_known_then(visit: Visit) -> None:
    desk = visit("commander", language="en")
    desk.go("/?at=2020-02-10T18:00")
    assert desk.page.locator(".asof.past").is_visible()
    dates = desk.page.locator("yipan-curve").evaluate("e => e.data.dates")
    assert dates[-1] == "2020-02-09"
    assert desk.page.locator("#waits-title").count() == 0
    picture(desk, "board.past.en", whole=False)
    desk.page.keyboard.press("]")
    desk.page.wait_for_url(re.compile("2020-02-11"))


def test_the_wall_fits_one_screen_and_renews_itself(visit: Visit) -> None:
    wall = visit("commander", language="zh", width=1920)
    wall.page.set_viewport_size({"width": 1920, "height": 1080})
    wall.go("/wall/")
    assert wall.sideways() == 0
    tall = wall.page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    assert tall <= 0
    for selector in ("h1", "svg.map", ".kpis", "yipan-band svg.chart"):
        box = wall.page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 1080, selector
    assert not wall.page.locator("[data-lost]").is_visible()
    picture(wall, "wall.zh", whole=False)


def test_the_loop_goes_round(visit: Visit) -> None:
    """A village reports, the county sees it; an option is signed, its orders reach the county and come back."""
    phone = visit("village", language="zh", width=390)
    phone.go("/report/form/")
    picture(phone, "1-report.zh", whole=False)
    phone.page.locator("#fever").fill("1")
    reason = phone.page.locator("form[data-keep] textarea[name=reason]")
    if reason.count():  # the village has reported today: another number is a correction
        reason.fill("复核后更正。")
    phone.page.locator("form[data-keep] .send button").click()
    phone.page.locator("[data-state=received]").wait_for()

    desk = visit("commander", language="en")
    desk.go("/")
    picture(desk, "2-board.en")
    waits = desk.page.locator("[data-part=waits]")
    assert "Choose how to go on" in waits.inner_text()
    with desk.page.expect_navigation():
        waits.get_by_role("link", name="Choose how to go on").click()
    desk.settle()
    picture(desk, "3-options.en")
    desk.page.locator('input[name="option"][value="tiered"]').check()
    desk.page.locator("#reason").fill("Beds stay free, and counties at low risk can work.")
    with desk.page.expect_navigation():
        desk.page.locator("#sign form button.btn").first.click()
    desk.go("/orders/issue/")
    draft = desk.page.locator("form.callout button")
    if draft.count():
        with desk.page.expect_navigation():
            draft.first.click()
    picture(desk, "4-issue.en")
    with desk.page.expect_navigation():
        desk.page.locator("form.block button.btn").first.click()
    assert desk.page.locator("button[data-undo-seconds]").is_visible()

    office = visit("county_officer", language="zh", width=390)
    _until_there(office, "/orders/inbox/", "form[action$='/acknowledge/'] button")
    picture(office, "5-inbox.zh")
    with office.page.expect_navigation():
        office.page.locator("form[action$='/acknowledge/'] button").first.click()
    with office.page.expect_navigation():
        office.page.locator("form[action$='/accept/'] button").first.click()
    office.settle()
    office.page.locator("a[href$='#claim_done']").first.click()
    office.settle()
    claim = office.page.locator("form[action$='/claim_done/']")
    claim.locator("textarea").fill("各企业已逐一告知，抽查十家。")
    with office.page.expect_navigation():
        claim.locator("button").click()

    desk.go("/")
    with desk.page.expect_navigation():
        desk.page.get_by_role("link", name="Verify what was reported done").click()
    desk.go("/orders/?show=claimed")
    with desk.page.expect_navigation():
        desk.page.locator("table.watch tbody th a").first.click()
    picture(desk, "6-verify.en")
    with desk.page.expect_navigation():
        desk.page.locator("form[action$='/verify/'] button").click()
    before = _closed_today(desk)
    assert before >= 1
    picture(desk, "7-board.en")
    assert not desk.heard
    assert not office.heard
    assert not phone.heard


def _until_there(visitor: Any, path: str, selector: str) -> None:
    """Look again until the minute in which orders can be undone has passed."""
    for _look in range(16):
        visitor.go(path)
        if visitor.page.locator(selector).count():
            return
        visitor.page.wait_for_timeout(5000)
    pytest.fail(f"nothing arrived at {path}")


def _closed_today(desk: Any) -> int:
    desk.go("/")
    said = desk.page.locator("#orders header p").inner_text()
    return int(re.search(r"([\d,]+) closed today", said)[1].replace(",", ""))  # type: ignore[index]
