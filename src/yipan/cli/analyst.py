"""The analyst's verbs on plain files: `rt`, `nowcast`, `severity`, `scan`, `forecast`; no database, no incident, the same engines as the board."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from yipan.cli.common import examples, json_option, print_json, say, verb
from yipan.cli.layouts import (
    SerialInterval,
    Unfinished,
    day_number,
    finite_or_none,
    given_date,
    given_delay,
    is_triangle,
    later,
    long_enough,
    one_group,
    over_delays,
    read_adjacency,
    read_cases,
    read_counts,
    read_grid,
    read_points,
    read_stays,
    read_triangle,
    read_unfinished,
    serial_interval,
    told,
)
from yipan.cli.tables import Daily, daily_counts, read_table, write_table
from yipan.engines.surveillance.errors import MalformedTable
from yipan.kernel.texts import terminal_text as _

# The engines are imported inside the verbs: scipy and numba take a second that `--help` need not.

if TYPE_CHECKING:
    from yipan.engines.checks import Floats

IN = click.Path(path_type=Path, dir_okay=False)
OUT = click.Path(path_type=Path, dir_okay=False, writable=True)
RT_COLUMNS = ("t_start", "t_end", "mean", "sd", "q025", "q05", "median", "q95", "q975")
RT_PROBABILITIES = (0.025, 0.05, 0.5, 0.95, 0.975)
NOWCAST_COLUMNS = (
    "place", "reference_date", "reported", "mean",
    "q025", "q05", "q25", "median", "q75", "q95", "q975",
)  # fmt: skip
SCAN_COLUMNS = (
    "rank", "places", "t_start", "t_end", "observed", "expected", "relative_risk", "llr", "p_value",
)  # fmt: skip
NOWCAST_PROBABILITIES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
FORECAST_COLUMNS = (
    "place", "target_date", "horizon", "mean",
    "q025", "q05", "q25", "median", "q75", "q95", "q975",
)  # fmt: skip

out_option = click.option(
    "--out", type=OUT, metavar="OUT.csv", help=_("Where to write. Default: the terminal.")
)


fill_option = click.option(
    "--fill-zeros", "fill", is_flag=True, help=_("A day without a row is a 0, for every place.")
)
max_delay_option = click.option(
    "--max-delay",
    default=60,
    show_default=True,
    type=click.IntRange(1, 400),
    help=_("Longer delays count as this many days."),
)


@click.command(
    help=_(
        "Estimate Rt from daily cases.\n\n"
        "CASES.csv has `t` or `date`, `cases` or `local` and `imported`, and may have `place`. "
        "Imported cases infect but are not counted as infected here. Windows in which the estimate "
        "is undefined are NA. With --pooled it may be a triangle as `yipan nowcast` reads, and may "
        "have `imported` (how many of `count`): what is not yet reported is then allowed for."
    ),
    epilog=examples(
        "yipan rt cases.csv --si-mean 7.5 --si-sd 3.4 --window 7 --out rt.csv",
        "yipan rt cases.csv --si serial_interval.csv --window 14",
        "yipan rt cases.csv --si-mean 7.5 --si-sd 3.4 --pooled --out rt.csv",
        "yipan rt triangle.csv --si-mean 7.5 --si-sd 3.4 --pooled --now 2020-02-10",
    ),
)
@click.argument("cases", type=IN, metavar="CASES.csv")
@click.option("--si-mean", type=float, help=_("Mean serial interval, days."))
@click.option("--si-sd", type=float, help=_("Standard deviation of the serial interval, days."))
@click.option(
    "--si",
    "si_file",
    type=IN,
    metavar="FILE",
    help=_(
        "Serial interval by day: `k,w` from k = 0; with `from`, the first day on which it holds, and "
        "`place` where it differs."
    ),
)
@click.option("--window", default=7, show_default=True, help=_("Days in a window."))
@click.option(
    "--pooled",
    is_flag=True,
    help=_("Rt of every day, each place borrowing from all: for many places with few cases."),
)
@click.option(
    "--now",
    "now_text",
    metavar="DATE",
    help=_("Of a triangle: the last day whose reports are in. Default: the last in the file."),
)
@click.option("--prior-mean", default=5.0, show_default=True, help=_("Mean of the prior of Rt."))
@click.option("--prior-sd", default=5.0, show_default=True, help=_("Its standard deviation."))
@fill_option
@max_delay_option
@out_option
@verb
def rt(
    *,
    cases: Path,
    si_mean: float | None,
    si_sd: float | None,
    si_file: Path | None,
    window: int,
    pooled: bool,
    now_text: str | None,
    prior_mean: float,
    prior_sd: float,
    fill: bool,
    max_delay: int,
    out: Path | None,
) -> None:
    triangle = is_triangle(cases)
    if now_text is not None and not triangle:
        raise click.UsageError(_("--now is for a triangle: `reference_date,report_date,count`."))
    if triangle and not pooled:
        raise click.UsageError(_("A triangle needs --pooled; without it, give daily cases."))

    def interval(days: int) -> SerialInterval:
        return serial_interval(si_file, si_mean, si_sd, days=days)

    if triangle:
        write_pooled(read_unfinished(cases, now_text, max_delay=max_delay), interval, out)
    elif pooled:
        write_pooled(one_group(read_cases(cases, fill=fill), cases), interval, out)
    else:
        write_windows(
            read_cases(cases, fill=fill), interval, out,
            window_days=window, prior_mean=prior_mean, prior_sd=prior_sd,
        )  # fmt: skip


def write_windows(
    groups: list[Daily],
    interval: Callable[[int], SerialInterval],
    out: Path | None,
    *,
    window_days: int,
    prior_mean: float,
    prior_sd: float,
) -> None:
    """Write Rt of every window of every place; where places have their own interval, each by itself."""
    from yipan.engines.surveillance.reproduction import enough_cases, estimate_Rt_cori

    rows: list[tuple[object, ...]] = []
    shown = defined = 0
    for group in groups:
        given = interval(len(group.days))
        every = range(len(group.places))
        for together in [[p] for p in every] if given.apart(group.places) else [list(every)]:
            found = estimate_Rt_cori(
                group.counts["local"][:, together],
                group.counts["imported"][:, together],
                given.over(group.days, group.places[together[0]]),
                window_days=window_days,
                prior_mean=prior_mean,
                prior_sd=prior_sd,
                probabilities=RT_PROBABILITIES,
            )
            shown += int(enough_cases(found).sum())
            defined += int(np.isfinite(found.mean).sum())
            for i, p in enumerate(together):
                for w, (start, end) in enumerate(zip(found.t_start, found.t_end, strict=True)):
                    estimate = (found.mean[w, i], found.sd[w, i], *found.quantiles[:, w, i])
                    rows.append(
                        (group.places[p], group.days[start], group.days[end - 1], *estimate)
                    )
    write_table(out, ("place", *RT_COLUMNS), rows)
    say(
        _("%(rows)d windows; in %(few)d of them there are too few local cases to say.")
        % {"rows": len(rows), "few": defined - shown},
        as_json=True,
    )


def write_pooled(
    known: Unfinished, interval: Callable[[int], SerialInterval], out: Path | None
) -> None:
    """Write Rt of every day and place, pooled."""
    from yipan.engines.surveillance.pooled import estimate_Rt_pooled

    given = interval(len(known.days))
    if given.apart(known.places):
        raise MalformedTable(
            _("Places that are pooled share one serial interval."),
            where="--si",
            remedy=_("Leave out the column `place`, or leave out --pooled."),
        )
    found = estimate_Rt_pooled(
        known.local,
        known.imported,
        given.over(known.days),
        completed=known.completed,
        reported_share=known.reported_share,
        reported_share_log_sd=known.reported_share_log_sd,
        probabilities=RT_PROBABILITIES,
    )
    rows = [
        (place, day, day, found.mean[t, p], found.sd[t, p], *found.quantiles[:, t, p])
        for p, place in enumerate(known.places)
        for t, day in enumerate(known.days)
    ]
    write_table(out, ("place", *RT_COLUMNS), rows)
    say(
        _("Offspring dispersion k %(k).2g; places deviate by %(spread).2g (sd of log Rt).")
        % {"k": found.hyperparameters.dispersion, "spread": found.hyperparameters.spread},
        as_json=True,
    )


@click.command(
    help=_(
        "Estimate how many cases have begun, those not yet reported included.\n\n"
        "TRIANGLE.csv has `reference_date`, `report_date` and `count` (new reports of that day), and "
        "may have `place`. Reports after --now are not used; a pair of days without a row is a zero."
    ),
    epilog=examples(
        "yipan nowcast triangle.csv --now 2020-02-10 --out nowcast.csv",
        "yipan nowcast triangle.csv --now 2020-01-25 --delay gamma:2.8,2.5",
    ),
)
@click.argument("triangle", type=IN, metavar="TRIANGLE.csv")
@click.option(
    "--now", "now_text", required=True, metavar="DATE", help=_("The last day whose reports are in.")
)
@max_delay_option
@click.option(
    "--delay",
    "delay_text",
    metavar="FAMILY:A,B",
    help=_(
        "Delay from onset to report known from elsewhere, as ten imagined cases: for the first days."
    ),
)
@out_option
@verb
def nowcast(
    *, triangle: Path, now_text: str, max_delay: int, delay_text: str | None, out: Path | None
) -> None:
    from yipan.engines.surveillance.nowcast import nowcast as complete

    now = given_date(now_text, "--now")
    given = None if delay_text is None else given_delay(delay_text, "--delay")
    known = read_triangle(
        triangle,
        now=now,
        max_delay=max_delay,
        at_least=1 if given is None else long_enough(given),
    )
    found = complete(
        known.counts,
        first_weekday=known.first.weekday(),
        prior_delay=None if given is None else over_delays(given, known.counts.shape[2]),
    )
    rows = [
        (
            place,
            day,
            int(found.reported[t, p]),
            found.mean[t, p],
            *(int(q) for q in found.quantiles[:, t, p]),
        )
        for p, place in enumerate(known.places)
        for t, day in enumerate(known.days)
    ]
    write_table(out, NOWCAST_COLUMNS, rows)
    low, middle, high = (int(found.pending_quantiles[i]) for i in (1, 3, 5))
    say(
        _(
            "Begun in the last %(days)d days and not yet reported: %(mid)d (90 %%: %(low)d to %(high)d)."
        )
        % {"days": found.pending_days, "mid": middle, "low": low, "high": high},
        as_json=True,
    )


@click.command(
    help=_(
        "Estimate the case fatality, corrected for the delay to death.\n\n"
        "COUNTS.csv has `date`, `cases` (by onset) and `deaths`. Without information the answer is "
        "[0, 1], never a missing value."
    ),
    epilog=examples(
        "yipan severity counts.csv --onset-to-death lognormal:2.577,0.440",
        "yipan severity counts.csv --onset-to-death gamma:4.6,3.6 --until 2020-02-10 --json",
    ),
)
@click.argument("counts", type=IN, metavar="COUNTS.csv")
@click.option(
    "--onset-to-death",
    "delay_text",
    required=True,
    metavar="FAMILY:A,B",
    help=_("lognormal:MEANLOG,SDLOG or gamma:SHAPE,SCALE, in days."),
)
@click.option(
    "--until", metavar="DATE", help=_("Use the rows up to this day only. Default: all of them.")
)
@fill_option
@json_option
@verb
def severity(
    *, counts: Path, delay_text: str, until: str | None, fill: bool, as_json: bool
) -> None:
    from yipan.engines.surveillance.severity import fatality

    delay = given_delay(delay_text, "--onset-to-death")
    table = read_table(counts, "date|t", "cases", "deaths")
    days = table.days("date", "t")
    wanted = {"cases": "cases", "deaths": "deaths"}
    whole = daily_counts(table, days, wanted, fill=fill)
    if len(whole) != 1 or len(whole[0].places) != 1:
        raise MalformedTable(
            _("The file holds several places."), where=str(counts), remedy=_("Give one at a time.")
        )
    (group,) = whole
    rows = len(group.days)
    if until is not None:
        last = given_date(until, "--until")
        rows = sum(1 for day in group.days if isinstance(day, date) and day <= last)
    series = [group.counts[name][:rows, 0] for name in ("cases", "deaths")]
    found = fatality(series[0], series[1], delay)
    if as_json:
        print_json(
            {
                "naive": finite_or_none(found.naive),
                "estimate": finite_or_none(found.estimate),
                "low": found.low,
                "high": found.high,
                "deaths": found.deaths,
                "cases": found.cases,
                "note": found.note,
            }
        )
        return
    notes = {
        "": "",
        "no_information": _("No death could have been seen yet: any fatality is possible."),
        "faster_than_delay": _("Deaths come faster than this delay allows: it does not fit."),
        "more_deaths_than_cases": _(
            "More have died than were cases: the deaths are of others too."
        ),
    }
    say(
        _(
            "Fatality %(estimate)s [%(low).4f, %(high).4f]; naive %(naive)s; %(deaths)d of %(cases)d."
        )
        % {
            "estimate": told(found.estimate),
            "low": found.low,
            "high": found.high,
            "naive": told(found.naive),
            "deaths": found.deaths,
            "cases": found.cases,
        }
        + (" " + notes[found.note]).rstrip()
    )


@click.command(
    help=_(
        "Estimate who dies, who is cured and how long they stay, both ends competing.\n\n"
        "FILE has one row a person, `admitted`, `ended` and `outcome` (died or cured; both empty: still "
        "in), or one row a day, `date`, `admitted`, `died` and `cured`, from the first admission on. "
        "Intervals are always finite; without information they are wide."
    ),
    epilog=examples(
        "yipan outcomes stays.csv --now 2020-02-24",
        "yipan outcomes counts.csv --json",
    ),
)
@click.argument("source", type=IN, metavar="FILE")
@click.option(
    "--now",
    "now_text",
    metavar="DATE",
    help=_("Of persons: the last day known. Default: the last end."),
)
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(2, 400),
    help=_("Of persons: stays are followed so long."),
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@fill_option
@json_option
@verb
def outcomes(
    *, source: Path, now_text: str | None, days: int, seed: int, fill: bool, as_json: bool
) -> None:
    table = read_table(source, "admitted")
    if table.has("outcome"):
        answer = outcomes_of_persons(read_stays(source, now_text), days=days, seed=seed)
    else:
        answer = outcomes_of_days(source, fill=fill, seed=seed)
    if as_json:
        print_json(answer)
        return
    for name, label in (
        ("fatality", _("die in the end")),
        ("cure", _("are cured in the end")),
        ("days_to_death", _("days to death")),
        ("days_to_cure", _("days to cure")),
        ("days", _("days of stay")),
    ):
        if name in answer:
            say(
                f"{label}: {answer[name]:.3g} [{answer[name + '_low']:.3g}, {answer[name + '_high']:.3g}]"
            )
    if answer["note"]:
        say(_("Nobody has died or was cured yet: nothing can be said."))


def outcomes_of_persons(
    known: tuple[list[int], list[int]], *, days: int, seed: int
) -> dict[str, object]:
    """Return the outcomes of persons as JSON."""
    from yipan.engines.surveillance.severity import outcomes as compete

    stay, ended = known
    found = compete(stay, ended, days=days, seed=seed)
    answer: dict[str, object] = {
        "people": found.people,
        "died": ended.count(1),
        "cured": ended.count(2),
    }
    middle, low, high = found.fatality
    answer |= interval_dict("fatality", found.fatality)
    answer |= interval_dict("cure", (1 - middle, 1 - high, 1 - low))
    answer |= interval_dict("days_to_death", found.days_to_death) if 1 in ended else {}
    answer |= interval_dict("days_to_cure", found.days_to_cure) if 2 in ended else {}
    answer |= interval_dict("days", (found.stay_mean_days, *found.stay_interval))
    return answer | {"note": "" if any(ended) else "no_information"}


def outcomes_of_days(source: Path, *, fill: bool, seed: int) -> dict[str, object]:
    """Return the outcomes of daily sums as JSON."""
    from yipan.engines.surveillance.stays import stays_from_counts

    table = read_table(source, "date|t", "admitted", "died|deaths", "cured")
    died = "died" if table.has("died") else "deaths"
    columns = {"admitted": "admitted", "died": died, "cured": "cured"}
    groups = daily_counts(table, table.days("date", "t"), columns, fill=fill)
    if len(groups) != 1 or len(groups[0].places) != 1:
        raise MalformedTable(
            _("The file holds several places."), where=str(source), remedy=_("Give one at a time.")
        )
    series = [groups[0].counts[name][:, 0] for name in columns]
    found = stays_from_counts(*series, seed=seed)
    answer: dict[str, object] = {
        "people": int(series[0].sum()),
        "died": int(series[1].sum()),
        "cured": int(series[2].sum()),
    }
    for name in ("fatality", "cure", "days_to_death", "days_to_cure", "days"):
        answer |= interval_dict(name, getattr(found, name))
    return answer | {"overdispersion": found.overdispersion, "note": found.note}


def interval_dict(name: str, value: tuple[float, float, float]) -> dict[str, object]:
    """Return (middle, low, high) under three names."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), value, strict=True))


