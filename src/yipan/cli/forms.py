"""`forms`: many departments' forms compiled into one short one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yipan.cli.common import (
    EXIT_FAULT,
    examples,
    find_incident,
    incident_option,
    json_option,
    print_json,
    say,
    start_django,
    system_now,
    verb,
)
from yipan.kernel.texts import terminal_text as _

CUTOFF = "18:00"


@click.group(help=_("Forms: many departments' forms, one short page."))
def forms() -> None:
    pass


@forms.command(
    "compile",
    help=_("Find the least that must be asked so that every department gets its fields."),
    epilog=examples(
        "yipan forms compile twelve_departments.yaml",
        "yipan forms compile twelve_departments.yaml --json --out compiled/",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help=_(
        "Folder for the merged form, the lineage and each department's layout; "
        "FILE.compiled in the current folder unless said."
    ),
)
@click.option("--cutoff", default=CUTOFF, show_default=True, help=_("Cut-off of the one page."))
@json_option
@verb
def compile_file(*, file: Path, out: Path | None, cutoff: str, as_json: bool) -> None:
    import django

    django.setup()  # for the words of errors; no database is asked
    from django.utils import translation

    from yipan.kernel.texts import terminal_language
    from yipan.report.errors import FormsFileWrong, NoTimeOfDay
    from yipan.report.forms.compiler import compile_forms
    from yipan.report.forms.writing import write_compiled
    from yipan.report.requests.fields import plain_cutoff
    from yipan.report.requests.files import read_forms_file

    translation.activate("zh-hans" if terminal_language() == "zh_Hans" else "en")
    at = plain_cutoff(cutoff)
    if not at:
        raise NoTimeOfDay(label="--cutoff", value=cutoff)
    try:
        read = read_forms_file(file)
    except FormsFileWrong as wrong:
        for fault in wrong.faults:
            say(str(fault), as_json=True)
        if as_json:
            print_json({"error": wrong.as_dict()})
        say(str(wrong), as_json=True)
        sys.exit(EXIT_FAULT)
    compiled = compile_forms(read.forms, read.dictionary, read.conversions, cutoff=at)
    folder = out or Path(f"{file.stem}.compiled")
    counts = compiled.counts()
    try:
        written = write_compiled(compiled, folder)
    except OSError as fault:
        if as_json:
            print_json(counts)
        said = {"folder": folder, "why": fault.strerror or fault}
        say(
            _("%(folder)s cannot be written: %(why)s. Name another with --out.") % said,
            as_json=True,
        )
        sys.exit(EXIT_FAULT)
    say(_("%(n)d files written to %(folder)s.") % {"n": len(written), "folder": folder},
        as_json=as_json)  # fmt: skip
    solution = compiled.solution
    if not solution.proved:
        say(
            _(
                "The forms are tangled beyond the work allowed: what is asked costs a unit "
                "%(cost)d s a week; nothing that is enough costs less than %(at_least)d s."
            )
            % {"cost": solution.cost, "at_least": solution.at_least},
            as_json=True,
        )
    elif not solution.first:
        say(
            _("What is asked is the cheapest; that it is the first by id among the equally cheap was not proved."),
            as_json=True,
        )  # fmt: skip
    if as_json:
        print_json(counts)
        return
    say(
        _(
            "%(fields)d fields of %(forms)d forms: %(asked_daily)d asked daily, %(asked_weekly)d "
            "weekly; %(met_without_ruling)d met, %(needs_ruling)d wait for a ruling, "
            "%(rejected)d not asked."
        )
        % counts
    )
    say(
        _("A unit's day: %(minutes_before).1f minutes before, %(minutes_after).1f now (assumed).")
        % counts
    )


@forms.command(
    "import",
    help=_("Record a file's dictionary and make its forms requests of an incident."),
    epilog=examples(
        "yipan forms import twelve_departments.yaml --decision 'lift checkpoints' --basis 'article 33'",
        "yipan forms import survey.xlsx --decision 'open schools' --basis 'article 12'",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--purpose", default=_("Daily work of the departments"), show_default=True)
@click.option("--decision", required=True, help=_("The decision that the forms serve."))
@click.option("--basis", required=True, help=_("Their legal basis."))
@click.option(
    "--approve",
    metavar="REASON",
    default="",
    help=_("Rule in at once the questions that are new, with this reason."),
)
@incident_option
@json_option
@verb
def import_file(
    *,
    file: Path,
    purpose: str,
    decision: str,
    basis: str,
    approve: str,
    slug: str | None,
    as_json: bool,
) -> None:
    start_django()
    from yipan.access.queries import board_now
    from yipan.access.scope import system_scope
    from yipan.places.queries import province
    from yipan.report.exchange.xlsform.reading import read_xlsform_file
    from yipan.report.requests.actions import Why, import_forms
    from yipan.report.requests.files import read_forms_file

    incident = find_incident(slug)
    made = import_forms(
        incident=incident,
        unit=province(incident.package),
        file=read_xlsform_file(file) if file.suffix == ".xlsx" else read_forms_file(file),
        why=Why(purpose, decision, basis),
        by=None,
        at=board_now(incident, system_now()),
        scope=system_scope(),
        approve_new=approve,
    )
    states = {request.code: request.state for request in made}
    if as_json:
        print_json({"requests": states})
    else:
        say(_("%d requests made.") % len(states))
