"""Epidemics from a terminal: `simulate SCENARIO.yaml` runs policies side by side and writes what came out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yipan import __version__
from yipan.cli.common import examples, json_option, print_json, progress_bar, say, verb
from yipan.kernel.texts import terminal_language
from yipan.kernel.texts import terminal_text as _

# The engines are imported inside the verb: numba takes a second that `--help` need not.

if TYPE_CHECKING:
    from yipan.engines.epidemic.ensemble import Ensemble
    from yipan.engines.epidemic.parameters import Parameters
    from yipan.engines.epidemic.scenarios import ScenarioFile

MOST_PLACES = 20
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 64, 36, 14
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}div{overflow-x:auto}"
    "td,th{text-align:right;padding:.3rem .5rem;border-bottom:1px solid #d5dde5;vertical-align:top}"
    "td:first-child,th:first-child{text-align:left;min-width:5.5rem}th{font-weight:600;color:#52616f}"
    "td.n{white-space:nowrap}td.t{text-align:left}tr.s td{font-weight:600;padding-top:.8rem}"
    "svg{width:100%;height:auto}h2{font-size:1.1rem;margin:1.8rem 0 .4rem}small{color:#52616f}"
    "ul{padding-left:1.2rem;font-size:.9rem;overflow-wrap:anywhere}"
)
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b9770e", "#34495e")


@click.command(
    help=_(
        "Simulate the scenarios of a YAML file, side by side.\n\n"
        "Every scenario runs the same members with the same chances, so that a difference is the policy "
        "and not the noise. DIR receives tables (CSV), curves (SVG), a short report (HTML), and the "
        "finished parts, from which an interrupted run goes on."
    ),
    epilog=examples(
        "yipan simulate two_weeks.yaml --members 200 --seed 1 --out two_weeks/",
        "yipan simulate two_weeks.yaml --scheduler tcp://10.0.0.5:8786 --members 10000 --out two_weeks/",
    ),
)
@click.argument(
    "scenario", metavar="SCENARIO.yaml", type=click.Path(path_type=Path, dir_okay=False)
)
@click.option(
    "--members",
    default=200,
    show_default=True,
    type=click.IntRange(1),
    help=_("Runs of each scenario."),
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help=_("Of all random numbers.")
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder for the results."),
)
@click.option("--threads", type=click.IntRange(1), help=_("Default: all processors."))
@click.option(
    "--scheduler", metavar="ADDRESS", help=_("Run on the Dask cluster of this scheduler (tcp://…).")
)
@click.option(
    "--full", is_flag=True, help=_("Keep every count of every member as a Zarr store, too.")
)
@json_option
@verb
def simulate(
    *,
    scenario: Path,
    members: int,
    seed: int,
    out: Path,
    threads: int | None,
    scheduler: str | None,
    full: bool,
    as_json: bool,
) -> None:
    from yipan.engines.epidemic import results, tallies
    from yipan.engines.epidemic.course import MEASURES
    from yipan.engines.epidemic.executors import run_in_parts, write_zarr
    from yipan.engines.epidemic.scenarios import read_scenarios

    read = read_scenarios(scenario)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Ensemble] = {}
    with progress_bar() as progress:
        for name, specification in read.specifications.items():

            def show(done: int, total: int, label: str = read.titles[name]) -> None:
                progress(label, done, total)

            # Quantiles by place and day of every measure, where there is room for them.
            people = specification.population.sum(axis=1)
            room = tallies.fits(
                days=specification.days, people=people, members=members, measures=len(MEASURES)
            )
            found[name] = run_in_parts(
                specification,
                members=members,
                seed=seed,
                place_quantiles=MEASURES if room else (),
                threads=threads,
                scheduler=scheduler,
                folder=out / "parts",
                progress=show,
            )
    for name, result in found.items():
        folder = out / name
        folder.mkdir(exist_ok=True)
        write_rows(folder / "daily.csv", results.daily_rows(result))
        write_rows(folder / "places.csv", results.place_rows(result))
        write_rows(folder / "members.csv", results.member_rows(result))
        if result.place_tallies:
            write_rows(folder / "places_daily.csv", results.place_daily_rows(result))
        if full:
            write_zarr(read.specifications[name], folder / "all.zarr", members=members, seed=seed)
    differences = list(results.compared(found))
    if differences:
        write_rows(out / "compared.csv", differences)
    write_report(out, read, found, differences, seed=seed)
    told = {
        "out": str(out),
        "members": members,
        "seed": seed,
        "scenarios": {name: summary(result) for name, result in found.items()},
        "compared": differences,
    }
    if as_json:
        print_json(told)
        return
    for name, result in found.items():
        say(read.titles[name] + ": " + in_words(summary(result)))
    say(_("The report is %s.") % (out / "report.html"))


def summary(result: Ensemble) -> dict[str, dict[str, float]]:
    """Return median and 5 % and 95 % quantiles of each measure's total or peak."""
    import numpy as np

    from yipan.engines.epidemic.results import whole

    told = {}
    for measure in result.daily:
        low, middle, high = np.quantile(whole(result, measure), (0.05, 0.5, 0.95)).tolist()
        told[measure] = {"q05": low, "median": middle, "q95": high}
    return told


