"""A village's phone runs the app: without a signal, closed and opened again, in two tabs, signed out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from cast import NOON, Cast, Province
from yipan.access.models import Incident, User
from yipan.access.scope import scope_of
from yipan.report.actions import submit_values
from yipan.report.models import Submission, Value

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Phone = Callable[..., Any]
VILLAGE = "100101001"
WIPED = """async () => {
  const base = await new Promise((done) => (indexedDB.open("yipan").onsuccess = (e) => done(e.target.result)));
  const count = (store) => new Promise((done) => (base.transaction(store).objectStore(store).count().onsuccess = (e) => done(e.target.result)));
  return [await count("records"), await count("keys")];
}"""


def said_before(drill: Incident, province: Province, cast: Cast, key: str, day: int = 23) -> None:
    submit_values(
        incident=drill,
        unit=province[VILLAGE],
        day=NOON.date().replace(day=day),
        values={"households_checked": 96, "fever": 0, "masks_stock": 420},
        actor=cast.village_reporter,
        source="form",
        at=NOON,
        client_key=key,
        scope=scope_of(cast.village_reporter, at=NOON),
    )


@pytest.fixture
def yesterday(drill: Incident, province: Province, cast: Cast) -> None:
    """What the village said the day before."""
    said_before(drill, province, cast, "yesterday")


@pytest.fixture
def app(phone: Phone, cast: Cast, yesterday: None) -> Iterator[Any]:
    """The app as the village's reporter, kept by its worker."""
    page = phone(cast.village_reporter)
    open_app(page)
    yield page
    # What the server is still answering must not meet an emptied database.
    page.wait_for_load_state("networkidle")


def open_app(page: Any) -> None:
    page.goto("/report/field/")
    page.locator("#fever").wait_for()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")


def press(page: Any, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"#{name}").fill(value)
    page.locator(".send button").click()


def today() -> dict[str, float | None]:
    return dict(Value.objects.filter(day="2020-02-24").values_list("element", "value"))


def sent() -> int:
    return Submission.objects.exclude(client_key="yesterday").count()


def fits(page: Any) -> bool:
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return not wide


