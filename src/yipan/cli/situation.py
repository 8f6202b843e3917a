"""The situation's verbs: `tiers` and `chains` on plain files, `daily` and `hub` on an incident."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from yipan.cli.common import (
    at_option,
    examples,
    find_incident,
    incident_option,
    json_option,
    moment,
    print_json,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.cli.tables import Table, read_table, write_table
from yipan.engines.surveillance.errors import MalformedTable
from yipan.kernel.texts import terminal_language
from yipan.kernel.texts import terminal_text as _

if TYPE_CHECKING:
    from yipan.assess.tiers.packs import Pack
    from yipan.engines.surveillance.chains import ChainSummary, Offspring
    from yipan.engines.surveillance.tiers import Fact

# The engines are imported inside the verbs: scipy takes a second that `--help` need not.

IN = click.Path(path_type=Path, dir_okay=False)
OUT = click.Path(path_type=Path, dir_okay=False, writable=True)
TIER_COLUMNS = ("place", "tier", "rule", "why", "needs", "would_change")
CHAIN_COLUMNS = ("case", "infector", "chain", "generation", "offspring", "chain_size")
UNKNOWN = ("", "NA", "na", "null")
YES, NO = ("true", "yes", "1", "是"), ("false", "no", "0", "否")

out_option = click.option(
    "--out", type=OUT, metavar="OUT.csv", help=_("Where to write. Default: the terminal.")
)


@click.command(
    help=_(
        "Give each place its tier by published rules held as data.\n\n"
        "FACTS.csv has `place` and a column for each fact of the pack (see --list); an empty cell is "
        "unknown, never zero. A rule that hangs on something unknown answers undecided and says "
        "what it needs."
    ),
    epilog=examples(
        "yipan tiers --list",
        "yipan tiers counties.csv --pack china-2020-02 --out tiers.csv",
        "yipan tiers places.csv --pack china-2022-06",
    ),
)
@click.argument("facts", type=IN, metavar="[FACTS.csv]", required=False)
@click.option("--pack", "pack_name", default="china-2020-02", show_default=True, metavar="NAME")
@click.option("--list", "listing", is_flag=True, help=_("List the packs and their facts."))
@out_option
@json_option
@verb
def tiers(
    *, facts: Path | None, pack_name: str, listing: bool, out: Path | None, as_json: bool
) -> None:
    use_language()
    from yipan.assess.tiers.packs import pack_named, packs

    if listing:
        for pack in packs().values():
            say(f"{pack.name} {pack.rules.version} ({pack.level}): {pack.source}")
            for name in pack.rules.facts():
                say(f"    {name}: {pack.fact_label(name)}")
        return
    if facts is None:
        raise click.UsageError(_("Give FACTS.csv, or --list."))
    pack = pack_named(pack_name)
    table = read_table(facts, "place")
    rows = [
        tier_row(place, known, pack)
        for place, known in zip(table.texts("place"), read_facts(table, pack), strict=True)
    ]
    write_table(out, TIER_COLUMNS, rows)
    counted: dict[str, int] = {}
    for row in rows:
        counted[row[1]] = counted.get(row[1], 0) + 1
    if as_json:
        print_json({"pack": pack.name, "places": len(rows), "tiers": counted})


def tier_row(place: str, known: dict[str, Fact], pack: Pack) -> tuple[str, str, Any, str, str, str]:
    """Return one place's tier with the rule that fired, what it needs and what would change it."""
    from yipan.assess.tiers.packs import text_of
    from yipan.engines.surveillance.tiers import decide_tier, nearest_switches

    decision = decide_tier(pack.rules, known)
    rule = pack.rule(decision.rule)
    switches = [
        f"{s.fact} {s.comparison} {str(s.limit).lower()} → {s.tier}"
        for s in nearest_switches(pack.rules, known)
    ]
    return (
        place,
        decision.tier,
        "" if decision.rule is None else decision.rule,
        text_of(rule) if rule is not None else "",
        "; ".join(decision.needs),
        "; ".join(switches),
    )


