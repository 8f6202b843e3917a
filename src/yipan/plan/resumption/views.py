"""The page of work, returns and schools for one option; its lists as CSV; registers taken in."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.places import queries as places
from yipan.plan import queries
from yipan.plan.actions import build_for
from yipan.plan.edits import levels_kept
from yipan.plan.errors import MalformedRegister
from yipan.plan.models import Option
from yipan.plan.resumption import words as told
from yipan.plan.resumption.bottlenecks import chain_of, held_back
from yipan.plan.resumption.registers import Enterprise, invented, read_enterprises, read_waiting
from yipan.plan.resumption.returns import Returns, schedule, waiting_of
from yipan.plan.resumption.schools import stages
from yipan.plan.scenarios.asking import read_limits
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels
from yipan.plan.scenarios.packing import pack_of
from yipan.plan.search_views import scenario

SHOWN = 25
SCHOOL_MEMBERS = 100
LARGEST_FILE = 2 * 1024 * 1024
BOM = "\ufeff"


class _Desk:
    """What every list of the page is computed from."""

    def __init__(self, request: PersonRequest, pk: int) -> None:
        self.scenario = scenario(request, pk)
        key = request.GET.get("option") or request.POST.get("option") or ""
        best = queries.best_within(self.scenario)
        self.option: Option = queries.option_of(self.scenario, key or (best.key if best else "hold"))  # fmt: skip
        self.build: Build = build_for(self.scenario.assessment, pack_of(self.scenario))
        levels, codes = levels_kept(self.option)
        order = [codes.index(c.code) for c in self.build.province.counties]
        self.levels: Levels = levels[:, order]
        self.limits = read_limits(self.scenario.limits)

    @property
    def kept(self) -> dict[str, Any]:
        """Registers and school stages that the scenario keeps."""
        found: dict[str, Any] = self.scenario.answer.get("resumption", {})
        return found

    def keep(self, **more: Any) -> None:
        """Keep more beside the answer."""
        self.scenario.answer = {**self.scenario.answer, "resumption": {**self.kept, **more}}
        self.scenario.save(update_fields=["answer"])

    def firms(self) -> tuple[list[Enterprise], bool]:
        """Return the firms, and whether they are invented."""
        rows = self.kept.get("enterprises")
        if rows:
            return [Enterprise(**row) for row in rows], False
        if not self.scenario.assessment.incident.exercise:
            return [], False
        province, pack = self.build.province, self.build.assumptions
        firms = invented(
            counties=[c.code for c in province.counties],
            names={c.code: c.name_zh or c.name_en for c in province.counties},
            sections=list(pack.sections),
            employed=province.employed,
            weekly_value=province.weekly_value,
            value_share=chain_of(self.build).value_share,
            seed=self.scenario.seed,
        )
        return firms, True

    def waiting(self) -> tuple[list[tuple[str, str, float]], bool]:
        """Return who waits where, and whether that is invented."""
        rows = self.kept.get("waiting")
        if rows:
            return [(o, d, float(n)) for o, d, n in rows], False
        return waiting_of(self.build), True


@require_safe
@signed_in
def resumption(request: PersonRequest, pk: int) -> HttpResponse:
    """Show whose reopening unlocks most, who comes back when, and what each stage of schools adds."""
    return _page(request, _Desk(request, pk))


@require_http_methods(["POST"])
@signed_in
def take_register(request: PersonRequest, pk: int) -> HttpResponse:
    """Take in a register of enterprises or of waiting workers; a bad row is told on the page."""
    _check_run(request)
    desk = _Desk(request, pk)
    counties = [c.code for c in desk.build.province.counties]
    try:
        file = request.FILES.get("register")
        if file is None or (file.size or 0) > LARGEST_FILE:
            raise MalformedRegister(
                _("No file came, or one above 2 MiB."),
                where="register",
                remedy=_("Choose a CSV file with the columns named on the page."),
            )
        text = _text(file.read())
        name = str(file.name)[:60]
        if request.POST.get("kind") == "waiting":
            desk.keep(waiting=read_waiting(text, counties=counties, file=name))
        else:
            sections = list(desk.build.assumptions.sections)
            firms = read_enterprises(text, counties=counties, sections=sections, file=name)
            desk.keep(enterprises=[firm.as_dict() for firm in firms])
    except YipanError as fault:
        return _page(request, desk, fault=fault)
    return redirect(reverse("plan:resumption", args=[pk]) + f"?option={desk.option.key}")


@require_POST
@signed_in
def run_schools(request: PersonRequest, pk: int) -> HttpResponse:
    """Run the stages of schools under the option's other levels; half a minute."""
    _check_run(request)
    desk = _Desk(request, pk)
    found = stages(
        desk.build, desk.levels, desk.limits, members=min(SCHOOL_MEMBERS, desk.scenario.members), seed=desk.scenario.seed
    )  # fmt: skip
    before = desk.kept.get("schools", {})
    desk.keep(schools={**before, desk.option.key: [asdict(stage) for stage in found]})
    return redirect(reverse("plan:resumption", args=[pk]) + f"?option={desk.option.key}#schools")