def in_words(told: Mapping[str, Mapping[str, float]]) -> str:
    """Return a summary as one line."""
    names = measure_names()
    return ", ".join(
        f"{names[m]} {v['median']:,.0f} ({v['q05']:,.0f}–{v['q95']:,.0f})"
        for m, v in told.items()
        if v["q95"] > 0
    )


def measure_names() -> dict[str, str]:
    """Return what a person calls each measure."""
    return {
        "infections": _("infections"),
        "onsets": _("onsets of illness"),
        "detected": _("cases found"),
        "deaths": _("deaths"),
        "hospital": _("most in hospital"),
        "icu": _("most in intensive care"),
    }


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; Excel reads the encoding from the first bytes."""
    coming = iter(rows)
    first = next(coming, None)
    if first is None:
        return
    with path.open("w", encoding="utf-8-sig", newline="") as lines:
        table = csv.DictWriter(lines, fieldnames=list(first))
        table.writeheader()
        table.writerow(first)
        table.writerows(coming)


# --- the report


def write_report(
    out: Path,
    read: ScenarioFile,
    found: Mapping[str, Ensemble],
    differences: list[dict[str, str | int | float]],
    *,
    seed: int,
) -> None:
    """Write curves as SVG and the report as one HTML file that needs nothing else."""
    names = measure_names()
    curves = []
    for measure in names:
        if not any(result.daily[measure].any() for result in found.values()):
            continue
        drawn = curve(measure, {read.titles[n]: r for n, r in found.items()}, start=read.start)
        (out / f"{measure}.svg").write_text(drawn, encoding="utf-8")
        title = names[measure] if measure not in {"hospital", "icu"} else stock_names()[measure]
        curves.append(f"<h2>{escape(title)}</h2>{drawn}")
    members = next(iter(found.values())).members
    made = _(
        "%(members)d members of each scenario, seed %(seed)d, Yipan %(version)s. Lines are medians; dark "
        "bands hold half of the members, light bands nine in ten."
    ) % {"members": members, "seed": seed, "version": __version__}
    page = f"""<!doctype html>
<html lang="{"zh-Hans" if terminal_language() == "zh_Hans" else "en"}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(read.title)}</title>
<style>{STYLE}</style>
<h1>{escape(read.title)}</h1><p>{escape(made)}</p>
{results_table(read, found)}{differences_table(read, differences)}{places_table(read, found)}{"".join(curves)}
{assumptions(read.parameters)}
</html>
"""
    (out / "report.html").write_text(page, encoding="utf-8")


def stock_names() -> dict[str, str]:
    """Return what the daily curves of stocks show."""
    return {"hospital": _("in hospital"), "icu": _("in intensive care")}


def results_table(read: ScenarioFile, found: Mapping[str, Ensemble]) -> str:
    """Return what each scenario came to, as an HTML table."""
    names = measure_names()
    told = {n: summary(r) for n, r in found.items()}
    shown = [m for m in names if any(told[n][m]["q95"] > 0 for n in told)]
    head = "".join(f"<th>{escape(names[m])}</th>" for m in shown)
    rows = "".join(
        f"<tr><td>{escape(read.titles[n])}</td>"
        + "".join(
            f'<td class="n">{told[n][m]["median"]:,.0f}<br>'
            f"<small>{told[n][m]['q05']:,.0f}–{told[n][m]['q95']:,.0f}</small></td>"
            for m in shown
        )
        + "</tr>"
        for n in found
    )
    return f"<div><table><tr><th></th>{head}</tr>{rows}</table></div>"


def differences_table(read: ScenarioFile, differences: list[dict[str, str | int | float]]) -> str:
    """Return how scenarios differ from the first, member by member, as an HTML table."""
    if not differences:
        return ""
    names = measure_names()
    first = read.titles[str(differences[0]["against"])]
    title = _("Against “%s”, member by member") % first
    heads = (_("median"), _("nine in ten"), _("members with less"))
    rows, last = [], ""
    for d in differences:
        if not d["q05"] and not d["q95"]:
            continue
        if d["scenario"] != last:
            last = str(d["scenario"])
            rows.append(f'<tr class="s"><td colspan="4">{escape(read.titles[last])}</td></tr>')
        rows.append(
            f'<tr><td>{escape(names[str(d["measure"])])}</td><td class="n">{signed(d["q50"])}</td>'
            f'<td class="n">{signed(d["q05"])} … {signed(d["q95"])}</td>'
            f"<td>{float(d['share_of_members_lower']):.0%}</td></tr>"
        )
    return f"<h2>{escape(title)}</h2>{table(heads, rows)}"


def places_table(read: ScenarioFile, found: Mapping[str, Ensemble]) -> str:
    """Return the infections of each place under each scenario, the worst places first, as an HTML table."""
    import numpy as np

    base = next(iter(found.values()))
    if len(base.places) < 2:
        return ""
    middle = {n: np.quantile(r.place_totals["infections"], (0.05, 0.5, 0.95), axis=0) for n, r in found.items()}  # fmt: skip
    order = np.argsort(-next(iter(middle.values()))[1], kind="stable")[:MOST_PLACES]
    heads = tuple(read.titles[n] for n in found)
    rows = [
        f"<tr><td>{escape(base.places[i])}</td>"
        + "".join(
            f'<td class="n">{q[1, i]:,.0f}<br><small>{q[0, i]:,.0f}–{q[2, i]:,.0f}</small></td>'
            for q in middle.values()
        )
        + "</tr>"
        for i in order
    ]
    title = _("Infections by place")
    if len(base.places) > MOST_PLACES:
        title = _("Infections by place: the %d with most") % MOST_PLACES
    return f"<h2>{escape(title)}</h2>{table(heads, rows)}"


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """Return an HTML table whose first column needs no head."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    return f"<div><table><tr><th></th>{head}</tr>{''.join(rows)}</table></div>"


