"""A signed option over the small province, and orders made from it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cast import NOON, Cast, Province
from yipan.access.models import Incident
from yipan.access.scope import system_scope
from yipan.assess.models import Assessment
from yipan.order import actions
from yipan.order.models import Delivery, Order
from yipan.plan.models import Option, OptionCounty, Scenario, Signature

COUNTIES = ("100101", "100102", "100201")
WEEKS = ["closed", "closed", "minimum", "minimum", "staggered", "staggered", "open", "open"]
SIGNED = NOON - timedelta(hours=10)


@pytest.fixture
def signature(province: Province, incident: Incident, cast: Cast) -> Signature:
    """A signed option that orders two settings in three counties, four weeks at a time."""
    assessment = Assessment.objects.create(
        incident=incident,
        known_at=SIGNED,
        data_day=date(2020, 2, 23),
        made_at=SIGNED,
        method={},
        province={},
        series={},
        seconds=0.1,
    )
    scenario = Scenario.objects.create(
        assessment=assessment,
        start_day=date(2020, 2, 24),
        weeks=8,
        members=200,
        seed=1,
        assumptions={},
        made_at=SIGNED,
        seconds=0.1,
    )
    option = Option.objects.create(
        scenario=scenario,
        number=2,
        key="tiered",
        name_zh="按等级分步",
        name_en="Staged by tier",
        members=200,
        openings={},
        results={"summary": {}},
    )
    OptionCounty.objects.bulk_create(
        OptionCounty(
            option=option,
            unit=province[code],
            tier="medium",
            levels={"workplaces": WEEKS, "transport": WEEKS, "home": WEEKS},
            results={},
        )
        for code in COUNTIES
    )
    return Signature.objects.create(
        scenario=scenario, option=option, by=cast.commander, at=SIGNED, reason="beds stay free"
    )


@pytest.fixture
def drafts(signature: Signature, cast: Cast) -> list[Order]:
    """The drafts of the signed option: two matters in three counties."""
    return actions.draft_orders(signature=signature, by=cast.commander, at=SIGNED)


@pytest.fixture
def delivered(drafts: list[Order], cast: Cast) -> list[Delivery]:
    """The same orders issued and released an hour before noon."""
    issued = NOON - timedelta(hours=1, minutes=1)
    actions.issue_orders(orders=drafts, by=cast.commander, at=issued, scope=system_scope())
    actions.release_due(at=NOON - timedelta(hours=1))
    return list(
        Delivery.objects.select_related("order__issuer", "unit__parent").order_by(
            "unit__code", "order__matter"
        )
    )
