"""The manual shows the states that the tables have."""

from __future__ import annotations

from pathlib import Path

from yipan.order.deliveries.rules import Act
from yipan.order.models import DeliveryState, OrderState
from yipan.order.reference import states_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "order-states.md"


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == states_page()


def test_every_state_and_act_stands_in_it() -> None:
    text = states_page()
    for name in [*DeliveryState.values, *OrderState.values, *(act.value for act in Act)]:
        assert name in text