@click.command(
    help=_(
        "Find space-time clusters that are alive on the last day.\n\n"
        "COUNTS.csv has `time`, `place`, `count`, a row for each place and day, and `population` for the "
        "null “population”; PLACES.csv has `place,lon,lat`. The null “expectation” compares with "
        "`expected` where the file has it, otherwise with each place's mean before the days scanned."
    ),
    epilog=examples(
        "yipan scan counts.csv --places places.csv --null population --out clusters.csv",
        "yipan scan counts.csv --places places.csv --null expectation --max-duration 7 --seed 3",
        "yipan scan counts.csv --places places.csv --null permutation --adjacency touching.csv",
    ),
)
@click.argument("counts", type=IN, metavar="COUNTS.csv")
@click.option("--places", "places_file", type=IN, required=True, metavar="PLACES.csv")
@click.option(
    "--null",
    required=True,
    type=click.Choice(["expectation", "population", "permutation"]),
    help=_("What the clusters stand against."),
)
@click.option(
    "--adjacency",
    "adjacency_file",
    type=IN,
    metavar="FILE",
    help=_("Touching pairs `place_a,place_b`: zones are connected instead of round."),
)
@click.option("--max-places", default=30, show_default=True, type=click.IntRange(1))
@click.option("--max-duration", default=14, show_default=True, type=click.IntRange(1))
@click.option("--simulations", default=999, show_default=True, type=click.IntRange(0, 1_000_000))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--most", default=10, show_default=True, type=click.IntRange(1), help=_("Clusters to list.")
)
@fill_option
@out_option
@verb
def scan(
    *,
    counts: Path,
    places_file: Path,
    null: str,
    adjacency_file: Path | None,
    max_places: int,
    max_duration: int,
    simulations: int,
    seed: int,
    most: int,
    fill: bool,
    out: Path | None,
) -> None:
    from yipan.engines.surveillance.scan import (
        NULLS,
        adjacency_zones,
        baseline_from_history,
        circular_zones,
    )
    from yipan.engines.surveillance.scan import scan as find

    days, names, series = read_grid(
        counts, need="population" if null == "population" else None, fill=fill
    )
    lon, lat = read_points(places_file, names)
    if adjacency_file is None:
        zones = circular_zones(lon, lat, max_places=max_places)
    else:
        touching = read_adjacency(adjacency_file, names)
        zones = adjacency_zones(touching, lon, lat, max_places=max_places)
    cases, skipped = series["count"], 0
    expected = series.get("expected")
    if null == "expectation" and expected is None:
        skipped = len(days) - max_duration
        if skipped < 1:
            raise MalformedTable(
                _("There is no day before the %(scanned)d scanned among the %(days)d of the file.")
                % {"scanned": max_duration, "days": len(days)},
                where=str(counts),
                remedy=_("Give earlier days, a column `expected`, or a shorter --max-duration."),
            )
        expected = baseline_from_history(cases, history_days=skipped)
        cases = cases[skipped:]
    found = find(
        cases,
        zones,
        null=next(known for known in NULLS if known == null),
        max_duration_days=max_duration,
        simulations=simulations,
        seed=seed,
        expected=expected if null == "expectation" else None,
        population=series.get("population") if null == "population" else None,
        most=most,
    )
    rows = [
        (
            rank,
            ";".join(names[p] for p in cluster.places),
            days[skipped + cluster.t_start],
            days[skipped + cluster.t_end - 1],
            cluster.observed,
            cluster.expected,
            cluster.relative_risk,
            cluster.log_likelihood_ratio,
            cluster.p_value,
        )
        for rank, cluster in enumerate(found.clusters, 1)
    ]
    write_table(out, SCAN_COLUMNS, rows)
    say(
        _("%(clusters)d clusters against the null “%(null)s”; %(simulations)d simulations.")
        % {"clusters": len(rows), "null": null, "simulations": simulations},
        as_json=True,
    )


