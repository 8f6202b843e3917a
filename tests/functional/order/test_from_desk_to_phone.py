"""An order goes from the commander's desk to a county's phone and back, in a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cast import NOON, Cast, Province
from signed import make_signature
from yipan.access.models import Incident
from yipan.order.models import Delivery, Order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Seat = Callable[..., Any]


def fits(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return not wide


def shoot(page: Any, name: str) -> None:
    """Keep a picture where somebody asked for pictures."""
    folder = os.environ.get("YIPAN_TEST_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def issue_at_desk(seat: Seat, cast: Cast, drill: Incident, language: str = "en") -> Any:
    """Draft and issue the signed option's orders, and let the minute pass."""
    desk = seat(cast.commander, width=1280, language=language)
    desk.goto("/orders/issue/")
    with desk.expect_navigation():
        desk.locator("form.callout button").click()
    shoot(desk, f"issue.{language}")
    assert fits(desk)
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    shoot(desk, f"held.{language}")
    assert desk.locator("button[data-undo-seconds]").is_enabled()
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(minutes=2))
    return desk


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_whole_way(
    seat: Seat, cast: Cast, drill: Incident, province: Province, language: str
) -> None:
    make_signature(province, drill, cast.commander)
    desk = issue_at_desk(seat, cast, drill, language)
    phone = seat(cast.county_officer, language=language)
    phone.goto("/orders/inbox/")
    assert phone.locator("article.order").count() == 2
    assert fits(phone)
    shoot(phone, f"inbox.{language}")
    first = phone.locator("article.order").first
    with phone.expect_navigation():
        first.locator("form button").click()
    assert Delivery.objects.filter(state="acknowledged").count() == 1
    phone.locator("article.order").first.locator("h2 a").click()
    assert fits(phone)
    shoot(phone, f"delivery.{language}")
    with phone.expect_navigation():
        phone.locator("form[action$='/accept/'] button").click()
    claim = phone.locator("form[action$='/claim_done/']")
    claim.locator("textarea").fill("Told every firm; ten checked.")
    with phone.expect_navigation():
        claim.locator("button").click()
    done = Delivery.objects.get(state="claimed_done")
    desk.goto("/orders/?show=claimed")
    assert fits(desk)
    shoot(desk, f"watch.claimed.{language}")
    with desk.expect_navigation():
        desk.locator("table.watch tbody th a").first.click()
    shoot(desk, f"delivery.desk.{language}")
    with desk.expect_navigation():
        desk.locator("form[action$='/verify/'] button").click()
    done.refresh_from_db()
    assert done.state == "verified"
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(hours=3))
    desk.goto("/orders/")
    shoot(desk, f"watch.{language}")
    assert desk.locator("h1").inner_text()


def test_pressed_without_a_signal_and_sent_once_it_is_back(
    seat: Seat, cast: Cast, drill: Incident, province: Province
) -> None:
    make_signature(province, drill, cast.commander)
    issue_at_desk(seat, cast, drill)
    phone = seat(cast.county_officer)
    phone.goto("/orders/inbox/")
    phone.context.set_offline(True)
    card = phone.locator("article.order").first
    card.locator("form button").click()
    card.locator("[data-state='kept']").wait_for()
    assert "not yet sent" in card.inner_text()
    assert phone.locator("[data-waiting]").is_visible()
    shoot(phone, "inbox.offline.en")
    assert not Delivery.objects.filter(state="acknowledged").exists()
    with phone.expect_navigation():
        phone.context.set_offline(False)
    assert Delivery.objects.filter(state="acknowledged").count() == 1


def test_undone_within_the_minute_nobody_receives_it(
    seat: Seat, cast: Cast, drill: Incident, province: Province
) -> None:
    make_signature(province, drill, cast.commander)
    desk = seat(cast.commander, width=1280)
    desk.goto("/orders/issue/")
    with desk.expect_navigation():
        desk.locator("form.callout button").click()
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    with desk.expect_navigation():
        desk.locator("button[data-undo-seconds]").click()
    assert set(Order.objects.values_list("state", flat=True)) == {"draft"}
    assert not Delivery.objects.exists()


