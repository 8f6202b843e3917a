"""What the demonstration's front line reports: bulletins as published, everything below synthetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.demo.linelist import AGE_BANDS, City, LineList, cluster_outbreaks, draw_line_list
from yipan.kernel.texts import terminal_text as _
from yipan.kernel.time import BoardTime
from yipan.places import queries as places
from yipan.places.models import PublishedCount, Unit
from yipan.report import actions as reporting
from yipan.report.actions import CaseRow, Report
from yipan.report.models import Source

Progress = Callable[[str, int, int], None]
DRAWN_DAYS = 40  # from the first day: past the last published point that the draw passes through
SILENT = (
    "410328",
    "411224",
    "410927",
)  # counties that have not reported the last data day (invented)
VILLAGE_DAYS = 2  # the last days for which villages report
# A drill with few villages shares a county's people among them; a reporter still walks one village.
VILLAGE_PEOPLE = 2_000
MASKS_DELIVERED = 0.01  # the share of villages that get 600 masks in a day
SILENT_VILLAGES = 0.015


@dataclass(frozen=True)
class Drawn:
    """The synthetic line list with the units and days its indices stand for."""

    cases: LineList
    counties: list[Unit]
    first: date
    days: int


def fill(incident: Incident, *, until: datetime, seed: int, progress: Progress) -> None:
    """Take in everything the province had reported by `until`; a second run adds nothing."""
    label = _("Take in the reports")
    clock = places.board_time(incident.package)
    last = clock.last_data_day(until)
    reporting.take_published(incident=incident, until=until, at=until)
    progress(label, 1, 4)
    drawn = draw(incident, seed=seed)
    take_line_list(incident, drawn, clock, last=last, until=until)
    progress(label, 2, 4)
    take_county_counts(incident, drawn, clock, last=last, until=until)
    progress(label, 3, 4)
    take_village_reports(incident, clock, last=clock.local_day(until), until=until, seed=seed)
    progress(label, 4, 4)


def draw(incident: Incident, *, seed: int) -> Drawn:
    """Draw the line list of every city of the package that published counts."""
    package = incident.package
    first = PublishedCount.objects.filter(unit__package=package).earliest("day").day
    span = [first + timedelta(days=i) for i in range(DRAWN_DAYS)]
    counties = list(places.counties(package, on=span[-1]))
    index = {unit.pk: i for i, unit in enumerate(counties)}
    published: dict[int, dict[date, int]] = defaultdict(dict)
    for unit, day, confirmed in PublishedCount.objects.filter(
        unit__package=package, day__range=(span[0], span[-1])
    ).values_list("unit_id", "day", "confirmed"):
        published[unit][day] = confirmed
    cities = []
    for city in places.cities(package, on=span[-1]):
        mine = [unit for unit in counties if city.lft < unit.lft < city.rgt]
        if not mine or city.pk not in published:
            continue
        totals, running = published[city.pk], 0
        series = []
        for day in span:  # a day without a bulletin keeps the total of the day before
            running = totals.get(day, running)
            series.append(running)
        points = {
            index[unit.pk]: {(day - first).days: n for day, n in published[unit.pk].items()}
            for unit in mine
            if unit.pk in published
        }
        cities.append(
            City(
                np.array(series),
                tuple(index[unit.pk] for unit in mine),
                tuple(float(unit.population or 1) for unit in mine),
                points,
            )
        )
    return Drawn(draw_line_list(cities=cities, seed=seed), counties, first, DRAWN_DAYS)


def take_line_list(
    incident: Incident, drawn: Drawn, clock: BoardTime, *, last: date, until: datetime
) -> None:
    """Take the cases confirmed up to the data day `last`, each known from the next morning."""
    cases = drawn.cases
    rows, withdrawn = [], []
    for i in range(len(cases.county)):
        day = drawn.first + timedelta(days=int(cases.report_day[i]))
        if day > last:
            continue
        row = CaseRow(
            unit=drawn.counties[cases.county[i]].pk,
            number=f"synthetic-{i}",
            report_day=day,
            onset_day=drawn.first + timedelta(days=int(cases.onset_day[i])),
            age_band=AGE_BANDS[cases.age_band[i]],
            sex="FM"[cases.sex[i]],
            imported=bool(cases.imported[i]),
            cluster=f"cluster-{cases.cluster[i]}" if cases.cluster[i] >= 0 else "",
            recorded_at=clock.known_from(day),
        )
        rows.append(row)
        gone = drawn.first + timedelta(days=int(cases.withdrawn[i]))
        if cases.withdrawn[i] >= 0 and gone <= last:
            withdrawn.append(
                row._replace(
                    outcome="void",
                    recorded_at=clock.known_from(gone),
                    reason=_("The published total of the city fell."),
                )
            )
    for name, batch in (("line-list", rows), ("withdrawn", withdrawn)):
        if batch:
            reporting.take_cases(
                incident=incident,
                cases=batch,
                actor=None,
                source=Source.SYNTHETIC,
                at=until,
                unit=places.province(incident.package),
                synthetic=True,
                client_key=f"demo:{incident.pk}:{name}",
            )


def take_county_counts(
    incident: Incident, drawn: Drawn, clock: BoardTime, *, last: date, until: datetime
) -> None:
    """Take each county's daily count, zeros said aloud, and its word on clusters."""
    new = daily_new(drawn)
    clusters = cluster_outbreaks(drawn.cases, counties=len(drawn.counties), days=drawn.days)
    total = np.cumsum(new, axis=0)
    unsaid = _county_without_cluster_word(total, (last - drawn.first).days)
    rows = []
    for i in range((last - drawn.first).days + 1):
        day = drawn.first + timedelta(days=i)
        for j, unit in enumerate(drawn.counties):
            if day == last and unit.code in SILENT:
                continue
            values: dict[str, float | None] = {"confirmed_new": float(new[i, j])}
            if not (j == unsaid and (last - day).days < 3):
                values["cluster_14d"] = float(clusters[i, j])
            rows.append(Report(unit.pk, day, values, clock.known_from(day)))
    reporting.take_batch(
        incident=incident,
        rows=rows,
        source=Source.SYNTHETIC,
        at=until,
        key=f"demo:{incident.pk}:county",
    )