@click.command(
    help=_(
        "Forecast daily counts by report day, with intervals.\n\n"
        "COUNTS.csv has `date` or `t`, `cases` (or `local` and `imported`, added up), and may have `place`. Give the dates of control and of "
        "the source's closure where they are known: without them only a growth that dies away is "
        "extrapolated, and no peak can be foreseen. --baseline writes the persistence forecast "
        "instead; --score tells how both would have fared over the last N days."
    ),
    epilog=examples(
        "yipan forecast counts.csv --horizon 14 --out forecast.csv",
        "yipan forecast counts.csv --control-date 2020-01-25 --source-closed 2020-01-23",
        "yipan forecast counts.csv --horizon 7 --score 28",
    ),
)
@click.argument("counts", type=IN, metavar="COUNTS.csv")
@click.option("--horizon", default=14, show_default=True, type=click.IntRange(1, 60))
@click.option("--until", metavar="DATE", help=_("Use the rows up to this day only."))
@click.option("--control-date", metavar="DATE", help=_("The day from which controls are in force."))
@click.option(
    "--source-closed", metavar="DATE", help=_("The last day of arrivals. Default: --control-date.")
)
@click.option("--source-growth", default=0.1, show_default=True, help=_("Daily growth there."))
@click.option("--rt-before", default=2.0, show_default=True, type=click.FloatRange(0, 20))
@click.option(
    "--rt-after",
    default="0.2,0.5,0.9",
    show_default=True,
    metavar="R,R,…",
    help=_("Values of Rt under control that the counts choose among."),
)
@click.option("--si-mean", default=7.5, show_default=True, help=_("Mean serial interval, days."))
@click.option("--si-sd", default=3.4, show_default=True, help=_("Its standard deviation, days."))
@click.option(
    "--infection-to-report",
    "delay_text",
    default="gamma:6.1,2.0",
    show_default=True,
    metavar="FAMILY:A,B",
    help=_("lognormal:MEANLOG,SDLOG or gamma:SHAPE,SCALE, in days."),
)
@click.option("--baseline", is_flag=True, help=_("Write the persistence forecast instead."))
@click.option(
    "--score", "scored_days", type=click.IntRange(1), metavar="N", help=_("Score the last N days.")
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@fill_option
@out_option
@verb
def forecast(
    *,
    counts: Path,
    horizon: int,
    until: str | None,
    control_date: str | None,
    source_closed: str | None,
    source_growth: float,
    rt_before: float,
    rt_after: str,
    si_mean: float,
    si_sd: float,
    delay_text: str,
    baseline: bool,
    scored_days: int | None,
    seed: int,
    fill: bool,
    out: Path | None,
) -> None:
    from yipan.engines.surveillance.forecast import forecast as ahead
    from yipan.engines.surveillance.forecast import (
        persistence,
        score_rolling_origins,
        shapes_under_control,
    )
    from yipan.engines.surveillance.reproduction import discretised_serial_interval

    days, places, cases = read_counts(counts, until=until, fill=fill)
    try:
        after = tuple(float(text) for text in rt_after.split(","))
    except ValueError:
        raise MalformedTable(
            _("%r is not a list of numbers.") % rt_after, where="--rt-after"
        ) from None

    def shapes_at(t: int) -> Floats | None:
        if control_date is None:
            return None
        control = day_number(control_date, "--control-date", days)
        closed = day_number(source_closed or control_date, "--source-closed", days)
        if t < closed:
            return None  # nobody knew of it on that day
        return shapes_under_control(
            days=t + 1 + horizon,
            control_day=control if t >= control else t + 1 + horizon,
            source_closed_day=closed,
            source_growth=source_growth,
            Rt_before=rt_before,
            Rt_after=after,
            generation_interval=discretised_serial_interval(
                mean_days=si_mean, sd_days=si_sd, days=30
            ),
            infection_to_report=given_delay(delay_text, "--infection-to-report"),
        )

    if scored_days is not None:
        last = len(days) - horizon
        scores = score_rolling_origins(
            cases,
            origins=range(max(1, last - scored_days), last),
            horizon_days=horizon,
            seed=seed,
            shapes_at=shapes_at,
        )
        say(
            _(
                "Mean WIS of %(n)d origins: all places together %(whole).3g (persistence %(base).3g), by "
                "place %(place).3g (%(place_base).3g); 95 %% intervals held %(inside).0f %%."
            )
            % {
                "n": len(scores.origins),
                "whole": scores.whole.mean(),
                "base": scores.whole_baseline.mean(),
                "place": scores.place.mean(),
                "place_base": scores.place_baseline.mean(),
                "inside": 100 * scores.inside[0.95, "place"].mean(),
            },
            as_json=True,
        )
    if baseline:
        quantiles = persistence(
            cases, horizon_days=horizon, seed=seed, probabilities=NOWCAST_PROBABILITIES
        )
        mean = quantiles[NOWCAST_PROBABILITIES.index(0.5)]
    else:
        found = ahead(
            cases,
            horizon_days=horizon,
            seed=seed,
            shapes=shapes_at(len(days) - 1),
            probabilities=NOWCAST_PROBABILITIES,
        )
        quantiles, mean = found.quantiles, found.mean
    rows = [
        (place, later(days[-1], h + 1), h + 1, mean[h, p], *quantiles[:, h, p])
        for p, place in enumerate(places)
        for h in range(horizon)
    ]
    write_table(out, FORECAST_COLUMNS, rows)
