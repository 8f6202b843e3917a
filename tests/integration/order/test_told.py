"""Who is told of which step; what ends after 90 days; what stands for the missing foreign keys."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from cast import NOON, Cast, Province, person
from yipan.access.models import Incident, Installation, Role, User
from yipan.access.scope import scope_of, system_scope
from yipan.order import actions
from yipan.order.accountability.actions import forget_old, orphans
from yipan.order.channels.queries import message_of
from yipan.order.errors import WrongOrderState
from yipan.order.models import (
    Attempt,
    Call,
    Contact,
    Delivery,
    DeliveryEvent,
    Order,
    Outbox,
    Priority,
    Shift,
)

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


@pytest.fixture
def live(incident: Incident) -> Installation:
    return Installation.objects.create(demo=False, created_at=NOON)


@pytest.fixture
def contacts(province: Province) -> None:
    """A mailbox at each office and county, and a machine at the province and at Alder."""
    for code in ("10", "1001", "1002", "100101", "100102", "100201"):
        Contact.objects.create(unit=province[code], channel="email", address=f"{code}@x.example")
    for code in ("10", "100101"):
        Contact.objects.create(unit=province[code], channel="webhook", address=f"https://x/{code}")
    Contact.objects.create(unit=province["100101"], channel="telephone", address="+86 1", rank=1)


def given(by: User, key: str, **more: Any) -> dict[str, Any]:
    return {"by": by, "at": NOON, "client_key": key, "scope": scope_of(by, at=NOON), **more}


def queued(channel: str, kind: str) -> list[str]:
    rows = Outbox.objects.filter(channel=channel, kind=kind).select_related("unit")
    return sorted(row.unit.code for row in rows)


def alder(delivered: list[Delivery]) -> Delivery:
    return next(d for d in delivered if d.unit.code == "100101")


def test_nothing_of_an_exercise_is_queued(
    delivered: list[Delivery], contacts: None, cast: Cast, live: Installation, incident: Incident
) -> None:
    Incident.objects.filter(pk=incident.pk).update(exercise=True)
    Order.objects.update(exercise=True)
    actions.acknowledge(delivery=alder(delivered), **given(cast.county_officer, "ack-00001"))
    assert not Outbox.objects.exclude(channel="inbox").exists()


def test_a_return_is_told_to_the_issuer_and_the_office_above(
    live: Installation, contacts: None, delivered: list[Delivery], cast: Cast
) -> None:
    one = alder(delivered)
    actions.acknowledge(delivery=one, **given(cast.county_officer, "ack-00001"))
    more = {"reason": "lacks_means", "note": "no bus"}
    actions.return_(delivery=one, **given(cast.county_officer, "ret-00001", **more))
    assert queued("inbox", "returned") == queued("email", "returned") == ["10", "1001"]
    assert queued("webhook", "acknowledge") == queued("webhook", "return") == ["10", "100101"]
    row = Outbox.objects.select_related("delivery__order__incident__package", "delivery__unit")
    told = message_of(row.filter(channel="email", kind="returned")[0], secret="", url="")
    assert (told.note, told.state) == ("no bus", "returned")


def test_a_claim_is_told_above_and_a_verdict_to_the_unit(
    live: Installation, contacts: None, delivered: list[Delivery], cast: Cast
) -> None:
    one = alder(delivered)
    for n, step in enumerate((actions.acknowledge, actions.accept, actions.claim_done)):
        step(delivery=one, **given(cast.county_officer, f"step-{n:04}"))
    assert queued("email", "claimed") == ["1001"]
    actions.reopen(delivery=one, **given(cast.commander, "reopen-01", note="two are left"))
    actions.claim_done(delivery=one, **given(cast.county_officer, "claim-002"))
    actions.verify(delivery=one, **given(cast.commander, "verify-01"))
    assert queued("email", "claimed") == ["1001", "1001"]  # each time anew
    assert queued("email", "changed") == ["100101", "100101"]


def test_a_withdrawal_reaches_everyone_who_ever_received(
    live: Installation, contacts: None, delivered: list[Delivery], cast: Cast
) -> None:
    one = alder(delivered)
    Delivery.objects.filter(pk=one.pk).update(state="closed")  # finished already
    actions.withdraw_order(
        order=one.order, by=cast.commander, at=NOON, reason="wrong count", scope=system_scope()
    )
    # All of it at once, so that a failure shows what was there instead.
    rows = Outbox.objects.filter(delivery__order=one.order).exclude(kind="delivered")
    assert sorted(rows.values_list("channel", "kind", "unit__code")) == [
        ("email", "withdrawn", "1001"),
        ("email", "withdrawn", "100101"),
        ("inbox", "withdrawn", "100101"),
        ("webhook", "cancel", "100101"),
    ]
    one.refresh_from_db()
    assert one.state == "closed"


def test_the_inbox_still_says_what_was_withdrawn(
    delivered: list[Delivery], cast: Cast, as_person: As
) -> None:
    actions.withdraw_order(
        order=alder(delivered).order,
        by=cast.commander,
        at=NOON,
        reason="wrong count",
        scope=system_scope(),
    )
    page = as_person(cast.county_officer).get(reverse("order:inbox")).content.decode()
    assert "wrong count" in page
    other = as_person(cast.other_county_officer).get(reverse("order:inbox")).content.decode()
    assert "wrong count" not in other


def test_a_telephone_is_never_a_channel(
    live: Installation, contacts: None, delivered: list[Delivery]
) -> None:
    assert not Outbox.objects.filter(channel="telephone").exists()


# ---- two second signatures at once ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_who_sign_at_once_one_is_first(
    drafts: list[Order], cast: Cast, province: Province
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("threads share no SQLite database in memory; the next test is its twin")
    order = drafts[0]
    Order.objects.filter(pk=order.pk).update(priority=Priority.P0)
    hands = [person(f"hand{n}", Role.COMMANDER, province["10"]) for n in range(4)]
    told: list[str] = []
    ready = threading.Barrier(len(hands))

    def sign(by: User) -> None:
        ready.wait()
        try:
            actions.countersign(order=order, by=by, at=NOON, scope=scope_of(by, at=NOON))
            told.append("signed")
        except WrongOrderState:
            told.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sign, args=(by,)) for by in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["refused", "refused", "refused", "signed"]


def test_who_signs_second_never_issues_not_even_past_the_rules(
    drafts: list[Order], cast: Cast
) -> None:
    from django.db import IntegrityError, transaction

    both = {"second_by": cast.commander, "second_at": NOON}
    Order.objects.filter(pk=drafts[0].pk).update(priority=Priority.P0, **both)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=drafts[0].pk).update(issued_by=cast.commander, issued_at=NOON)


# ---- ninety days ---------------------------------------------------------------------------------------


def test_after_ninety_days_nobody_can_say_how_fast_people_were(
    delivered: list[Delivery], cast: Cast, province: Province
) -> None:
    one = alder(delivered)
    actions.acknowledge(delivery=one, **given(cast.county_officer, "ack-00001"))
    row = Outbox.objects.filter(delivery=one).first()
    assert row is not None
    Attempt.objects.create(outbox=row, at=NOON, worker="w", sent=True)
    Call.objects.create(delivery=one, caller=cast.commander, at=NOON)
    Shift.objects.create(
        unit=one.unit, person=cast.county_officer, start=NOON, end=NOON + timedelta(hours=8)
    )
    early = forget_old(at=NOON + timedelta(days=89))
    assert not any(early.values())
    open_still = forget_old(at=NOON + timedelta(days=91))
    assert (open_still["attempts"], open_still["calls"], open_still["shifts"]) == (1, 1, 1)
    assert open_still["steps"] == 0  # the order is still open: who has it must be known
    Delivery.objects.update(state="closed")
    assert forget_old(at=NOON + timedelta(days=91))["steps"] == 1
    assert not DeliveryEvent.objects.filter(actor__isnull=False).exists()
    assert not any(forget_old(at=NOON + timedelta(days=91)).values())
    assert Delivery.objects.filter(pk=one.pk).exists()


def test_a_row_that_names_nothing_is_found(delivered: list[Delivery]) -> None:
    assert not any(orphans().values())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM order_outbox")
        cursor.execute("DELETE FROM order_delivery")
    assert orphans()["steps_without_delivery"] == len(delivered)


# ---- the ordinary run ----------------------------------------------------------------------------------

SCENE = """
import django; django.setup()
from datetime import timedelta
from django.utils import timezone
import sys
from cast import make_tree, TREE
from yipan.access.actions import create_incident, create_user, grant_role
from yipan.access.models import Incident, Installation, Role, User
from yipan.access.scope import system_scope
from yipan.order import actions
from yipan.order.matters import Text
from yipan.places.models import Unit
now = timezone.now()
if not Incident.objects.exists():
    top = make_tree(TREE)["10"]
    by = create_user(username="c", display_name="", password=None, language="", by=None, at=now)
    grant_role(user=by, role=Role.COMMANDER, unit=top, sensitivity=1, by=None, at=now)
    create_incident(package=top.package, slug="live", name_zh="", name_en="", disease="other",
        places=[top], response_level=1, exercise=False, at=now)
    Installation.objects.get_or_create(pk=1, defaults={"created_at": now})
