"""A signed option over the small province; the order room's tests begin with it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from cast import NOON, Province
from yipan.access.models import Incident, User
from yipan.assess.models import Assessment
from yipan.plan.models import Option, OptionCounty, Scenario, Signature

COUNTIES = ("100101", "100102", "100201")
WEEKS = ["closed", "closed", "minimum", "minimum", "staggered", "staggered", "open", "open"]
SIGNED = NOON - timedelta(hours=10)


def make_signature(
    province: Province, incident: Incident, commander: User, *, at: datetime = SIGNED
) -> Signature:
    """Write a signed option that orders two settings in three counties."""
    assessment = Assessment.objects.create(
        incident=incident,
        known_at=at,
        data_day=date(2020, 2, 23),
        made_at=at,
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
        made_at=at,
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
        scenario=scenario, option=option, by=commander, at=at, reason="beds stay free"
    )