def _check_run(request: PersonRequest) -> None:
    for unit in request.board.incident.places.all():
        request.scope.check(Action.PLAN_RUN, unit)


def _text(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise MalformedRegister(_("The file is neither UTF-8 nor GB 18030."), where="register", remedy=_("Save it as CSV, UTF-8."))  # fmt: skip


def _page(request: PersonRequest, desk: _Desk, *, fault: YipanError | None = None) -> HttpResponse:
    firms, synthetic = desk.firms()
    rows, _found = held_back(desk.build, desk.levels, firms) if firms else ([], None)
    waiting, guessed = desk.waiting()
    back = schedule(desk.build, desk.levels, waiting, desk.limits)
    names = {c.code: c.name for c in desk.build.province.counties}
    may_run = not request.board.past and all(
        request.scope.may(Action.PLAN_RUN, unit) for unit in request.board.incident.places.all()
    )
    context = {
        "section": "plan",
        "scenario": desk.scenario,
        "option": desk.option,
        "options": list(desk.scenario.options.all()),
        "firms": len(firms),
        "synthetic": synthetic,
        "rows": [told.firm_row(row, names, desk.build.assumptions) for row in rows[:SHOWN]],
        "held": len(rows),
        "headline": told.headline(rows, names),
        "kinds": told.by_kind(rows),
        "back": told.weeks_of(back, desk.scenario.start_day),
        "journeys": told.largest(back, names),
        "returns": back,
        "guessed": guessed,
        "stages": told.stage_rows(desk.kept.get("schools", {}).get(desk.option.key, [])),
        "school_members": min(SCHOOL_MEMBERS, desk.scenario.members),
        "may_run": may_run,
        "export": request.scope.may(Action.EXPORT),
        "fault": fault,
    }
    return render(request, "plan/resumption.html", context, status=fault.status if fault else 200)


# --- lists as files


@require_safe
@signed_in
def acts_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return what a task force does, firm by firm, those first that unlock most: one act, one accountable county."""
    request.scope.check(Action.EXPORT)
    desk = _Desk(request, pk)
    firms, synthetic = desk.firms()
    rows, _found = held_back(desk.build, desk.levels, firms) if firms else ([], None)
    names = {c.code: c.name for c in desk.build.province.counties}
    return _csv(
        f"resumption-{pk}-{desk.option.key}",
        ["rank", "enterprise", "name", "county", "county_name", "section", "bottleneck", "amount", "act", "share_now", "share_after", "unlocks_100m_cny", "own_part_100m_cny", "synthetic"],
        (
            [i, r.firm.id, r.firm.name, r.firm.county, names[r.firm.county], r.firm.section, r.kind, round(r.amount, 2), told.act(r), round(r.share, 3), round(r.next_share, 3), round(r.gain, 5), round(r.direct, 5), int(synthetic)]
            for i, r in enumerate(rows, start=1)
        ),
    )  # fmt: skip


@require_safe
@signed_in
def returns_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return the journeys: week, origin, destination, workers."""
    request.scope.check(Action.EXPORT)
    desk = _Desk(request, pk)
    waiting, guessed = desk.waiting()
    back: Returns = schedule(desk.build, desk.levels, waiting, desk.limits)
    names = {
        u.code: u.name for u in places.counties(request.board.package, on=desk.scenario.start_day)
    }
    return _csv(
        f"returns-{pk}-{desk.option.key}",
        ["week", "origin", "origin_name", "destination", "destination_name", "workers", "synthetic"],
        (
            [j.week, j.origin, names.get(j.origin, ""), j.destination, names.get(j.destination, ""), round(j.workers), int(guessed)]
            for j in back.journeys
        ),
    )  # fmt: skip


def _csv(name: str, head: list[str], rows: Iterable[list[Any]]) -> HttpResponse:
    response = HttpResponse(BOM, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(head)
    writer.writerows(rows)
    return response