def signed(value: str | int | float) -> str:
    """Return a difference as a person writes it: a true minus, and no sign on nothing.

    >>> signed(-1234.4), signed(0.2), signed(7)
    ('−1,234', '0', '+7')
    """
    rounded = round(float(value))
    return f"{rounded:+,}".replace("-", "−") if rounded else "0"


def assumptions(parameters: Parameters) -> str:
    """Return every figure of the disease with its unit, range and source, as an HTML table."""
    heads = (_("value"), _("range"), _("source"))
    rows = (
        f"<tr><td>{escape(f.name)}<br><small>{escape(f.unit)}</small></td>"
        f"<td>{escape(', '.join(f'{v:.3g}' for v in f.values))}</td>"
        f'<td class="n">{f.low:g}–{f.high:g}</td><td>{escape(f.source)}</td></tr>'
        for f in parameters.figures.values()
    )
    sources = "".join(
        f"<li><b>{escape(k)}</b> {escape(v)}</li>" for k, v in parameters.sources.items()
    )
    title = _("What was assumed")
    return f"<h2>{escape(title)}</h2>{table(heads, rows)}<ul>{sources}</ul>"


def curve(measure: str, found: Mapping[str, Ensemble], *, start: date | None = None) -> str:
    """Return one measure by day as an SVG: a line and two bands for each scenario."""
    quantiles = {n: r.quantiles(measure) for n, r in found.items()}
    top = nice(max(float(q.max()) for q in quantiles.values()))
    days = next(iter(found.values())).days

    def x(day: float) -> float:
        return LEFT + (WIDTH - LEFT - 8) * day / max(1, days - 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top

    def band(low: Iterable[float], high: Iterable[float]) -> str:
        there = [f"{x(d):.1f},{y(v):.1f}" for d, v in enumerate(high)]
        back = [f"{x(d):.1f},{y(v):.1f}" for d, v in enumerate(low)]
        return " ".join(there + back[::-1])

    parts = list(axes(top, days, x, y, start))
    for k, (name, q) in enumerate(quantiles.items()):
        colour = COLOURS[k % len(COLOURS)]
        for low, high, opacity in ((0, 4, 0.15), (1, 3, 0.3)):
            parts.append(
                f'<polygon points="{band(q[low], q[high])}" fill="{colour}" fill-opacity="{opacity}"/>'
            )
        line = " ".join(f"{x(d):.1f},{y(v):.1f}" for d, v in enumerate(q[2]))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{LEFT + 10}" y="{TOP + 14 + 16 * k}" fill="{colour}">{escape(name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="12"><title>{escape(measure)}</title>'
        + "".join(parts)
        + "</svg>"
    )


def axes(top: float, days: int, x: Any, y: Any, start: date | None) -> Iterator[str]:
    """Yield grid lines with their numbers, and the days below."""
    for k in range(5):
        value = top * k / 4
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d5dde5"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#52616f">{value:,.4g}</text>'
        )
    step = max(1, round(days / 8 / 7) * 7) if days > 20 else max(1, days // 5)
    for day in range(0, days, step):
        told = str(day) if start is None else f"{start + timedelta(days=day):%m-%d}"
        yield (
            f'<text x="{x(day):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#52616f">{told}</text>'
        )
    if start is not None:
        return
    middle = (LEFT + WIDTH) / 2
    yield (
        f'<text x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle" fill="#52616f">{escape(_("day"))}</text>'
    )


def nice(value: float) -> float:
    """Return a round number at or above `value`, divisible into four.

    >>> nice(73), nice(0)
    (80, 4)
    """
    if value <= 4:
        return 4
    size = 1
    while size * 10 < value:
        size *= 10
    return next(size * s for s in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if size * s >= value)