def shoot(page: Any, name: str) -> None:
    folder = os.environ.get("YIPAN_TEST_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def sign_in(context: Any, address: str, user: User) -> None:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])


def test_sent_with_a_signal_it_says_received_with_the_servers_number(app: Any) -> None:
    assert fits(app)
    shoot(app, "field.en")
    app.locator(".ask", has_text="Masks in stock").get_by_text("no change").click()
    press(app, fever="3", households_checked="118")
    app.locator("[data-state=received]").wait_for()
    made = Submission.objects.exclude(client_key="yesterday").get()
    assert f"number {made.pk}" in app.locator("[data-state=received]").inner_text()
    assert today() == {"fever": 3, "households_checked": 118, "masks_stock": 420}
    assert Value.objects.get(day="2020-02-24", element="masks_stock").unchanged
    assert made.device_at is not None
    assert made.received_at == NOON  # the server's clock is official


def test_with_the_network_cut_and_restored(app: Any) -> None:
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    told = app.locator("body").inner_text()
    assert "not yet received" in told
    assert "Received by the server" not in told
    shoot(app, "field.offline.en")
    assert not sent()
    app.context.set_offline(False)
    app.locator("[data-state=received]").wait_for(timeout=10_000)
    assert today() == {"fever": 2}
    assert sent() == 1


@pytest.fixture
def pocket(
    browser: Any, tmp_path: Path, live_server: Any, cast: Cast, yesterday: None
) -> Iterator[Callable[[], Any]]:
    """A phone that is switched off and on: each call opens its browser again with what it kept."""
    opened: list[Any] = []

    def switch_on() -> Any:
        if opened:
            opened.pop().close()
        context = browser.browser_type.launch_persistent_context(
            str(tmp_path / "phone"),
            executable_path=os.environ.get("YIPAN_CHROMIUM") or "/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            viewport={"width": 390, "height": 844},
            base_url=live_server.url,
        )
        opened.append(context)
        return context

    yield switch_on
    for context in opened:
        context.close()


def test_closed_and_opened_again_without_a_signal(
    pocket: Callable[[], Any], live_server: Any, cast: Cast
) -> None:
    cast.village_reporter.language = "en"
    cast.village_reporter.save()
    context = pocket()
    sign_in(context, live_server.url, cast.village_reporter)
    page = context.pages[0]
    open_app(page)
    page.locator("#masks_stock").fill("31")
    page.get_by_text("Draft kept on this phone").wait_for()

    context = pocket()  # the session ended with the browser; the signal is gone as well
    context.set_offline(True)
    page = context.pages[0]
    page.goto("/report/field/")
    page.locator("#fever").wait_for()
    assert page.locator("#masks_stock").input_value() == "31"
    press(page, fever="4")
    page.locator("[data-state=kept]").wait_for()

    context = pocket()
    page = context.pages[0]
    page.goto("/report/field/")
    page.locator("[data-standing=signed-out]").wait_for()
    shoot(page, "field.signed-out.en")
    assert "1 waits to be sent" in page.locator(".strip").inner_text()
    assert not sent()
    sign_in(context, live_server.url, cast.village_reporter)
    page.reload()
    page.locator("[data-state=received]").wait_for()
    assert today() == {"fever": 4, "masks_stock": 31}
    assert sent() == 1


def test_two_tabs_at_once_send_one_report(app: Any) -> None:
    other = app.context.new_page()
    open_app(other)
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    other.locator("[data-tab=outbox]", has_text="1").wait_for()  # the other tab knows
    posts: list[str] = []
    app.context.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    app.context.set_offline(False)
    for page in (app, other):
        page.evaluate("window.dispatchEvent(new Event('online'))")
    app.locator("[data-state=received]").wait_for()
    other.locator("[data-state=received]").wait_for()
    assert sent() == 1
    assert len(posts) == 1, posts


def test_signed_out_in_the_middle_it_waits_and_goes_on(
    app: Any, live_server: Any, cast: Cast
) -> None:
    Session.objects.all().delete()
    press(app, fever="2")
    app.locator("[data-standing=signed-out]").wait_for()
    assert "Nothing is lost" in app.locator(".strip").inner_text()
    assert not sent()
    with app.expect_navigation():
        app.locator(".strip a.btn").click()
    assert "/sign-in/" in app.url
    sign_in(app.context, live_server.url, cast.village_reporter)
    app.goto("/report/field/")
    app.locator("[data-state=received]").wait_for()
    assert today() == {"fever": 2}
    assert sent() == 1


def test_somebody_else_signed_in_sends_nothing_of_it(
    app: Any, live_server: Any, cast: Cast, phone: Phone
) -> None:
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    cast.county_officer.language = "en"
    cast.county_officer.save()
    sign_in(app.context, live_server.url, cast.county_officer)
    app.context.set_offline(False)
    app.goto("/report/field/#outbox")
    app.locator("[data-outbox] .callout.warn").wait_for()
    assert not sent()
    sign_in(app.context, live_server.url, cast.village_reporter)
    app.goto("/report/field/#page")
    app.reload()
    app.locator("[data-state=received]").wait_for()
    assert sent() == 1
    assert Submission.objects.latest("pk").actor == cast.village_reporter


def test_the_server_dies_after_taking_it_and_it_is_not_doubled(app: Any) -> None:
    lost: list[int] = []

    def take_and_die(route: Any) -> None:
        if not lost:
            lost.append(route.fetch().json()["id"])
            route.abort("connectionreset")
        else:
            route.continue_()

    app.route("**/api/report/field/pages", take_and_die)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    assert "Received by the server" not in app.locator("body").inner_text()
    app.get_by_role("button", name="Try now").click()
    app.locator("[data-state=received]").wait_for()
    assert f"number {lost[0]}" in app.locator("[data-state=received]").inner_text()
    assert sent() == 1


def test_a_busy_server_is_left_alone_for_a_while(app: Any) -> None:
    tries: list[str] = []

    def busy(route: Any) -> None:
        tries.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "120"}, body="busy")

    app.route("**/api/report/field/pages", busy)
    press(app, fever="2")
    app.locator("[data-standing=busy]").wait_for()
    assert "The next try is at" in app.locator(".strip").inner_text()
    app.reload()
    app.locator("[data-standing=busy]").wait_for()
    assert len(tries) == 1
    app.unroute("**/api/report/field/pages")
    app.get_by_role("button", name="Try now").click()
    app.locator("[data-state=received]").wait_for()
    assert sent() == 1


def test_a_refusal_stands_beside_its_field_and_nothing_is_lost(
    app: Any, drill: Incident, province: Province, cast: Cast
) -> None:
    app.context.set_offline(True)
    press(app, fever="2", masks_stock="77")
    app.locator("[data-state=kept]").wait_for()
    said_before(drill, province, cast, "meanwhile", day=24)  # by telephone, at the county
    app.context.set_offline(False)
    app.locator("[data-state=refused]").first.wait_for()
    beside = app.locator("[data-fault=fever]")
    assert "already 0" in beside.inner_text()
    assert app.locator("#fever").get_attribute("aria-invalid") == "true"
    assert app.locator("#masks_stock").input_value() == "77"
    shoot(app, "field.refused.en")
    assert today()["fever"] == 0
    app.locator("#reason").fill("counted again")
    app.locator(".send button").click()
    app.locator("[data-state=received]").wait_for()
    newest = Value.objects.filter(day="2020-02-24", element="fever").latest("version")
    assert (newest.value, newest.version, newest.reason) == (2, 2, "counted again")
    app.locator("[data-tab=outbox]").click()
    app.locator("[data-outbox]").wait_for()
    assert app.locator("[data-item]").count() == 0


