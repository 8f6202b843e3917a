"""Run the whole loop on the demo province; each step is kept, so an interrupted run goes on."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from time import perf_counter
from typing import Any

from yipan.access import actions as access
from yipan.access.models import Incident
from yipan.access.queries import installation
from yipan.access.scope import system_scope
from yipan.assess import actions as assessing
from yipan.assess.queries import tier_counts
from yipan.demo import conduct, reports
from yipan.demo.people import COUNTY, People, make_people
from yipan.demo.rules import DemoRefused
from yipan.kernel.texts import terminal_text as _
from yipan.kernel.time import BoardTime, days
from yipan.order.models import Delivery, Order
from yipan.places import actions as placing
from yipan.places import queries as places
from yipan.places.models import Package, Unit
from yipan.places.packages import path_of
from yipan.plan import actions as planning
from yipan.plan.models import Option, Scenario, Signature
from yipan.report.contacts import demo as follow_up
from yipan.report.models import Submission
from yipan.report.requests.example import draft_example_requests

PACKAGE = "henan-2020"
SLUG = "demo-henan-2020"
FIRST_DAY = date(2020, 1, 21)  # the first data day with a case
LAST_DAY = date(2020, 2, 24)  # the evening the commander must choose
SIGNED_DAY = date(2020, 2, 23)  # the evening before: that choice has reached the ground
CUT_OFF = time(18)
SEED = 20200224

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What stands in the database after a run; printed by `yipan demo --json`."""

    places: dict[str, int]
    units: int
    reports: int
    assessed: int
    assessments: int
    tiers: dict[str, int]
    options: list[dict[str, Any]]
    signed: str
    orders: int
    acknowledged: int
    seconds: float
    peak_mib: float

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON prints it."""
        return asdict(self)

    def in_words(self) -> str:
        """Return the outcome as one sentence for the terminal."""
        return (
            _(
                "%(reports)d reports, %(assessed)d counties assessed, option “%(signed)s” signed, "
                "%(acknowledged)d of %(orders)d orders acknowledged, in %(seconds).0f s."
            )
            % self.as_dict()
        )


def run_demo(
    *, villages: int, members: int, boundaries: bool, now: datetime, progress: Progress
) -> Outcome:
    """Run the loop up to the evening of 24 February 2020 and return what stands in the database.

    Every step is idempotent: what an interrupted run finished is kept, and a second run only
    looks. Raises DemoRefused (W950) where the database belongs to a live system.
    """
    started = perf_counter()
    claim_installation(now=now)
    package = load_province(villages=villages, boundaries=boundaries, now=now, progress=progress)
    clock = places.board_time(package)
    incident = open_incident(package, clock)
    people = make_people(package, at=incident.activated_at)
    reports.fill(incident, until=evening(LAST_DAY, clock), seed=SEED, progress=progress)
    follow_up.fill(
        incident=incident,
        county=places.by_code(package, COUNTY),
        at=evening(LAST_DAY, clock),
        seed=SEED,
    )
    draft_example_requests(
        incident=incident, by=people.department, at=evening(SIGNED_DAY, clock) - timedelta(days=1)
    )
    assess_days(incident, clock, now=now, progress=progress)
    before = evening(SIGNED_DAY, clock)
    scenario = plan_evening(incident, before, members, people, progress)
    signature = sign_staged(scenario, people, before + timedelta(minutes=10))
    conduct.carry_out(
        signature, people=people, until=evening(LAST_DAY, clock), seed=SEED, progress=progress
    )
    plan_evening(incident, evening(LAST_DAY, clock), members, people, progress)
    set_clock(incident, at=evening(LAST_DAY, clock), now=now)
    return outcome(incident, seconds=perf_counter() - started)


def evening(day: date, clock: BoardTime) -> datetime:
    """Return the headquarters' cut-off, 18:00 of `day` in the province's zone."""
    return datetime.combine(day, CUT_OFF, tzinfo=clock.zone)


def claim_installation(*, now: datetime) -> None:
    """Mark an empty database as a demonstration; refuse a live one."""
    here = installation()
    if here is None:
        access.start_installation(at=now, demo=True)
    elif not here.demo:
        raise DemoRefused(
            _("This database belongs to a live system; a demonstration would mix with it."),
            remedy=_("Set YIPAN_HOME to another folder for the demonstration."),
        )


def load_province(*, villages: int, boundaries: bool, now: datetime, progress: Progress) -> Package:
    """Load the demo package unless it stands there already."""
    there = Package.objects.filter(name=PACKAGE).first()
    return there or placing.load_package(
        path=path_of(PACKAGE), at=now, villages=villages, boundaries=boundaries, progress=progress
    )


def open_incident(package: Package, clock: BoardTime) -> Incident:
    """Open the demonstration's incident: an exercise, so no order can reach a live channel."""
    there = Incident.objects.filter(slug=SLUG).first()
    return there or access.create_incident(
        package=package,
        slug=SLUG,
        name_zh="2020年新冠肺炎疫情（演示）",
        name_en="COVID-19, 2020 (demonstration)",
        disease="sars_cov_2_wild",
        places=[places.province(package)],
        response_level=1,
        exercise=True,
        at=clock.day_bounds(FIRST_DAY)[0],
        clock_at=evening(LAST_DAY, clock),
    )


