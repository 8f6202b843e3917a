"""Messages leave once each, survive failures, never leave an exercise; the channels speak for real."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.utils import timezone

from cast import NOON, Cast, Province
from yipan.access.models import Incident, Installation
from yipan.access.scope import system_scope
from yipan.kernel import config as configuration
from yipan.order import actions
from yipan.order.channels import queries
from yipan.order.channels.cap.queries import told
from yipan.order.channels.dispatch import Sent, dispatch
from yipan.order.channels.email.channel import Email
from yipan.order.channels.messages import AddressRefused, ChannelDown, Message
from yipan.order.channels.rules import CLAIM, TRIES, TRIPS_AFTER
from yipan.order.channels.sms.channel import Sms
from yipan.order.channels.webhook.channel import Webhook, is_signed
from yipan.order.matters import Text
from yipan.order.models import Attempt, Breaker, Contact, Delivery, Order, Outage, Outbox
from yipan.order.work import one_round

pytestmark = pytest.mark.django_db


class Double:
    """A channel that keeps what it is given, and fails when told to."""

    def __init__(self, name: str, fault: Exception | None = None) -> None:
        self.name, self.fault, self.sent = name, fault, list[Message]()

    def ready(self) -> bool:
        return True

    def send(self, message: Message) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent.append(message)


@pytest.fixture
def live(incident: Incident) -> Incident:
    """A live installation: messages may leave."""
    Installation.objects.create(pk=1, created_at=NOON)
    return incident


@pytest.fixture
def contacts(province: Province) -> None:
    """Two contacts at each county: e-mail first, then a telephone."""
    for code in ("100101", "100102", "100201"):
        for rank, channel in enumerate(("email", "sms"), start=1):
            Contact.objects.create(
                unit=province[code], channel=channel, rank=rank, address=f"{channel}:{code}"
            )


@pytest.fixture
def queued(live: Incident, contacts: None, delivered: list[Delivery]) -> list[Outbox]:
    """Six messages that wait to leave by e-mail."""
    return list(Outbox.objects.exclude(channel="inbox"))


def send(
    channels: list[Double], *, at: datetime = NOON, worker: str = "w1", limit: int = 50
) -> Sent:
    return dispatch(
        worker=worker,
        channels={c.name: c for c in channels},
        clock=lambda: at,
        rng=random.Random(1),
        limit=limit,
    )


# ---- refusals: nothing leaves an exercise --------------------------------------------------------------------


def test_an_exercise_queues_nothing(
    province: Province, incident: Incident, contacts: None, cast: Cast
) -> None:
    Installation.objects.create(pk=1, created_at=NOON)
    Incident.objects.filter(pk=incident.pk).update(exercise=True)
    incident.refresh_from_db()
    given: dict[str, Any] = {"by": cast.commander, "at": NOON, "scope": system_scope()}
    order = actions.draft_order(
        incident=incident, issuer=province["10"], matter="other", title=Text("办", "Do"),
        body=Text("办", "Do"), targets=[(province["10"], "county")], **given,
    )  # fmt: skip
    actions.issue_orders(orders=[order], **given)
    assert actions.release_due(at=NOON + timedelta(minutes=1)) == 3
    assert set(Outbox.objects.values_list("channel", flat=True)) == {"inbox"}
    assert not told(incident, system_scope()).exists()


@pytest.mark.parametrize("how", ["incident", "order", "demonstration", "unknown"])
def test_what_was_queued_by_mistake_still_does_not_leave(queued: list[Outbox], how: str) -> None:
    if how == "incident":
        Incident.objects.update(exercise=True)
    elif how == "order":
        Order.objects.update(exercise=True)
    elif how == "demonstration":
        Installation.objects.update(demo=True)
    else:
        Installation.objects.all().delete()
    email = Double("email")
    outcome = send([email])
    assert (email.sent, outcome.kept_back, outcome.sent) == ([], 6, 0)
    assert not queries.waiting().exists()
    assert not Outbox.objects.filter(channel="sms").exists()  # nor by the next channel


# ---- once each ---------------------------------------------------------------------------------------------------


def test_each_message_leaves_once(queued: list[Outbox]) -> None:
    email = Double("email")
    assert send([email]).sent == 6
    assert send([email]).sent == 0
    assert len({m.key for m in email.sent}) == len(email.sent) == 6
    assert [m.priority for m in email.sent] == [1, 1, 1, 2, 2, 2]  # the most urgent first
    assert Attempt.objects.filter(sent=True).count() == 6


def test_two_workers_never_have_the_same_in_hand(queued: list[Outbox]) -> None:
    one = queries.claim("w1", channels=["email"], at=NOON, limit=4)
    two = queries.claim("w2", channels=["email"], at=NOON, limit=4)
    assert (len(one), len(two), set(one) & set(two)) == (4, 2, set())
    assert queries.claim("w3", channels=["email"], at=NOON, limit=4) == []


def test_what_a_dead_worker_had_in_hand_is_taken_up(queued: list[Outbox]) -> None:
    queries.claim("dead", channels=["email"], at=NOON, limit=50)
    email = Double("email")
    assert send([email]).sent == 0
    assert send([email], at=NOON + CLAIM + timedelta(seconds=1)).sent == 6


def test_sent_but_not_remembered_goes_again_under_the_same_key(queued: list[Outbox]) -> None:
    email = Double("email")
    send([email])
    Outbox.objects.filter(channel="email").update(sent_at=None, next_at=NOON)  # killed in between
    send([email])
    assert len(email.sent) == 12
    assert len({m.key for m in email.sent}) == 6


# ---- failures ----------------------------------------------------------------------------------------------------


def test_a_failure_waits_longer_each_time_then_the_next_contact_is_tried(
    queued: list[Outbox],
) -> None:
    Outbox.objects.filter(pk__in=[row.pk for row in queued[1:]]).delete()
    email, sms, at = Double("email", ChannelDown("no route")), Double("sms"), NOON
    waits = []
    for tries in range(1, TRIES + 1):
        Breaker.objects.all().delete()
        assert send([email, sms], at=at).failed == 1
        row = Outbox.objects.get(pk=queued[0].pk)
        assert row.attempts == tries
        if tries < TRIES:
            assert row.next_at is not None
            assert send([email, sms], at=row.next_at - timedelta(seconds=1)).any is False
            waits.append(row.next_at - at)
            at = row.next_at
    assert waits == sorted(waits)
    assert Outbox.objects.get(pk=queued[0].pk).given_up_at is not None
    Breaker.objects.all().delete()
    assert send([email, sms], at=at).sent == 1
    assert sms.sent[0].address.startswith("sms:")


def test_an_address_that_is_refused_goes_to_the_next_contact_at_once(
    queued: list[Outbox], live: Incident
) -> None:
    email, sms = Double("email", AddressRefused("no such box")), Double("sms")
    assert send([email, sms]).given_up == 6
    assert send([email, sms]).sent == 6
    assert not queries.unreachable(live).exists()
    assert not Breaker.objects.filter(open_until__isnull=False).exists()


def test_where_no_contact_is_left_a_sheet_is_due(queued: list[Outbox], live: Incident) -> None:
    refused = AddressRefused("no such box")
    send([Double("email", refused), Double("sms", refused)])
    send([Double("email", refused), Double("sms", refused)])
    assert queries.unreachable(live).values("delivery").distinct().count() == 6


def test_a_channel_that_fails_in_a_row_rests_for_every_worker(queued: list[Outbox]) -> None:
    email = Double("email", ChannelDown("down"))
    assert send([email]).failed == TRIPS_AFTER
    assert Breaker.objects.get(pk="email").failures == TRIPS_AFTER
    later = NOON + timedelta(seconds=59)
    email.fault = None
    assert send([email], at=later, worker="w2").any is False
    assert send([email], at=NOON + timedelta(hours=1)).sent == 6
    assert Breaker.objects.get(pk="email").open_until is None


def test_a_declared_outage_goes_round_the_channel(queued: list[Outbox], province: Province) -> None:
    Outage.objects.create(
        unit=province["1001"], channel="email", since=NOON - timedelta(hours=2), reason="server"
    )
    email, sms = Double("email"), Double("sms")
    send([email, sms])
    send([email, sms])
    assert {m.unit_code for m in email.sent} == {"100201"}
    assert {m.unit_code for m in sms.sent} == {"100101", "100102"}


# ---- the channels speak for real ------------------------------------------------------------------------------------


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set settings for one test."""

    def to(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"YIPAN_{name.upper()}", value)
        configuration.config.cache_clear()

    yield to
    monkeypatch.undo()
    configuration.config.cache_clear()