def read_facts(table: Table, pack: Pack) -> list[dict[str, Fact]]:
    """Return the facts of each row; a column that is absent is unknown, a cell that is none is refused."""
    flags = pack.rules.flags()
    names = pack.rules.facts()
    if not any(table.has(name) for name in names):
        raise MalformedTable(
            _("The file has none of the facts that the pack asks for: %s.") % ", ".join(names),
            where=table.name,
        )
    found: list[dict[str, Fact]] = [{} for _row in table.numbers]
    for name in names:
        cells = table.columns.get(name, [""] * len(table.numbers))
        for row, cell in enumerate(cells):
            found[row][name] = _fact(table, row, name, cell, flag=name in flags)
    return found


def _fact(table: Table, row: int, name: str, cell: str, *, flag: bool) -> Fact:
    if cell in UNKNOWN:
        return None
    if flag:
        if cell.lower() in YES + NO:
            return cell.lower() in YES
        table.refuse(row, name, _("%r is neither yes nor no.") % cell)
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        table.refuse(row, name, _("%r is not a number.") % cell)
    return value


@click.command(
    help=_(
        "Find transmission chains, the serial interval and the offspring distribution.\n\n"
        "CASES.csv has `case` (or `number`) and `infector` (empty: not known), and may have `onset` (or `onset_day`). A pair may "
        "have a negative serial interval. Recent cases count for the share of their offspring that "
        "could have shown by --now."
    ),
    epilog=examples(
        "yipan chains cases.csv --out chains.csv",
        "yipan chains cases.csv --now 2020-02-24 --json",
    ),
)
@click.argument("cases", type=IN, metavar="CASES.csv")
@click.option(
    "--now", "now_text", metavar="DATE", help=_("The last day whose onsets are in. Default: none.")
)
@click.option(
    "--level",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0.5, 0.999),
    help=_("Of the intervals."),
)
@out_option
@json_option
@verb
def chains(
    *, cases: Path, now_text: str | None, level: float, out: Path | None, as_json: bool
) -> None:
    from yipan.engines.surveillance.chains import summarise_chains

    table = read_table(cases, "case|number", "infector")
    column = "case" if table.has("case") else "number"
    names = table.texts(column)
    place = {name: i for i, name in enumerate(names)}
    if len(place) < len(names):
        row = next(i for i, name in enumerate(names) if name in names[:i])
        table.refuse(row, column, _("The case %s stands twice.") % names[row])
    parent = [
        _infector(table, row, name, place) for row, name in enumerate(table.columns["infector"])
    ]
    dated = next((name for name in ("onset", "onset_day") if table.has(name)), None)
    summed = summarise_chains(
        parent,
        onset=read_onsets(table, dated) if dated else None,
        now=_ordinal(now_text) if now_text else None,
        level=level,
    )
    found = summed.chains
    write_table(
        out,
        CHAIN_COLUMNS,
        (
            (
                name,
                names[parent[i]] if parent[i] >= 0 else "",
                int(found.chain[i]) + 1,
                int(found.generation[i]),
                int(found.offspring[i]),
                int(found.sizes[found.chain[i]]),
            )
            for i, name in enumerate(names)
        ),
    )
    summary = chain_summary(summed)
    if as_json:
        print_json(summary)
    else:
        say(chains_in_words(summary), as_json=True)


def _infector(table: Table, row: int, name: str, place: dict[str, int]) -> int:
    if name in UNKNOWN:
        return -1
    if name not in place:
        table.refuse(
            row,
            "infector",
            _("The infector %s is not among the cases.") % name,
            _("Add it as a case, or leave the cell empty."),
        )
    return place[name]


