"""Search the best openings of a scenario, at once or beside the pages with progress and a way to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, close_old_connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from yipan.access.audit import record
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.kernel.errors import YipanError
from yipan.places import queries as places
from yipan.plan import queries
from yipan.plan.actions import (
    Named,
    Progress,
    build_for,
    check_incident,
    keep_option,
    make_scenario,
)
from yipan.plan.errors import SearchRunning, SearchStopped
from yipan.plan.models import Option, Scenario, Search, SearchState
from yipan.plan.rules import check_can_sign
from yipan.plan.scenarios.asking import Limits, read_limits, staffed
from yipan.plan.scenarios.assumptions import Assumptions
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels, levels_of
from yipan.plan.scenarios.packing import pack_of
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.summaries import by_member, paired
from yipan.plan.scenarios.targeting import KEYS, Effort, delayed, search, stage_labels

log = logging.getLogger("yipan.plan")

SILENT = timedelta(minutes=3)
"""A search not heard of for so long was lost with its process; it can be started again."""

NAMES = {
    "targeted": ("按县择优", "Best by county"),
    "robust": ("按县稳健", "By county, robust"),
    "uniform": ("全省同步", "Uniform"),
}
DELAY_TOLD = ("tiered", "targeted", "robust")


def start_search(
    *, scenario: Scenario, limits: Limits, by: User, at: datetime, now: datetime, scope: Scope
) -> Search:
    """Register a search; a scenario that was searched already with other limits is made anew for it.

    `at` is the incident's clock, `now` the system's. Raises Forbidden (S703), SearchRunning (P311), and what signing raises for a scenario
    that is signed, superseded or over.
    """
    incident = scenario.assessment.incident
    for unit in incident.places.all():
        scope.check(Action.PLAN_RUN, unit)
    check_incident(incident, at=at)
    forget_lost(scenario, now=now)
    check_can_sign(queries.standing(scenario, at=at))
    try:
        with transaction.atomic():
            made = Search.objects.create(
                scenario=scenario,
                limits=limits.as_record(),
                label=stage_labels()["ask"],
                started_at=now,
                heard_at=now,
                by=by,
            )
    except IntegrityError as twice:
        raise SearchRunning(
            _("A search for this scenario is under way."),
            remedy=_("Wait for it, or stop it first."),
        ) from twice
    return made


def forget_lost(scenario: Scenario, *, now: datetime) -> None:
    """Mark searches that are not heard any more as failed, so that another can begin."""
    Search.objects.filter(
        scenario=scenario, state=SearchState.RUNNING, heard_at__lt=now - SILENT
    ).update(state=SearchState.FAILED, ended_at=now, fault="lost")


def stop_search(*, search_pk: int, scope: Scope, scenario: Scenario) -> None:
    """Ask a running search to end; it does so at its next step."""
    for unit in scenario.assessment.incident.places.all():
        scope.check(Action.PLAN_RUN, unit)
    Search.objects.filter(pk=search_pk, scenario=scenario).update(stopping=True)


def run_beside(
    search_row: Search, *, clock: Callable[[], datetime], at: datetime
) -> threading.Thread:
    """Run a search in a thread of this process and return the thread.

    The row tells progress and end to every other process. If this process dies the row falls silent and
    `forget_lost` clears it.
    """
    language = translation.get_language()

    def work() -> None:
        close_old_connections()
        with translation.override(language):
            try:
                carry_out(search_row.pk, clock=clock, at=at)
            finally:
                close_old_connections()

    thread = threading.Thread(target=work, name=f"search-{search_row.pk}", daemon=True)
    thread.start()
    return thread


def carry_out(
    pk: int, *, clock: Callable[[], datetime], at: datetime, effort: Effort | None = None
) -> None:
    """Do what a search's row asks for and write its end there, whatever it is."""
    row = Search.objects.select_related("scenario__assessment__incident__package").get(pk=pk)

    def told(label: str, done: int, total: int) -> None:
        now = clock()
        Search.objects.filter(pk=pk).update(label=label[:80], done=done, total=total, heard_at=now)
        if Search.objects.filter(pk=pk, stopping=True).exists():
            raise SearchStopped(_("The search was stopped."))

    try:
        search_scenario(
            row.scenario,
            limits=read_limits(row.limits),
            at=at,
            by=row.by,
            progress=told,
            effort=effort,
        )
    except SearchStopped:
        _end(pk, SearchState.CANCELLED, clock())
    except YipanError as fault:
        _end(pk, SearchState.FAILED, clock(), str(fault))
    except Exception as fault:  # the outer edge of the thread: nobody above would hear of it
        log.exception("plan.search_failed", extra={"search": pk})
        _end(pk, SearchState.FAILED, clock(), f"{type(fault).__name__}: {fault}"[:500])
    else:
        _end(pk, SearchState.DONE, clock())


