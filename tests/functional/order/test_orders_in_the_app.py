"""An order reaches the field app, is read without a signal, and the server learns of it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cast import NOON, Cast, Province
from signed import make_signature
from yipan.access.models import Incident
from yipan.order.models import Delivery

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Seat = Callable[..., Any]


def issue(seat: Seat, cast: Cast, drill: Incident) -> None:
    desk = seat(cast.commander, width=1280)
    desk.goto("/orders/issue/")
    with desk.expect_navigation():
        desk.locator("form.callout button").click()
    with desk.expect_navigation():
        desk.locator("form.block button.btn").click()
    Incident.objects.filter(pk=drill.pk).update(clock_at=NOON + timedelta(minutes=2))
    desk.goto("/orders/")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_read_in_the_app_without_a_signal(
    seat: Seat, cast: Cast, drill: Incident, province: Province, language: str
) -> None:
    make_signature(province, drill, cast.commander)
    issue(seat, cast, drill)
    phone = seat(cast.county_officer, language=language)
    phone.add_init_script(f"localStorage.setItem('yipan.language', '{language[:2]}')")
    phone.goto("/report/field/#orders")
    phone.locator("[data-orders] article.order").first.wait_for()
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
    assert "2" in phone.locator("[data-tab=orders]").inner_text()
    phone.context.set_offline(True)
    phone.reload()  # the worker serves the app, the vault the orders
    card = phone.locator("[data-orders] article.order").first
    card.locator("button").click()
    phone.locator("[data-orders] [data-state=kept]").first.wait_for()
    assert not Delivery.objects.filter(state="acknowledged").exists()
    phone.locator("[data-tab=outbox]").click()
    phone.locator("[data-item]").first.wait_for()
    assert phone.locator("[data-item]").count() == 1
    phone.context.set_offline(False)
    phone.locator("[data-received]").wait_for()
    read = Delivery.objects.get(state="acknowledged")
    assert read.events.get(act="acknowledge").device_at is not None
    wide = phone.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide
    phone.wait_for_load_state("networkidle")
