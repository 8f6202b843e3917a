"""A simulated fortnight: channels fail, people are slow, everything is tried in any order.

Whatever happens, every delivery stands in a lawful state that its events lead to, every late one has
been brought before an office on its own way up, no message is lost or changes its key, nothing is
done without its audit record, and the audit chain is whole.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cast import NOON, TREE, make_tree, person
from yipan.access import chain
from yipan.access.actions import create_incident
from yipan.access.models import AuditRecord, Installation, Role
from yipan.access.scope import scope_of
from yipan.kernel.errors import YipanError
from yipan.order import actions
from yipan.order.channels.dispatch import dispatch
from yipan.order.channels.messages import AddressRefused, ChannelDown, Message
from yipan.order.clocks.queries import late, offices_above
from yipan.order.clocks.rules import ANSWER_WITHIN
from yipan.order.deliveries.rules import AUDIT_EVENT, FINAL, TRANSITIONS, Act
from yipan.order.matters import Text
from yipan.order.models import (
    Contact,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Escalation,
    Order,
    Outage,
    Outbox,
)

FORTNIGHT = timedelta(days=14)
UNIT_ACTS = (Act.ACKNOWLEDGE, Act.ACCEPT, Act.START, Act.CLAIM_DONE, Act.RETURN)
ABOVE_ACTS = (Act.VERIFY, Act.REOPEN, Act.CLOSE, Act.INSIST, Act.EXTEND, Act.ASSIST, Act.REASSIGN)


class Flaky:
    """A channel that fails as it is told, and remembers every key it was given."""

    def __init__(self, name: str) -> None:
        self.name, self.fault = name, ""
        self.taken: dict[str, Message] = {}

    def ready(self) -> bool:
        return True

    def send(self, message: Message) -> None:
        if self.fault == "down":
            raise ChannelDown("down")
        if self.fault == "refused":
            raise AddressRefused("refused")
        before = self.taken.setdefault(message.key, message)
        assert (before.delivery_id, before.kind) == (message.delivery_id, message.kind)


class Fortnight(RuleBasedStateMachine):
    """Two weeks of a small province's orders."""

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.now = NOON
        self.rng = random.Random(1)
        self.province = make_tree(TREE, name=f"p{uuid.uuid4().hex[:12]}")
        units = self.province.units
        tag = uuid.uuid4().hex[:8]
        self.people = {
            code: person(f"{code}-{tag}", role, units[code])
            for code, role in {
                "10": Role.COMMANDER,
                "1001": Role.COUNTY_OFFICER,
                "1002": Role.COUNTY_OFFICER,
                "100101": Role.COUNTY_OFFICER,
                "100102": Role.COUNTY_OFFICER,
                "100201": Role.COUNTY_OFFICER,
            }.items()
        }
        self.second = person(f"second-{tag}", Role.COMMANDER, units["10"])
        Installation.objects.get_or_create(pk=1, defaults={"created_at": NOON})
        self.incident = create_incident(
            package=self.province.package, slug=f"i-{tag}", name_zh="疫情", name_en="Outbreak",
            disease="other", places=[units["10"]], response_level=1, exercise=False,
            at=NOON - timedelta(days=1),
        )  # fmt: skip
        for code in ("100101", "100102", "100201"):
            for rank, channel in enumerate(("email", "sms"), start=1):
                Contact.objects.create(
                    unit=units[code], channel=channel, rank=rank, address=f"{channel}:{code}"
                )
        self.channels = {name: Flaky(name) for name in ("email", "sms")}
        self.last: Callable[[], Any] | None = None
        self.keys = 0

    def teardown(self) -> None:
        """End the fortnight, look at everything once more, and leave nothing behind."""
        try:
            while self.now < NOON + FORTNIGHT:
                self.pass_(60 * 24)
            for channel in self.channels.values():
                channel.fault = ""
            for _round in range(40):
                self.pass_(120)
            self.check_messages()
            self.check_audit()
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    # ---- what can happen --------------------------------------------------------------------------

    def given(self, code: str) -> dict[str, Any]:
        by = self.people[code]
        return {"by": by, "at": self.now, "scope": scope_of(by, at=self.now)}

    def key(self) -> str:
        self.keys += 1
        return f"{self.incident.slug}-{self.keys}"

    def attempt(self, act: Callable[[], Any]) -> None:
        """Try an act; one that is refused changes nothing at all."""
        before = self.picture()
        try:
            with transaction.atomic():
                act()
        except YipanError:
            assert self.picture() == before
        else:
            self.last = act

    def picture(self) -> tuple[Any, ...]:
        mine = {"order__incident": self.incident}
        return (
            list(
                Delivery.objects.filter(**mine).order_by("pk").values_list("pk", "state", "due_at")
            ),
            list(
                Order.objects.filter(incident=self.incident)
                .order_by("pk")
                .values_list("pk", "state")
            ),
            DeliveryEvent.objects.filter(delivery__order__incident=self.incident).count(),
            AuditRecord.objects.count(),
        )

    @rule(
        priority=st.integers(0, 3),
        level=st.sampled_from(["", "county", "village"]),
        code=st.sampled_from(["10", "1001", "100101"]),
        hours=st.integers(1, 72),
    )
    def issue(self, priority: int, level: str, code: str, hours: int) -> None:
        """An order is drafted, signed twice where it must be, and issued."""

        def act() -> None:
            order = actions.draft_order(
                incident=self.incident, issuer=self.province["10"], matter="other",
                title=Text(f"办{self.keys}", f"Do {self.keys}"), body=Text("办", "Do"),
                targets=[(self.province[code], level)], priority=priority,
                due_at=self.now + timedelta(hours=hours), **self.given("10"),
            )  # fmt: skip
            if priority == 0:
                actions.countersign(
                    order=order,
                    by=self.second,
                    at=self.now,
                    scope=scope_of(self.second, at=self.now),
                )
            actions.issue_orders(orders=[order], **self.given("10"))

        self.keys += 1
        self.attempt(act)

    @rule(minutes=st.sampled_from([1, 5, 20, 60, 240, 1440]))
    def pass_(self, minutes: int) -> None:
        """Time passes; the worker makes its rounds, one of them twice."""
        self.now += timedelta(minutes=minutes)
        for _again in range(2):
            actions.pass_time(incident=self.incident, at=self.now)
        dispatch(worker="w", channels=self.channels, clock=lambda: self.now, rng=self.rng)
        self.check_late()

    @rule(pick=st.integers(0, 10**6), name=st.sampled_from(UNIT_ACTS))
    def unit_acts(self, pick: int, name: Act) -> None:
        """A county's officer does something, lawful or not."""
        delivery = self.some(pick)
        if delivery is None:
            return
        code = delivery.unit.code if delivery.unit.code in self.people else delivery.unit.code[:6]
        reason = "lacks_means" if name is Act.RETURN else ""
        step = actions.Step(
            name, delivery.pk, self.now, self.key(), self.people[code], note="…", reason=reason
        )
        scope = scope_of(self.people[code], at=self.now)
        self.attempt(lambda: actions.perform([step], scope=scope))

    @rule(pick=st.integers(0, 10**6), name=st.sampled_from(ABOVE_ACTS), hours=st.integers(-1, 48))
    def office_above_acts(self, pick: int, name: Act, hours: int) -> None:
        """The commander answers, verifies, gives back or gives to another unit."""
        delivery = self.some(pick)
        if delivery is None:
            return
        key, given = self.key(), self.given("10")
        if name is Act.REASSIGN:
            to = self.province[self.rng.choice(["100101", "100102", "100201"])]
            self.attempt(
                lambda: actions.reassign(
                    delivery=delivery, to=to, client_key=key, note="better placed", **given
                )
            )
            return
        step = actions.Step(
            name, delivery.pk, self.now, key, given["by"], note="seen",
            until=self.now + timedelta(hours=hours), belongs_to=self.province["1001"],
        )  # fmt: skip
        self.attempt(lambda: actions.perform([step], scope=given["scope"]))

    @rule()
    def replay(self) -> None:
        """The last act arrives once more: nothing changes."""
        if self.last is None:
            return
        before = self.picture()
        try:
            with transaction.atomic():
                self.last()
                changed = self.picture() != before
                if changed:  # an act of the issuer has no key: take it back
                    raise YipanError("taken back")
        except YipanError:
            pass
        assert self.picture() == before

    @rule(pick=st.integers(0, 10**6), amend=st.booleans())
    def issuer_acts(self, pick: int, amend: bool) -> None:
        """An order is withdrawn, or its next version is issued."""
        found = list(Order.objects.filter(incident=self.incident, state="issued").order_by("pk"))
        if not found:
            return
        order = found[pick % len(found)]

        def act() -> None:
            if not amend:
                actions.withdraw_order(order=order, reason="over", **self.given("10"))
                return
            later = self.now + timedelta(hours=12)
            new = actions.amend_order(order=order, due_at=later, priority=2, **self.given("10"))
            actions.issue_orders(orders=[new], duplicate_reason="a version", **self.given("10"))

        self.attempt(act)

    @rule(name=st.sampled_from(["email", "sms"]), fault=st.sampled_from(["", "down", "refused"]))
    def channel_changes(self, name: str, fault: str) -> None:
        """A channel fails, or works again."""
        self.channels[name].fault = fault

    @rule(code=st.sampled_from(["100101", "1002"]))
    def line(self, code: str) -> None:
        """A line goes down, or is mended."""
        unit = self.province[code]
        running = Outage.objects.filter(unit=unit, until__isnull=True).first()
        if running is None:
            self.attempt(
                lambda: actions.declare_outage(unit=unit, reason="storm", **self.given(code))
            )
        else:
            self.attempt(lambda: actions.end_outage(outage=running, **self.given(code)))
        self.last = None

    def some(self, pick: int) -> Delivery | None:
        found = list(
            Delivery.objects.filter(order__incident=self.incident)
            .select_related("order__issuer", "unit__parent")
            .order_by("order__drafted_at", "unit__code", "pk")
        )
        return found[pick % len(found)] if found else None

    # ---- what always holds --------------------------------------------------------------------------

    @invariant()
    def every_state_is_where_its_events_lead(self) -> None:
        events: dict[uuid.UUID, list[DeliveryEvent]] = {}
        for event in DeliveryEvent.objects.filter(delivery__order__incident=self.incident).order_by(
            "pk"
        ):
            events.setdefault(event.delivery_id, []).append(event)
        for delivery in Delivery.objects.filter(order__incident=self.incident):
            state = DeliveryState.ISSUED
            for event in events[delivery.pk]:
                assert event.before == state
                assert state not in FINAL
                assert TRANSITIONS[Act(event.act)][state] == event.after
                state = DeliveryState(event.after)
            assert delivery.state == state

    def check_late(self) -> None:
        """Every late delivery has been brought before an office on its way up, in time."""
        found = list(late(self.incident, at=self.now))
        offices = offices_above(found)
        for delivery in found:
            kind = "unread" if delivery.state == DeliveryState.DELIVERED else "undone"
            called = Escalation.objects.filter(delivery=delivery, kind=kind).order_by("step").last()
            assert called is not None
            assert called.unit_id in offices[delivery.pk]
            waits = called.answered_at is None and self.now <= called.answer_by
            top = called.answered_at is None and called.unit_id == offices[delivery.pk][-1]
            helped = (
                called.answer == "assist"
                and called.answered_at is not None
                and (self.now <= called.answered_at + ANSWER_WITHIN[delivery.order.priority])
            )
            assert waits or top or helped

    def check_messages(self) -> None:
        """Each message was sent or given up; what was sent was received, under its own key."""
        mine = Outbox.objects.filter(delivery__order__incident=self.incident).exclude(
            channel="inbox"
        )
        assert not mine.filter(sent_at__isnull=True, given_up_at__isnull=True).exists()
        received = {
            message.delivery_id for c in self.channels.values() for message in c.taken.values()
        }
        sent = mine.filter(sent_at__isnull=False)
        assert {str(row.delivery_id) for row in sent} <= received
        assert sum(len(c.taken) for c in self.channels.values()) == sent.count()

    def check_audit(self) -> None:
        """Each act of a person on a delivery stands in the audit, and the chain is whole."""
        acts = DeliveryEvent.objects.filter(delivery__order__incident=self.incident).exclude(
            act__in=[Act.DELIVER, Act.CANCEL, Act.SUPERSEDE]
        )
        for act in set(acts.values_list("act", flat=True)):
            told = AuditRecord.objects.filter(incident=self.incident, event=AUDIT_EVENT[Act(act)])
            assert told.count() == acts.filter(act=act).count()
        folder = FOLDERS[-1] / self.incident.slug
        at = timezone.now()
        chain.seal(at=at, folder=folder)
        assert chain.verify(at=at, folder=folder).breaks == []


FOLDERS: list[Path] = []


@pytest.mark.slow
@pytest.mark.django_db
def test_a_fortnight(tmp_path: Path) -> None:
    FOLDERS.append(tmp_path)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Fortnight,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