def test_written_by_hand_for_every_village(
    seat: Seat, cast: Cast, drill: Incident, province: Province
) -> None:
    desk = seat(cast.commander, width=1280)
    desk.goto("/orders/new/")
    shoot(desk, "new.en")
    desk.locator("#id_matter").select_option("households")
    desk.locator("#id_title").fill("Check every household by 20:00")
    desk.locator("#id_body").fill("Knock at each door; name those not reached.")
    desk.locator("#id_units").fill("10")
    desk.locator("#id_level").select_option("village")
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    assert "/orders/issue/" in desk.url
    assert "5" in desk.locator("td[data-label='units']").inner_text()
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(minutes=2))
    phone = seat(cast.village_reporter)
    phone.goto("/orders/inbox/")
    assert phone.locator("h1").inner_text() == "1 order to do"
    shoot(phone, "inbox.village.en")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_list_of_decisions_becomes_orders_in_one_sitting(
    seat: Seat, cast: Cast, drill: Incident, province: Province, language: str
) -> None:
    lists = {
        "en": "1. Every village completes a household check. Lead: county headquarters. "
        "By: 26 February 18:00.\n"
        "2. Road checks inside low-risk areas are lifted; freight of seed and feed passes with one "
        "certificate. Lead: transport. By: 25 February 08:00.\n"
        "3. The weather is watched. Lead: headquarters office.",
        "zh-hans": "1. 各村（社区）完成入户排查，列明未联系上的住户。牵头：县级指挥部。时限：2月26日18:00。\n"
        "2. 撤除低风险地区内部卡点；种子、饲料运输一证通行。牵头：交通运输部门。时限：2月25日8:00。\n"
        "3. 关注天气。牵头：指挥部办公室。",
    }
    desk = seat(cast.commander, width=1280, language=language)
    desk.goto("/orders/meetings/")
    desk.locator("#text").fill(lists[language])
    shoot(desk, f"meetings.{language}")
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    assert fits(desk)
    shoot(desk, f"meeting.{language}")
    assert desk.locator("tbody tr").count() == 4
    assert desk.locator("select.unsure").count() == 1
    with desk.expect_navigation():
        desk.locator("button[value='issue']").click()
    assert set(Order.objects.values_list("state", flat=True)) == {"held"}
    assert Order.objects.count() == 4
    narrow = seat(cast.commander, width=390, language=language)
    narrow.goto("/orders/meetings/")
    with narrow.expect_navigation():
        narrow.locator(".rows a").first.click()
    assert fits(narrow)
    shoot(narrow, f"meeting.phone.{language}")


def test_opened_without_a_signal_read_there_and_sent_when_it_is_back(
    seat: Seat, cast: Cast, drill: Incident, province: Province
) -> None:
    make_signature(province, drill, cast.commander)
    desk = issue_at_desk(seat, cast, drill)
    phone = seat(cast.county_officer)
    phone.goto("/orders/inbox/")
    phone.locator("[data-kept-on-phone='yes']").wait_for()
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
    phone.reload()
    phone.locator("[data-kept-on-phone='yes']").wait_for()
    desk.goto("/orders/?show=open")
    assert "acknowledged" not in desk.locator("table.watch").inner_text()
    phone.context.set_offline(True)
    phone.goto("/orders/inbox/")
    phone.locator("[data-offline-inbox] article.order").first.wait_for()
    assert phone.locator("article.order").count() == 2
    assert fits(phone)
    shoot(phone, "offline.en")
    phone.locator("article.order button").first.click()
    phone.locator("article.order [data-state=kept]").first.wait_for()
    assert "not yet sent" in phone.locator("article.order").first.inner_text()
    assert not Delivery.objects.filter(state="acknowledged").exists()
    with phone.expect_navigation():  # the page itself opens the inbox again
        phone.context.set_offline(False)
    phone.locator("article.order", has_text="acknowledged").wait_for()
    read = Delivery.objects.get(state="acknowledged")
    event = read.events.get(act="acknowledge")
    assert event.device_at is not None
    assert event.at.date() == NOON.date()  # the server's time is official
    # The supervisor's page changes by itself: nobody loads it again.
    desk.locator("table.watch", has_text="acknowledged").wait_for(timeout=30_000)
    shoot(desk, "watch.changed.en")


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "zh-hans")])
def test_the_duty_room_and_how_orders_go_fit_the_screen(
    seat: Seat, cast: Cast, drill: Incident, province: Province, width: int, language: str
) -> None:
    make_signature(province, drill, cast.commander)
    issue_at_desk(seat, cast, drill)
    officer = seat(cast.county_officer, width=width, language=language)
    officer.goto("/orders/duty/")
    officer.locator("details:has(#address) > summary").click()
    officer.locator("#channel").select_option("telephone")
    officer.locator("#address").fill("+86 371 000")
    officer.locator("#post").fill("duty desk")
    with officer.expect_navigation():
        officer.locator("form:has(#address) button").click()
    assert officer.locator("a[href='tel:+86 371 000']").count() == 1
    assert fits(officer)
    shoot(officer, f"duty.{width}.{language}")
    officer.goto("/orders/accountability/?days=30")
    assert fits(officer)
    shoot(officer, f"accountability.{width}.{language}")
    officer.goto("/orders/")
    assert fits(officer)
    shoot(officer, f"watch.{width}.{language}")