def _end(pk: int, state: SearchState, now: datetime, fault: str = "") -> None:
    Search.objects.filter(pk=pk).update(state=state, ended_at=now, heard_at=now, fault=fault)


def search_scenario(
    scenario: Scenario,
    *,
    limits: Limits,
    at: datetime,
    by: User | None = None,
    progress: Progress | None = None,
    effort: Effort | None = None,
    assumptions: Assumptions | None = None,
) -> Scenario:
    """Add the searched options to a scenario, with frontier, prices, and costs of delay and caution.

    All run on the scenario's own members. Options of an earlier search of the scenario are replaced
    unless somebody has edited or signed one; its limits become the scenario's. Raises what
    `check_can_sign` raises, and SearchStopped (P312) through `progress`.
    """
    incident = scenario.assessment.incident
    pack = assumptions or pack_of(scenario)
    build = build_for(scenario.assessment, pack)
    answer = search(
        build, limits, seed=scenario.seed, effort=effort, progress=progress, labels=stage_labels()
    )
    ran = []
    for i, one in enumerate(answer.options):
        if progress is not None:
            progress(stage_labels()["options"], 8 + i, 8 + len(answer.options) + len(DELAY_TOLD))
        members = run_option(build, one.levels, members=scenario.members, seed=scenario.seed)
        ran.append((one, members))
    with transaction.atomic():
        Scenario.objects.select_for_update().get(pk=scenario.pk)
        check_can_sign(queries.standing(scenario, at=at))
        scenario.options.filter(key__in=KEYS, edits__isnull=True).delete()
        scenario.limits = limits.as_record()
        scenario.answer = {**scenario.answer, **answer.told}
        scenario.save(update_fields=["limits", "answer"])
        kept = set(scenario.options.values_list("key", flat=True))
        for one, members in ran:
            if one.key in kept:
                continue
            zh, en = NAMES[one.key]
            keep_option(
                scenario,
                Named(KEYS[one.key], one.key, zh, en),
                one.levels,
                members,
                build,
                limits=limits,
                told=one.told,
                made_at=at,
                made_by=by,
            )
        record(
            event="plan.searched",
            at=at,
            actor=by,
            object_type="scenario",
            object_id=scenario.pk,
            unit=places.province(incident.package),
            incident=incident,
            detail={"options": [one.key for one, _m in ran], "limits": limits.as_record()},
        )
    _delays(scenario, build, limits, {one.key: one.levels for one, _m in ran}, progress)
    return scenario


def _delays(
    scenario: Scenario, build: Build, limits: Limits, levels: dict[str, Levels], progress: Progress | None
) -> None:  # fmt: skip
    """Tell of each option what one week later would cost, on the same members."""
    courses = {course.key: course for course in build.assumptions.courses}
    hold = levels_of(courses["hold"], build.province.tiers) if "hold" in courses else None
    if hold is None:
        return
    if "tiered" in courses:
        levels = {**levels, "tiered": levels_of(courses["tiered"], build.province.tiers)}
    beds = staffed(build, limits)
    for i, key in enumerate(k for k in DELAY_TOLD if k in levels):
        option = Option.objects.filter(scenario=scenario, key=key).first()
        if option is None:
            continue
        if progress is not None:
            progress(stage_labels()["options"], 11 + i, 11 + len(DELAY_TOLD))
        later = run_option(build, delayed(levels[key], hold), members=scenario.members, seed=scenario.seed)  # fmt: skip
        own: dict[str, Any] = option.results.get("by_member", {})
        option.results = option.results | {"delay": paired(by_member(later, staffed=beds), own)}
        option.save(update_fields=["results"])


def anew(scenario: Scenario, *, limits: Limits, at: datetime, by: User | None) -> Scenario:
    """Make the scenario's options again under other limits: beds that count differ, so risks do."""
    return make_scenario(
        assessment=scenario.assessment,
        at=at,
        members=scenario.members,
        seed=scenario.seed,
        by=by,
        assumptions=pack_of(scenario),
        limits=limits,
    )


def running(scenario: Scenario, *, now: datetime) -> Search | None:
    """Return the search under way for a scenario, the last that ended otherwise; None where there was none."""
    row = scenario.searches.order_by("-started_at").first()
    if row is not None and row.state == SearchState.RUNNING and row.heard_at < now - SILENT:
        row.state, row.fault = SearchState.FAILED, "lost"
    return row
