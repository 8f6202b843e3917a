"""Epidemics from a terminal: `simulate SCENARIO.yaml` runs policies side by side and writes what came out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
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

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 64, 36, 14
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
    from yipan.engines.epidemic import results
    from yipan.engines.epidemic.executors import run_in_parts, write_zarr
    from yipan.engines.epidemic.scenarios import read_scenarios

    read = read_scenarios(scenario)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Ensemble] = {}
    with progress_bar() as progress:
        for name, specification in read.specifications.items():

            def show(done: int, total: int, label: str = read.titles[name]) -> None:
                progress(label, done, total)

            found[name] = run_in_parts(
                specification,
                members=members,
                seed=seed,
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
    listed = list(rows)
    with path.open("w", encoding="utf-8-sig", newline="") as lines:
        table = csv.DictWriter(lines, fieldnames=list(listed[0]))
        table.writeheader()
        table.writerows(listed)


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
        drawn = curve(measure, {read.titles[n]: r for n, r in found.items()})
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
<title>{escape(read.title)}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c2733}}
table{{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}}td,th{{text-align:right;
padding:.25rem .5rem;border-bottom:1px solid #d5dde5}}td:first-child,th:first-child{{text-align:left}}
svg{{width:100%;height:auto}}h2{{font-size:1.1rem;margin:1.6rem 0 .3rem}}small{{color:#52616f}}</style>
<h1>{escape(read.title)}</h1><p>{escape(made)}</p>
{results_table(read, found)}{differences_table(read, differences)}{"".join(curves)}{assumptions(read.parameters)}
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
            f"<td>{told[n][m]['median']:,.0f}<br><small>{told[n][m]['q05']:,.0f}–{told[n][m]['q95']:,.0f}"
            "</small></td>"
            for m in shown
        )
        + "</tr>"
        for n in found
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def differences_table(read: ScenarioFile, differences: list[dict[str, str | int | float]]) -> str:
    """Return how scenarios differ from the first, member by member, as an HTML table."""
    if not differences:
        return ""
    names = measure_names()
    first = read.titles[str(differences[0]["against"])]
    title = _("Against “%s”, member by member") % first
    rows = "".join(
        f"<tr><td>{escape(read.titles[str(d['scenario'])])}: {escape(names[str(d['measure'])])}</td>"
        f"<td>{signed(d['q50'])}</td><td>{signed(d['q05'])} … {signed(d['q95'])}</td>"
        f"<td>{float(d['share_of_members_lower']):.0%}</td></tr>"
        for d in differences
        if d["q05"] or d["q95"]
    )
    head = f"<th></th><th>{_('median')}</th><th>{_('nine in ten')}</th><th>{_('members with less')}</th>"
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{rows}</table>"


def signed(value: str | int | float) -> str:
    """Return a difference as a person writes it: a true minus, and no sign on nothing.

    >>> signed(-1234.4), signed(0.2), signed(7)
    ('−1,234', '0', '+7')
    """
    rounded = round(float(value))
    return f"{rounded:+,}".replace("-", "−") if rounded else "0"


def assumptions(parameters: Parameters) -> str:
    """Return every figure of the disease with its unit, range and source, as an HTML table."""
    head = f"<th></th><th>{_('value')}</th><th>{_('range')}</th><th>{_('unit')}</th><th>{_('source')}</th>"
    rows = "".join(
        f"<tr><td>{escape(f.name)}</td><td>{escape(', '.join(f'{v:g}' for v in f.values))}</td>"
        f"<td>{f.low:g}–{f.high:g}</td><td>{escape(f.unit)}</td><td>{escape(f.source)}</td></tr>"
        for f in parameters.figures.values()
    )
    sources = "".join(
        f"<li><b>{escape(k)}</b> {escape(v)}</li>" for k, v in parameters.sources.items()
    )
    title = _("What was assumed")
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{rows}</table><ul>{sources}</ul>"


def curve(measure: str, found: Mapping[str, Ensemble]) -> str:
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

    parts = list(axes(top, days, x, y))
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


def axes(top: float, days: int, x: Any, y: Any) -> Iterator[str]:
    """Yield grid lines with their numbers, and the days below."""
    for k in range(5):
        value = top * k / 4
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d5dde5"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#52616f">{value:,.4g}</text>'
        )
    step = max(1, round(days / 8 / 7) * 7) if days > 20 else max(1, days // 5)
    for day in range(0, days, step):
        yield (
            f'<text x="{x(day):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#52616f">{day}</text>'
        )
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