def read_onsets(table: Table, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return onset days as ordinals, NaN where the cell is empty."""
    onsets = np.full(len(table.numbers), np.nan)
    for row, cell in enumerate(table.columns[column]):
        if cell not in UNKNOWN:
            try:
                onsets[row] = date.fromisoformat(cell).toordinal()
            except ValueError:
                table.refuse(
                    row, column, _("%r is not a date.") % cell, _("Write days as 2020-02-24.")
                )
    return onsets


def _ordinal(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise MalformedTable(
            _("%r is not a date.") % text, where="--now", remedy=_("Write days as 2020-02-24.")
        ) from None


def chain_summary(found: ChainSummary) -> dict[str, Any]:
    """Return chains, the serial interval and the offspring distribution for JSON, each with why it is missing."""
    fit, sizes = found.serial_interval, found.chains.sizes
    return {
        "cases": int(sizes.sum()),
        "with_known_infector": found.with_infector,
        "chains": int(sizes.size),
        "largest_chain": int(sizes.max(initial=0)),
        "serial_interval": None
        if fit is None
        else {
            "mean_days": fit.mean_days,
            "mean_low": fit.mean_interval[0],
            "mean_high": fit.mean_interval[1],
            "sd_days": fit.sd_days,
            "sd_low": fit.sd_interval[0],
            "sd_high": fit.sd_interval[1],
            "pairs": fit.pairs,
            "negative": fit.negative,
        },
        "offspring": None if found.offspring is None else offspring_dict(found.offspring),
        "notes": list(found.notes),
    }


def offspring_dict(spread: Offspring) -> dict[str, Any]:
    """Return an offspring distribution for JSON, null where a number is not finite."""

    def plain(x: float) -> float | None:
        return x if np.isfinite(x) else None

    return {
        "R": spread.R,
        "R_low": spread.R_interval[0],
        "R_high": spread.R_interval[1],
        "k": plain(spread.k),
        "k_low": plain(spread.k_interval[0]),
        "k_high": plain(spread.k_interval[1]),
        "share_of_cases_causing_80_percent": plain(spread.share_of_80_percent),
        "cases": spread.cases,
    }


def chains_in_words(summary: dict[str, Any]) -> str:
    """Return the summary as sentences."""
    parts = [_("%(cases)d cases in %(chains)d chains, the largest of %(largest_chain)d.") % summary]
    interval, spread = summary["serial_interval"], summary["offspring"]
    if interval:
        parts.append(
            _(
                "Serial interval %(mean_days).1f d (%(mean_low).1f to %(mean_high).1f), sd %(sd_days).1f, from %(pairs)d pairs."
            )
            % interval
        )
    if spread:
        parts.append(
            _("R %(R).2f (%(R_low).2f to %(R_high).2f), k %(k)s.")
            % {**spread, "k": _("without bound") if spread["k"] is None else f"{spread['k']:.2f}"}
        )
    return " ".join([*parts, *summary["notes"]])


@click.command(
    help=_(
        "Turn another system's line list into the template that the page Upload takes.\n\n"
        "Reads exports of Go.Data and SORMAS and files with the tags of R's linelist package, CSV or "
        "JSON. Only confirmed cases go over, unless asked; each row is checked again at the door. The "
        "extra column `infector` is for `yipan chains`."
    ),
    epilog=examples(
        "yipan linelist cases.csv --from godata --relationships relationships.csv --to cases-out.csv",
        "yipan linelist export.csv --from sormas --date-format %d/%m/%Y --places districts.csv",
    ),
)
@click.argument("source", type=IN, metavar="FILE")
@click.option(
    "--from", "format_name", required=True, type=click.Choice(["godata", "sormas", "linelist"])
)
@click.option(
    "--relationships", type=IN, metavar="FILE", help=_("Go.Data's export of relationships.")
)
@click.option(
    "--places", type=IN, metavar="PLACES.csv", help=_("`name,code`: the code of each place named.")
)
@click.option(
    "--date-format",
    default="",
    metavar="FORMAT",
    help=_("How days are written, if not 2020-02-24."),
)
@click.option("--probable", is_flag=True, help=_("Probable cases too."))
@click.option(
    "--to", "out", type=OUT, metavar="OUT.csv", help=_("Where to write. Default: the terminal.")
)
@json_option
@verb
def linelist(
    *,
    source: Path,
    format_name: str,
    relationships: Path | None,
    places: Path | None,
    date_format: str,
    probable: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    use_language()
    from yipan.report.linelists.formats import import_list, template_rows
    from yipan.report.linelists.plain import COLUMNS, Options, records

    codes = None
    if places is not None:
        table = read_table(places, "name", "code")
        codes = dict(zip(table.texts("name"), table.texts("code"), strict=True))
    found = import_list(
        source,
        format=format_name,
        options=Options(
            date_format=date_format,
            places=codes,
            relationships=records(relationships) if relationships is not None else (),
        ),
        probable=probable,
    )
    write_table(out, COLUMNS, template_rows(found.cases))
    summary = {"cases": len(found.cases), "left_out": found.left_out}
    if as_json:
        print_json(summary)
    else:
        say(
            _("%(cases)d cases; left out: %(left_out)s.")
            % {
                "cases": len(found.cases),
                "left_out": ", ".join(f"{n} {why}" for why, n in found.left_out.items())
                or _("none"),
            },
            as_json=True,
        )


@click.command(
    help=_(
        "Make the day's assessment: counts, tiers, alarms, a closer look, clusters.\n\n"
        "Run it by a timer each morning after the bulletins; the same moment twice adds nothing."
    ),
    epilog=examples("yipan daily", "yipan daily --at 2020-02-24T18:00 --json"),
)
@at_option
@incident_option
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help=_("Of the cluster scan.")
)
@json_option
@verb
def daily(*, at_text: str | None, slug: str | None, seed: int, as_json: bool) -> None:
    start_django()
    from yipan.assess.actions import assess, look_closer
    from yipan.assess.queries import headline
    from yipan.assess.warnings.actions import look_for_clusters

    incident = find_incident(slug)
    now = system_now()
    made = assess(incident=incident, known_at=moment(at_text, incident), made_at=now)
    made = look_closer(assessment=made, at=now)
    clusters = look_for_clusters(assessment=made, at=made.known_at, seed=seed)
    alarms = made.alarms.count()
    if as_json:
        print_json(
            {
                "incident": incident.slug,
                "known_at": made.known_at.isoformat(),
                "data_day": made.data_day.isoformat(),
                "alarms": alarms,
                "new_clusters": clusters,
                "headline": headline(made),
            }
        )
        return
    say(headline(made))
    say(_("%d alarms; see the page Assess.") % alarms)


@click.command(
    help=_(
        "Write nowcast and forecast for a forecast hub, in hubverse's model-output layout.\n\n"
        "The file stands at DIR/model-output/yipan-situation/DATE-yipan-situation.csv (or .parquet). Where "
        "DIR has no hub-config/, one is written, so that hubverse's tools can read it."
    ),
    epilog=examples("yipan hub --to my-hub/", "yipan hub --to my-hub/ --format parquet --json"),
)
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=_("The hub's folder."),
)
@click.option(
    "--format", "suffix", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True
)
@at_option
@incident_option
@json_option
@verb
def hub(*, folder: Path, suffix: str, at_text: str | None, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.assess.hub.config import write_config
    from yipan.assess.hub.model_output import file_name, frame, model_output
    from yipan.assess.queries import latest_or_raise

    incident = find_incident(slug)
    assessment = latest_or_raise(incident, at=moment(at_text, incident))
    rows = model_output(assessment)
    path = folder / file_name(assessment.data_day, suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = frame(rows)
    if suffix == "csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    write_config(folder, rows, name=incident.slug, time_zone=incident.package.time_zone)
    if as_json:
        print_json({"path": str(path), "rows": len(rows)})
    else:
        say(_("%(rows)d rows written to %(path)s.") % {"rows": len(rows), "path": path})


def use_language() -> None:
    """Let texts that Django translates speak the terminal's language; no database is touched."""
    import django
    from django.utils import translation

    django.setup()
    translation.activate("zh-hans" if terminal_language() == "zh_Hans" else "en")