def daily_new(drawn: Drawn) -> NDArray[np.int64]:
    """Return new cases [day, county], never below zero; a withdrawn case leaves its own day."""
    new = np.zeros((drawn.days, len(drawn.counties)), dtype=np.int64)
    standing = drawn.cases.withdrawn < 0
    np.add.at(new, (drawn.cases.report_day[standing], drawn.cases.county[standing]), 1)
    return new


def _county_without_cluster_word(total: NDArray[np.int64], at: int) -> int:
    """Return the county with the third most cases: it has not said whether it has a cluster (invented)."""
    return int(np.argsort(total[at])[-3])


def take_village_reports(
    incident: Incident, clock: BoardTime, *, last: date, until: datetime, seed: int
) -> None:
    """Take the villages' daily pages of the last days; a few villages stay silent."""
    villages = list(places.subtree(places.province(incident.package), level="village"))
    rng = np.random.default_rng([seed, 2])
    rows = []
    n = len(villages)
    reached, stock = rng.beta(9, 1.2, n), rng.integers(40, 400, n)
    for back in range(VILLAGE_DAYS, 0, -1):
        day = last - timedelta(days=back - 1)
        # A village's days are alike; what is not waits for the office above (report/review).
        share = np.clip(reached * rng.normal(1, 0.03, n), 0, 1)
        minutes = rng.integers(7 * 60, 17 * 60 + 30, n)
        silent = rng.random(n) < SILENT_VILLAGES
        fever, back_home = rng.poisson(0.15, n), rng.poisson(1.5, n)
        stock = stock - rng.integers(0, 12, n) + 600 * (rng.random(n) < MASKS_DELIVERED)
        masks = stock
        for i, unit in enumerate(villages):
            if silent[i]:
                continue
            households = max(1, round(min(unit.population or 0, VILLAGE_PEOPLE) / 3))
            checked = round(households * share[i])
            at = clock.day_bounds(day)[0] + timedelta(minutes=int(minutes[i]))
            rows.append(
                Report(
                    unit.pk,
                    day,
                    {
                        "households_checked": float(checked),
                        "households_not_reached": float(households - checked),
                        "fever": float(fever[i]),
                        "returned_from_outside": float(back_home[i]),
                        "masks_stock": float(masks[i]),
                    },
                    at,
                )
            )
    reporting.take_batch(
        incident=incident,
        rows=rows,
        source=Source.SYNTHETIC,
        at=until,
        key=f"demo:{incident.pk}:village",
    )
