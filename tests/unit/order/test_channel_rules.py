"""When a failed message is tried again, when a channel rests, and what each channel writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.order.channels.cap.feed import CAP, Alert, Info, alert_xml, feed_xml
from yipan.order.channels.messages import Message
from yipan.order.channels.rules import (
    LONGEST,
    LONGEST_REST,
    TRIPS_AFTER,
    Fuse,
    after_failure,
    after_success,
    may_try,
    wait_after,
)
from yipan.order.channels.sheet.code import square
from yipan.order.channels.webhook.channel import is_signed, signature
from yipan.order.channels.words import SMS_LONGEST, short, subject

NOON = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)


def message(**more: object) -> Message:
    made: dict[str, object] = {
        "key": "k", "channel": "sms", "kind": "delivered", "address": "1", "secret": "s",
        "order_id": "o", "delivery_id": "abcdef0123456789", "matter": "other", "priority": 1,
        "unit_code": "100101", "unit_name": "Alder", "issuer_name": "Testland", "title": "Do it",
        "body": "Now.", "closure": "Done.", "acknowledge_by": NOON, "due_at": NOON, "url": "",
        "exercise": False,
    }  # fmt: skip
    return Message(**(made | more))  # type: ignore[arg-type]


@given(st.integers(1, 40), st.floats(0, 0.999))
def test_waits_grow_and_stay_within_an_hour(tries: int, jitter: float) -> None:
    wait = wait_after(tries, jitter=jitter)
    assert timedelta(0) < wait <= LONGEST
    assert wait_after(tries + 1, jitter=jitter) >= wait


def test_jitter_spreads_a_crowd_over_half_the_wait() -> None:
    waits = {wait_after(4, jitter=j / 10) for j in range(10)}
    assert len(waits) == 10
    assert min(waits) >= timedelta(seconds=60)
    assert max(waits) < timedelta(seconds=120)


def test_a_channel_rests_after_five_failures_in_a_row_and_longer_each_time() -> None:
    fuse, rests = Fuse(), []
    for n in range(1, 20):
        fuse = after_failure(fuse, NOON)
        if n < TRIPS_AFTER:
            assert may_try(fuse, NOON)
        else:
            assert fuse.open_until is not None
            assert not may_try(fuse, NOON)
            assert may_try(fuse, fuse.open_until)
            rests.append(fuse.open_until - NOON)
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_REST
    assert after_success(fuse) == Fuse()


@given(st.text(max_size=600), st.booleans())
def test_a_text_message_fits_and_ends_with_its_number(title: str, exercise: bool) -> None:
    text = short(message(title=title, exercise=exercise))
    assert len(text) <= SMS_LONGEST
    assert text.endswith("No. ABCDEF01")


def test_an_exercise_says_so_first() -> None:
    assert subject(message(exercise=True)).startswith("[Exercise] ")
    assert subject(message(kind="due")) == "[P1] Due soon: Do it"


def test_a_signature_is_of_this_body_under_this_secret() -> None:
    body = b'{"a": 1}'
    given_ = signature(body, secret="one")
    assert is_signed(body, secret="one", given=given_)
    assert not is_signed(body, secret="two", given=given_)
    assert not is_signed(body + b" ", secret="one", given=given_)


# The order of elements that section 3.2 of the standard lays down.
ALERT_ORDER = [
    "identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction",
    "addresses", "code", "note", "references", "incidents", "info",
]  # fmt: skip
INFO_ORDER = [
    "language", "category", "event", "responseType", "urgency", "severity", "certainty",
    "audience", "eventCode", "effective", "onset", "expires", "senderName", "headline",
    "description", "instruction", "web", "contact", "parameter", "resource", "area",
]  # fmt: skip
REQUIRED = {"identifier", "sender", "sent", "status", "msgType", "scope"}
REQUIRED_INFO = {"category", "event", "urgency", "severity", "certainty"}


def alert(**more: object) -> Alert:
    info = Info("en", "Hospitals", "Free <5> rooms & report", "Now.", "Rooms are free.")
    made: dict[str, object] = {
        "identifier": "id-1", "sender": "10@testland", "sender_name": "Testland", "sent": NOON,
        "kind": "Alert", "exercise": False, "incident": "outbreak", "priority": 0,
        "expires": NOON, "infos": [info], "areas": [("Alder", "100101")],
    }  # fmt: skip
    return Alert(**(made | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("priority", range(4))
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"exercise": True},
        {"expires": None},
        {"kind": "Update", "references": [("10@t", "id-0", NOON)]},
    ],
)
def test_an_alert_keeps_the_order_of_the_standard(priority: int, more: dict[str, object]) -> None:
    root = xml.fromstring(alert_xml(alert(priority=priority, **more)))
    assert root.tag == f"{{{CAP}}}alert"
    for node, order, required in [
        (root, ALERT_ORDER, REQUIRED),
        (root.find(f"{{{CAP}}}info"), INFO_ORDER, REQUIRED_INFO),
    ]:
        assert node is not None
        names = [child.tag.removeprefix(f"{{{CAP}}}") for child in node]
        assert names == sorted(names, key=order.index)
        assert required <= set(names)
    status = root.findtext(f"{{{CAP}}}status")
    assert status == ("Exercise" if more.get("exercise") else "Actual")
    assert root.findtext(f"{{{CAP}}}info/{{{CAP}}}headline") == "Free <5> rooms & report"
    sent = root.findtext(f"{{{CAP}}}sent") or ""
    assert sent[-6] in "+-"


def test_a_feed_lists_its_alerts() -> None:
    root = xml.fromstring(feed_xml(title="T", address="https://x/", updated=NOON, entries=[]))
    assert root.tag.endswith("feed")


def test_a_code_has_no_style_and_says_the_same_twice() -> None:
    once = square("https://board.example/orders/1/", label="code")
    assert once == square("https://board.example/orders/1/", label="code")
    assert "style=" not in once
    assert "M4 4h1v1h-1z" in once  # the corner of the finder pattern
