"""The files that the analyst's verbs read, each layout with its faults, and what options mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from yipan.cli.common import say
from yipan.cli.tables import (
    LONGEST_DAYS,
    UNDEFINED,
    Daily,
    Day,
    Table,
    daily_counts,
    day_of,
    read_table,
)
from yipan.engines.surveillance.errors import MalformedTable
from yipan.kernel.texts import terminal_text as _

# The engines are imported inside: scipy and numba take a second that `--help` need not.

if TYPE_CHECKING:
    from yipan.engines.checks import Floats

LONGEST_INTERVAL = 365
LONGEST_PAUSE = 400  # days from the last report to --now


def read_cases(path: Path, *, fill: bool = False) -> list[Daily]:
    """Return daily local and imported cases by place from a file of the form `yipan rt` reads."""
    table = read_table(path, "t|date|dates", "cases|local|I")
    days = table.days("date", "dates", "t")
    local = next(name for name in ("local", "cases", "I") if table.has(name))
    columns = {"local": local}
    if table.has("imported"):
        columns["imported"] = "imported"
        if local != "local":
            raise MalformedTable(
                _("`%s` beside `imported` is ambiguous.") % local,
                where=str(path),
                remedy=_("Name the column `local`: the cases infected here, imported ones apart."),
            )
    groups = daily_counts(table, days, columns, fill=fill)
    for group in groups:
        group.counts.setdefault("imported", np.zeros_like(group.counts["local"]))
    return groups


@dataclass(frozen=True)
class SerialInterval:
    """The serial interval as given: one, or another from some day on, or in some place.

    `given[place][first day]` is a probability by day from k = 0; the place "" is every place without
    its own, the day None the beginning.
    """

    given: Mapping[str, Mapping[Day | None, Floats]]

    def apart(self, places: Sequence[str]) -> bool:
        """Return whether some of the places has its own."""
        return any(place and place in self.given for place in places)

    def over(self, days: Sequence[Day], place: str = "") -> Floats:
        """Return it over the days of a place: (days,), or (time, days) where it changes."""
        changes = self.given.get(place) or self.given.get("")
        if changes is None:
            raise MalformedTable(_("No serial interval is given for the place %s.") % place)
        if len(changes) == 1:
            return next(iter(changes.values()))
        longest = max(len(weights) for weights in changes.values())
        rows = np.zeros((len(days), longest))
        starts = sorted((day for day in changes if day is not None), key=_order)
        for row, today in enumerate(days):
            since = [day for day in starts if _order(day) <= _order(today)]
            weights = changes[since[-1]] if since else changes.get(None, changes[starts[0]])
            rows[row, : len(weights)] = weights
        return rows


def _order(day: Day) -> int:
    return day.toordinal() if isinstance(day, date) else day


def serial_interval(
    path: Path | None, mean: float | None, sd: float | None, *, days: int
) -> SerialInterval:
    """Return the serial interval of a file, or of a mean and sd over `days` days.

    A file has `k,w`, and may have `from` (the first day on which it holds; empty: the beginning) and
    `place` (empty: every place without its own).
    """
    from yipan.engines.surveillance.reproduction import discretised_serial_interval

    if path is None:
        if mean is None or sd is None:
            raise click.UsageError(_("Give --si FILE, or both --si-mean and --si-sd."))
        return SerialInterval(
            {"": {None: discretised_serial_interval(mean_days=mean, sd_days=sd, days=days)}}
        )
    if mean is not None or sd is not None:
        raise click.UsageError(_("Give --si FILE, or --si-mean and --si-sd, not both."))
    table = read_table(path, "k", "w")
    lags, weights = table.counts("k").astype(int), table.numbers_of("w")
    named = table.columns.get("place", [""] * len(lags))
    starts = _starts(table)
    given: dict[str, dict[Day | None, dict[int, float]]] = {}
    for row, (lag, weight) in enumerate(zip(lags, weights, strict=True)):
        if weight < 0:
            table.refuse(row, "w", _("%g is not a probability.") % weight)
        if lag > LONGEST_INTERVAL:
            table.refuse(
                row,
                "k",
                _("%(k)d is more than %(most)d days.") % {"k": lag, "most": LONGEST_INTERVAL},
            )
        mine = given.setdefault(named[row], {}).setdefault(starts[row], {})
        if lag in mine:
            table.refuse(row, "k", _("%d stands twice.") % lag)
        mine[int(lag)] = float(weight)
    for changes in given.values():
        for mine in changes.values():
            if mine.get(0, 0.0) > 0 or sum(mine.values()) > 1 + 1e-6:
                raise MalformedTable(
                    _("The weights sum to %(sum).4g, %(first).3g of it on day 0.")
                    % {"sum": sum(mine.values()), "first": mine.get(0, 0.0)},
                    where=_("%(file)s, column %(column)s") % {"file": path, "column": "w"},
                    remedy=_(
                        "Give the probability of each day, nothing on day 0, at most 1 in all."
                    ),
                )
    return SerialInterval(
        {
            place: {day: _filled(mine) for day, mine in changes.items()}
            for place, changes in given.items()
        }
    )


def _starts(table: Table) -> list[Day | None]:
    if not table.has("from"):
        return [None] * len(table.numbers)
    cells = table.columns["from"]
    given = [row for row, cell in enumerate(cells) if cell]
    if not given:
        return [None] * len(cells)
    told = Table(
        table.name,
        {"from": [cells[row] for row in given]},
        [table.numbers[row] for row in given],
    ).days("from")
    starts: list[Day | None] = [None] * len(cells)
    for row, day in zip(given, told, strict=True):
        starts[row] = day
    return starts


def _filled(mine: Mapping[int, float]) -> Floats:
    weights = np.zeros(max(mine) + 1)
    weights[list(mine)] = list(mine.values())
    return weights


def given_date(text: str, option: str) -> date:
    """Return the day a person gave to an option; what is no date is refused."""
    try:
        return day_of(text)
    except ValueError:
        raise MalformedTable(
            _("%r is not a date.") % text, where=option, remedy=_("Write days as 2020-02-24.")
        ) from None


@dataclass(frozen=True)
class Triangle:
    """Counts (time, place, delay) by onset day as known at the end of a day, and of whom imported."""

    first: date
    places: list[str]
    counts: Floats
    imported: Floats | None

    @property
    def days(self) -> list[Day]:
        """The onset days."""
        return [self.first + timedelta(days=n) for n in range(len(self.counts))]


def is_triangle(path: Path) -> bool:
    """Return whether a file is one of reports by onset day, as `yipan nowcast` reads."""
    table = read_table(path)
    return table.has("reference_date") and table.has("report_date")


def read_triangle(path: Path, *, now: date, max_delay: int, at_least: int = 1) -> Triangle:
    """Return the reports of a triangle as known at the end of `now`, with delays of `at_least` so many days."""
    from yipan.engines.surveillance.delays import mask_unknown

    table = read_table(path, "reference_date", "report_date", "count")
    begun, told = table.dates("reference_date"), table.dates("report_date")
    counts = {"count": table.counts("count")}
    if table.has("imported"):
        counts["imported"] = table.counts("imported")
    names = table.texts("place") if table.has("place") else [""] * len(begun)
    places = list(dict.fromkeys(names))
    seen: set[tuple[str, date, date]] = set()
    for row, key in enumerate(zip(names, begun, told, strict=True)):
        if key[2] < key[1]:
            table.refuse(row, "report_date", _("%s is before its reference date.") % key[2])
        if key in seen:
            table.refuse(row, "count", _("This pair of days stands twice."))
        seen.add(key)
    first = min(begun)
    if (max(begun) - first).days > LONGEST_DAYS:
        row = begun.index(first)
        table.refuse(
            row,
            "reference_date",
            _("%(day)s is more than %(most)d days from the others.")
            % {"day": first, "most": LONGEST_DAYS},
        )
    if first > now or not any(day <= now for day in told):
        raise MalformedTable(
            _("Nothing was reported by %s.") % now, where=str(path), remedy=_("Give a later --now.")
        )
    last = max(day for day in told if day <= now)
    if (now - last).days > LONGEST_PAUSE:
        raise MalformedTable(
            _("The last report in the file is of %(last)s, %(days)d days before --now.")
            % {"last": last, "days": (now - last).days},
            where=str(path),
            remedy=_("Give the last day whose reports are in the file."),
        )
    if max(told) < now:
        say(
            _("The last report in the file is of %(last)s: from there to %(now)s counts as none.")
            % {"last": last, "now": now},
            as_json=True,
        )
    known = [row for row, day in enumerate(told) if day <= now and begun[row] <= now]
    longest = max((told[row] - begun[row]).days for row in known)
    shape = ((now - first).days + 1, len(places), min(max(longest, at_least, 1), max_delay) + 1)
    number = {place: p for p, place in enumerate(places)}
    filled = {name: np.zeros(shape) for name in counts}
    for row in known:
        delay = min((told[row] - begun[row]).days, shape[2] - 1)
        at = ((begun[row] - first).days, number[names[row]], delay)
        for name, series in counts.items():
            filled[name][at] += series[row]
    of_imported = filled.get("imported")
    return Triangle(
        first=first,
        places=places,
        counts=mask_unknown(filled["count"]),
        imported=None if of_imported is None else mask_unknown(of_imported),
    )


@dataclass(frozen=True)
class Unfinished:
    """Cases (time, place) of places that cover the same days, and what is not yet reported of them."""

    days: list[Day]
    places: list[str]
    local: Floats
    imported: Floats
    completed: Floats | None
    reported_share: Floats | None
    reported_share_log_sd: Floats | None


def one_group(groups: list[Daily], source: Path) -> Unfinished:
    """Return daily cases taken as completely reported; places of different days are refused."""
    if len(groups) > 1:
        raise MalformedTable(
            _("The place %s covers other days than the first.") % groups[1].places[0],
            where=str(source),
            remedy=_("To pool them, give every place the same days, or --fill-zeros."),
        )
    (group,) = groups
    counts = group.counts
    return Unfinished(
        group.days, group.places, counts["local"], counts["imported"], None, None, None
    )


def read_unfinished(path: Path, now_text: str | None, *, max_delay: int) -> Unfinished:
    """Return the cases of a triangle with its nowcast: local ones, those to come, imported ones completed."""
    from yipan.engines.surveillance.nowcast import nowcast

    if now_text is None:
        now = max(read_table(path, "report_date").dates("report_date"))
    else:
        now = given_date(now_text, "--now")
    known = read_triangle(path, now=now, max_delay=max_delay)
    found = nowcast(known.counts, first_weekday=known.first.weekday())
    reported = np.nansum(known.counts, axis=2)
    if known.imported is None:
        imported = np.zeros_like(reported)
    else:
        imported = np.nansum(known.imported, axis=2)
        if (imported > reported).any():
            t, p = np.argwhere(imported > reported)[0]
            raise MalformedTable(
                _("More are imported than counted: %(day)s%(place)s.")
                % {
                    "day": known.days[t],
                    "place": f", {known.places[p]}" if known.places[p] else "",
                },
                where=str(path),
                remedy=_("`imported` is how many of `count` were infected elsewhere."),
            )
    # Who is late to be reported infected all the same; of those to come, as many are imported as of those known.
    part = np.divide(imported, reported, out=np.zeros_like(reported), where=reported > 0)
    local_to_come = np.maximum(found.mean - reported, 0) * (1 - part)
    return Unfinished(
        days=known.days,
        places=known.places,
        local=reported - imported,
        imported=imported + (found.mean - reported) * part,
        completed=reported - imported + local_to_come,
        reported_share=found.reported_share,
        reported_share_log_sd=found.reported_share_log_sd,
    )


DIED, CURED = (
    ("died", "dead", "death", "死亡"),
    ("cured", "recovered", "discharged", "治愈", "出院"),
)


def read_stays(path: Path, now_text: str | None) -> tuple[list[int], list[int]]:
    """Return days since admission and 1 died, 2 cured, 0 still in, of each person of a file."""
    table = read_table(path, "admitted", "ended", "outcome")
    admitted = table.dates("admitted")
    outcome = [_outcome(table, row, cell) for row, cell in enumerate(table.columns["outcome"])]
    left: list[date | None] = []
    for row, cell in enumerate(table.columns["ended"]):
        if (cell == "") != (outcome[row] == 0):
            table.refuse(row, "ended", _("An outcome and the day it came go together."))
        left.append(None if not cell else one_date(table, row, "ended"))
    days = [*admitted, *(day for day in left if day is not None)]
    now = max(days) if now_text is None else given_date(now_text, "--now")
    stay, ended = [], []
    for row, day in enumerate(admitted):
        if day > now:
            continue
        until = left[row]
        if until is not None and until < day:
            table.refuse(row, "ended", _("%s is before the admission.") % until)
        known = until is not None and until <= now
        stay.append(((until if known and until is not None else now) - day).days)
        ended.append(outcome[row] if known else 0)
    if not stay:
        raise MalformedTable(
            _("Nobody was admitted by %s.") % now, where=str(path), remedy=_("Give a later --now.")
        )
    return stay, ended


def _outcome(table: Table, row: int, cell: str) -> int:
    for number, words in ((1, DIED), (2, CURED)):
        if cell.lower() in words:
            return number
    if cell:
        table.refuse(row, "outcome", _("%r is neither died nor cured.") % cell)
    return 0


def one_date(table: Table, row: int, column: str) -> date:
    """Return the day of one cell."""
    try:
        return day_of(table.columns[column][row])
    except ValueError:
        table.refuse(
            row,
            column,
            _("%r is not a date.") % table.columns[column][row],
            _("Write days as 2020-02-24."),
        )


def given_delay(text: str, option: str) -> Floats:
    """Return the delay by day of `family:a,b`, long enough to hold all but a millionth of it."""
    from yipan.engines.surveillance.delays import interval_censored_delay

    family, _colon, numbers = text.partition(":")
    try:
        first, second = (float(number) for number in numbers.split(","))
    except ValueError:
        first = second = float("nan")
    if family not in ("gamma", "lognormal") or not np.isfinite([first, second]).all():
        raise MalformedTable(
            _("%r is not a delay.") % text,
            where=option,
            remedy=_(
                "Write lognormal:2.577,0.440 (meanlog, sdlog) or gamma:4.6,3.6 (shape, scale)."
            ),
        )
    days = 64
    while True:
        pmf = interval_censored_delay(
            family="gamma" if family == "gamma" else "lognormal",
            parameters=(first, second),
            days=days,
        )
        if pmf.sum() > 1 - 1e-6 or days > 5000:
            return pmf
        days *= 2


NEARLY_ALL = 0.999


def long_enough(delay: Floats) -> int:
    """Return the days within which nearly all of a delay lies."""
    return int(np.searchsorted(np.cumsum(delay), NEARLY_ALL))


def over_delays(given: Floats, delays: int) -> Floats:
    """Return a delay over the delays of a triangle, the longer ones in the last."""
    fitted = np.zeros(delays)
    fitted[: min(delays, given.size)] = given[:delays]
    fitted[-1] += max(0.0, 1 - fitted.sum())
    return fitted


def finite_or_none(value: float) -> float | None:
    """Return the number, or None where it is undefined: JSON has no NaN."""
    return value if np.isfinite(value) else None


def told(value: float) -> str:
    """Return the number with four decimals, or the word for undefined."""
    return f"{value:.4f}" if np.isfinite(value) else UNDEFINED


def read_grid(
    path: Path, *, need: str | None, fill: bool = False
) -> tuple[list[Day], list[str], dict[str, Floats]]:
    """Return the days, the places and each series (time, place) of a file with every place every day."""
    table = read_table(path, "time|date|t", "place", "count", *([need] if need else []))
    days = table.days("date", "time", "t")
    groups = daily_counts(table, days, {"count": "count"}, fill=fill)
    if len(groups) > 1:
        odd = next(g for g in groups[1:])
        raise MalformedTable(
            _("The place %(odd)s has days %(first)s to %(last)s, others not.")
            % {"odd": odd.places[0], "first": odd.days[0], "last": odd.days[-1]},
            where=str(path),
            remedy=_("Give each place a row for each day; no case is an explicit 0."),
        )
    (group,) = groups
    series = dict(group.counts)
    place_of = {name: p for p, name in enumerate(group.places)}
    number = {day: t for t, day in enumerate(group.days)}
    for extra in ("population", "expected"):
        if table.has(extra):
            given = np.full(series["count"].shape, np.nan)
            for row, value in enumerate(table.numbers_of(extra)):
                if value < 0:
                    table.refuse(row, extra, _("%g is negative.") % value)
                given[number[days[row]], place_of[table.columns["place"][row]]] = value
            series[extra] = _without_holes(given)
    return group.days, group.places, series


def _without_holes(given: Floats) -> Floats:
    """Fill days without a row with the value of the row before, or of the first row after."""
    filled = given.copy()
    for t in range(1, len(filled)):
        filled[t] = np.where(np.isnan(filled[t]), filled[t - 1], filled[t])
    for t in range(len(filled) - 2, -1, -1):
        filled[t] = np.where(np.isnan(filled[t]), filled[t + 1], filled[t])
    return filled


def read_points(path: Path, names: list[str]) -> tuple[Floats, Floats]:
    """Return longitude and latitude of the places named, in their order."""
    table = read_table(path, "place", "lon", "lat")
    given = table.texts("place")
    lon, lat = table.numbers_of("lon"), table.numbers_of("lat")
    for column, values, low, high in (("lon", lon, -180, 360), ("lat", lat, -90, 90)):
        for row in np.flatnonzero((values < low) | (values > high)):
            table.refuse(
                int(row),
                column,
                _("%(value)g is not between %(low)d and %(high)d.")
                % {"value": values[row], "low": low, "high": high},
                _("Give degrees: longitude in `lon`, latitude in `lat`."),
            )
    at = {name: row for row, name in enumerate(given)}
    for name in names:
        if name not in at:
            raise MalformedTable(
                _("The place %s of the counts is not among the places.") % name, where=str(path)
            )
    order = [at[name] for name in names]
    return lon[order], lat[order]


def read_adjacency(path: Path, names: list[str]) -> Floats:
    """Return the symmetric 0/1 matrix of touching pairs among the places named."""
    table = read_table(path, "place_a|code_a|a", "place_b|code_b|b")
    pair = [
        table.texts(
            next(name for name in (f"place_{side}", f"code_{side}", side) if table.has(name))
        )
        for side in ("a", "b")
    ]
    at = {name: p for p, name in enumerate(names)}
    touching = np.zeros((len(names), len(names)))
    for one, other in zip(*pair, strict=True):
        if one in at and other in at:
            touching[at[one], at[other]] = touching[at[other], at[one]] = 1.0
    if not touching.any():
        raise MalformedTable(
            _("No pair is of two places of the counts."),
            where=str(path),
            remedy=_("Name places as the counts do."),
        )
    return touching


def read_counts(
    path: Path, *, until: str | None, fill: bool = False
) -> tuple[list[Day], list[str], Floats]:
    """Return the days, places and counts (time, place) of a file with the same days for every place."""
    table = read_table(path, "date|t", "cases|count|local")
    column = next(name for name in ("cases", "count", "local") if table.has(name))
    columns = {"cases": column}
    if column == "local" and table.has("imported"):
        columns["imported"] = "imported"
    groups = daily_counts(table, table.days("date", "t"), columns, fill=fill)
    if len(groups) > 1:
        raise MalformedTable(
            _("The place %s covers other days than the first.") % groups[1].places[0],
            where=str(path),
            remedy=_("Give each place a row for each day; no case is an explicit 0."),
        )
    (group,) = groups
    keep = len(group.days)
    if until is not None:
        keep = day_number(until, "--until", group.days) + 1
        if keep < 1:
            raise MalformedTable(_("No row is of %s or before.") % until, where=str(path))
    return group.days[:keep], group.places, sum(group.counts.values(), np.zeros(()))[:keep]


def day_number(text: str, option: str, days: list[Day]) -> int:
    """Return how many days after the file's first day a given date is (negative before it)."""
    first = days[0]
    if isinstance(first, date):
        return (given_date(text, option) - first).days
    try:
        return int(text) - first
    except ValueError:
        raise MalformedTable(
            _("%r is not a day.") % text, where=option, remedy=_("The file numbers its days.")
        ) from None


def later(day: Day, days: int) -> Day:
    """Return the day so many days after another."""
    return day + timedelta(days=days) if isinstance(day, date) else day + days