def a_message(queued: list[Outbox], address: str, secret: str = "") -> Message:
    [row] = queries.in_hand([queued[0].pk])
    row.address = address
    page = "https://board.example/x/"
    return queries.message_of(row, secret=secret, url=page)


class Mailbox:
    """Takes letters, refuses some addresses, is out of order for others."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such box"
        if address.startswith("busy"):
            return "451 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.letters.append(envelope)
        return "250 OK"


def test_email_reaches_a_real_server(queued: list[Outbox], setting: Callable[..., None]) -> None:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        setting(email_url=f"smtp://127.0.0.1:{port}", email_from="orders@board.example")
        channel = Email()
        assert channel.ready()
        message = a_message(queued, "duty@alder.example")
        channel.send(message)
        with pytest.raises(AddressRefused):
            channel.send(a_message(queued, "nobody@alder.example"))
        with pytest.raises(ChannelDown):
            channel.send(a_message(queued, "busy@alder.example"))
    finally:
        server.stop()
    [letter] = box.letters
    text = letter.content.decode()
    assert f"Message-ID: <{message.key}@board.example>" in text
    assert letter.rcpt_tos == ["duty@alder.example"]
    with pytest.raises(ChannelDown):
        channel.send(message)


def test_without_a_server_email_is_not_ready(setting: Callable[..., None]) -> None:
    setting(email_url="")
    assert not Email().ready()


class Gateway(HTTPServer):
    """Answers what it is told to, and keeps what it was given."""

    answers: list[int]
    got: list[tuple[dict[str, str], bytes]]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A small HTTP server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server: Any = self.server
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers), body))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = Gateway(("127.0.0.1", 0), Handler)
    server.answers, server.got = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_text_message_goes_to_the_gateway(
    queued: list[Outbox], gateway: Gateway, setting: Callable[..., None]
) -> None:
    setting(sms_url=f"http://127.0.0.1:{gateway.server_port}/send", sms_token="secret")
    message = a_message(queued, "+86000")
    Sms().send(message)
    headers, body = gateway.got[0]
    given = json.loads(body)
    assert headers["Authorization"] == "Bearer secret"
    assert (given["to"], given["key"]) == ("+86000", message.key)
    assert set(given) == {"to", "text", "key"}


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, AddressRefused),
        (404, AddressRefused),
        (429, ChannelDown),
        (500, ChannelDown),
        (503, ChannelDown),
        (302, ChannelDown),
    ],
)
def test_what_the_gateway_answers_is_understood(
    queued: list[Outbox], gateway: Gateway, status: int, fault: type[Exception]
) -> None:
    gateway.answers = [status]
    address = f"http://127.0.0.1:{gateway.server_port}/hook"
    with pytest.raises(fault):
        Webhook().send(a_message(queued, address, "s"))
    assert len(gateway.got) == 1


def test_a_webhook_is_signed_with_the_contacts_secret(
    queued: list[Outbox], gateway: Gateway
) -> None:
    address = f"http://127.0.0.1:{gateway.server_port}/hook"
    message = a_message(queued, address, "s3cret")
    Webhook().send(message)
    headers, body = gateway.got[0]
    assert is_signed(body, secret="s3cret", given=headers["Yipan-Signature"])
    assert headers["Idempotency-Key"] == message.key
    assert json.loads(body)["priority"] == f"P{message.priority}"


@pytest.mark.parametrize("address", ["ftp://x/", "file:///etc/passwd", "nothing"])
def test_a_webhook_goes_only_to_the_web(queued: list[Outbox], address: str) -> None:
    with pytest.raises(AddressRefused):
        Webhook().send(a_message(queued, address))


def test_a_gateway_that_is_not_there_is_down(queued: list[Outbox]) -> None:
    with pytest.raises(ChannelDown):
        Webhook().send(a_message(queued, "http://127.0.0.1:9/"))


# ---- the worker's round -----------------------------------------------------------------------------------------------


def test_one_round_lets_orders_leave_and_sends_them(
    live: Incident, contacts: None, drafts: list[Order], cast: Cast
) -> None:
    now = timezone.now()
    actions.issue_orders(orders=drafts, by=cast.commander, at=now, scope=system_scope())
    email = Double("email")

    def go(at: datetime) -> Any:
        return one_round(
            worker="w", channels={"email": email}, clock=lambda: at, rng=random.Random(1)
        )

    assert go(now + timedelta(seconds=59)).released == 0
    done = go(now + timedelta(seconds=60))
    assert (done.released, done.sent, done.busy) == (6, 6, True)
    assert go(now + timedelta(seconds=61)).any is False