given = {"by": User.objects.get(), "at": now - timedelta(seconds=58), "scope": system_scope()}
top = Unit.objects.get(code="10")
order = actions.draft_order(incident=Incident.objects.get(), issuer=top, matter="other",
    title=Text("", sys.argv[1]), body=Text("", "x"), targets=[(top, "village")], **given)
actions.issue_orders(orders=[order], **given)
"""


@pytest.mark.slow
def test_orders_leave_beside_the_console_and_after_a_kill(tmp_path: Path) -> None:
    env = os.environ | {
        "YIPAN_HOME": str(tmp_path), "YIPAN_DATABASE_URL": "", "YIPAN_LANGUAGE": "en",
        "DJANGO_SETTINGS_MODULE": "yipan.kernel.settings",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }  # fmt: skip

    def run(code: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def wait_for(n: int) -> None:
        with sqlite3.connect(tmp_path / "yipan.sqlite3") as kept:
            for _try in range(480):
                if kept.execute("SELECT count(*) FROM order_delivery").fetchone()[0] == n:
                    return
                time.sleep(0.5)
        pytest.fail(f"not {n} deliveries within four minutes")

    def workers(of: int) -> list[int]:
        """Who works beside a console, as the kernel lists processes: `ps` is not on every machine."""
        found = []
        for listed in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it ended while we looked
                words = listed.read_bytes().split(b"\0")[:-1]
                if words[-4:] == [b"order", b"work", b"--beside", str(of).encode()]:
                    found.append(int(listed.parent.name))
        return found

    run("import django; django.setup()\nfrom django.core.management import call_command\n"
        "call_command('migrate', verbosity=0, interactive=False)")  # fmt: skip
    run(SCENE, "the first")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "yipan.cli", "serve", "--port", str(port), "--workers", "1"]
    console = subprocess.Popen(
        serve,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what it started ends with the test
    )
    try:
        wait_for(5)  # nobody has opened a page
        [worker] = workers(console.pid)
        os.kill(worker, signal.SIGKILL)
        run(SCENE, "the second")
        wait_for(10)
        console.kill()  # and the worker ends with it
        console.wait(timeout=10)
        for _try in range(20):
            if not workers(console.pid):
                break
            time.sleep(0.5)
        assert not workers(console.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(console.pid, signal.SIGKILL)
