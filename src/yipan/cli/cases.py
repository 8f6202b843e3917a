"""Cases and contacts from a terminal: another system's exports in, a FHIR bundle out."""

from __future__ import annotations

import json
from pathlib import Path

import click

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
from yipan.cli.tables import read_table
from yipan.kernel.texts import terminal_text as _

IN = click.Path(path_type=Path, dir_okay=False, exists=True)
OUT = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.group(
    help=_("Cases and contacts: bring other systems' exports in, take a FHIR bundle out."),
    epilog=examples("yipan cases bring --from godata --cases cases.json --contacts contacts.json"),
)
def cases() -> None:
    """Hold the verbs."""


@cases.command(
    help=_(
        "Take another system's cases, contacts, links and follow-ups in.\n\n"
        "Each row is checked as at the door; what is wrong is named by file, row and field and the rest is "
        "taken. The same files again add nothing. Names and numbers are sealed at once."
    ),
    epilog=examples(
        "yipan cases bring --from godata --cases cases.json --contacts contacts.json --relationships links.json",
        "yipan cases bring --from sormas --cases cases.csv --persons persons.csv --date-format %d/%m/%Y",
        "yipan cases bring --from fhir --cases bundle.json --json",
    ),
)
@click.option(
    "--from",
    "system",
    required=True,
    type=click.Choice(["godata", "sormas", "linelist", "fhir"]),
    help=_("Which system wrote the files."),
)
@click.option("--cases", "cases_file", type=IN, metavar="FILE", help=_("Cases, or a FHIR bundle."))
@click.option("--contacts", type=IN, metavar="FILE", help=_("Contacts."))
@click.option("--relationships", type=IN, metavar="FILE", help=_("Go.Data's relationships."))
@click.option("--follow-ups", type=IN, metavar="FILE", help=_("Go.Data's follow-ups."))
@click.option("--persons", type=IN, metavar="FILE", help=_("SORMAS's persons."))
@click.option(
    "--places", type=IN, metavar="PLACES.csv", help=_("`name,code`: the code of each place named.")
)
@click.option(
    "--date-format",
    default="",
    metavar="FORMAT",
    help=_("How days are written, if not 2020-02-24."),
)
@click.option("--probable", is_flag=True, help=_("Take probable cases too."))
@incident_option
@json_option
@verb
def bring(
    *,
    system: str,
    cases_file: Path | None,
    contacts: Path | None,
    relationships: Path | None,
    follow_ups: Path | None,
    persons: Path | None,
    places: Path | None,
    date_format: str,
    probable: bool,
    slug: str | None,
    as_json: bool,
) -> None:
    start_django()
    from yipan.access.queries import board_now
    from yipan.access.scope import system_scope
    from yipan.report.linelists.bring import Files
    from yipan.report.linelists.bring import bring as take

    incident = find_incident(slug)
    given = {
        "cases": cases_file,
        "contacts": contacts,
        "relationships": relationships,
        "follow_ups": follow_ups,
        "persons": persons,
    }
    codes = None
    if places is not None:
        table = read_table(places, "name", "code")
        codes = dict(zip(table.texts("name"), table.texts("code"), strict=True))
    done = take(
        incident=incident,
        files=Files(
            system=system,
            held={k: (p.name, p.read_bytes()) for k, p in given.items() if p is not None},
            places=codes,
            date_format=date_format,
            probable=probable,
        ),
        scope=system_scope(),
        actor=None,
        at=board_now(incident, system_now()),
    )
    counts = {
        "cases": done.cases,
        "contacts": done.contacts,
        "links": done.links,
        "visits": done.visits,
        "results": done.results,
    }
    for fault in done.faults:
        say(
            _("%(file)s, row %(row)d, %(field)s: %(message)s %(remedy)s") % fault._asdict(),
            as_json=as_json,
        )
    if as_json:
        faults = [fault._asdict() for fault in done.faults]
        print_json({**counts, "left_out": dict(done.omitted), "faults": faults})
        return
    say(
        _("Taken: %(cases)d cases, %(contacts)d contacts, %(links)d links, %(visits)d follow-ups.")
        % counts
    )


@cases.command(
    help=_(
        "Write the cases as a FHIR R4 bundle: pseudonyms, conditions, results, outcomes.\n\n"
        "No identifier is in it; with identifiers it is given on the page, to who has the right and a reason."
    ),
    epilog=examples("yipan cases fhir --to cases.fhir.json"),
)
@click.option("--to", "target", required=True, type=OUT, metavar="OUT.json")
@at_option
@incident_option
@json_option
@verb
def fhir(*, target: Path, at_text: str | None, slug: str | None, as_json: bool) -> None:
    start_django()
    from yipan.access.queries import board_now
    from yipan.access.scope import system_scope
    from yipan.report.cases.exports import fhir_bundle

    incident = find_incident(slug)
    made = fhir_bundle(
        incident,
        scope=system_scope(),
        known_at=moment(at_text, incident),
        at=board_now(incident, system_now()),
        actor=None,
    )
    target.write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
    patients = sum(e["resource"]["resourceType"] == "Patient" for e in made.get("entry", []))
    if as_json:
        print_json({"cases": patients, "file": str(target)})
        return
    say(_("%d cases written.") % patients)