def assess_days(incident: Incident, clock: BoardTime, *, now: datetime, progress: Progress) -> None:
    """Assess every evening from the first case, each with only what was known by then."""
    label = _("Assess, evening by evening")
    span = list(days(FIRST_DAY + timedelta(days=1), LAST_DAY + timedelta(days=1)))
    for done, day in enumerate(span, start=1):
        assessing.assess(incident=incident, known_at=evening(day, clock), made_at=now)
        progress(label, done, len(span))


def plan_evening(
    incident: Incident, at: datetime, members: int, people: People, progress: Progress
) -> Scenario:
    """Put the three options of one evening side by side, or find them where they stand."""
    assessment = assessing.assess(incident=incident, known_at=at, made_at=at)
    there = Scenario.objects.filter(assessment=assessment).first()
    return there or planning.make_scenario(
        assessment=assessment,
        at=at,
        by=people.analyst,
        members=members,
        seed=SEED,
        progress=progress,
    )


def sign_staged(scenario: Scenario, people: People, at: datetime) -> Signature:
    """Sign the option staged by tier, or find the signature where it stands."""
    there = Signature.objects.filter(scenario=scenario).first()
    return there or planning.sign_option(
        option=scenario.options.get(key="tiered"),
        by=people.commander,
        at=at,
        reason=_("Demonstration: staged by tier keeps beds free and lets low-risk counties work."),
        scope=system_scope(),
    )


def set_clock(incident: Incident, *, at: datetime, now: datetime) -> None:
    """Let the demonstration's clock go on from `at`, or from the latest act kept, if later."""
    latest = Submission.objects.filter(incident=incident).order_by("-received_at").first()
    incident.clock_at = max(at, latest.received_at) if latest else at
    incident.clock_set_at = now
    incident.save(update_fields=["clock_at", "clock_set_at"])


def outcome(incident: Incident, *, seconds: float) -> Outcome:
    """Read from the database what the demonstration has made."""
    package = incident.package
    last = incident.assessments.latest("known_at")
    scenario = Scenario.objects.filter(assessment__incident=incident).latest("assessment__known_at")
    signature = Signature.objects.filter(option__scenario__assessment__incident=incident).latest(
        "at"
    )
    deliveries = Delivery.objects.filter(order__incident=incident)
    counted = tier_counts(last)
    return Outcome(
        places=places.level_counts(package),
        units=Unit.objects.filter(package=package, reports=True).count(),
        reports=Submission.objects.filter(incident=incident).count(),
        assessed=sum(units for units, _people in counted.values()),
        assessments=incident.assessments.count(),
        tiers={
            tier: counted.get(tier, (0, 0))[0]
            for tier in ("low", "medium", "high", "undecided", "no_data")
        },
        options=[_option(option) for option in scenario.options.all()],
        signed=signature.option.key,
        orders=Order.objects.filter(incident=incident).exclude(state="draft").count(),
        acknowledged=deliveries.filter(acknowledged_at__isnull=False).count(),
        seconds=round(seconds, 2),
        peak_mib=round(peak_mib(), 1),
    )


def _option(option: Option) -> dict[str, Any]:
    return {
        "number": option.number,
        "key": option.key,
        "members": option.members,
        **option.results["summary"],
    }


def peak_mib() -> float:
    """Return the peak memory of this process and the largest of its children, in MiB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    return (own + children) / per_mib