def test_the_phone_refuses_what_the_server_would(app: Any) -> None:
    app.context.set_offline(True)
    press(app, fever="-3", masks_stock="30")
    app.locator("#fever[aria-invalid=true]").wait_for()
    assert "outside 0 to" in app.locator("[data-fault=fever]").inner_text()
    assert app.locator("[data-tab=outbox]").inner_text() == "Outbox"
    app.locator("#fever").fill("")
    app.locator("#masks_stock").fill("")
    app.locator(".send button").click()
    app.get_by_text("Nothing was filled in").wait_for()
    app.locator("#fever").fill("0")  # zero is not blank
    app.locator(".send button").click()
    app.locator("[data-state=kept]").wait_for()


def test_taken_back_and_changed_before_it_left(app: Any) -> None:
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    assert app.locator("#fever").is_disabled()
    app.get_by_role("button", name="Take it back").click()
    app.locator("#fever:enabled").wait_for()
    assert app.locator("#fever").input_value() == "2"
    press(app, fever="5")
    app.locator("[data-state=kept]").wait_for()
    app.context.set_offline(False)
    app.locator("[data-state=received]").wait_for()
    assert today() == {"fever": 5}
    assert sent() == 1


def test_brought_to_the_county_as_a_file(
    app: Any, phone: Phone, cast: Cast, tmp_path: Path
) -> None:
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    app.locator("[data-tab=outbox]").click()
    app.locator("[data-item]").wait_for()
    shoot(app, "field.outbox.en")
    with app.expect_download() as saving:
        app.get_by_role("button", name="Save the outbox").click()
    file = tmp_path / saving.value.suggested_filename
    saving.value.save_as(file)
    assert file.suffix == ".outbox"
    assert b"fever" not in file.read_bytes()
    assert app.locator("[data-item]").count() == 1  # it stays until the server has it

    desk = phone(cast.county_officer, width=1280)
    for state in ("✓ taken in", "was here already"):
        desk.goto("/report/field/outbox/")
        desk.locator("#file").set_input_files(file)
        with desk.expect_navigation():
            desk.get_by_role("button", name="Take it in").click()
        assert state in desk.locator("table.cards").inner_text()
    assert fits(desk)
    shoot(desk, "field.brought.en")
    assert today() == {"fever": 2}
    assert sent() == 1

    app.context.set_offline(False)
    app.locator("[data-received]").wait_for()
    assert app.locator("[data-item]").count() == 0
    assert sent() == 1


def test_signing_out_wipes_the_phone_but_never_by_one_press(app: Any) -> None:
    app.context.set_offline(True)
    press(app, fever="2")
    app.locator("[data-state=kept]").wait_for()
    app.locator("[data-tab=me]").click()
    leave = app.locator("[data-sign-out]")
    leave.click()
    app.get_by_text("1 not yet received would be lost").wait_for()
    assert app.evaluate(WIPED)[0] > 0
    leave.click()
    app.locator("[data-wiped]").wait_for()
    assert app.evaluate(WIPED) == [0, 0]
    assert app.evaluate("localStorage.getItem('yipan.person')") is None
    app.context.set_offline(False)
    app.goto("/report/field/")
    assert not sent()


def test_signing_out_anywhere_in_the_console_wipes_it_too(app: Any) -> None:
    app.goto("/report/")
    with app.expect_navigation():
        app.locator("form[data-leaves] button").click()
    app.goto("/sign-in/")
    assert app.evaluate(WIPED) == [0, 0]


def test_the_page_address_itself_opens_the_app_without_a_signal(app: Any) -> None:
    app.context.set_offline(True)
    app.goto("/report/form/")
    app.locator("#fever").wait_for()
    assert "No signal" in app.locator(".strip").inner_text()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_tab_fits_in_both_languages(
    phone: Phone, cast: Cast, yesterday: None, language: str, width: int
) -> None:
    page = phone(cast.village_reporter, width=width)
    page.add_init_script(f"localStorage.setItem('yipan.language', '{language}')")
    open_app(page)
    for tab in ("page", "orders", "outbox", "me"):
        page.locator(f"[data-tab={tab}]").click()
        page.locator(f"[data-tab={tab}][aria-current]").wait_for()
        page.locator("main h1").wait_for()
        assert fits(page), tab
        assert page.locator("h1").count() == 1
        shoot(page, f"field.{tab}.{width}.{language}")
    assert page.locator("html").get_attribute("lang") == ("zh-Hans" if language == "zh" else "en")
